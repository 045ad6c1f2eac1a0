import { env } from 'cloudflare:workers'
import { beforeAll, expect, it } from 'vitest'
import { z } from 'zod'
import { deps, HOUR, load, MINUTE, past, prepare, until } from '../faults/scenario.ts'

beforeAll(() => prepare('okx'))

const findings = z.array(z.object({ kind: z.string(), start_time: z.int(), state: z.string() }))

async function findingsOf(seriesId: number) {
  const { results } = await env.DB.prepare(
    'SELECT kind, start_time, state FROM findings WHERE series_id = ?1 ORDER BY start_time',
  )
    .bind(seriesId)
    .all()
  return findings.parse(results)
}

it('judges what is recorded as it is loaded, finds what is wrong in it, and sees when it is repaired', async () => {
  const start = past(30, 0).start
  const { seriesId } = await load({ exchange: 'okx', exchangeSymbol: 'ETH-USDT' }, { start, end: start }, true)
  const isChecked = (from: number, to: number) => async () => {
    await deps.loader('okx').poke('okx')
    const row = await env.DB.prepare(
      'SELECT checked_from AS start, checked_to AS end FROM checked_series WHERE series_id = ?1',
    )
      .bind(seriesId)
      .first<{ start: number; end: number }>()
    return row !== null && row.start <= from && row.end >= to
  }
  // All of what is recorded, though the newest was there first.
  await until('the past to be checked', isChecked(start, start + 25 * HOUR))
  expect(await findingsOf(seriesId)).toEqual([])

  // A later answer changes what the stream said: the next check of it says so.
  const wrong = start + 10 * HOUR
  const before = await env.DB.prepare('SELECT high, close FROM candles WHERE series_id = ?1 AND open_time = ?2')
    .bind(seriesId, wrong)
    .first<{ high: string; close: string }>()
  const change = (high: string, close: string) =>
    env.DB.batch([
      env.DB.prepare('UPDATE candles SET high = ?3, close = ?4 WHERE series_id = ?1 AND open_time = ?2').bind(
        ...[seriesId, wrong, high, close],
      ),
      env.DB.prepare(
        'UPDATE checked_series SET checked_to = ?2, checked_at = 0, version = 0 WHERE series_id = ?1',
      ).bind(seriesId, wrong - MINUTE),
    ])
  await change('1000000', '1000000')
  await until('it to be found', async () => {
    await deps.loader('okx').poke('okx')
    return (await findingsOf(seriesId)).some(({ kind, state }) => kind === 'price_jump' && state === 'open')
  })
  expect((await findingsOf(seriesId)).map(({ kind, start_time }) => [kind, start_time])).toEqual(
    expect.arrayContaining([
      ['price_jump', wrong],
      ['live_rest', wrong],
    ]),
  )
  await change(before?.high ?? '', before?.close ?? '')
  await until('it to be resolved', async () => {
    await deps.loader('okx').poke('okx')
    return (await findingsOf(seriesId)).every(({ kind, state }) => kind !== 'price_jump' || state === 'resolved')
  })
})
