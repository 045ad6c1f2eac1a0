/** The order book of an instrument, a pure function of the second, so that the same book can be asked for twice. */

import type { Instrument } from './catalogue.ts'
import type { Market } from './market.ts'
import { mix, seedOf } from './random.ts'
import { LARGEST_TRADE } from './trade-tape.ts'

/** A new book each simulated second, counted from 2015-01-01: the sequence number of the exchanges' books. */
const BOOK_MS = 1000
const ORIGIN_MS = Date.UTC(2015, 0, 1)
/** A busy level changes its size every so many books, the others seldom; a real book mostly stays as it is, too. */
const BUSY_RESIZED_EVERY = 8
const RESIZED_EVERY = 512
const BUSY_ONE_IN = 8
/** Levels a side of the whole book: what leaves them is gone, as far as any stream tells. */
export const BOOK_DEPTH = 5000

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
 * The book of a sequence number, `depth` levels a side (fewer bids where the price nears zero). Never crossed: bids lie
 * at or below the path, asks above.
 */
export const readBook = (market: Market, instrument: Instrument, sequence: number, depth: number): OrderBook => {
  const time = bookTimeOf(sequence)
  const sizes = new LevelSizes(market.seed, instrument)
  const middle = Math.floor(market.middle(instrument, time))
  const side = (from: number, direction: 1 | -1): Level[] => {
    const levels: Level[] = []
    for (let price = from; levels.length < depth && price > 0; price += direction) {
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
  const sizes = new LevelSizes(market.seed, instrument)
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

const hasLevel = (hash: number): boolean => hash % 4 !== 0
const periodOf = (hash: number): number => ((hash >>> 4) % BUSY_ONE_IN === 0 ? BUSY_RESIZED_EVERY : RESIZED_EVERY)
const isResized = (hash: number, sequence: number): boolean => {
  const period = periodOf(hash)
  return (sequence + ((hash >>> 8) % period)) % period === 0
}

/** The size at a price, a pure function of the sequence number. */
class LevelSizes {
  readonly #seed: number
  readonly #typicalSize: number

  constructor(seed: number, instrument: Instrument) {
    this.#seed = seedOf(`${seed}:book:${instrument.exchange}:${instrument.kind}:${instrument.exchangeSymbol}`)
    this.#typicalSize = (LARGEST_TRADE / instrument.typicalPrice) * 10 ** instrument.baseScale
  }

  /** Decides whether there is a level, and when it is resized. */
  hash(price: number): number {
    return mix(this.#seed, price)
  }

  size(price: number, hash: number, sequence: number): number {
    const period = periodOf(hash)
    const age = Math.floor((sequence + ((hash >>> 8) % period)) / period)
    const share = mix(this.#seed + 1, price, age) / 4294967296
    return 1 + Math.floor(share * share * this.#typicalSize)
  }
}
