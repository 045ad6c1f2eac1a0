import { env } from 'cloudflare:workers'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { decimal } from '../../src/domain/decimal.ts'
import { type Interval, shiftOpenTime, slotsIn, type Window } from '../../src/domain/interval.ts'
import { writeChunk } from '../../src/store/chunk.ts'
import { claimLease } from '../../src/store/leases.ts'
import { recountCoverage } from './recount.ts'
import { candleAt, chunkOf, MINUTE, seedSeries, T0 } from './seed.ts'

const HOUR = 60 * MINUTE
let nextId = 1

async function newSeries(interval: Interval) {
  const { seriesId, lease } = await seedSeries(interval, nextId++)
  const write = (part: Parameters<typeof chunkOf>[2]) =>
    writeChunk(env.DB, chunkOf(seriesId, interval, part), lease, crypto.randomUUID())
  return { seriesId, lease, write }
}

async function coverageOf(seriesId: number): Promise<Window[]> {
  const { results } = await env.DB.prepare(
    'SELECT start_time AS start, end_time AS end FROM coverage WHERE series_id = ?1 ORDER BY 1',
  )
    .bind(seriesId)
    .all<{ start: number; end: number }>()
  return results.map(({ start, end }) => ({ start, end }))
}

async function rows<T>(sql: string, ...values: unknown[]): Promise<T[]> {
  return (
    await env.DB.prepare(sql)
      .bind(...values)
      .all<T>()
  ).results
}

const minutes = (from: number, to: number): Window => ({ start: T0 + from * MINUTE, end: T0 + to * MINUTE })
const candlesIn = (window: Window, interval: Interval = '1m') => [...slotsIn(window, interval)].map((t) => candleAt(t))

