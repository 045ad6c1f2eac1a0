/** An order book that a test rebuilds from frames, and compares with the truth. */

import { z } from 'zod'
import { get } from './client.ts'

const level = z.tuple([z.string(), z.string()])
export const levelsSchema = z.array(level)
type Levels = z.infer<typeof levelsSchema>
const trueBook = z.object({ bids: levelsSchema, asks: levelsSchema })

export class TestBook {
  readonly #bids = new Map<number, number>()
  readonly #asks = new Map<number, number>()

  constructor(bids: Levels, asks: Levels) {
    this.apply(bids, asks)
  }

  /** Absolute sizes, 0 removes. */
  apply(bids: Levels, asks: Levels): void {
    for (const [side, changes] of [
      [this.#bids, bids],
      [this.#asks, asks],
    ] as const) {
      for (const [price, size] of changes) {
        if (Number(size) === 0) side.delete(Number(price))
        else side.set(Number(price), Number(size))
      }
    }
  }

  /** Best first. */
  top(depth: number): { bids: number[][]; asks: number[][] } {
    const best = (side: ReadonlyMap<number, number>, direction: 1 | -1): number[][] =>
      [...side].sort(([a], [b]) => (a - b) * direction).slice(0, depth)
    return { bids: best(this.#bids, -1), asks: best(this.#asks, 1) }
  }
}

/** The true book. @param at `sequence=N` or `time=N` */
export const readTrueBook = async (url: string, symbol: string, kind: string, at: string, depth: number) => {
  const answer = await get(`${url}/_truth/order-book?symbol=${symbol}&kind=${kind}&${at}&depth=${depth}`)
  const { bids, asks } = trueBook.parse(answer.body)
  const numbers = (side: Levels): number[][] => side.map((known) => known.map(Number))
  return { bids: numbers(bids), asks: numbers(asks) }
}
