import type {
  BboEvent,
  FundingEvent,
  FundingValues,
  OpenInterestEvent,
  OpenInterestValues,
  TickerEvent,
  TickerValues,
} from '../domain/event.ts'
import { type BboValues, wholeBbo, wholeFunding, wholeOpenInterest, wholeTicker } from '../domain/whole-values.ts'

/**
 * An event older than the newest is left out, as a duplicated frame or a slower socket brings it, but only for so long
 * after the newest: were that one wrong about its time or its counter, nothing would be believed any more.
 */
const LATE_MS = 10_000

/** Values as they stand, whole: what the exchange never sent is `null`. */
export interface LatestValues<T> {
  readonly values: T
  /** Of the newest event, ms UTC by the exchange's clock; `null` where it carries none. */
  readonly exchangeTime: number | null
  /** Of the newest event, ms by our clock. */
  readonly receivedTime: number
}

interface Counted<T> extends LatestValues<T> {
  readonly sequence: number | null
}

/** The newest values of one instrument, put together from events that may only say what has changed. */
export class Latest {
  #ticker: Counted<TickerValues> | null = null
  #bbo: Counted<BboValues> | null = null
  #funding: Counted<FundingValues> | null = null
  #openInterest: Counted<OpenInterestValues> | null = null

  /** `null` before the first event of that channel. */
  get ticker(): LatestValues<TickerValues> | null {
    return this.#ticker
  }

  get bbo(): LatestValues<BboValues> | null {
    return this.#bbo
  }

  get funding(): LatestValues<FundingValues> | null {
    return this.#funding
  }

  get openInterest(): LatestValues<OpenInterestValues> | null {
    return this.#openInterest
  }

  /**
   * Takes in what an event says.
   * @param receivedTime ms by our clock
   * @returns whether it was taken: not, where it is older than what stands
   */
  receive(event: TickerEvent | BboEvent | FundingEvent | OpenInterestEvent, receivedTime: number): boolean {
    const { exchangeTime } = event
    const sequence = event.channel === 'bbo' ? event.sequence : null
    const stamp = { exchangeTime, sequence, receivedTime }
    // The parts of funding come by streams of their own, each with its own clock.
    if (event.channel !== 'funding' && isOlder(stamp, this.#of(event))) return false
    switch (event.channel) {
      case 'ticker':
        this.#ticker = { values: wholeTicker(this.#ticker?.values ?? null, event), ...stamp }
        break
      case 'funding':
        this.#funding = { values: wholeFunding(this.#funding?.values ?? null, event), ...stamp }
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

  /** What stands is not known to be right any more. */
  forget(): void {
    this.#ticker = this.#bbo = this.#funding = this.#openInterest = null
  }

  #of({ channel }: TickerEvent | BboEvent | OpenInterestEvent): Counted<unknown> | null {
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

type Stamp = Omit<Counted<unknown>, 'values'>

function isOlder(stamp: Stamp, newest: Stamp | null): boolean {
  if (newest === null || stamp.receivedTime - newest.receivedTime > LATE_MS) return false
  if (stamp.exchangeTime !== null && newest.exchangeTime !== null && stamp.exchangeTime !== newest.exchangeTime)
    return stamp.exchangeTime < newest.exchangeTime
  return stamp.sequence !== null && newest.sequence !== null && stamp.sequence < newest.sequence
}
