import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { decimal } from '../../src/domain/decimal.ts'
import type { Instrument } from '../../src/domain/instrument.ts'
import type { Trade } from '../../src/domain/trade.ts'
import type { RestApi, RestCall, TradeHistory } from '../../src/exchanges/connector.ts'
import { connectors } from '../../src/exchanges/registry.ts'
import type { Sent } from '../../src/history/http.ts'
import { type NoTrades, readTradeHole, type TradeHole } from '../../src/history/trade-history.ts'

const instrument: Instrument = {
  exchange: 'okx',
  kind: 'spot',
  symbol: 'BTC-USDT',
  exchangeSymbol: 'BTC-USDT',
  base: 'BTC',
  quote: 'USDT',
  settle: null,
  inverse: false,
  contractSize: null,
  tickSize: null,
  lotSize: null,
  active: true,
  listedAt: null,
}

function tradeAt(id: number | string): Trade {
  const [price, size] = [decimal('1'), decimal('2')]
  return { id: String(id), price, size, side: 'buy', exchangeTime: Number(id) || 0, exchangeSymbol: null }
}

type Page = readonly Trade[]

/** An exchange whose REST holds the trades that `ids` gives at the time of the request. */
class Exchange {
  readonly #ids: () => readonly number[]
  readonly #pageSize: number
  requests = 0
  failAfter = Number.POSITIVE_INFINITY
  pauses = 0

  constructor(ids: () => readonly number[], pageSize: number) {
    this.#ids = ids
    this.#pageSize = pageSize
  }

  ask(from: TradeHistory['from'] | 'none', hole: TradeHole) {
    const pageSize = this.#pageSize
    const oldest = (id: string) =>
      this.#call(() =>
        this.#ids()
          .filter((other) => other > Number(id))
          .slice(0, pageSize),
      )
    const newest = (id: string | null) =>
      this.#call(() =>
        this.#ids()
          .filter((other) => id === null || other < Number(id))
          .slice(-pageSize),
      )
    const histories = {
      oldest: { tradeHistory: { from: 'oldest', pageSize, page: (_: Instrument, id: string) => oldest(id) } },
      newest: { tradeHistory: { from: 'newest', pageSize, page: (_: Instrument, id: string | null) => newest(id) } },
      none: {},
    } as const
    const { tradeHistory: _, ...okx } = connectors.okx.rest as RestApi
    const rest: RestApi = { ...okx, ...histories[from], trades: () => newest(null) }
    const pause = async () => {
      this.pauses += 1
    }
    return readTradeHole(rest, instrument, hole, (call) => this.#send(call), pause)
  }

  #call(ids: () => readonly number[]): RestCall<Page> {
    return { kind: 'spot', path: '', limit: '', weight: 1, decode: () => ids().map(tradeAt) }
  }

  async #send(call: RestCall<Page>): Promise<Sent<Page>> {
    if (this.requests++ >= this.failAfter) return { kind: 'failed', reason: 'overloaded' }
    return { kind: 'answer', value: call.decode(''), readAt: 0 }
  }
}

const range = (from: number, to: number) => Array.from({ length: to - from }, (_, index) => from + index)
const idsOf = (found: Awaited<ReturnType<Exchange['ask']>>) =>
  'kind' in found ? found.kind : found.trades.map(({ id }) => Number(id))
const isComplete = (found: Awaited<ReturnType<Exchange['ask']>>) => !('kind' in found) && found.isComplete
const hole = (afterId: number | null, beforeId: number | null): TradeHole => ({
  afterId: afterId === null ? null : String(afterId),
  beforeId: beforeId === null ? null : String(beforeId),
})

