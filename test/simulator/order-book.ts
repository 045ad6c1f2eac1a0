/** The order book of an instrument, a pure function of the second, so that the same book can be asked for twice. */

import type { Instrument } from './catalogue.ts'
import type { Market } from './market.ts'
import { mix, seedOf } from './random.ts'
import { LARGEST_TRADE } from './trade-tape.ts'

/** A new book each simulated second, counted from 2015-01-01: the sequence number of the exchanges' books. */
const BOOK_MS = 1000
const ORIGIN_MS = Date.UTC(2015, 0, 1)
/** A level changes its size every so many books on average; a real book mostly stays as it is, too. */
const RESIZED_EVERY = 8

export interface Level {
  /** Ticks of 10^-priceScale. */
  readonly price: number
  /** Lots of 10^-sizeScale. */
  readonly size: number
}

export interface OrderBook {
  readonly sequence: number
  /** ms UTC since when this book holds. */
  readonly time: number
  /** Best first. */
  readonly bids: readonly Level[]
  readonly asks: readonly Level[]
}

/** The sequence number of the book at a moment (ms UTC). */
export const bookSequenceAt = (at: number): number => Math.floor((at - ORIGIN_MS) / BOOK_MS)

/**
 * The book of a sequence number, `depth` levels a side (fewer bids where the price nears zero). Never crossed: bids lie
 * at or below the path, asks above.
 */
export const readBook = (market: Market, instrument: Instrument, sequence: number, depth: number): OrderBook => {
  const time = ORIGIN_MS + sequence * BOOK_MS
  const seed = seedOf(`${market.seed}:book:${instrument.exchange}:${instrument.kind}:${instrument.exchangeSymbol}`)
  const typicalSize = (LARGEST_TRADE / instrument.typicalPrice) * 10 ** instrument.baseScale
  const middle = Math.floor(market.middle(instrument, time))
  const side = (from: number, direction: 1 | -1): Level[] => {
    const levels: Level[] = []
    for (let price = from; levels.length < depth && price > 0; price += direction) {
      const hash = mix(seed, price)
      if (hash % 4 === 0) continue
      const age = Math.floor((sequence + (hash % RESIZED_EVERY)) / RESIZED_EVERY)
      const share = mix(seed + 1, price, age) / 4294967296
      levels.push({ price, size: 1 + Math.floor(share * share * typicalSize) })
    }
    return levels
  }
  return { sequence, time, bids: side(middle, -1), asks: side(middle + 1, 1) }
}
