/** What the hosts of one simulated exchange share. */

import type { ExchangeName, Instrument } from './catalogue.ts'
import type { Clock } from './clock.ts'
import { FaultBoard } from './faults.ts'
import { Listings } from './listings.ts'
import { Market, type Revision } from './market.ts'

export interface ExchangeStateOptions {
  readonly exchange: ExchangeName
  readonly seed: number
  readonly clock: Clock
  readonly catalogue: readonly Instrument[]
  /** Lifts every rate limit: for benchmarks. */
  readonly unlimited: boolean
}

export class ExchangeState {
  readonly exchange: ExchangeName
  readonly clock: Clock
  readonly market: Market
  readonly listings: Listings
  readonly faults = new FaultBoard()
  /** The sequence numbers of the books with which an instrument's books were numbered anew, ascending. */
  readonly bookRestarts = new Map<Instrument, number[]>()
  limitsEnabled: boolean
  readonly #unlimited: boolean
  #moment: number | undefined

  constructor({ exchange, seed, clock, catalogue, unlimited }: ExchangeStateOptions) {
    this.exchange = exchange
    this.clock = clock
    this.market = new Market(seed)
    this.listings = new Listings(exchange, catalogue)
    this.limitsEnabled = !unlimited
    this.#unlimited = unlimited
  }

  now(): number {
    return this.#moment ?? this.clock.now()
  }

  /**
   * Lets time stand still for the (synchronous) work of one answer. On a clock that runs 600 times as fast, a candle
   * could otherwise be summed up before its end and called closed a real millisecond later.
   */
  atOneMoment<Result>(work: () => Result): Result {
    return this.atMoment(this.clock.now(), work)
  }

  /** The same at any moment, ms UTC: what happened at that time is worked out as it was then. */
  atMoment<Result>(moment: number, work: () => Result): Result {
    const outer = this.#moment
    this.#moment = moment
    try {
      return work()
    } finally {
      this.#moment = outer
    }
  }

  /** Trading of an instrument is visible up to here, ms UTC. */
  until(instrument: Instrument): number {
    return Math.min(this.now(), this.listings.delistedAt(instrument))
  }

  /** To be called when faults were added, cleared or may have expired: the market keeps revised values in its caches. */
  applyRevisions(): void {
    const now = this.now()
    const revisions = this.faults.list(now).flatMap(({ fault }): Revision[] => {
      if (fault.type !== 'revise') return []
      return (['spot', 'perpetual'] as const)
        .filter((kind) => fault.host === undefined || fault.host === kind)
        .flatMap((kind) => this.listings.find(kind, fault.symbol, now) ?? [])
        .map((instrument) => ({ instrument, start: fault.start, end: fault.end }))
    })
    this.market.setRevisions(revisions)
  }

  reset(): void {
    this.faults.clear()
    this.faults.injected.clear()
    this.bookRestarts.clear()
    this.listings.reset()
    this.limitsEnabled = !this.#unlimited
    this.applyRevisions()
  }
}
