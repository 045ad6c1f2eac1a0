import { compareDecimals, type Decimal, ZERO } from '../domain/decimal.ts'
import type { BookLevel } from '../domain/order-book.ts'

/**
 * A side whose range is limited is to be read anew when fewer levels remain than are wanted, but not before half of
 * those that it began with are gone: a view as deep as the snapshot itself would ask for one after every trade.
 */
const RENEWED_BELOW = 0.5

/**
 * The bids or the asks of a book: sorted by value, each price once, none empty. Three parallel arrays, worst level
 * first and best last, so that changes near the best price move few elements, and a level costs two texts and little
 * else. A level is known only from the bound inwards; what lies beyond it is not kept.
 */
export class BookSide {
  /** Prices times the sign are keys: the greater, the better. */
  readonly #sign: 1 | -1
  readonly #keys: number[] = []
  readonly #prices: Decimal[] = []
  readonly #sizes: Decimal[] = []
  /** The worst price that is known; `null`: the side is known as a whole. */
  #bound: Decimal | null = null
  #boundKey = Number.NEGATIVE_INFINITY
  #lengthAtBound = 0
  #version = 0

  constructor(side: 'bids' | 'asks') {
    this.#sign = side === 'bids' ? 1 : -1
  }

  /** How many levels are known. */
  get length(): number {
    return this.#keys.length
  }

  /** The worst price that this side answers for; `null` where it is known as a whole. */
  get bound(): Decimal | null {
    return this.#bound
  }

  /** Counts the changes: equal versions mean equal levels. */
  get version(): number {
    return this.#version
  }

  /** @param rank 0 is the best */
  priceAt(rank: number): Decimal | undefined {
    return this.#prices[this.#prices.length - 1 - rank]
  }

  sizeAt(rank: number): Decimal | undefined {
    return this.#sizes[this.#sizes.length - 1 - rank]
  }

  /** The best `depth` levels, best first; fewer where fewer are known. */
  top(depth: number): BookLevel[] {
    const levels: BookLevel[] = []
    const last = this.#keys.length - 1
    for (let at = last; at >= 0 && at > last - depth; at--) {
      const price = this.#prices[at]
      const size = this.#sizes[at]
      if (price !== undefined && size !== undefined) levels.push({ price, size })
    }
    return levels
  }

  isBetter(price: Decimal, than: Decimal): boolean {
    return this.#sign * compareDecimals(price, than) > 0
  }

  /** The absolute size at a price; `0` removes the level. A price beyond the bound changes nothing. */
  set(price: Decimal, size: Decimal): void {
    const key = this.#sign * Number(price)
    if (!this.#isKnown(key, price)) return
    const at = this.#find(key, price)
    if (at >= 0) {
      if (size === ZERO) this.#remove(at)
      else this.#sizes[at] = size
    } else {
      if (size === ZERO) return
      insertAt(this.#keys, ~at, key)
      insertAt(this.#prices, ~at, price)
      insertAt(this.#sizes, ~at, size)
    }
    this.#version++
  }

  /**
   * Takes the levels of a snapshot in place of its own.
   * @param isWhole whether they are all there are; otherwise nothing is known beyond the worst of them
   */
  replace(levels: readonly BookLevel[], isWhole: boolean): void {
    this.clear()
    // Best first, as snapshots come: from the end, each level is appended. Any other order is only slower.
    for (let i = levels.length - 1; i >= 0; i--) {
      const level = levels[i]
      if (level !== undefined) this.set(level.price, level.size)
    }
    if (!isWhole) this.#limit()
  }

  clear(): void {
    this.#keys.length = 0
    this.#prices.length = 0
    this.#sizes.length = 0
    this.#bound = null
    this.#boundKey = Number.NEGATIVE_INFINITY
    this.#version++
  }

  /** How many levels are at `price` or better. */
  countFrom(price: number): number {
    return this.#keys.length - this.#search(this.#sign * price)
  }

  /** Forgets all but the best `count` levels; from then on it answers for their prices only. */
  keep(count: number): void {
    const excess = this.#keys.length - count
    if (excess <= 0) return
    this.#keys.splice(0, excess)
    this.#prices.splice(0, excess)
    this.#sizes.splice(0, excess)
    this.#limit()
    this.#version++
  }

  /** Whether fewer levels than `depth` remain though the exchange has more: a new snapshot is due. */
  lacks(depth: number): boolean {
    return this.#bound !== null && this.length < Math.min(depth, this.#lengthAtBound * RENEWED_BELOW)
  }

  #limit(): void {
    const key = this.#keys[0]
    const price = this.#prices[0]
    if (key === undefined || price === undefined) return
    this.#bound = price
    this.#boundKey = key
    this.#lengthAtBound = this.#keys.length
  }

  #isKnown(key: number, price: Decimal): boolean {
    if (key !== this.#boundKey || this.#bound === null) return key > this.#boundKey
    return !this.isBetter(this.#bound, price)
  }

  #remove(at: number): void {
    removeAt(this.#keys, at)
    removeAt(this.#prices, at)
    removeAt(this.#sizes, at)
  }

  /** Where the level is, or the complement (`~`) of where it would be. */
  #find(key: number, price: Decimal): number {
    let at = this.#search(key)
    // Prices may differ and yet share a double: their texts decide.
    for (; this.#keys[at] === key; at++) {
      const present = this.#prices[at]
      if (present === price) return at
      if (present === undefined || this.isBetter(present, price)) break
    }
    return ~at
  }

  /** The first index whose key is not below `key`. */
  #search(key: number): number {
    let low = 0
    let high = this.#keys.length
    while (low < high) {
      const middle = (low + high) >>> 1
      const probe = this.#keys[middle]
      if (probe !== undefined && probe < key) low = middle + 1
      else high = middle
    }
    return low
  }
}

/** Up to so many elements are moved one by one, which costs less than `splice`, whose cost is the call. */
const MOVED_BY_HAND = 48

function insertAt<T>(array: T[], index: number, value: T): void {
  if (array.length - index > MOVED_BY_HAND) {
    array.splice(index, 0, value)
    return
  }
  array.push(value)
  for (let i = array.length - 1; i > index; i--) {
    const moved = array[i - 1]
    if (moved !== undefined) array[i] = moved
  }
  array[index] = value
}

function removeAt<T>(array: T[], index: number): void {
  if (array.length - index > MOVED_BY_HAND) {
    array.splice(index, 1)
    return
  }
  for (let i = index + 1; i < array.length; i++) {
    const moved = array[i]
    if (moved !== undefined) array[i - 1] = moved
  }
  array.pop()
}
