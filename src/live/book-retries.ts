import { backoffMs } from './backoff.ts'

/** When a book that has failed, or has got no snapshot, is tried again. Times are ms. */
export class BookRetries {
  /** In [0, 1). */
  readonly #random: () => number
  /** Fresh starts in a row. */
  #failures = 0
  /** Snapshots in a row that did not do: however often the book has failed, these are waited for on their own account. */
  #refusals = 0
  #dueAt: number | null = null

  constructor(random: () => number) {
    this.#random = random
  }

  get isWaiting(): boolean {
    return this.#dueAt !== null
  }

  /** The book has failed. @returns whether it starts anew at once: the first time; after that, later and later */
  failed(now: number): boolean {
    if (this.#dueAt !== null) return false
    if (this.#failures++ === 0) return true
    this.#dueAt = now + backoffMs(this.#failures, this.#random, null)
    return false
  }

  /** A snapshot was refused, or was from before what is held. */
  refused(retryAfterMs: number | null, now: number): void {
    this.#dueAt = now + backoffMs(this.#refusals++, this.#random, retryAfterMs)
  }

  /** A snapshot has made a book. */
  answered(): void {
    this.#refusals = 0
  }

  /** The book has stayed right: the next failure is a first one. */
  sound(): void {
    this.#failures = 0
  }

  /** @returns whether to try again now, once */
  takeDue(now: number): boolean {
    if (this.#dueAt === null || now < this.#dueAt) return false
    this.#dueAt = null
    return true
  }

  /** There is nothing to try again. */
  cancel(): void {
    this.#dueAt = null
  }
}
