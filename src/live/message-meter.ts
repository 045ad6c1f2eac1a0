import type { MessageLimit } from '../exchanges/stream.ts'

/** Counts messages to an exchange, so that no window of its limits has more of them. Times are ms by our clock. */
export class MessageMeter {
  readonly #limits: readonly MessageLimit[]
  readonly #most: number
  /** When the last ones were sent, oldest first. */
  readonly #sentAt: number[] = []

  constructor(limits: readonly MessageLimit[]) {
    this.#limits = limits
    this.#most = Math.max(0, ...limits.map(({ limit }) => limit))
  }

  /** @param spare so many are left to others */
  maySend(now: number, spare = 0): boolean {
    return this.#limits.every(({ limit, windowMs }) => now - this.sentAt(Math.max(1, limit - spare)) >= windowMs)
  }

  /** When the `n`th message from the last one back was sent; `-Infinity` where there were fewer. */
  sentAt(n: number): number {
    return this.#sentAt[this.#sentAt.length - n] ?? Number.NEGATIVE_INFINITY
  }

  sent(now: number): void {
    this.#sentAt.push(now)
    if (this.#sentAt.length > this.#most) this.#sentAt.shift()
  }
}
