import { env } from 'cloudflare:workers'
import { describe, expect, it } from 'vitest'
import { z } from 'zod'
import { slotsIn } from '../../src/domain/interval.ts'
import { MINUTE, T0 } from '../store/seed.ts'
import { api, minutes, problem, read, seed } from './api.ts'

const at = (minute: number) => T0 + minute * MINUTE
const absent = (from: number, to: number) =>
  [...slotsIn(minutes(from, to), '1m')].map((openTime) => ({ openTime, bracketed: false }))
const page = z.looseObject({
  data: z.array(z.looseObject({ symbol: z.string(), from: z.int(), to: z.int(), reason: z.string(), slots: z.int() })),
  quarantine: z.array(z.looseObject({ openTime: z.int().nullable() })).optional(),
  nextUrl: z.string().nullable(),
})

async function readAll(path: string) {
  const pages: z.infer<typeof page>[] = []
  for (let next: string | null = path; next !== null; next = pages.at(-1)?.nextUrl ?? null) {
    pages.push(page.parse(await read(next.replace('https://api.test', ''))))
    expect(pages.length).toBeLessThan(50)
  }
  return pages
}

/** Nothing is wanted of it but what a test asks for. */
async function seedUnrecorded() {
  const series = await seed()
  await env.DB.prepare('UPDATE series SET recorded_from = NULL WHERE id = ?1').bind(series.seriesId).run()
  return { ...series, url: `/v1/gaps?exchange=okx&symbol=${series.symbol}` }
}

