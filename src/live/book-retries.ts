import { backoffMs } from './backoff.ts'

/** A snapshot that is not streamed whatever is done is asked for again less and less often. */
const FIRST_FORGOTTEN_MS = 60_000
const LONGEST_FORGOTTEN_MS = 60 * 60_000

/** When a book that has failed, or has got no snapshot, is tried again. Times are ms. */
export class BookRetries {
  /** In [0, 1). */
  readonly #random: () => number
  /** Fresh starts in a row. */
  #failures = 0
  /** Snapshots in a row that did not do: however often the book has failed, these are waited for on their own account. */
  #refusals = 0
  /** Snapshots in a row that the stream was to bring, and did not. */
  #forgotten = 0
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

  /**
   * The stream has not brought the snapshot that it was asked for.
   *
   * @returns where to ask for it at once: the first time on the same socket, the second time on another one; after that
   * later and later
   */
  forgotten(now: number): 'here' | 'elsewhere' | 'later' {
    this.#forgotten += 1
    if (this.#forgotten === 1) return 'here'
    if (this.#forgotten === 2) return 'elsewhere'
    const pause = Math.min(LONGEST_FORGOTTEN_MS, FIRST_FORGOTTEN_MS * 2 ** (this.#forgotten - 3))
    // Many were forgotten together.
    this.#dueAt = now + pause * (0.5 + 0.5 * this.#random())
    return 'later'
  }

  /** A snapshot has made a book: there is nothing to try again. */
  answered(): void {
    this.#refusals = this.#forgotten = 0
    this.#dueAt = null
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
