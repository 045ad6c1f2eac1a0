import type { BookLevel } from '../domain/order-book.ts'
import { BookSide } from './book-side.ts'

/** What bounds the memory of a book that is sent whole: each side keeps at least so many levels ... */
const KEPT_LEVELS = 5_000
/**
 * ... and all within this share of the mid price. Those within 10 % are to be there; the rest is the way that the price
 * may go before any of them is missing.
 */
const KEPT_SHARE = 0.15
/** So much of that way must be left, or the book is to be sent anew: of 15 % of the price a little more than 10 %. */
const REACH_LEFT = 0.7
/** So many levels must be in excess before they are cut off: one cut then serves many updates. */
const EXCESS_LEVELS = 1_250

/**
 * What one instrument's book holds: two sorted sides, compared by value. It knows no sequences and no time; whether it
 * is right is for `BookSync` to say.
 */
export class OrderBook {
  readonly bids = new BookSide('bids')
  readonly asks = new BookSide('asks')

  /** Absolute sizes, `0` removes. The order of the levels does not matter. */
  apply(bids: readonly BookLevel[], asks: readonly BookLevel[]): void {
    for (const { price, size } of bids) this.bids.set(price, size)
    for (const { price, size } of asks) this.asks.set(price, size)
    this.#trim()
  }

  /**
   * @param depth how many levels a side the snapshot could hold: a side with fewer is whole. `null`: both are
   */
  replace(bids: readonly BookLevel[], asks: readonly BookLevel[], depth: number | null): void {
    this.bids.replace(bids, isWhole(bids, depth))
    this.asks.replace(asks, isWhole(asks, depth))
    this.#trim()
  }

  clear(): void {
    this.bids.clear()
    this.asks.clear()
  }

  /** Whether somebody offers to buy at a price at which somebody sells: no exchange leaves its book so. */
  isCrossed(): boolean {
    const bid = this.bids.priceAt(0)
    const ask = this.asks.priceAt(0)
    return bid !== undefined && ask !== undefined && !this.bids.isBetter(ask, bid)
  }

  /** Whether nothing is known of a side of which the exchange has more: then the book says nothing at all. */
  get isExhausted(): boolean {
    return this.bids.isExhausted || this.asks.isExhausted
  }

  /** Whether the price has come so near to where a side was cut off that it is about to leave what is known. */
  get isNearBound(): boolean {
    return this.bids.isNearBound(REACH_LEFT) || this.asks.isNearBound(REACH_LEFT)
  }

  /** Whether fewer levels than `depth`, or a share of them, remain on a side of which the exchange has more. */
  lacks(depth: number, share?: number): boolean {
    return this.bids.lacks(depth, share) || this.asks.lacks(depth, share)
  }

  #trim(): void {
    if (Math.max(this.bids.length, this.asks.length) <= KEPT_LEVELS + EXCESS_LEVELS) return
    const bid = this.bids.priceAt(0)
    const ask = this.asks.priceAt(0)
    const mid = (Number(bid ?? ask) + Number(ask ?? bid)) / 2
    trimSide(this.bids, mid * (1 - KEPT_SHARE))
    trimSide(this.asks, mid * (1 + KEPT_SHARE))
  }
}

function isWhole(levels: readonly BookLevel[], depth: number | null): boolean {
  return depth === null || levels.length < depth
}

function trimSide(side: BookSide, worst: number): void {
  const kept = Math.max(KEPT_LEVELS, side.countFrom(worst))
  if (side.length - kept >= EXCESS_LEVELS) side.keep(kept)
}
