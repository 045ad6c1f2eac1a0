import type { FlushPace } from './flush-pace.ts'

/**
 * The rounds in which clients are served: each is cut into slices, one a call, and begins when something waits and is due,
 * or when a client is to be looked at. Times are ms by the caller's clock.
 */
export class FlushRounds<Client> {
  readonly #clients: Iterable<Client>
  readonly #pace: FlushPace
  #hasPending = false
  #sweepAt = Number.POSITIVE_INFINITY
  /** What waits was there before it was due. */
  #hasWaited = false
  /** Who is still to be served in the round under way; `null` between rounds. */
  #round: Iterator<Client> | null = null

  constructor(clients: Iterable<Client>, pace: FlushPace) {
    this.#clients = clients
    this.#pace = pace
  }

  /** Something waits for the next round. */
  expect(): void {
    this.#hasPending = true
  }

  /** A client is to be served then, should nothing come before. */
  wakeBy(at: number): void {
    this.#sweepAt = Math.min(this.#sweepAt, at)
  }

  get isWaiting(): boolean {
    return this.#hasPending || this.isMidRound
  }

  /** Whether a round has begun that the next {@link serve} goes on with. */
  get isMidRound(): boolean {
    return this.#round !== null
  }

  /** What waits is not due yet: whoever is told so has waited. */
  putOff(): void {
    if (this.#hasPending && !this.isMidRound) this.#hasWaited = true
  }

  /** When the next slice is due; `Infinity` while there is nothing to do. */
  get wakeAt(): number {
    if (this.isMidRound) return this.#pace.dueAt
    return this.#hasPending ? Math.min(this.#pace.dueAt, this.#sweepAt) : this.#sweepAt
  }

  /** Serves as many clients as a slice has room for. @returns whether the round has ended */
  serve(now: number, serveOne: (client: Client) => void): boolean {
    this.#round ??= this.#begin(now)
    for (let next = this.#round.next(); !next.done; next = this.#round.next()) {
      serveOne(next.value)
      if (!this.#pace.isSliceFull) continue
      this.#pace.pause(now)
      return false
    }
    this.#round = null
    this.#pace.end()
    return true
  }

  #begin(now: number): Iterator<Client> {
    this.#hasPending = false
    this.#sweepAt = Number.POSITIVE_INFINITY
    this.#pace.begin(now, this.#hasWaited)
    this.#hasWaited = false
    return this.#clients[Symbol.iterator]()
  }
}
