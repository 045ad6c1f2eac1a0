import { z } from 'zod'
import type { SimulatorUrls } from '../simulator/exchanges.ts'

/** What really happened on the simulated exchanges, as they tell it themselves: each path in a form of its own. */

const levels = z.array(z.tuple([z.string(), z.string()]))

export const trueCandles = z.object({
  candles: z.array(z.array(z.union([z.number(), z.string(), z.null()]))),
  empty: z.array(z.number()),
})
export const trueTrades = z.object({
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
