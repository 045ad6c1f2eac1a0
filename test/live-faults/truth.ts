import { expect } from 'vitest'
import { z } from 'zod'
import { hostOf } from '../faults/scenario.ts'
import type { BookMoment, TopicLog } from '../harness/stream-client.ts'
import { AGGREGATES_BEHIND } from '../simulator/binance-history.ts'
import { database, type Market } from './scenario.ts'

const trueTradesSchema = z.object({
  trades: z.array(
    z.object({ id: z.string(), time: z.int(), price: z.string(), size: z.string(), side: z.enum(['buy', 'sell']) }),
  ),
})
const candlesSchema = z.object({ candles: z.array(z.array(z.union([z.string(), z.int(), z.null()]))) })
type TrueCandle = readonly (string | number | null)[]
const levels = z.array(z.tuple([z.string(), z.string()]))
const trueBookSchema = z.object({ bids: levels, asks: levels })

async function truthOf<T>(
  { exchange, kind, exchangeSymbol }: Market,
  path: string,
  query: object,
  schema: z.ZodType<T>,
) {
  const host = hostOf(exchange, kind)
  const parameters = Object.entries({ symbol: exchangeSymbol, kind, ...query }).map(
    ([name, value]) => `${name}=${value}`,
  )
  const response = await fetch(`${host}/_truth${path}?${parameters.join('&')}`)
  return schema.parse(await response.json())
}

/** The trades of [from, to), as they really were, under the ids of those that the exchange streams. */
export async function trueTrades(each: Market, from: number, to: number) {
  const query = { start: from, end: Math.max(from, to), limit: 10_000 }
  const { trades } = await truthOf(each, '/trades', query, trueTradesSchema)
  if (each.exchange !== 'binance') return trades
  return trades.map((trade) => ({ ...trade, id: String(Number(trade.id) - AGGREGATES_BEHIND) }))
}

/** The closed candles of [from, to): open time, open, high, low, close, volume. */
export async function trueCandles(each: Market, from: number, to: number): Promise<TrueCandle[]> {
  const { candles } = await truthOf(each, '', { interval: '1m', start: from, end: to }, candlesSchema)
  return candles.map((candle) => candle.slice(0, 6))
}

export async function storedCandles({ exchange, symbol }: Market): Promise<TrueCandle[]> {
  const { results } = await database
    .prepare(
      `SELECT open_time, open, high, low, close, volume FROM candles JOIN series ON series.id = series_id
       JOIN instruments ON instruments.id = instrument_id
       WHERE exchange = ?1 AND symbol = ?2 AND interval = '1m' ORDER BY open_time`,
    )
    .bind(exchange, symbol)
    .all<Record<string, string | number>>()
  return results.map((row) => Object.values(row))
}

/** Each once, as it was, and none missing between the first and the last but for what was said to be. */
export async function expectTrades(each: Market, log: TopicLog): Promise<void> {
  const trades = log.trades()
  const [first, last] = [trades[0], trades.at(-1)]
  if (first === undefined || last === undefined) return
  // A feed that restarts tells once more what came after its last checkpoint.
  if (log.epochs.length === 1) expect(trades.map(({ id }) => id)).toEqual([...new Set(trades.map(({ id }) => id))])
  const times = trades.map(({ exchangeTime }) => exchangeTime)
  const all = await trueTrades(each, Math.min(...times), Math.max(...times) + 1)
  const expected = all.slice(all.findIndex(({ id }) => id === first.id))
  const known = new Map(expected.map((trade) => [trade.id, trade]))
  for (const { exchangeTime, ...trade } of trades) expect({ ...trade, time: exchangeTime }).toEqual(known.get(trade.id))
  const seen = new Set(trades.map(({ id }) => id))
  const untold = expected.filter(
    ({ id, time }) => !seen.has(id) && !log.gaps().some(({ from, to }) => from <= time && time < to),
  )
  expect(untold.filter(({ id }) => id !== last.id && !isAtEnd(id, last.id, expected))).toEqual([])
}

/** Several trades may share the last millisecond. */
function isAtEnd(id: string, lastId: string, trades: readonly { readonly id: string }[]): boolean {
  const order = trades.map((trade) => trade.id)
  return order.indexOf(id) > order.indexOf(lastId)
}

/** Books are counted by seconds since 2015; one that was numbered anew is far behind, and known by its time only. */
const FEWEST_SECONDS = 100_000_000

const trueBooks = new Map<string, Promise<z.infer<typeof trueBookSchema>>>()

/** The book that really was at a moment of a client's. */
function trueBook(each: Market, { sequence, exchangeTime }: BookMoment, depth: number) {
  const isCounted = sequence !== null && sequence > FEWEST_SECONDS
  const at = isCounted ? { sequence } : { time: exchangeTime }
  const key = JSON.stringify([each.exchange, each.symbol, at, depth])
  const known = trueBooks.get(key) ?? truthOf(each, '/order-book', { ...at, depth }, trueBookSchema)
  trueBooks.set(key, known)
  return known
}

/**
 * The client's book was the true one after every message.
 *
 * @param depth of the truth that is asked for, where one answer is to do for several topics
 * @returns how many were compared
 */
export async function expectBooks(each: Market, log: TopicLog, since = 0, depth?: number): Promise<number> {
  let compared = 0
  for (const moment of log.books(since)) {
    const truth = await trueBook(each, moment, depth ?? moment.depth)
    const { availableDepth: available, bids, asks, sequence, exchangeTime } = moment
    const seen = [bids.slice(0, available), asks.slice(0, available)]
    const expected = [truth.bids.slice(0, available), truth.asks.slice(0, available)]
    // As text first: to compare thousands of levels one by one takes longer than to stream them.
    if (JSON.stringify(seen) !== JSON.stringify(expected)) {
      expect({ key: log.key, sequence, exchangeTime, seen }).toEqual({
        key: log.key,
        sequence,
        exchangeTime,
        seen: expected,
      })
    }
    compared++
  }
  return compared
}
