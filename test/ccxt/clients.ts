/** ccxt's clients pointed at the simulated exchanges, and the truth that they are compared with. */

import ccxt, { type Exchange } from 'ccxt'
import { z } from 'zod'
import type { ExchangeName, Kind } from '../simulator/catalogue.ts'
import type { SimulatorUrls } from '../simulator/exchanges.ts'

/** A ccxt client with nothing changed but the addresses and which lists of markets it loads. */
export const createClient = (exchange: ExchangeName, urls: SimulatorUrls): Exchange => {
  const { spot = '', perpetual = spot } = urls[exchange] ?? {}
  const options = (types: string[]) => ({ options: { fetchMarkets: { types } } })
  switch (exchange) {
    case 'binance':
      return pointedAt(new ccxt.binance(options(['spot', 'linear'])), {
        public: `${spot}/api/v3`,
        fapiPublic: `${perpetual}/fapi/v1`,
      })
    case 'okx':
      return pointedAt(new ccxt.okx(options(['spot', 'swap', 'future', 'option'])), { rest: spot })
    case 'bybit':
      return pointedAt(new ccxt.bybit(options(['spot', 'linear', 'inverse'])), { public: spot })
    case 'coinbase':
      return pointedAt(new ccxt.coinbaseexchange(), { public: spot })
  }
}

const pointedAt = (client: Exchange, api: Record<string, string>): Exchange => {
  client.urls['api'] = api
  return client
}

const decimal = z.string().regex(/^\d+(\.\d*[1-9])?$/)
const trueCandles = z.object({
  candles: z.array(
    z.tuple([z.int(), decimal, decimal, decimal, decimal, decimal, decimal.nullable(), z.int().nullable()]),
  ),
  empty: z.array(z.int()),
})
const trueTrades = z.object({
  trades: z.array(
    z.object({ id: z.string(), time: z.int(), price: decimal, size: decimal, side: z.enum(['buy', 'sell']) }),
  ),
})
const trueFunding = z.object({ rates: z.array(z.tuple([z.int(), z.string(), decimal.nullable()])) })
const level = z.tuple([decimal, decimal])
const trueBook = z.object({ sequence: z.int(), time: z.int(), bids: z.array(level), asks: z.array(level) })

/** The truth of one instrument, read over HTTP as any test would. */
export const createTruth = (urls: SimulatorUrls, exchange: ExchangeName, kind: Kind, symbol: string) => {
  const { spot = '', perpetual = spot } = urls[exchange] ?? {}
  const read = async <Shape>(schema: z.ZodType<Shape>, path: string, query: Record<string, string | number>) => {
    const search = new URLSearchParams({ symbol, kind })
    for (const [name, value] of Object.entries(query)) search.set(name, String(value))
    const response = await fetch(`${kind === 'spot' ? spot : perpetual}${path}?${search}`)
    return schema.parse(await response.json())
  }
  return {
    candles: (interval: string, start: number, end: number) => read(trueCandles, '/_truth', { interval, start, end }),
    trades: (query: { fromId?: number; start?: number; end?: number; limit?: number }) =>
      read(trueTrades, '/_truth/trades', query),
    funding: (start: number, end: number) => read(trueFunding, '/_truth/funding', { start, end }),
    orderBook: (sequence: number, depth: number) => read(trueBook, '/_truth/order-book', { sequence, depth }),
    orderBookAt: (time: number, depth: number) => read(trueBook, '/_truth/order-book', { time, depth }),
  }
}

const MINUTE_MS = 60_000
const DAY_MS = 86_400_000
/** More than any simulated instrument has in a day. */
const DAY_TRADES = 50_000

/** What a ticker says of the 24 hours up to a moment, from the trades of that time: those exchanges count from a whole minute on. */
export const readDay = async (truth: ReturnType<typeof createTruth>, time: number) => {
  const start = Math.ceil((time - DAY_MS) / MINUTE_MS) * MINUTE_MS
  const { trades } = await truth.trades({ start, end: time + 1, limit: DAY_TRADES })
  const prices = trades.map(({ price }) => Number(price))
  const volume = trades.reduce((sum, { size }) => sum + Number(size), 0)
  return { high: Math.max(...prices), low: Math.min(...prices), volume }
}
