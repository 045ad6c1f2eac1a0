/** A client may set up all its subscriptions one by one, and change its mind from time to time. */
const BURST = 300
const PER_SECOND = 20

/** How many commands a client may send: a bucket that holds 300 and gains 20 a second. Times are ms. */
export class CommandLimit {
  #tokens = BURST
  #at: number

  constructor(now: number) {
    this.#at = now
  }

  /** @returns whether so many more are fine */
  take(now: number, commands: number): boolean {
    this.#tokens = Math.min(BURST, this.#tokens + (Math.max(0, now - this.#at) * PER_SECOND) / 1_000)
    this.#at = now
    if (this.#tokens < commands) return false
    this.#tokens -= commands
    return true
  }
}
