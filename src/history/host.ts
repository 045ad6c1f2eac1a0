import type { RestOutcome } from '../exchanges/connector.ts'
import type { HostState } from './status.ts'

/** What is known of one host of an exchange. Kept in the object's storage: a ban outlives an eviction. */
export interface HostHealth {
  readonly state: HostState
  /** ms UTC since when, and until when nothing is sent; `null` while it is ok. */
  readonly since: number | null
  readonly until: number | null
  readonly reason: string | null
  /** Failures in a row. */
  readonly failures: number
}

export const HEALTHY: HostHealth = { state: 'ok', since: null, until: null, reason: null, failures: 0 }

/** Delays where the exchange does not say: the first, doubled at each failure in a row, up to the most (ms). */
const BACKOFF = {
  'retry-after': { first: 5_000, most: 5 * 60_000 },
  banned: { first: 10 * 60_000, most: 3 * 24 * 3_600_000 },
  'geo-blocked': { first: 60 * 60_000, most: 24 * 3_600_000 },
  unavailable: { first: 1_000, most: 60_000 },
} as const

/** An answer that did not come, or not in time. */
export interface NoAnswer {
  readonly kind: 'unavailable'
  readonly reason: string
}

/**
 * The state of a host after an answer. `jitter` in [0, 1) spreads the returns of many callers over a fifth of the
 * delay, always later than asked for.
 */
export function nextHostHealth(
  current: HostHealth,
  outcome: RestOutcome | NoAnswer,
  now: number,
  jitter: number,
): HostHealth {
  switch (outcome.kind) {
    case 'ok':
    case 'rejected':
      // A request that was under way when the host was blocked says nothing about the block.
      return current.until === null || current.until > now ? current : HEALTHY
    case 'retry-after':
      return blocked(
        current,
        outcome.retryAfterMs === null ? 'unavailable' : 'retry-after',
        outcome.retryAfterMs,
        outcome.reason,
        now,
        jitter,
      )
    case 'banned-until':
      return blocked(current, 'banned', outcome.banMs, outcome.reason, now, jitter)
    case 'geo-blocked':
      return blocked(current, 'geo-blocked', null, outcome.reason, now, jitter)
    case 'unavailable':
      return blocked(current, 'unavailable', null, outcome.reason, now, jitter)
  }
}

function blocked(
  current: HostHealth,
  state: keyof typeof BACKOFF,
  delayMs: number | null,
  reason: string,
  now: number,
  jitter: number,
): HostHealth {
  const { first, most } = BACKOFF[state]
  // What was under way when the host was blocked may lengthen the block, never shorten it, and is no further failure.
  const isBlocked = current.until !== null && current.until > now
  const failures = isBlocked ? current.failures - 1 : current.failures
  const delay = delayMs ?? Math.min(most, first * 2 ** Math.min(failures, 30))
  const until = Math.ceil(now + delay * (1 + jitter / 5))
  if (isBlocked && current.until >= until) return current
  const since = current.state === state && current.since !== null ? current.since : now
  return { state, since, until, reason, failures: failures + 1 }
}

/**
 * An exchange's clock as its answers show it. A `Date` header is the exchange's time cut to the second, sent before it
 * was received: each is a lower bound, and the highest of the last ones the closest. So a candle is never taken for
 * closed before it is.
 */
export class ExchangeClock {
  /** So few that a clock which was set back is followed soon. */
  static readonly SAMPLES = 20
  readonly #offsets: number[] = []

  /** @param date a `Date` header */
  observe(date: string | null, receivedAt: number): void {
    const time = date === null ? Number.NaN : Date.parse(date)
    if (!Number.isFinite(time)) return
    this.#offsets.push(time - receivedAt)
    if (this.#offsets.length > ExchangeClock.SAMPLES) this.#offsets.shift()
  }

  /** The exchange's time (ms UTC) when ours is `now`; ours where it has not answered yet. */
  at(now: number): number {
    return this.#offsets.length === 0 ? now : now + Math.max(...this.#offsets)
  }
}
