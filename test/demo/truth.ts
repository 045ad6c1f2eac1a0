import { z } from 'zod'
import { AGGREGATES_BEHIND } from '../simulator/binance-history.ts'
import type { SimulatorUrls } from '../simulator/exchanges.ts'

/** What really happened on the simulated exchanges, as they tell it themselves: each path in a form of its own. */

/** More than are made while the demo listens. */
const MAX_TRADES = 100_000

const levels = z.array(z.tuple([z.string(), z.string()]))

export const trueCandles = z.object({
  candles: z.array(z.array(z.union([z.number(), z.string(), z.null()]))),
  empty: z.array(z.number()),
})
const trueTrades = z.object({
  trades: z.array(
    z.object({ id: z.string(), time: z.int(), price: z.string(), size: z.string(), side: z.enum(['buy', 'sell']) }),
  ),
})
export const trueBook = z.object({ bids: levels, asks: levels })

/** @param path below `/_truth`, such as `/trades` */
export async function readTruth<T>(
  urls: SimulatorUrls,
  exchange: string,
  path: string,
  query: Readonly<Record<string, string | number>>,
  schema: z.ZodType<T>,
): Promise<T> {
  const base = Object.entries(urls).find(([name]) => name === exchange)?.[1]?.spot
  const parameters = new URLSearchParams(Object.entries(query).map(([name, value]) => [name, `${value}`]))
  const response = await fetch(`${base}/_truth${path}?${parameters}`)
  return schema.parse(await response.json())
}

/** The trades of [start, end), ms UTC. Binance streams aggregates, which have ids of their own: these are given. */
export async function readTrueTrades(
  urls: SimulatorUrls,
  exchange: string,
  query: { readonly symbol: string; readonly start: number; readonly end: number },
) {
  const { trades } = await readTruth(urls, exchange, '/trades', { ...query, limit: MAX_TRADES }, trueTrades)
  if (exchange !== 'binance') return trades
  return trades.map((trade) => ({ ...trade, id: `${Number(trade.id) - AGGREGATES_BEHIND}` }))
}
