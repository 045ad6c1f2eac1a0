import { compareDecimals, type Decimal, toNumber, ZERO } from '../domain/decimal.ts'
import type { BookLevel } from '../domain/order-book.ts'

/**
 * A side whose range is limited is to be read anew when fewer levels remain than are wanted, but not before half of
 * those that it began with are gone: a view as deep as the snapshot itself would ask for one after every trade.
 */
const RENEWED_BELOW = 0.5
/** Levels that there is room for at first; twice as many each time that it does not do. */
const FIRST_ROOM = 64

/**
 * The bids or the asks of a book: sorted by value, each price once, none empty. Worst level first and best last, so
 * that changes near the best price move few elements. A level costs two texts and little else; one beyond the bound is
 * not known, and not kept.
 */
export class BookSide {
  /** Prices times the sign are keys: the greater, the better. */
  readonly #sign: 1 | -1
  #keys = new Float64Array(FIRST_ROOM)
  /** A price and a size for each key, one after the other. */
  readonly #texts: Decimal[] = []
  #length = 0
  /** The worst price that is known; `null`: the side is known as a whole. */
  #bound: Decimal | null = null
  #boundKey = Number.NEGATIVE_INFINITY
  #lengthAtBound = 0
  /** How far the best price was from the bound when that was set. */
  #reachAtBound = 0
  #version = 0

  constructor(side: 'bids' | 'asks') {
    this.#sign = side === 'bids' ? 1 : -1
  }

  /** How many levels are known. */
  get length(): number {
    return this.#length
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
    return this.#texts[2 * (this.#length - 1 - rank)]
  }

  sizeAt(rank: number): Decimal | undefined {
    return this.#texts[2 * (this.#length - 1 - rank) + 1]
  }

  /** The best `depth` levels, best first; fewer where fewer are known. */
  top(depth: number): BookLevel[] {
    const levels: BookLevel[] = []
    for (let rank = 0; rank < Math.min(depth, this.#length); rank++) {
      const price = this.priceAt(rank)
      const size = this.sizeAt(rank)
      if (price !== undefined && size !== undefined) levels.push({ price, size })
    }
    return levels
  }

  isBetter(price: Decimal, than: Decimal): boolean {
    return this.#sign * compareDecimals(price, than) > 0
  }

  /** The absolute size at a price; `0` removes the level. A price beyond the bound changes nothing. */
  set(price: Decimal, size: Decimal): void {
    const key = this.#sign * toNumber(price)
    if (!this.#isKnown(key, price)) return
    const at = this.#find(key, price)
    if (at >= 0) {
      if (size === ZERO) this.#remove(at, 1)
      else this.#texts[2 * at + 1] = size
    } else {
      if (size === ZERO) return
      this.#insert(~at, key, price, size)
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
    this.#length = 0
    this.#texts.length = 0
    this.#bound = null
    this.#boundKey = Number.NEGATIVE_INFINITY
    this.#version++
  }

  /** How many levels are at `price` or better. */
  countFrom(price: number): number {
    return this.#length - this.#search(this.#sign * price)
  }

  /** Forgets all but the best `count` levels; from then on it answers for their prices only. */
  keep(count: number): void {
    const excess = this.#length - count
    if (excess <= 0) return
    this.#remove(0, excess)
    this.#limit()
    this.#version++
  }

  /** Whether nothing is left of what is known though the exchange has more: what its best price is, nobody can say. */
  get isExhausted(): boolean {
    return this.#length === 0 && this.#bound !== null
  }

  /** @param share of the way from the best price to the bound, as it was when that was set: whether less of it is left */
  isNearBound(share: number): boolean {
    const best = this.#keys[this.#length - 1] ?? this.#boundKey
    return this.#bound !== null && best - this.#boundKey < share * this.#reachAtBound
  }

  /**
   * Whether fewer levels than `depth` remain though the exchange has more: a new snapshot is due.
   * @param share of those that would do: with less than 1, whether it is short by more than that
   */
  lacks(depth: number, share = 1): boolean {
    return this.#bound !== null && this.length < share * Math.min(depth, this.#lengthAtBound * RENEWED_BELOW)
  }

  #limit(): void {
    const key = this.#keys[0]
    const price = this.#texts[0]
    const best = this.#keys[this.#length - 1]
    if (key === undefined || price === undefined || best === undefined) return
    this.#bound = price
    this.#boundKey = key
    this.#lengthAtBound = this.#length
    this.#reachAtBound = best - key
  }

  #isKnown(key: number, price: Decimal): boolean {
    if (key !== this.#boundKey || this.#bound === null) return key > this.#boundKey
    return !this.isBetter(this.#bound, price)
  }

  #insert(at: number, key: number, price: Decimal, size: Decimal): void {
    if (this.#length === this.#keys.length) {
      const roomier = new Float64Array(2 * this.#length)
      roomier.set(this.#keys)
      this.#keys = roomier
    }
    this.#keys.copyWithin(at + 1, at, this.#length)
    this.#keys[at] = key
    this.#texts.splice(2 * at, 0, price, size)
    this.#length++
  }

  #remove(at: number, count: number): void {
    this.#keys.copyWithin(at, at + count, this.#length)
    this.#texts.splice(2 * at, 2 * count)
    this.#length -= count
  }

  /** Where the level is, or the complement (`~`) of where it would be. */
  #find(key: number, price: Decimal): number {
    let at = this.#search(key)
    // Prices may differ and yet share a double: their texts decide.
    for (; at < this.#length && this.#keys[at] === key; at++) {
      const present = this.#texts[2 * at]
      if (present === price) return at
      if (present === undefined || this.isBetter(present, price)) break
    }
    return ~at
  }

  /** The first index whose key is not below `key`. */
  #search(key: number): number {
    let low = 0
    let high = this.#length
    while (low < high) {
      const middle = (low + high) >>> 1
      const probe = this.#keys[middle]
      if (probe !== undefined && probe < key) low = middle + 1
      else high = middle
    }
    return low
  }
}
