import { env } from 'cloudflare:workers'
import { beforeEach, describe, expect, it } from 'vitest'
import { decimal } from '../../src/domain/decimal.ts'
import type { Interval } from '../../src/domain/interval.ts'
import type { SeriesState } from '../../src/domain/series.ts'
import { judgePage } from '../../src/history/load-page.ts'
import { planSeries } from '../../src/history/plan.ts'
import { FeedStore } from '../../src/store/feed-store.ts'
import { claimLease } from '../../src/store/leases.ts'
import { LoaderStore } from '../../src/store/loader-store.ts'
import { recountCoverage } from './recount.ts'
import { candleAt, MINUTE, seedSeries, T0 } from './seed.ts'

const HOUR = 60 * MINUTE
const LIMITS = { maxCandles: 100, settleMs: 0 }
const at = (minute: number) => T0 + minute * MINUTE

let seriesId = 60_000
let feed: FeedStore
let loader: LoaderStore

beforeEach(async () => {
  seriesId += 1
  await seedSeries('1m', seriesId)
  const newId = () => crypto.randomUUID()
  feed = new FeedStore(env.DB, await claimLease(env.DB, 'okx', 'feed'), newId)
  loader = new LoaderStore(env.DB, await claimLease(env.DB, 'okx', 'loader'), newId)
})

/** As a feed does it: each candle a moment after it has closed. */
async function hear(from: number, to: number, close = '1'): Promise<void> {
  const candles = Array.from({ length: to - from }, (_, index) => candleAt(at(from + index), close))
  for (const candle of candles) {
    await feed.writeCandles([{ seriesId, interval: '1m', candle }], candle.openTime + MINUTE + 100)
  }
}

async function state(id = seriesId): Promise<SeriesState> {
  const found = (await loader.readState()).find((series) => series.id === id)
  if (found === undefined) throw new Error('no such series')
  return found
}

const covered = async () =>
  (await state()).covered.map(({ start, end }) => [(start - T0) / MINUTE, (end - T0) / MINUTE])

describe('FeedStore.writeCandles', () => {
  it('covers what it stores, series by series, in one transaction', async () => {
    const other = seriesId + 10_000
    await seedSeries('1h', other)
    const closed = [
      { seriesId, interval: '1m' as Interval, candle: candleAt(at(0)) },
      { seriesId: other, interval: '1h' as Interval, candle: candleAt(T0) },
      { seriesId, interval: '1m' as Interval, candle: candleAt(at(1)) },
      { seriesId, interval: '1m' as Interval, candle: candleAt(at(3)) },
    ]
    await feed.writeCandles(closed, at(61))
    expect(await covered()).toEqual([
      [0, 2],
      [3, 4],
    ])
    expect((await state(other)).covered).toEqual([{ seriesId: other, start: T0, end: T0 + HOUR }])
    expect((await state()).covered.map(({ start, end }) => ({ start, end }))).toEqual(
      await recountCoverage(env.DB, seriesId, '1m'),
    )
  })

  it('stores more than one transaction takes', async () => {
    const closed = Array.from({ length: FeedStore.CANDLES_PER_BATCH + 5 }, (_, index) => ({
      seriesId,
      interval: '1m' as Interval,
      candle: candleAt(at(index)),
    }))
    await feed.writeCandles(closed, at(closed.length))
    expect(await covered()).toEqual([[0, closed.length]])
  })

  it('leaves the loader nothing to fetch at once', async () => {
    await hear(0, 5)
    expect(planSeries(await state(), at(5) + 200, LIMITS)).toEqual([])
  })

  it('has every candle read once more, in pages, and counts what differs then', async () => {
    await hear(0, 90)
    // Not before so much has gathered that it is worth a page.
    expect(planSeries(await state(), at(65), LIMITS).filter(({ lane }) => lane === 'repair')).toEqual([])
    const now = at(90) + 15_000
    const pages = planSeries(await state(), now, LIMITS)
    expect(pages.map(({ lane, window }) => [lane, window])).toEqual([['repair', { start: at(0), end: at(80) }]])
    const [page] = pages
    if (page === undefined) throw new Error('no page')
    const revised = { ...candleAt(at(41)), close: decimal('2') }
    const answer = Array.from({ length: 80 }, (_, index) => (index === 41 ? revised : candleAt(at(index))))
    await loader.writeChunk(judgePage(page, { candles: answer, bad: [] }, now, 0))
    expect(await state()).toMatchObject({ revision: 1, verifiedTo: at(80) })
    const row = await env.DB.prepare('SELECT close, revision FROM candles WHERE series_id = ?1 AND open_time = ?2')
      .bind(seriesId, at(41))
      .first()
    expect(row).toEqual({ close: '2', revision: 1 })
    expect(planSeries(await state(), now, LIMITS)).toEqual([])
  })

  it('does the same for the candles after those that the loader has verified', async () => {
    const seen = { ...(await state()), firstCandleTime: T0 }
    const loaded = Array.from({ length: 20 }, (_, index) => candleAt(at(index)))
    const window = { start: at(0), end: at(20) }
    await loader.writeChunk(judgePage({ series: seen, lane: 'tail', window }, { candles: loaded, bad: [] }, at(30), 0))
    expect((await state()).verifiedTo).toBe(at(20))
    await hear(20, 95)
    expect((await state()).verifiedTo).toBe(at(20))
    expect(planSeries(await state(), at(95), LIMITS).map(({ lane, window }) => [lane, window])).toEqual([
      ['repair', { start: at(20), end: at(85) }],
    ])
  })

  it('revises what is stored with other values', async () => {
    await hear(0, 2)
    await hear(1, 2, '3')
    expect((await state()).revision).toBe(1)
    await hear(1, 2, '3')
    expect((await state()).revision).toBe(1)
  })

  it('keeps a candle that breaks a rule apart, as something to be fetched', async () => {
    const candle = { ...candleAt(at(0)), high: decimal('0.7') }
    await feed.writeCandles([{ seriesId, interval: '1m', candle }], at(1))
    expect(await covered()).toEqual([])
    const row = await env.DB.prepare('SELECT open_time, reason FROM quarantine WHERE series_id = ?1')
      .bind(seriesId)
      .first()
    expect(row).toEqual({ open_time: at(0), reason: 'high_below_body' })
    expect((await state()).gaps.map(({ openTime }) => openTime)).toEqual([at(0)])
  })

  it('writes nothing for a feed that another has replaced', async () => {
    await claimLease(env.DB, 'okx', 'feed')
    await expect(hear(0, 1)).rejects.toMatchObject({ code: 'stale_lease' })
    expect(await covered()).toEqual([])
  })
})

