import { env } from 'cloudflare:workers'
import fc from 'fast-check'
import { beforeEach, describe, expect, it } from 'vitest'
import { decimal } from '../../src/domain/decimal.ts'
import type { StoredTrade, TradeChunk, TradeGap } from '../../src/domain/trade-chunk.ts'
import type { Lease } from '../../src/store/chunk.ts'
import { FeedStore } from '../../src/store/feed-store.ts'
import { claimLease } from '../../src/store/leases.ts'
import { readTrades, tradeStatements } from '../../src/store/trades.ts'
import { MINUTE, seedSeries, T0 } from './seed.ts'

let instrumentId = 50_000
let store: FeedStore
let lease: Lease

beforeEach(async () => {
  instrumentId += 1
  await seedSeries('1m', instrumentId)
  lease = await claimLease(env.DB, 'okx', 'feed')
  store = new FeedStore(env.DB, lease, () => crypto.randomUUID())
})

function tradeAt(ms: number, id: number, seq = id): StoredTrade {
  const [price, size] = [decimal('100.5'), decimal('0.25')]
  return { id: String(id), price, size, side: 'sell', exchangeTime: T0 + ms, receivedTime: T0 + ms + 50, seq }
}

function chunk(trades: readonly StoredTrade[], rest: Partial<TradeChunk> = {}): TradeChunk {
  const first = trades[0]?.exchangeTime ?? T0
  return { instrumentId, minute: first - (first % MINUTE), part: 0, epoch: 'a', trades, gaps: [], ...rest }
}

const read = (from: number, to: number, rest: { direction?: 'forward' | 'backward'; limit?: number } = {}) =>
  readTrades(env.DB, {
    instrumentId,
    window: { start: T0 + from, end: T0 + to },
    direction: 'forward',
    limit: 1_000,
    ...rest,
  })
const ids = ({ trades }: { readonly trades: readonly StoredTrade[] }) => trades.map(({ id }) => Number(id))

describe('readTrades', () => {
  it('gives back what was written, of its window only', async () => {
    const trades = [tradeAt(0, 1), tradeAt(10, 2), tradeAt(59_999, 3)]
    const gaps: TradeGap[] = [{ from: T0 + 20, to: T0 + 200_000, reason: 'lost' }]
    const later = [tradeAt(60_000, 4), tradeAt(61_000, 5)]
    await store.writeTrades([chunk(trades, { gaps }), chunk(later)], [{ instrumentId, from: T0, to: T0 + 90_000 }])
    const all = await read(0, 120_000)
    expect(all).toEqual({
      trades: [...trades, ...later],
      window: { start: T0, end: T0 + 120_000 },
      gaps,
      heard: [{ start: T0, end: T0 + 90_000 }],
    })
    expect(ids(await read(10, 61_000))).toEqual([2, 3, 4])
    // A gap is found from any time inside it, though it stands with the minute of its beginning.
    expect((await read(150_000, 160_000)).gaps).toEqual(gaps)
    expect((await read(200_000, 260_000)).gaps).toEqual([])
  })

  it('says where there are more gaps than it has read', async () => {
    const gaps = Array.from({ length: 1_200 }, (_, index): TradeGap => {
      const from = T0 + index * 100
      return { from, to: from + 50, reason: 'lost' }
    })
    await store.writeTrades([chunk([], { gaps })], [])
    const { gaps: told } = await read(0, 200_000)
    expect(told).toHaveLength(1_001)
    expect(told.at(-1)).toEqual({ from: T0 + 999 * 100, to: T0 + 200_000, reason: 'more_gaps' })
  })

  it('has each trade once, whatever is written again by the same feed or after its restart', async () => {
    const trades = [tradeAt(0, 1), tradeAt(0, 2), tradeAt(5, 3)]
    await store.writeTrades([chunk(trades.slice(0, 2))], [])
    await store.writeTrades([chunk(trades)], [])
    await store.writeTrades([chunk([tradeAt(5, 3, 1), tradeAt(5, 4, 2)], { epoch: 'b' })], [])
    expect(ids(await read(0, MINUTE))).toEqual([1, 2, 3, 4])
    const rows = await env.DB.prepare('SELECT count(*) AS n FROM trade_chunks WHERE instrument_id = ?1')
      .bind(instrumentId)
      .first('n')
    expect(rows).toBe(2)
  })

  it('orders the trades of one millisecond as they were published', async () => {
    // Recovered trades are published before the ones that were held for them, in another part.
    await store.writeTrades([chunk([tradeAt(7, 9, 1), tradeAt(7, 3, 2)])], [])
    await store.writeTrades([chunk([tradeAt(7, 5, 3), tradeAt(2, 1, 4)], { part: 1 })], [])
    expect(ids(await read(0, MINUTE))).toEqual([1, 9, 3, 5])
  })

  it('reads whole minutes from either edge until there are enough, and says how far it came', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.integer({ min: 0, max: 3 }), { minLength: 1, maxLength: 12 }),
        fc.integer({ min: 1, max: 8 }),
        fc.constantFrom('forward' as const, 'backward' as const),
        fc.integer({ min: 0, max: 5 }),
        async (counts, limit, direction, skipped) => {
          instrumentId += 1
          let id = 0
          const chunks = counts.map((count, minute) =>
            chunk(
              Array.from({ length: count }, (_, index) => tradeAt(minute * MINUTE + index, ++id)),
              { minute: T0 + minute * MINUTE },
            ),
          )
          await store.writeTrades(chunks, [])
          const end = Math.max(skipped + 1, counts.length) * MINUTE
          const page = await read(skipped * MINUTE, end, { direction, limit })
          const all = ids(await read(skipped * MINUTE, end, { limit: 10_000 }))
          const inWindow = ({ start, end }: { start: number; end: number }) =>
            chunks.flatMap(({ trades }) =>
              trades
                .filter((trade) => trade.exchangeTime >= start && trade.exchangeTime < end)
                .map((t) => Number(t.id)),
            )
          expect(ids(page)).toEqual(inWindow(page.window))
          const isWhole = page.trades.length === all.length
          if (!isWhole) expect(page.trades.length).toBeGreaterThan(limit)
          if (page.window.start !== T0 + skipped * MINUTE) expect(direction).toBe('backward')
          if (page.window.end !== T0 + end) expect(direction).toBe('forward')
        },
      ),
      { numRuns: 60 },
    )
  })
})

