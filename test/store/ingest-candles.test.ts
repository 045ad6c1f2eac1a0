import { env } from 'cloudflare:workers'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { IngestedCandle } from '../../src/domain/ingest-candle.ts'
import { type Interval, shiftOpenTime, type Window } from '../../src/domain/interval.ts'
import { writeChunk } from '../../src/store/chunk.ts'
import { proveCoverage } from '../../src/store/coverage-proof.ts'
import { writeCandles } from '../../src/store/ingest-candles.ts'
import { recountCoverage } from './recount.ts'
import { candleAt, chunkOf, MINUTE, seedSeries, T0 } from './seed.ts'

let lastId = 700_000

/** Far from those of other tests, which share the database, and from each other: new series get the ids after the greatest. */
function freshId(): number {
  lastId += 1_000
  return lastId
}

async function rows<T>(sql: string, ...values: unknown[]): Promise<T[]> {
  const { results } = await env.DB.prepare(sql)
    .bind(...values)
    .all<T>()
  return results
}

function sent(openTime: number, close = '1', interval: Interval = '1m'): IngestedCandle {
  return { ...candleAt(openTime, close), exchange: 'okx', symbol: 'ANY', interval }
}

const write = (instrumentId: number, records: readonly IngestedCandle[], source = 'ingest') =>
  writeCandles(env.DB.withSession('first-primary'), [{ instrumentId, records }], {
    source,
    batchId: crypto.randomUUID(),
    receivedTime: T0,
  })

async function seriesOf(instrumentId: number, interval: Interval, source = 'ingest'): Promise<number> {
  const [row] = await rows<{ id: number }>(
    'SELECT id FROM series WHERE instrument_id = ?1 AND interval = ?2 AND source = ?3',
    instrumentId,
    interval,
    source,
  )
  return row?.id ?? 0
}

const coverageOf = (seriesId: number) =>
  rows<Window>('SELECT start_time AS start, end_time AS end FROM coverage WHERE series_id = ?1 ORDER BY 1', seriesId)

const minute = (n: number) => T0 + n * MINUTE

