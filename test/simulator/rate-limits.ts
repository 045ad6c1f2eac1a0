/** The three ways in which exchanges count: a weight by the calendar, requests in any window, and a bucket of tokens. */

/** A budget that is full again at every whole window of the clock, e.g. each minute. */
export class CalendarBudget {
  readonly #limit: number
  readonly #windowMs: number
  readonly #spent = new Map<string, { window: number; weight: number }>()

  constructor(limit: number, windowMs: number) {
    this.#limit = limit
    this.#windowMs = windowMs
  }

  /** Spends the weight; refused requests count as well. */
  spend(client: string, weight: number, now: number): { used: number; allowed: boolean; retryAfterMs: number } {
    const window = Math.floor(now / this.#windowMs)
    const known = this.#spent.get(client)
    const used = (known?.window === window ? known.weight : 0) + weight
    this.#spent.set(client, { window, weight: used })
    return { used, allowed: used <= this.#limit, retryAfterMs: (window + 1) * this.#windowMs - now }
  }

  clear(): void {
    this.#spent.clear()
  }
}

/** At most so many requests in any window of that length. */
export class SlidingBudget {
  readonly #limit: number
  readonly #windowMs: number
  readonly #times = new Map<string, number[]>()

  constructor(limit: number, windowMs: number) {
    this.#limit = limit
    this.#windowMs = windowMs
  }

  /** Takes a place if there is one; refused requests take none. */
  spend(key: string, now: number): { allowed: boolean; left: number; resetAt: number } {
    const times = this.#times.get(key) ?? []
    this.#times.set(key, times)
    let passed = 0
    while (passed < times.length && (times[passed] ?? 0) <= now - this.#windowMs) passed++
    times.splice(0, passed)
    const allowed = times.length < this.#limit
    if (allowed) times.push(now)
    return { allowed, left: this.#limit - times.length, resetAt: (times[0] ?? now) + this.#windowMs }
  }

  clear(): void {
    this.#times.clear()
  }
}

/** A bucket that holds `burst` tokens and regains `perSecond`. */
export class TokenBucket {
  readonly #perSecond: number
  readonly #burst: number
  readonly #buckets = new Map<string, { tokens: number; at: number }>()

  constructor(perSecond: number, burst: number) {
    this.#perSecond = perSecond
    this.#burst = burst
  }

  spend(client: string, now: number): boolean {
    const bucket = this.#buckets.get(client) ?? { tokens: this.#burst, at: now }
    this.#buckets.set(client, bucket)
    bucket.tokens = Math.min(this.#burst, bucket.tokens + ((now - bucket.at) / 1000) * this.#perSecond)
    bucket.at = now
    if (bucket.tokens < 1) return false
    bucket.tokens -= 1
    return true
  }

  clear(): void {
    this.#buckets.clear()
  }
}

/** Addresses that are shut out until a simulated time. */
export class BanList {
  readonly #until = new Map<string, number>()

  ban(client: string, until: number): void {
    this.#until.set(client, until)
  }

  /** When the ban ends, ms UTC; undefined where there is none. */
  bannedUntil(client: string, now: number): number | undefined {
    const until = this.#until.get(client)
    return until !== undefined && until > now ? until : undefined
  }

  clear(): void {
    this.#until.clear()
  }
}
