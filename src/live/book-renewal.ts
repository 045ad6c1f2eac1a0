import { backoffMs } from './backoff.ts'
import type { BookSync } from './book-sync.ts'
import { SHALLOW_SNAPSHOT_DEPTH, SNAPSHOT_DEPTH, snapshotDepthOf } from './snapshot-depth.ts'

/** A book that is short of levels is fetched again no more often than this ... */
const REFRESH_MS = 60_000
/** ... unless fewer than this share of the levels that would do are left to a view: it is about to run out of them. */
const BARE_SHARE = 0.5

/**
 * Which snapshot a live book needs and when: of REST a deeper one where a deeper view is opened, and another where the
 * price leaves the range of the last. One that is streamed is whole: another is due well before the price leaves what
 * was kept of it. `depths` are those that the book is needed in.
 */
export class BookRenewal {
  readonly #sync: BookSync
  /** In [0, 1). */
  readonly #random: () => number
  /** How many levels a side the newest snapshot was asked to have. */
  #heldDepth: number
  /** The price has left what the newest snapshot knew. */
  #hasRunOut = false
  #askedAt = Number.NEGATIVE_INFINITY
  /** Renewals in a row that could not wait. */
  #hurried = 0
  /** When the next one that cannot wait may be asked for. */
  #hurryAt = Number.NEGATIVE_INFINITY

  constructor(sync: BookSync, random: () => number) {
    this.#sync = sync
    this.#random = random
    this.#heldDepth = sync.isStreamed ? Number.POSITIVE_INFINITY : 0
  }

  /** A snapshot has been asked for, for whatever reason. */
  asked(now: number): void {
    this.#askedAt = now
  }

  /** A snapshot that was asked to have so many levels a side has come. */
  came(depth: number): void {
    this.#heldDepth = depth
    this.#hasRunOut = false
  }

  /** Nothing is left of a side. */
  ranOut(): void {
    this.#hasRunOut = true
  }

  /** How deep a snapshot is due: as the views need, and no shallow one where that did not do. */
  depth(depths: readonly number[]): number {
    const isShallowEnough = !this.#hasRunOut && !this.#sync.lacks(SHALLOW_SNAPSHOT_DEPTH)
    const least = isShallowEnough ? SHALLOW_SNAPSHOT_DEPTH : SNAPSHOT_DEPTH
    return Math.max(least, ...depths.map(snapshotDepthOf))
  }

  /** Whether a view of this depth needs a deeper snapshot than the newest. */
  lacks(depth: number): boolean {
    return this.#isCutOff && this.#heldDepth < snapshotDepthOf(depth)
  }

  /** Whether one is due; whoever is told so asks for it. */
  take(depths: readonly number[], now: number): boolean {
    // A deeper one is asked for at once: that happens no more than twice.
    return this.#isCutOff && (this.#heldDepth < this.depth(depths) || this.#takeShort(depths, now))
  }

  #takeShort(depths: readonly number[], now: number): boolean {
    const isNearEdge = this.#sync.isStreamed && this.#sync.isNearBound
    if (!isNearEdge && !depths.some((depth) => this.#sync.lacks(depth))) return false
    if (now - this.#askedAt >= REFRESH_MS) {
      this.#hurried = 0
      return true
    }
    // A price that runs on leaves the next snapshot behind as well: later and later, for REST serves other books too.
    if (now < this.#hurryAt || !depths.some((depth) => this.#sync.lacks(depth, BARE_SHARE))) return false
    this.#hurryAt = now + backoffMs(this.#hurried++, this.#random, null)
    return true
  }

  /** A live book of which the exchange has more levels. */
  get #isCutOff(): boolean {
    const { state, book } = this.#sync
    return state === 'live' && (book.bids.bound !== null || book.asks.bound !== null)
  }
}
