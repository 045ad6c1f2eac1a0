import type { FundingEvent, FundingValues } from '../domain/event.ts'
import { wholeFunding } from '../domain/whole-values.ts'
import type { LatestValues } from './latest.ts'
import { isOlder, type Stamp } from './latest-stamp.ts'

const members = ['rate', 'nextFundingTime', 'markPrice', 'indexPrice'] as const satisfies (keyof FundingValues)[]
type Member = (typeof members)[number]

/** What brings some of the members; `null` where it is not known. */
export type Source = object | null

/**
 * Funding as it stands. On some exchanges its members come by streams of their own, each with its own clock: every one is
 * as new as it was when it was last said itself, and a newer mark price keeps out no rate.
 */
export class LatestFunding {
  #newest: LatestValues<FundingValues> | null = null
  readonly #stamps = new Map<Member, Stamp & { readonly source: Source }>()

  /** With the newest of the times of its members; `null` before the first event. */
  get newest(): LatestValues<FundingValues> | null {
    return this.#newest
  }

  /** @returns whether anything of it was taken: not what is older than what stands */
  receive(event: FundingEvent, receivedTime: number, source: Source): boolean {
    const stamp = { exchangeTime: event.exchangeTime, sequence: null, receivedTime, source }
    const values: { -readonly [Name in Member]?: FundingValues[Name] } = { ...event.values }
    for (const name of members) {
      if (!(name in values)) continue
      if (isOlder(stamp, this.#stamps.get(name) ?? null)) delete values[name]
      else this.#stamps.set(name, stamp)
    }
    if (Object.keys(values).length === 0) return false
    const whole = wholeFunding(this.#newest?.values ?? null, { ...event, values })
    this.#newest = { values: whole, exchangeTime: this.#newestTime(event.exchangeTime), receivedTime }
    return true
  }

  /** What these have brought is not known to be right any more, nor what may be theirs. */
  forget(sources: ReadonlySet<Source>): void {
    for (const [name, { source }] of this.#stamps) {
      if (source !== null && !sources.has(source)) continue
      this.#stamps.delete(name)
      if (this.#newest !== null) this.#newest = { ...this.#newest, values: { ...this.#newest.values, [name]: null } }
    }
    if (this.#stamps.size === 0) this.#newest = null
  }

  #newestTime(exchangeTime: number | null): number | null {
    if (exchangeTime === null) return null
    return Math.max(...[...this.#stamps.values()].map((stamp) => stamp.exchangeTime ?? exchangeTime))
  }
}