describe('writeCandles', () => {
  it('creates a series of its source that nothing loads, and writes nothing the second time', async () => {
    const id = freshId()
    await seedSeries('1m', id)
    const records = [0, 1, 2, 5].map((n) => sent(minute(n)))
    expect(await write(id, records)).toEqual({ accepted: 4, unchanged: 0, revised: 0 })
    const seriesId = await seriesOf(id, '1m')
    const state = () => rows('SELECT * FROM series WHERE id = ?1', seriesId)
    const [before] = await state()
    expect(before).toMatchObject({
      recorded_from: null,
      first_candle_time: null,
      revision: 0,
      version: 1,
      verified_to: minute(6),
    })
    const marks = await rows('SELECT written_by FROM coverage WHERE series_id = ?1', seriesId)
    expect(await write(id, records)).toEqual({ accepted: 0, unchanged: 4, revised: 0 })
    expect(await state()).toEqual([before])
    expect(await rows('SELECT written_by FROM coverage WHERE series_id = ?1', seriesId)).toEqual(marks)
  })

  it('refuses what has no series, rather than to write to another', async () => {
    const id = freshId()
    await seedSeries('1m', id)
    await env.DB.prepare(
      "CREATE TRIGGER lost AFTER INSERT ON series WHEN NEW.source = 'lost' BEGIN DELETE FROM series WHERE id = NEW.id; END",
    ).run()
    await expect(write(id, [sent(minute(0))], 'lost')).rejects.toThrow('there is no series')
    await env.DB.prepare('DROP TRIGGER lost').run()
    expect(await rows('SELECT 1 FROM candles WHERE series_id = 0')).toEqual([])
  })

  it('counts what it revises, in the candle and in its series', async () => {
    const id = freshId()
    await seedSeries('1m', id)
    await write(id, [sent(minute(0)), sent(minute(1))])
    expect(await write(id, [sent(minute(0), '2'), sent(minute(1)), sent(minute(2))])).toEqual({
      accepted: 1,
      unchanged: 1,
      revised: 1,
    })
    const seriesId = await seriesOf(id, '1m')
    expect(await rows('SELECT revision, version FROM series WHERE id = ?1', seriesId)).toEqual([
      { revision: 1, version: 2 },
    ])
    expect(await rows('SELECT close FROM candle_changes WHERE series_id = ?1', seriesId)).toEqual([{ close: '1' }])
  })

  it('joins ranges on both sides, over several, and leaves others alone', async () => {
    const id = freshId()
    await seedSeries('1m', id)
    const at = (...minutes: number[]) =>
      write(
        id,
        minutes.map((n) => sent(minute(n))),
      )
    await at(0, 2, 4, 6, 20)
    const seriesId = await seriesOf(id, '1m')
    expect(await coverageOf(seriesId)).toHaveLength(5)
    await at(1, 3, 5)
    expect(await coverageOf(seriesId)).toEqual([
      { start: minute(0), end: minute(7) },
      { start: minute(20), end: minute(21) },
    ])
    await at(7, 19)
    await at(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21)
    expect(await coverageOf(seriesId)).toEqual([{ start: minute(0), end: minute(22) }])
  })

  it('stores more rows than one statement takes, of several series, all or none', async () => {
    const [a, b] = [freshId(), freshId()]
    await seedSeries('1m', a)
    await seedSeries('1m', b)
    const many = Array.from({ length: 3_500 }, (_, n) => sent(minute(n)))
    const hours = Array.from({ length: 10 }, (_, n) => sent(T0 + n * 60 * MINUTE, '1', '1h'))
    const db = env.DB.withSession('first-primary')
    const groups = [
      { instrumentId: a, records: [...many, ...hours].reverse() },
      { instrumentId: b, records: many },
    ]
    const mark = { source: 'ingest', batchId: crypto.randomUUID(), receivedTime: T0 }
    expect(await writeCandles(db, groups, mark)).toEqual({ accepted: 7_010, unchanged: 0, revised: 0 })
    for (const id of [a, b]) {
      expect(await coverageOf(await seriesOf(id, '1m'))).toEqual([{ start: T0, end: minute(3_500) }])
    }
    expect(await coverageOf(await seriesOf(a, '1h'))).toEqual([{ start: T0, end: T0 + 10 * 60 * MINUTE }])
    await env.DB.prepare(
      "CREATE TRIGGER broken BEFORE INSERT ON candles WHEN NEW.close = '6.66' BEGIN SELECT raise(ABORT, 'broken'); END",
    ).run()
    const revised = many.map(({ openTime }) => sent(openTime, '2'))
    await expect(write(a, [...revised, sent(minute(9_999), '6.66')])).rejects.toThrow('broken')
    await env.DB.prepare('DROP TRIGGER broken').run()
    expect(await rows("SELECT 1 FROM candles WHERE series_id = ?1 AND close <> '1'", await seriesOf(a, '1m'))).toEqual(
      [],
    )
  })

  it('keeps coverage equal to its recount, whatever is sent in what order beside what is loaded', async () => {
    const step = fc.record({
      from: fc.nat(60),
      slots: fc.uniqueArray(fc.nat(25), { minLength: 1, maxLength: 18 }),
      close: fc.constantFrom('1', '2'),
      by: fc.constantFrom('ingest', 'other', 'loader'),
    })
    await fc.assert(
      fc.asyncProperty(
        fc.constantFrom<Interval>('1m', '1w', '1M'),
        fc.array(step, { minLength: 3, maxLength: 12 }),
        async (interval, steps) => {
          const id = freshId()
          const { lease } = await seedSeries(interval, id)
          const carryOut = async ({ from, slots, close, by }: (typeof steps)[number]) => {
            const times = slots.map((n) => shiftOpenTime(firstSlot(interval), interval, from + n)).sort((a, b) => a - b)
            if (by !== 'loader')
              return write(
                id,
                times.map((time) => sent(time, close, interval)),
                by,
              )
            const window = { start: times[0] ?? 0, end: shiftOpenTime(times.at(-1) ?? 0, interval, 1) }
            const candles = times.map((time) => candleAt(time, close))
            return writeChunk(env.DB, chunkOf(id, interval, { window, candles }), lease, crypto.randomUUID())
          }
          await Promise.all(steps.map(carryOut))
          for (const source of ['exchange', 'ingest', 'other']) {
            const seriesId = await seriesOf(id, interval, source)
            if (seriesId === 0) continue
            expect(await coverageOf(seriesId)).toEqual(await recountCoverage(env.DB, seriesId, interval))
            expect((await proveCoverage(env.DB, seriesId, interval, Number.MAX_SAFE_INTEGER)).equal).toBe(true)
          }
        },
      ),
      { numRuns: 25 },
    )
  })
})

/** 2026-01-05 is a Monday. */
function firstSlot(interval: Interval): number {
  return interval === '1w' ? Date.UTC(2026, 0, 5) : T0
}