describe('writeChunk', () => {
  it('stores candles and covers exactly their slots', async () => {
    const { seriesId, write } = await newSeries('1m')
    const candles = candlesIn(minutes(0, 10)).filter((candle) => candle.openTime !== T0 + 4 * MINUTE)
    await write({ window: minutes(0, 10), candles })
    expect(await coverageOf(seriesId)).toEqual([minutes(0, 4), minutes(5, 10)])
    const [row] = await rows('SELECT * FROM candles WHERE series_id = ?1 AND open_time = ?2', seriesId, T0)
    expect(row).toMatchObject({ open: '1', high: '9', low: '0.5', quote_volume: '10.5', trade_count: 3, revision: 0 })
  })

  it('joins ranges that touch', async () => {
    const { seriesId, write } = await newSeries('1m')
    await write({ window: minutes(0, 5), candles: candlesIn(minutes(0, 5)) })
    await write({ window: minutes(10, 15), candles: candlesIn(minutes(10, 15)) })
    expect(await coverageOf(seriesId)).toHaveLength(2)
    await write({ window: minutes(5, 10), candles: candlesIn(minutes(5, 10)) })
    expect(await coverageOf(seriesId)).toEqual([minutes(0, 15)])
  })

  it('counts a changed candle as a revision, and the same candle not', async () => {
    const { seriesId, write } = await newSeries('1m')
    const chunk = { window: minutes(0, 3), candles: candlesIn(minutes(0, 3)) }
    await write(chunk)
    await write(chunk)
    expect(await rows('SELECT revision, version FROM series WHERE id = ?1', seriesId)).toEqual([
      { revision: 0, version: 2 },
    ])
    await write({ window: minutes(1, 2), candles: [candleAt(T0 + MINUTE, '2')] })
    expect(await rows('SELECT revision FROM series WHERE id = ?1', seriesId)).toEqual([{ revision: 1 }])
    expect(await rows('SELECT close, revision FROM candles WHERE series_id = ?1 ORDER BY open_time', seriesId)).toEqual(
      [
        { close: '1', revision: 0 },
        { close: '2', revision: 1 },
        { close: '1', revision: 0 },
      ],
    )
  })

  it('takes a slot for empty only after two proofs ten minutes apart, the second an hour after its close', async () => {
    const { seriesId, write } = await newSeries('1m')
    const absent = [{ openTime: T0 + MINUTE, bracketed: true }]
    const look = (minute: number, bracketed = true) =>
      write({
        window: minutes(0, 3),
        candles: [candleAt(T0), candleAt(T0 + 2 * MINUTE)],
        absent: absent.map((slot) => ({ ...slot, bracketed })),
        readAt: T0 + minute * MINUTE,
      })
    const gap = () =>
      rows<{ next_attempt_at: number; attempts: number }>('SELECT * FROM gaps WHERE series_id = ?1', seriesId)
    await look(3, false)
    expect(await gap()).toMatchObject([{ attempts: 1, absent_since: null, next_attempt_at: T0 + 3 * MINUTE + 15_000 }])
    await look(4)
    expect(await gap()).toMatchObject([{ attempts: 2, absent_since: T0 + 4 * MINUTE }])
    await look(61.9)
    expect(await gap()).toHaveLength(1)
    expect(await coverageOf(seriesId)).toHaveLength(2)
    await look(62)
    expect(await gap()).toEqual([])
    expect(await rows('SELECT open_time, confirmed_at FROM empty_slots WHERE series_id = ?1', seriesId)).toEqual([
      { open_time: T0 + MINUTE, confirmed_at: T0 + 62 * MINUTE },
    ])
    expect(await coverageOf(seriesId)).toEqual([minutes(0, 3)])
  })

  it('asks soon again for a candle that is published late', async () => {
    const { seriesId, write } = await newSeries('1m')
    const look = (second: number) =>
      write({
        window: minutes(0, 2),
        candles: [candleAt(T0)],
        absent: [{ openTime: T0 + MINUTE, bracketed: true }],
        readAt: T0 + 2 * MINUTE + second * 1_000,
      })
    const dueInSeconds = async () => {
      const [gap] = await rows<{ next_attempt_at: number }>(
        'SELECT next_attempt_at FROM gaps WHERE series_id = ?1',
        seriesId,
      )
      return ((gap?.next_attempt_at ?? 0) - T0 - 2 * MINUTE) / 1_000
    }
    await look(5)
    expect(await dueInSeconds()).toBe(20)
    await look(20)
    expect(await dueInSeconds()).toBe(50)
    for (const second of [50, 110, 230, 470, 950, 1_910]) await look(second)
    expect(await dueInSeconds()).toBe(3_600)
  })

  it('waits ten minutes between the two proofs of an old slot', async () => {
    const { seriesId, write } = await newSeries('1m')
    const look = (minute: number) =>
      write({
        window: minutes(0, 3),
        candles: [candleAt(T0), candleAt(T0 + 2 * MINUTE)],
        absent: [{ openTime: T0 + MINUTE, bracketed: true }],
        readAt: T0 + 10 * HOUR + minute * MINUTE,
      })
    await look(0)
    expect(await rows('SELECT next_attempt_at FROM gaps WHERE series_id = ?1', seriesId)).toEqual([
      { next_attempt_at: T0 + 10 * HOUR + 10 * MINUTE },
    ])
    await look(9.99)
    expect(await rows('SELECT 1 FROM empty_slots WHERE series_id = ?1', seriesId)).toEqual([])
    await look(10)
    expect(await rows('SELECT 1 FROM empty_slots WHERE series_id = ?1', seriesId)).toHaveLength(1)
  })

  it('keeps what an equal candle does not say, without a revision', async () => {
    const { seriesId, write } = await newSeries('1m')
    const [candle] = candlesIn(minutes(0, 1))
    if (candle === undefined) throw new Error('no candle')
    const stored = () =>
      rows('SELECT close, quote_volume, trade_count, revision FROM candles WHERE series_id = ?1', seriesId)
    const says = (part: Partial<typeof candle>) =>
      write({ window: minutes(0, 1), candles: [{ ...candle, quoteVolume: null, tradeCount: null, ...part }] })
    await write({ window: minutes(0, 1), candles: [candle] })
    await says({})
    expect(await stored()).toEqual([{ close: '1', quote_volume: '10.5', trade_count: 3, revision: 0 }])
    await says({ tradeCount: 4 })
    expect(await stored()).toEqual([{ close: '1', quote_volume: '10.5', trade_count: 4, revision: 1 }])
    // Of another candle, what was known of the old one is not true any more.
    await says({ close: decimal('2') })
    expect(await stored()).toEqual([{ close: '2', quote_volume: null, trade_count: null, revision: 2 }])
  })

  it('lets a candle replace an empty slot, as a revision', async () => {
    const { seriesId, write } = await newSeries('1m')
    for (const minute of [100, 110]) {
      await write({
        window: minutes(0, 3),
        candles: [candleAt(T0), candleAt(T0 + 2 * MINUTE)],
        absent: [{ openTime: T0 + MINUTE, bracketed: true }],
        readAt: T0 + minute * MINUTE,
      })
    }
    await write({ window: minutes(1, 2), candles: [candleAt(T0 + MINUTE)] })
    expect(await rows('SELECT 1 FROM empty_slots WHERE series_id = ?1', seriesId)).toEqual([])
    expect(await rows('SELECT revision FROM series WHERE id = ?1', seriesId)).toEqual([{ revision: 1 }])
    expect(await coverageOf(seriesId)).toEqual([minutes(0, 3)])
  })

  it('keeps a bad record with its reason, and its slot as a gap', async () => {
    const { seriesId, write } = await newSeries('1m')
    const bad = [{ openTime: T0 + MINUTE, reason: 'high_below_body' as const, raw: '{"high":"0"}' }]
    const chunk = { window: minutes(0, 3), candles: [candleAt(T0), candleAt(T0 + 2 * MINUTE)], bad }
    await write(chunk)
    await write(chunk)
    expect(await rows('SELECT reason, raw, times_seen FROM quarantine WHERE series_id = ?1', seriesId)).toEqual([
      { reason: 'high_below_body', raw: '{"high":"0"}', times_seen: 2 },
    ])
    expect(
      await rows('SELECT open_time, reason, last_error, attempts FROM gaps WHERE series_id = ?1', seriesId),
    ).toEqual([{ open_time: T0 + MINUTE, reason: 'quarantined', last_error: 'high_below_body', attempts: 2 }])
    await write({ window: minutes(1, 2), candles: [candleAt(T0 + MINUTE)] })
    expect(await rows('SELECT 1 FROM gaps WHERE series_id = ?1', seriesId)).toEqual([])
    expect(await rows('SELECT 1 FROM quarantine WHERE series_id = ?1', seriesId)).toHaveLength(1)
  })

  it('covers months, whose lengths differ', async () => {
    const { seriesId, write } = await newSeries('1M')
    const window = { start: T0, end: shiftOpenTime(T0, '1M', 14) }
    await write({ window, candles: candlesIn(window, '1M') })
    expect(await coverageOf(seriesId)).toEqual([window])
  })

  it('moves verifiedTo only over what was read late enough without a hole', async () => {
    const { seriesId, write } = await newSeries('1m')
    const verified = async () =>
      (await rows<{ verified_to: number }>('SELECT verified_to FROM series WHERE id = ?1', seriesId))[0]?.verified_to
    await write({ ...{ window: minutes(0, 20), candles: candlesIn(minutes(0, 20)) }, verifiedTo: T0 + 10 * MINUTE })
    expect(await verified()).toBe(T0 + 10 * MINUTE)
    await write({ window: minutes(20, 21), candles: candlesIn(minutes(20, 21)), verifiedTo: T0 + 12 * MINUTE })
    expect(await verified()).toBe(T0 + 10 * MINUTE)
    await write({ window: minutes(10, 21), candles: candlesIn(minutes(10, 21)), verifiedTo: T0 + 15 * MINUTE })
    expect(await verified()).toBe(T0 + 15 * MINUTE)
  })

  it('refuses an older holder of the lease as a whole', async () => {
    const { seriesId, lease, write } = await newSeries('1m')
    await claimLease(env.DB, lease.exchange, lease.role)
    const late = write({ window: minutes(0, 3), candles: candlesIn(minutes(0, 3)) })
    await expect(late).rejects.toMatchObject({ code: 'stale_lease' })
    expect(await coverageOf(seriesId)).toEqual([])
    expect(await rows('SELECT 1 FROM candles WHERE series_id = ?1', seriesId)).toEqual([])
  })

  it('equals its recount after any interleaving of writers', async () => {
    const step = fc.record({
      from: fc.nat(40),
      length: fc.integer({ min: 1, max: 12 }),
      holes: fc.uniqueArray(fc.nat(11), { maxLength: 5 }),
      bracketed: fc.boolean(),
      bad: fc.option(fc.nat(11), { nil: undefined }),
      close: fc.constantFrom('1', '2'),
      minute: fc.integer({ min: 0, max: 400 }),
      writer: fc.nat(2),
    })
    await fc.assert(
      fc.asyncProperty(
        fc.constantFrom<Interval>('1m', '1h', '1M'),
        fc.array(step, { minLength: 4, maxLength: 14 }),
        async (interval, steps) => {
          const { seriesId } = await newSeries(interval)
          const leases = await Promise.all([0, 1, 2].map((n) => claimLease(env.DB, 'okx', `writer${n}`)))
          const write = async (s: (typeof steps)[number]) => {
            const slots = Array.from({ length: s.length }, (_, i) => shiftOpenTime(T0, interval, s.from + i))
            const lost = s.holes.flatMap((hole) => slots[hole] ?? [])
            const bad = s.bad === undefined ? undefined : slots[s.bad]
            const chunk = chunkOf(seriesId, interval, {
              window: { start: slots[0] ?? T0, end: shiftOpenTime(T0, interval, s.from + s.length) },
              candles: slots.filter((t) => !lost.includes(t) && t !== bad).map((t) => candleAt(t, s.close)),
              absent: lost.filter((t) => t !== bad).map((openTime) => ({ openTime, bracketed: s.bracketed })),
              bad: bad === undefined ? [] : [{ openTime: bad, reason: 'malformed', raw: '[]' }],
              readAt: shiftOpenTime(T0, interval, 80) + s.minute * MINUTE,
            })
            const lease = leases[s.writer]
            if (lease !== undefined) await writeChunk(env.DB, chunk, lease, crypto.randomUUID())
          }
          await Promise.all(steps.map(write))
          expect(await coverageOf(seriesId)).toEqual(await recountCoverage(env.DB, seriesId, interval))
          const doubly = await rows(
            `SELECT g.open_time FROM gaps g WHERE g.series_id = ?1 AND (
               EXISTS (SELECT 1 FROM candles c WHERE c.series_id = ?1 AND c.open_time = g.open_time)
               OR EXISTS (SELECT 1 FROM empty_slots e WHERE e.series_id = ?1 AND e.open_time = g.open_time))
             UNION ALL SELECT e.open_time FROM empty_slots e JOIN candles c USING (series_id, open_time) WHERE series_id = ?1`,
            seriesId,
          )
          expect(doubly).toEqual([])
        },
      ),
      { numRuns: 60 },
    )
  })
})
