import { env } from 'cloudflare:workers'
import { expect } from 'vitest'
import { z } from 'zod'
import { decimal } from '../../src/domain/decimal.ts'
import type { LiveTrades, StoredTrade, TradeGap } from '../../src/domain/trade-chunk.ts'
import { createApp } from '../../src/routes/app.ts'
import { FeedStore } from '../../src/store/feed-store.ts'
import { claimLease } from '../../src/store/leases.ts'
import { MINUTE, T0 } from '../store/seed.ts'
import { type SeededSeries, seed } from './api.ts'

export const HOUR = 60 * MINUTE
/** When all of it happens. */
export const NOW = T0 + 30 * HOUR
export const KEPT_FROM = NOW - 24 * HOUR

const tuple = z.tuple([z.int(), z.int(), z.string()])
const page = z.looseObject({
  start: z.int(),
  end: z.int(),
  coverage: z.looseObject({
    complete: z.boolean(),
    missing: z.array(tuple),
    empty: z.array(z.tuple([z.int(), z.int()])),
  }),
  compared: z.int(),
  differing: z.int(),
  differences: z.array(z.looseObject({ openTime: z.int(), field: z.string() })),
  nextUrl: z.string().nullable(),
  data: z.array(z.looseObject({ openTime: z.int() })),
})
export type Page = z.infer<typeof page>

/** A trade at so many ms after `NOW`: 100.5 for 0.25, bought. */
export function tradeAt(time: number, id: number, changes: Partial<StoredTrade> = {}): StoredTrade {
  const [price, size] = [decimal('100.5'), decimal('0.25')]
  const exchangeTime = NOW + time
  return {
    id: String(id),
    price,
    size,
    side: 'buy',
    exchangeTime,
    receivedTime: exchangeTime + 40,
    seq: id,
    ...changes,
  }
}

/** An instrument on OKX, recorded as a series of 1m, whose trades a feed hears. */
export class HeardInstrument {
  readonly series: SeededSeries
  /** What the feed answers; `undefined`: nothing. */
  live: LiveTrades | undefined
  /** How often the feed was asked. */
  asked = 0
  now = NOW

  private constructor(series: SeededSeries) {
    this.series = series
    this.live = { trades: [], gaps: [], heard: { from: NOW - HOUR, to: NOW } }
  }

  static async create(): Promise<HeardInstrument> {
    return new HeardInstrument(await seed())
  }

  /** Stores trades and gaps, and that all of the last day but its last hour was heard. */
  async write(
    trades: readonly StoredTrade[],
    gaps: readonly TradeGap[] = [],
    heard = { from: KEPT_FROM - MINUTE, to: NOW - HOUR },
  ): Promise<void> {
    const instrumentId = this.series.seriesId
    const minutes = Map.groupBy(trades, ({ exchangeTime }) => exchangeTime - (exchangeTime % MINUTE))
    const shared = { instrumentId, part: 0, epoch: 'a' }
    const chunks = [...minutes].map(([minute, own]) => ({ ...shared, minute, trades: own, gaps: [] }))
    const store = new FeedStore(env.DB, await claimLease(env.DB, 'okx', 'feed'), () => crypto.randomUUID())
    await store.writeTrades([...chunks, { ...shared, minute: 0, trades: [], gaps }], [{ instrumentId, ...heard }])
  }

  ask(query: string, symbol = this.series.symbol, exchange = 'okx'): Promise<Response> {
    const feed = {
      readTrades: async () => {
        this.asked += 1
        if (this.live === undefined) throw new Error('no feed')
        return { ok: true, value: this.live, exchangeTime: null, receivedTime: this.now, now: this.now }
      },
    }
    // A clock that stands still: it runs a trillion times slower than the real one.
    const TIME_SCALE = `0.000000000001@${this.now}`
    const bindings = { ...env, TIME_SCALE, EDGE_CACHE: 'off', EXCHANGE_FEED: { getByName: () => feed } }
    const url = `https://api.test/v1/candles/${exchange}/${symbol}?source=trades&${query}`
    return Promise.resolve(createApp().request(url, {}, bindings))
  }

  async read(query: string): Promise<Page> {
    const response = await this.ask(query)
    expect(response.status, await response.clone().text()).toBe(200)
    return page.parse(await response.json())
  }

  /** A page and all that follow it. */
  async readAll(query: string): Promise<Page[]> {
    const pages: Page[] = []
    for (let next: string | null = query; next !== null; ) {
      const answer = await this.read(next)
      pages.push(answer)
      next = answer.nextUrl === null ? null : new URL(answer.nextUrl).search.replace('?source=trades&', '')
      expect(pages.length).toBeLessThan(50)
    }
    return pages
  }
}