describe('FeedStore', () => {
  it('binds no more at once than a value may hold, however long the database was away', async () => {
    const heard = Array.from({ length: 12_000 }, (_, n) => ({ instrumentId, from: T0 + n * 10, to: T0 + n * 10 + 5 }))
    const gaps = heard.map(({ from, to }) => ({ from, to, reason: 'not_stored' }))
    expect(await tradeStatements(env.DB, [chunk([], { gaps })], heard)).toHaveLength(3 + 3)
  })

  it('joins what was heard without a break, and nothing else', async () => {
    const heard = (from: number, to: number) => store.writeTrades([], [{ instrumentId, from: T0 + from, to: T0 + to }])
    await heard(0, 100)
    await heard(100, 200)
    await heard(150, 300)
    await heard(301, 400)
    await heard(20, 50)
    expect((await read(0, 1_000)).heard.map(({ start, end }) => [start - T0, end - T0])).toEqual([
      [0, 300],
      [301, 400],
    ])
  })

  it('stores nothing for a feed that another has replaced', async () => {
    await claimLease(env.DB, 'okx', 'feed')
    await expect(store.writeTrades([chunk([tradeAt(0, 1)])], [])).rejects.toMatchObject({ code: 'stale_lease' })
    expect(ids(await read(0, MINUTE))).toEqual([])
  })

  it('deletes the minutes that are over, and nothing of another exchange', async () => {
    const gaps = [
      { from: T0, to: T0 + 30_000, reason: 'lost' },
      { from: T0 + 30_000, to: T0 + 90_000, reason: 'lost' },
    ]
    const minutes = [0, 1, 2].map((minute) => chunk([tradeAt(minute * MINUTE, minute)]))
    const heard = [
      { instrumentId, from: T0 - 50, to: T0 - 10 },
      { instrumentId, from: T0, to: T0 + 90_000 },
    ]
    await store.writeTrades([...minutes, chunk([], { gaps })], heard)
    const elsewhere = await claimLease(env.DB, 'bybit', 'feed')
    await new FeedStore(env.DB, elsewhere, () => '').pruneTrades(T0 + 10 * MINUTE)
    expect(ids(await read(0, 3 * MINUTE))).toEqual([0, 1, 2])
    await store.pruneTrades(T0 + 80_000)
    const left = await read(0, 3 * MINUTE)
    expect(ids(left)).toEqual([1, 2])
    expect(left.gaps).toEqual(gaps.slice(1))
    expect((await read(-100, 1)).heard).toEqual([{ start: T0, end: T0 + 90_000 }])
  })

  it('writes as many chunks as there are, of any size', async () => {
    const busy = Array.from({ length: 9_000 }, (_, index) => tradeAt(index, index))
    const others = Array.from({ length: 30 }, (_, index) => chunk([tradeAt((index + 1) * MINUTE, 20_000 + index)]))
    await store.writeTrades([chunk(busy), ...others], [])
    const page = await read(0, 60 * MINUTE, { limit: 100_000 })
    expect(page.trades).toHaveLength(9_030)
    const { most, n } = (await env.DB.prepare(
      'SELECT max(length(data)) AS most, count(*) AS n FROM trade_chunks WHERE instrument_id = ?1 AND minute = ?2',
    )
      .bind(instrumentId, T0)
      .first<{ most: number; n: number }>()) ?? { most: 0, n: 0 }
    expect(n).toBeGreaterThan(1)
    expect(most).toBeLessThan(256 * 1024)
  })
})
