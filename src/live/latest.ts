import type {
  BboEvent,
  FundingEvent,
  FundingValues,
  OpenInterestEvent,
  OpenInterestValues,
  TickerEvent,
  TickerValues,
} from '../domain/event.ts'
import { type BboValues, wholeBbo, wholeOpenInterest, wholeTicker } from '../domain/whole-values.ts'
import { LatestFunding, type Source } from './latest-funding.ts'
import { isOlder, type Stamp } from './latest-stamp.ts'

/** Values as they stand, whole: what the exchange never sent is `null`. */
export interface LatestValues<T> {
  readonly values: T
  /** Of the newest event, ms UTC by the exchange's clock; `null` where it carries none. */
  readonly exchangeTime: number | null
  /** Of the newest event, ms by our clock. */
  readonly receivedTime: number
}

type Stamped<T> = LatestValues<T> & Stamp

/** The newest values of one instrument, put together from events that may only say what has changed. */
export class Latest {
  #ticker: Stamped<TickerValues> | null = null
  #bbo: Stamped<BboValues> | null = null
  #openInterest: Stamped<OpenInterestValues> | null = null
  readonly #funding = new LatestFunding()

  /** `null` before the first event of that channel. */
  get ticker(): LatestValues<TickerValues> | null {
    return this.#ticker
  }

  get bbo(): LatestValues<BboValues> | null {
    return this.#bbo
  }

  get funding(): LatestValues<FundingValues> | null {
    return this.#funding.newest
  }

  get openInterest(): LatestValues<OpenInterestValues> | null {
    return this.#openInterest
  }

  /**
   * Takes in what an event says.
   * @param receivedTime ms by our clock
   * @param source what has brought it, where several bring the parts of one channel
   * @returns whether it was taken: not, where it is older than what stands
   */
  receive(
    event: TickerEvent | BboEvent | FundingEvent | OpenInterestEvent,
    receivedTime: number,
    source: Source = null,
  ): boolean {
    if (event.channel === 'funding') return this.#funding.receive(event, receivedTime, source)
    const { exchangeTime } = event
    const sequence = event.channel === 'bbo' ? event.sequence : null
    const stamp = { exchangeTime, sequence, receivedTime }
    if (isOlder(stamp, this.#of(event))) return false
    switch (event.channel) {
      case 'ticker':
        this.#ticker = { values: wholeTicker(this.#ticker?.values ?? null, event), ...stamp }
        break
      case 'open-interest':
        this.#openInterest = { values: wholeOpenInterest(this.#openInterest?.values ?? null, event), ...stamp }
        break
      case 'bbo':
        this.#bbo = { values: wholeBbo(this.#bbo?.values ?? null, event), ...stamp }
        break
    }
    return true
  }

  /**
   * What stands is not known to be right any more.
   * @param sources of funding only what these have brought is meant
   */
  forget(sources: ReadonlySet<Source> = new Set()): void {
    this.#ticker = this.#bbo = this.#openInterest = null
    this.#funding.forget(sources)
  }

  #of({ channel }: TickerEvent | BboEvent | OpenInterestEvent): Stamp | null {
    switch (channel) {
      case 'ticker':
        return this.#ticker
      case 'bbo':
        return this.#bbo
      case 'open-interest':
        return this.#openInterest
    }
  }
}
