import type { StreamLimits } from '../exchanges/stream.ts'
import { MessageMeter } from './message-meter.ts'

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
  readonly #meter: MessageMeter
  #roundAt = Number.NEGATIVE_INFINITY
  /** Requests of the last round. */
  #roundSize = 0

  constructor(limits: StreamLimits['messages']) {
    this.#limits = limits
    this.#meter = new MessageMeter(limits)
  }

  /** A round begins: all that is wanted now may be sent, as far as `maySend` says. */
  begin(now: number): void {
    this.#roundAt = now
    this.#roundSize = 0
  }

  sent(now: number): void {
    this.#roundSize += 1
    this.#meter.sent(now)
  }

  /** Whether the published limits allow one more request. */
  maySend(now: number): boolean {
    return this.#meter.maySend(now)
  }

  /** How long the next round has to wait, ms; 0: not at all. */
  waitMs(now: number): number {
    let wait = 0
    for (const { limit, windowMs } of this.#limits) {
      wait = Math.max(wait, this.#meter.sentAt(limit) + windowMs - now)
      if (windowMs >= LONG_WINDOW_MS && this.#roundSize > 0)
        wait = Math.max(wait, this.#roundAt + this.#spacing(limit, windowMs, now) - now)
    }
    return wait
  }

  #spacing(limit: number, windowMs: number, now: number): number {
    const burst = limit >> 1
    const isSpent = now - this.#meter.sentAt(burst) < windowMs
    return isSpent ? (this.#roundSize * windowMs) / (limit - burst) : SHARED_MS
  }
}
