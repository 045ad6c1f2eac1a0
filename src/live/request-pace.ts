import type { StreamLimits } from '../exchanges/stream.ts'

/** A limit over a window that is at least so long could silence a socket for longer than anybody should wait. */
const LONG_WINDOW_MS = 60_000
/** Under such a limit, what is wanted within so long shares one round of requests. */
const SHARED_MS = 900

/**
 * When the next round of requests may be sent over a socket. Of a limit over a long window half may go in a burst; from
 * then on the other half is spread over the window, so that the socket always has its say soon: what waits shares it.
 */
export class RequestPace {
  readonly #limits: StreamLimits['messages']
  readonly #most: number
  /** When the last requests were sent, oldest first. */
  readonly #sentAt: number[] = []
  #roundAt = Number.NEGATIVE_INFINITY
  /** Requests of the last round. */
  #roundSize = 0

  constructor(limits: StreamLimits['messages']) {
    this.#limits = limits
    this.#most = Math.max(0, ...limits.map(({ limit }) => limit))
  }

  /** A round begins: all that is wanted now may be sent, as far as `maySend` says. */
  begin(now: number): void {
    this.#roundAt = now
    this.#roundSize = 0
  }

  sent(now: number): void {
    this.#roundSize += 1
    this.#sentAt.push(now)
    if (this.#sentAt.length > this.#most) this.#sentAt.shift()
  }

  /** Whether the published limits allow one more request. */
  maySend(now: number): boolean {
    return this.#limits.every(({ limit, windowMs }) => now - this.#nthLast(limit) >= windowMs)
  }

  /** How long the next round has to wait, ms; 0: not at all. */
  waitMs(now: number): number {
    let wait = 0
    for (const { limit, windowMs } of this.#limits) {
      wait = Math.max(wait, this.#nthLast(limit) + windowMs - now)
      if (windowMs >= LONG_WINDOW_MS && this.#roundSize > 0)
        wait = Math.max(wait, this.#roundAt + this.#spacing(limit, windowMs, now) - now)
    }
    return wait
  }

  #spacing(limit: number, windowMs: number, now: number): number {
    const burst = limit >> 1
    const isSpent = now - this.#nthLast(burst) < windowMs
    return isSpent ? (this.#roundSize * windowMs) / (limit - burst) : SHARED_MS
  }

  #nthLast(n: number): number {
    return this.#sentAt[this.#sentAt.length - n] ?? Number.NEGATIVE_INFINITY
  }
}
