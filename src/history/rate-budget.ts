import type { RateLimit } from '../exchanges/connector.ts'

/**
 * Who asks, most urgent first: what makes a live book right, the newest candles, whether a silent stream is dead or a
 * book wrong, the mending of gaps, the past.
 */
export const lanes = ['snapshot', 'tail', 'inquiry', 'repair', 'backfill'] as const
export type Lane = (typeof lanes)[number]

/**
 * The most of the budget that is kept for a lane against the less urgent ones. Without a share of its own a rare and
 * heavy question never gets its turn: many light requests take each bit of the budget as soon as it is free.
 */
const KEPT_SHARE = { snapshot: 0.3, tail: 0.2, inquiry: 0.05, repair: 0, backfill: 0 } as const satisfies Record<
  Lane,
  number
>

/**
 * A lane keeps no more of its share than twice what it has spent in the busiest of so many windows: on a limit that
 * counts by the minute, the rest would go unused in every one. A lane that has been made to wait keeps all of it, so
 * that it has what it needs within one window.
 */
const REMEMBERED_WINDOWS = 5
const HEADROOM = 2

/** What a lane has needed in one window, by number since 1970: the weight it spent, `Infinity` where it had to wait. */
interface Need {
  readonly window: number
  readonly weight: number
}

/** Weight spent at a time, ms. */
export interface Spent {
  readonly at: number
  readonly weight: number
}

/** A window's spendings are kept in so many pieces: what is restored is late by a fiftieth of it at most. */
const SNAPSHOT_SLICES = 50

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
  readonly #needs = new Map<Lane, readonly Need[]>()

  constructor(limit: RateLimit, share: number) {
    this.name = limit.name
    this.windowMs = limit.windowMs
    this.allowance = Math.max(1, Math.floor(limit.limit * share))
  }

  /** What has been spent lately, in few enough pieces to be kept; each as late as it can have been. */
  snapshot(now: number): Spent[] {
    this.#forget(now)
    const sliceMs = this.windowMs / SNAPSHOT_SLICES
    const slices = new Map<number, Spent>()
    for (const { at, weight } of this.#spendings) {
      const slice = Math.floor(at / sliceMs)
      slices.set(slice, { at, weight: (slices.get(slice)?.weight ?? 0) + weight })
    }
    return [...slices.values()]
  }

  /** Takes up what an earlier instance had spent, so that an eviction does not earn a second allowance. */
  restore(spent: readonly Spent[]): void {
    for (const { at, weight } of spent) {
      this.#spendings.push({ at, lane: 'backfill', weight })
      this.#used += weight
    }
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
    const available = this.allowance - this.#keptFor(lane, now)
    const isTooHeavy = weight > this.allowance && this.#spendings.length === 0
    if (this.#used + weight <= available || isTooHeavy) {
      this.#spendings.push({ at: now, lane, weight })
      this.#used += weight
      this.#remember(lane, weight, now)
      return 0
    }
    this.#remember(lane, Number.POSITIVE_INFINITY, now)
    let excess = this.#used + weight - available
    for (const spending of this.#spendings) {
      excess -= spending.weight
      if (excess <= 0) return spending.at + this.windowMs - now
    }
    return this.windowMs
  }

  /** What more urgent lanes have kept for them and not yet spent. */
  #keptFor(lane: Lane, now: number): number {
    let kept = 0
    for (const urgent of lanes) {
      if (urgent === lane) break
      const share = Math.min(KEPT_SHARE[urgent] * this.allowance, HEADROOM * this.#busiestWindow(urgent, now))
      if (share > 0) kept += Math.max(0, share - this.#usedBy(urgent))
    }
    return kept
  }

  #busiestWindow(lane: Lane, now: number): number {
    const oldest = this.#windowOf(now) - REMEMBERED_WINDOWS
    return (this.#needs.get(lane) ?? []).reduce(
      (most, need) => (need.window < oldest ? most : Math.max(most, need.weight)),
      0,
    )
  }

  #remember(lane: Lane, weight: number, now: number): void {
    const window = this.#windowOf(now)
    const earlier = (this.#needs.get(lane) ?? []).filter((need) => need.window >= window - REMEMBERED_WINDOWS)
    const last = earlier.at(-1)
    if (last?.window === window) earlier[earlier.length - 1] = { window, weight: last.weight + weight }
    else earlier.push({ window, weight })
    this.#needs.set(lane, earlier)
  }

  #windowOf(now: number): number {
    return Math.floor(now / this.windowMs)
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
