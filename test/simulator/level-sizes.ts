/** Which prices of an instrument's order book have a level, and of what size: pure functions of price and sequence number. */

import type { Instrument } from './catalogue.ts'
import { LruCache } from './lru-cache.ts'
import { mix, seedOf } from './random.ts'
import { LARGEST_TRADE } from './trade-tape.ts'

/** A busy level changes its size every so many books, the others seldom; a real book mostly stays as it is, too. */
const BUSY_RESIZED_EVERY = 8
const RESIZED_EVERY = 512
const BUSY_ONE_IN = 8

/** Hashes are kept for so many neighbouring prices together: most of a book is the same a second later. */
const BLOCK_BITS = 12
const BLOCK_MASK = (1 << BLOCK_BITS) - 1
/** 16 kB each. */
const CACHED_BLOCKS = 32

export class LevelSizes {
  readonly #seed: number
  readonly #typicalSize: number
  readonly #blocks = new LruCache<Uint32Array>(CACHED_BLOCKS)
  #block: Uint32Array = new Uint32Array(0)
  #blockIndex = -1

  constructor(seed: number, instrument: Instrument) {
    this.#seed = seedOf(`${seed}:book:${instrument.exchange}:${instrument.kind}:${instrument.exchangeSymbol}`)
    this.#typicalSize = (LARGEST_TRADE / instrument.typicalPrice) * 10 ** instrument.baseScale
  }

  /** What decides about a price, in ticks: for the functions below. */
  hash(price: number): number {
    const index = price >>> BLOCK_BITS
    if (index !== this.#blockIndex) {
      this.#block = this.#blocks.take(index, () => this.#hashes(index))
      this.#blockIndex = index
    }
    return this.#block[price & BLOCK_MASK] ?? 0
  }

  /** In lots, at least 1. */
  size(price: number, hash: number, sequence: number): number {
    const period = periodOf(hash)
    const age = Math.floor((sequence + ((hash >>> 8) % period)) / period)
    const share = mix(this.#seed + 1, price, age) / 4294967296
    return 1 + Math.floor(share * share * this.#typicalSize)
  }

  #hashes(index: number): Uint32Array {
    return new Uint32Array(1 << BLOCK_BITS).map((_, offset) => mix(this.#seed, (index << BLOCK_BITS) + offset))
  }
}

/** Three prices in four have a level. */
export const hasLevel = (hash: number): boolean => hash % 4 !== 0

/** Whether the size changes with this book. */
export const isResized = (hash: number, sequence: number): boolean => {
  const period = periodOf(hash)
  return (sequence + ((hash >>> 8) % period)) % period === 0
}

const periodOf = (hash: number): number => ((hash >>> 4) % BUSY_ONE_IN === 0 ? BUSY_RESIZED_EVERY : RESIZED_EVERY)
