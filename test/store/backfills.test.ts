import { env } from 'cloudflare:workers'
import { expect, it } from 'vitest'
import { slotsIn, type Window } from '../../src/domain/interval.ts'
import {
  cancelStatements,
  insertBackfillStatement,
  insertWindowsStatements,
  readBackfill,
  readBackfillWindows,
} from '../../src/store/backfills.ts'
import { writeChunk } from '../../src/store/chunk.ts'
import { candleAt, chunkOf, MINUTE, seedSeries, T0 } from './seed.ts'

const minutes = (from: number, to: number): Window => ({ start: T0 + from * MINUTE, end: T0 + to * MINUTE })
const db = () => env.DB.withSession('first-primary')

it('counts what was covered before, and what is covered now', async () => {
  const { seriesId, lease } = await seedSeries('1m', 10)
  const fill = (window: Window) =>
    writeChunk(
      env.DB,
      chunkOf(seriesId, '1m', { window, candles: [...slotsIn(window, '1m')].map((time) => candleAt(time)) }),
      lease,
      `${window.start}`,
    )
  await fill(minutes(0, 4))
  await fill(minutes(8, 20))
  const window = { instrumentId: 10, interval: '1m', ...minutes(2, 12) } as const
  await db().batch(insertWindowsStatements(db(), 'a', [window, { ...window, interval: '1h', ...minutes(0, 60) }]))
  const read = () => readBackfillWindows(db(), ['a'], ['okx'])
  expect(await read()).toMatchObject([
    { interval: '1h', coveredBefore: 0, covered: 0, firstCandleTime: null },
    { interval: '1m', ...minutes(2, 12), coveredBefore: 6, covered: 6, gaps: 0, firstCandleTime: T0 },
  ])
  await fill(minutes(4, 5))
  expect((await read())[1]).toMatchObject({ coveredBefore: 6, covered: 7 })
  expect(await readBackfillWindows(db(), ['a'], ['bybit'])).toEqual([])
  expect(await readBackfillWindows(db(), ['b'], ['okx'])).toEqual([])
})

it('counts what is covered while the instrument lives', async () => {
  const { seriesId, lease } = await seedSeries('1m', 30)
  for (const part of [minutes(0, 10), minutes(15, 40)]) {
    const candles = [...slotsIn(part, '1m')].map((time) => candleAt(time))
    await writeChunk(env.DB, chunkOf(seriesId, '1m', { window: part, candles }), lease, `${part.start}`)
  }
  await env.DB.batch([
    // In the middle of the slot that opens at minute 29.
    env.DB.prepare('UPDATE instruments SET valid_to = ?1 WHERE id = 30').bind(T0 + 29.5 * MINUTE),
    env.DB.prepare('UPDATE series SET first_candle_time = ?1 WHERE id = 30').bind(T0 + 2 * MINUTE),
  ])
  const window = { instrumentId: 30, interval: '1m', ...minutes(0, 60) } as const
  await db().batch(insertWindowsStatements(db(), 'c', [window]))
  await db().batch(insertWindowsStatements(db(), 'd', [{ ...window, ...minutes(32, 60) }]))
  expect(await readBackfillWindows(db(), ['c', 'd'], ['okx'])).toMatchObject([
    { backfillId: 'c', coveredBefore: 23, covered: 23 },
    { backfillId: 'd', coveredBefore: 0, covered: 0 },
  ])
})

it('cancelling leaves alone what is finished', async () => {
  await seedSeries('1m', 20)
  const window = { instrumentId: 20, ...minutes(0, 60) }
  await db().batch([
    ...insertWindowsStatements(db(), 'b', [
      { ...window, interval: '1m' },
      { ...window, interval: '1h' },
    ]),
    insertBackfillStatement(db(), { id: 'b', request: '{}', createdAt: 5 }),
  ])
  await env.DB.prepare("UPDATE backfill_windows SET finished_at = 6 WHERE backfill_id = 'b' AND series_id = 20").run()
  await db().batch(cancelStatements(db(), 'b', 7))
  await db().batch(cancelStatements(db(), 'b', 8))
  expect(await readBackfill(db(), 'b')).toEqual({ id: 'b', request: '{}', createdAt: 5, cancelledAt: 7 })
  expect(await readBackfillWindows(db(), ['b'], ['okx'])).toMatchObject([
    { interval: '1h', finishedAt: null, cancelledAt: 7 },
    { interval: '1m', finishedAt: 6, cancelledAt: null },
  ])
})
