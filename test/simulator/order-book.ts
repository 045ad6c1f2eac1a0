/** The order book of an instrument, a pure function of the second, so that the same book can be asked for twice. */

import type { Instrument } from './catalogue.ts'
import { hasLevel, isResized } from './level-sizes.ts'
import type { Market } from './market.ts'

/** A new book each simulated second, counted from 2015-01-01: the sequence number of the exchanges' books. */
const BOOK_MS = 1000
const ORIGIN_MS = Date.UTC(2015, 0, 1)
/** Levels a side of the whole book: there is nothing beyond, and what leaves it is gone. */
export const BOOK_DEPTH = 2000

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

/** What changed from one book to the next: absolute sizes, 0 removes the level; from the best price on. */
export type BookChanges = OrderBook

/** When a book came to be, ms UTC. */
export const bookTimeOf = (sequence: number): number => ORIGIN_MS + sequence * BOOK_MS

/**
 * The book of a sequence number, `depth` levels a side (at most {@link BOOK_DEPTH}, fewer bids where the price nears zero). Never crossed: bids lie
 * at or below the path, asks above.
 */
export const readBook = (market: Market, instrument: Instrument, sequence: number, depth: number): OrderBook => {
  const time = bookTimeOf(sequence)
  const sizes = market.levelSizes(instrument)
  const middle = Math.floor(market.middle(instrument, time))
  const side = (from: number, direction: 1 | -1): Level[] => {
    const levels: Level[] = []
    for (let price = from; levels.length < Math.min(depth, BOOK_DEPTH) && price > 0; price += direction) {
      const hash = sizes.hash(price)
      if (hasLevel(hash)) levels.push({ price, size: sizes.size(price, hash, sequence) })
    }
    return levels
  }
  return { sequence, time, bids: side(middle, -1), asks: side(middle + 1, 1) }
}

/** How the book of `sequence` differs from the one before it, each `depth` levels a side. */
export const readBookChanges = (
  market: Market,
  instrument: Instrument,
  sequence: number,
  depth: number,
): BookChanges => {
  const time = bookTimeOf(sequence)
  const sizes = market.levelSizes(instrument)
  const middleBefore = Math.floor(market.middle(instrument, bookTimeOf(sequence - 1)))
  const middle = Math.floor(market.middle(instrument, time))
  const side = (direction: 1 | -1): Level[] => {
    const [before, after] = direction === 1 ? [middleBefore + 1, middle + 1] : [middleBefore, middle]
    const changes: Level[] = []
    let [leftBefore, left] = [depth, depth]
    let price = direction === 1 ? Math.min(before, after) : Math.max(before, after)
    for (; (leftBefore > 0 || left > 0) && price > 0; price += direction) {
      const hash = sizes.hash(price)
      if (!hasLevel(hash)) continue
      const was = leftBefore > 0 && (price - before) * direction >= 0
      const is = left > 0 && (price - after) * direction >= 0
      if (was) leftBefore--
      if (is) left--
      if (is && (!was || isResized(hash, sequence))) changes.push({ price, size: sizes.size(price, hash, sequence) })
      else if (was && !is) changes.push({ price, size: 0 })
    }
    return changes
  }
  return { sequence, time, bids: side(-1), asks: side(1) }
}
