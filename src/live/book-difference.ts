import { type Decimal, ZERO } from '../domain/decimal.ts'
import type { BookLevel } from '../domain/order-book.ts'
import type { BookSide } from './book-side.ts'
import type { OrderBook } from './order-book.ts'

/**
 * Whoever asks for this many levels or fewer gets them, where there are so many. The least that an exchange gives where
 * more are asked for: Bybit spot. https://bybit-exchange.github.io/docs/v5/market/orderbook
 */
const CERTAIN_DEPTH = 200
/** What bounds the memory of a check: of a book that changes faster nothing is left to compare. */
const MOST_TOUCHED = 20_000

/** The prices that updates have named since a check began: each is right again, for updates carry absolute sizes. */
export class TouchedPrices {
  readonly bids = new Set<Decimal>()
  readonly asks = new Set<Decimal>()

  add({ bids, asks }: Sides): void {
    if (this.isOverfull) return
    for (const { price } of bids) this.bids.add(price)
    for (const { price } of asks) this.asks.add(price)
  }

  /** Too many to be remembered: those that came last are not among them. */
  get isOverfull(): boolean {
    return this.bids.size + this.asks.size > MOST_TOUCHED
  }
}

interface Sides {
  /** Best first. */
  readonly bids: readonly BookLevel[]
  readonly asks: readonly BookLevel[]
}

/**
 * Whether a book differs from REST's at a price that both know and no update has touched: by its size, or because only
 * one of them has it.
 *
 * @param depth how many levels a side were asked of REST
 */
export function differs(ours: OrderBook, theirs: Sides, touched: TouchedPrices, depth: number): boolean {
  return (
    sideDiffers(ours.bids, theirs.bids.slice(0, depth), touched.bids, depth) ||
    sideDiffers(ours.asks, theirs.asks.slice(0, depth), touched.asks, depth)
  )
}

function sideDiffers(
  ours: BookSide,
  theirs: readonly BookLevel[],
  touched: ReadonlySet<Decimal>,
  depth: number,
): boolean {
  const worst = ours.length < CERTAIN_DEPTH ? undefined : ours.priceAt(ours.length - 1)
  const limits = [
    ours.bound ?? worst,
    theirs.length < Math.min(depth, CERTAIN_DEPTH) ? undefined : theirs.at(-1)?.price,
  ]
  const isJudged = (price: Decimal) =>
    !touched.has(price) && limits.every((limit) => limit === undefined || !ours.isBetter(limit, price))
  const unmatched = new Map(theirs.filter(({ size }) => size !== ZERO).map(({ price, size }) => [price, size]))
  for (const { price, size } of ours.top(Number.POSITIVE_INFINITY)) {
    const other = unmatched.get(price)
    unmatched.delete(price)
    if (size !== other && isJudged(price)) return true
  }
  return [...unmatched.keys()].some(isJudged)
}