describe('FeedStore', () => {
  it('knows the instrument of a symbol that is listed', async () => {
    expect(await feed.readInstrument(`A${seriesId}-USDT`)).toMatchObject({ id: seriesId, validTo: null })
    await env.DB.prepare('UPDATE instruments SET listed = 0 WHERE id = ?1').bind(seriesId).run()
    expect(await feed.readInstrument(`A${seriesId}-USDT`)).toBeUndefined()
  })

  it('knows which instruments have ended, and which others are listed in their place', async () => {
    const other = seriesId + 20_000
    await seedSeries('1m', other)
    const ended = () => feed.readEnded([seriesId, other, -1])
    expect(await ended()).toEqual([])
    // Halted: its row stays the one that is listed.
    await env.DB.prepare('UPDATE instruments SET active = 0, valid_to = 5 WHERE id = ?1').bind(seriesId).run()
    expect(await ended()).toEqual([{ id: seriesId, successor: null }])
    expect(await feed.readEnded([other])).toEqual([])
    // Gone, then listed anew.
    await env.DB.batch([
      env.DB.prepare('UPDATE instruments SET listed = 0 WHERE id = ?1').bind(seriesId),
      env.DB.prepare(
        `INSERT INTO instruments (id, exchange, kind, symbol, exchange_symbol, base, quote, inverse, active, valid_from, contract_size)
         SELECT ?2, exchange, kind, symbol, exchange_symbol, base, quote, inverse, 1, 9, '0.010' FROM instruments WHERE id = ?1`,
      ).bind(seriesId, seriesId + 30_000),
    ])
    expect(await ended()).toMatchObject([
      { id: seriesId, successor: { id: seriesId + 30_000, exchange: 'okx', contractSize: '0.01' } },
    ])
    await env.DB.prepare('UPDATE instruments SET active = 1, listed = 1, valid_to = NULL WHERE id = ?1')
      .bind(other)
      .run()
    expect((await ended()).map(({ id }) => id)).toEqual([seriesId])
  })

  it('knows the recorded series of what trades', async () => {
    const recorded = async () => (await feed.readRecorded()).filter((one) => one.seriesId === seriesId)
    expect(await recorded()).toMatchObject([
      { seriesId, interval: '1m', instrument: { id: seriesId, exchange: 'okx' } },
    ])
    await env.DB.prepare('UPDATE series SET recorded_from = NULL WHERE id = ?1').bind(seriesId).run()
    expect(await recorded()).toEqual([])
    await env.DB.batch([
      env.DB.prepare('UPDATE series SET recorded_from = 0 WHERE id = ?1').bind(seriesId),
      env.DB.prepare('UPDATE instruments SET valid_to = 1 WHERE id = ?1').bind(seriesId),
    ])
    expect(await recorded()).toEqual([])
  })
})