describe.each(['oldest', 'newest'] as const)('readTradeHole by pages from the %s', (from) => {
  it('finds every trade of the hole and no other, whatever ids there are and however long pages are', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.uniqueArray(fc.integer({ min: 1, max: 120 }), { minLength: 1, maxLength: 100 }),
        fc.integer({ min: 0, max: 60 }),
        fc.integer({ min: 1, max: 60 }),
        fc.integer({ min: 8, max: 40 }),
        async (ids, afterId, length, pageSize) => {
          const beforeId = afterId + length
          // Both ends are trades that the stream gave: REST has them.
          const known = [...new Set([...ids, afterId, beforeId])].sort((a, b) => a - b)
          const found = await new Exchange(() => known, pageSize).ask(from, hole(afterId, beforeId))
          expect(idsOf(found)).toEqual(known.filter((id) => id > afterId && id < beforeId))
          expect(isComplete(found)).toBe(true)
        },
      ),
      { numRuns: 200 },
    )
  })

  it('keeps what it found of a hole that is too large, and says that it is not all', async () => {
    const exchange = new Exchange(() => range(0, 1_000), 10)
    const found = await exchange.ask(from, hole(100, 900))
    expect(exchange.requests).toBe(20)
    expect(isComplete(found)).toBe(false)
    expect(idsOf(found)).toEqual(from === 'oldest' ? range(101, 301) : range(700, 900))
  })

  it('waits for a REST that lags behind the stream', async () => {
    let asked = 0
    // The trades 105 to 109 are there at the third request only.
    const exchange = new Exchange(() => (++asked < 3 ? range(90, 105) : range(90, 112)), 50)
    const found = await exchange.ask(from, hole(99, 110))
    expect(idsOf(found)).toEqual(range(100, 110))
    expect(isComplete(found)).toBe(true)
    expect(exchange.pauses).toBeGreaterThan(0)
  })

  it('does not take what a lagging REST says for all there is', async () => {
    const found = await new Exchange(() => range(90, 105), 50).ask(from, hole(99, 110))
    expect(idsOf(found)).toEqual(range(100, 105))
    expect(isComplete(found)).toBe(false)
  })

  it('keeps what it found before a page failed', async () => {
    const exchange = new Exchange(() => range(0, 200), 10)
    exchange.failAfter = 2
    const found = await exchange.ask(from, hole(100, 190))
    expect(idsOf(found)).toHaveLength(20)
    expect(isComplete(found)).toBe(false)
  })

  it('says why it has nothing', async () => {
    const exchange = new Exchange(() => range(0, 200), 10)
    exchange.failAfter = 0
    expect(await exchange.ask(from, hole(100, 190))).toEqual({
      kind: 'failed',
      reason: 'overloaded',
    } satisfies NoTrades)
  })

  it('reads to the present where the hole has no end yet', async () => {
    const found = await new Exchange(() => range(0, 125), 10).ask(from, hole(100, null))
    expect(idsOf(found)).toEqual(range(101, 125))
    expect(isComplete(found)).toBe(true)
  })
})

describe('readTradeHole where no trade is known before the hole', () => {
  it.each(['oldest', 'newest'] as const)('has what is newest, and never calls it complete (%s)', async (from) => {
    const found = await new Exchange(() => range(0, 200), 10).ask(from, hole(null, null))
    expect(idsOf(found)).toEqual(range(190, 200))
    expect(isComplete(found)).toBe(false)
  })
})

describe('readTradeHole among the most recent trades', () => {
  it('is complete where they reach back to the known trade', async () => {
    const found = await new Exchange(() => [7, 3, 9, 4, 8], 5).ask('none', hole(3, 8))
    expect(idsOf(found)).toEqual([9, 4])
    expect(isComplete(found)).toBe(true)
  })

  it('is not where they do not', async () => {
    const found = await new Exchange(() => [7, 3, 9, 4, 8], 5).ask('none', hole(1, 8))
    expect(idsOf(found)).toEqual([7, 3, 9, 4])
    expect(isComplete(found)).toBe(false)
  })

  it('is not where the trade after the hole has not arrived there yet', async () => {
    const found = await new Exchange(() => [7, 3, 9, 4], 5).ask('none', hole(3, 8))
    expect(idsOf(found)).toEqual([9, 4])
    expect(isComplete(found)).toBe(false)
  })
})
