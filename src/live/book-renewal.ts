import { backoffMs } from './backoff.ts'
import type { BookSync } from './book-sync.ts'

/** A book that is short of levels is fetched again no more often than this ... */
const REFRESH_MS = 60_000
/** ... unless fewer than this share of the levels that would do are left to a view: it is about to run out of them. */
const BARE_SHARE = 0.5

/** When a live book is read again because the price leaves the range of its snapshot. */
export class BookRenewal {
  /** In [0, 1). */
  readonly #random: () => number
  #askedAt = Number.NEGATIVE_INFINITY
  /** Renewals in a row that could not wait. */
  #hurried = 0
  /** When the next one that cannot wait may be asked for. */
  #hurryAt = Number.NEGATIVE_INFINITY

  constructor(random: () => number) {
    this.#random = random
  }

  /** A snapshot has been asked for, for whatever reason. */
  asked(now: number): void {
    this.#askedAt = now
  }

  /**
   * Whether it is due; whoever is told so asks for it.
   * @param depths of the views of the book
   */
  take(sync: BookSync, depths: readonly number[], now: number): boolean {
    if (!depths.some((depth) => sync.lacks(depth))) return false
    if (now - this.#askedAt >= REFRESH_MS) {
      this.#hurried = 0
      return true
    }
    // A price that runs on leaves the next snapshot behind as well: later and later, for REST serves other books too.
    if (now < this.#hurryAt || !depths.some((depth) => sync.lacks(depth, BARE_SHARE))) return false
    this.#hurryAt = now + backoffMs(this.#hurried++, this.#random, null)
    return true
  }
}