describe('GET /v1/gaps', () => {
  it('joins consecutive slots that are missing for one reason', async () => {
    const { url, symbol, write } = await seedUnrecorded()
    await write({ window: minutes(0, 3), absent: absent(0, 3), readAt: at(100) })
    await write({ window: minutes(1, 2), absent: absent(1, 2), readAt: at(110) })
    await write({
      window: minutes(3, 4),
      bad: [{ openTime: at(3), reason: 'negative_value', raw: '[-1]' }],
      readAt: at(120),
    })
    const shared = { exchange: 'okx', symbol, exchangeSymbol: symbol, interval: '1m' }
    expect(await read(url)).toEqual({
      data: [
        {
          ...shared,
          from: at(0),
          to: at(3),
          slots: 3,
          reason: 'absent',
          firstSeen: at(100),
          attempts: 2,
          nextAttemptAt: expect.any(Number),
          lastError: null,
        },
        {
          ...shared,
          from: at(3),
          to: at(4),
          slots: 1,
          reason: 'quarantined',
          firstSeen: at(120),
          attempts: 1,
          nextAttemptAt: expect.any(Number),
          lastError: 'negative_value',
        },
      ],
      nextCursor: null,
      nextUrl: null,
    })
    expect(page.parse(await read(`${url}&reason=quarantined`)).data).toMatchObject([{ from: at(3) }])
  })

  it('shows the refused records, as they came', async () => {
    const { url, symbol, write } = await seedUnrecorded()
    const bad = [
      { openTime: at(1), reason: 'low_above_body', raw: '["<script>"]' },
      { openTime: null, reason: 'malformed', raw: 'null' },
    ] as const
    await write({ window: minutes(0, 3), bad, readAt: at(100) })
    await write({ window: minutes(0, 3), bad, readAt: at(101) })
    expect(page.parse(await read(url)).quarantine).toBeUndefined()
    const shared = { exchange: 'okx', symbol, interval: '1m', firstSeen: at(100), lastSeen: at(101), timesSeen: 2 }
    expect(page.parse(await read(`${url}&include=quarantine`)).quarantine).toEqual([
      { ...shared, openTime: null, reason: 'malformed', raw: 'null' },
      { ...shared, openTime: at(1), reason: 'low_above_body', raw: '["<script>"]' },
    ])
  })

  it('counts what is wanted and was never loaded, recorded or asked for by backfills', async () => {
    const { url, fill, seriesId } = await seedUnrecorded()
    await fill(minutes(10, 20))
    expect(page.parse(await read(url)).data).toEqual([])
    const insert = env.DB.prepare('INSERT INTO backfill_windows VALUES (?1, ?2, ?3, ?4, 0, ?5, ?6)')
    await env.DB.batch([
      insert.bind('running', seriesId, at(-5), at(12), null, null),
      insert.bind('other', seriesId, at(15), at(30), null, null),
      insert.bind('finished', seriesId, at(40), at(50), 1, null),
      insert.bind('cancelled', seriesId, at(60), at(70), null, 1),
    ])
    const found = async () => page.parse(await read(url)).data.map(({ from, to, reason }) => [from, to, reason])
    expect(await found()).toEqual([
      [at(0), at(10), 'not_loaded'],
      [at(20), at(30), 'not_loaded'],
    ])
    await env.DB.prepare("UPDATE series SET failures = 3, last_error = 'HTTP 500', recorded_from = ?2 WHERE id = ?1")
      .bind(seriesId, at(18))
      .run()
    expect(page.parse(await read(url)).data.at(-1)).toMatchObject({
      from: at(20),
      reason: 'load_failing',
      attempts: 3,
      lastError: 'HTTP 500',
    })
  })

  it('is paged over ranges, series and whatever is cut off', async () => {
    const series = [await seedUnrecorded(), await seedUnrecorded()]
    for (const { write, fill } of series) {
      const odd = absent(0, 9).filter((_, index) => index % 2 === 1)
      await write({ window: minutes(0, 9), absent: odd })
      await fill(
        minutes(0, 9),
        odd.map(({ openTime }) => openTime),
      )
      await write({ window: minutes(10, 6_000), absent: absent(10, 6_000) })
    }
    for (const { url } of series) {
      const pages = await readAll(`${url}&limit=3`)
      const ranges = pages.flatMap(({ data }) => data)
      expect(ranges.slice(0, 4).map(({ from }) => from)).toEqual([at(1), at(3), at(5), at(7)])
      // One run of slots, told in two parts where the reading was cut off.
      const run = ranges.slice(4)
      expect(run[0]?.from).toBe(at(10))
      expect(run.at(-1)?.to).toBe(at(6_000))
      expect(run.slice(1).map(({ from }) => from)).toEqual(run.slice(0, -1).map(({ to }) => to))
      expect(run.reduce((sum, { slots }) => sum + slots, 0)).toBe(5_990)
    }
    const all = (await readAll('/v1/gaps?exchange=okx&interval=1m&limit=1000')).flatMap(({ data }) => data)
    for (const { symbol } of series) expect(all.filter((range) => range.symbol === symbol).length).toBeGreaterThan(4)
  })

  it('goes through many complete series without losing its way', async () => {
    const lost = await seedUnrecorded()
    await lost.write({ window: minutes(0, 1), absent: absent(0, 1) })
    await env.DB.prepare(
      `INSERT INTO instruments (exchange, kind, symbol, exchange_symbol, base, quote, inverse, active, valid_from)
       WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 1200)
       SELECT 'bybit', 'spot', 'M' || i || '-USDT', 'M' || i, 'M' || i, 'USDT', 0, 1, 0 FROM n`,
    ).run()
    await env.DB.prepare(
      `INSERT INTO series (instrument_id, interval, source, first_candle_time)
       SELECT id, '1m', 'exchange', ?1 FROM instruments WHERE exchange = 'bybit'`,
    )
      .bind(T0)
      .run()
    await env.DB.prepare(
      `INSERT INTO gaps (series_id, open_time, reason, first_seen, attempts, next_attempt_at)
       SELECT max(id), ?1, 'absent', 0, 1, 0 FROM series`,
    )
      .bind(T0)
      .run()
    const pages = await readAll('/v1/gaps?exchange=bybit')
    // A page goes through a thousand series: one, the one with the gap, and what comes after it.
    expect([2, 3]).toContain(pages.length)
    expect(pages.flatMap(({ data }) => data)).toMatchObject([{ from: T0, to: T0 + MINUTE }])
  })

  it.each([
    ['reason=unknown', 400, 'reason'],
    ['include=all', 400, 'include'],
    ['limit=1001', 400, 'limit'],
    ['cursor=e30', 400, 'cursor'],
    ['symbol=%3Cx%3E', 400, 'symbol'],
    ['exchange=mtgox', 404, 'exchange'],
  ])('refuses ?%s', async (query, status, path) => {
    expect(await problem(await api(`/v1/gaps?${query}`))).toMatchObject({ status, errors: [{ path }] })
  })
})
