import type { RateLimit } from '../exchanges/connector.ts'

/** Who asks, most urgent first: what makes a live book right, the newest candles, the mending of gaps, the past. */
export const lanes = ['snapshot', 'tail', 'repair', 'backfill'] as const
export type Lane = (typeof lanes)[number]

/** Shares of the budget that are kept for a lane against the less urgent ones. */
const KEPT_SHARE = { snapshot: 0.3, tail: 0.2, repair: 0, backfill: 0 } as const satisfies Record<Lane, number>

/**
 * A lane that has asked for nothing for so many windows lends its share: keeping it would only leave the allowance
 * unused. It has it back with its first request, within one window.
 */
const IDLE_WINDOWS = 5

interface Spending {
  readonly at: number
  readonly lane: Lane
  readonly weight: number
}

/**
 * One published limit as a sliding window: in no span of `windowMs` more than the allowance is spent, whatever span
 * the exchange counts by. Times are arguments, ms.
 */
export class RateBudget {
  readonly name: string
  readonly windowMs: number
  /** The most weight in any window: the published limit times the configured share, at least 1. */
  readonly allowance: number
  #spendings: Spending[] = []
  #used = 0
  readonly #lastAsked = new Map<Lane, number>()

  constructor(limit: RateLimit, share: number) {
    this.name = limit.name
    this.windowMs = limit.windowMs
    this.allowance = Math.max(1, Math.floor(limit.limit * share))
  }

  /** Weight spent in the window that ends at `now`. */
  used(now: number): number {
    this.#forget(now)
    return this.#used
  }

  /**
   * Spends `weight` where the lane may, and says how long to wait (ms) where it may not: 0 means that it was spent.
   * A weight above the whole allowance is let through alone, as soon as the window is empty.
   */
  take(lane: Lane, weight: number, now: number): number {
    this.#forget(now)
    this.#lastAsked.set(lane, now)
    const available = this.allowance - this.#keptFor(lane, now)
    const isTooHeavy = weight > this.allowance && this.#spendings.length === 0
    if (this.#used + weight <= available || isTooHeavy) {
      this.#spendings.push({ at: now, lane, weight })
      this.#used += weight
      return 0
    }
    let excess = this.#used + weight - available
    for (const spending of this.#spendings) {
      excess -= spending.weight
      if (excess <= 0) return spending.at + this.windowMs - now
    }
    return this.windowMs
  }

  /** What more urgent lanes that are awake have kept for them and not yet spent. */
  #keptFor(lane: Lane, now: number): number {
    let kept = 0
    for (const urgent of lanes) {
      if (urgent === lane) break
      const lastAsked = this.#lastAsked.get(urgent)
      if (lastAsked === undefined || now - lastAsked > IDLE_WINDOWS * this.windowMs) continue
      kept += Math.max(0, KEPT_SHARE[urgent] * this.allowance - this.#usedBy(urgent))
    }
    return kept
  }

  #usedBy(lane: Lane): number {
    let used = 0
    for (const spending of this.#spendings) if (spending.lane === lane) used += spending.weight
    return used
  }

  #forget(now: number): void {
    let expired = 0
    for (const spending of this.#spendings) {
      if (spending.at + this.windowMs > now) break
      this.#used -= spending.weight
      expired += 1
    }
    if (expired > 0) this.#spendings = this.#spendings.slice(expired)
  }
}
