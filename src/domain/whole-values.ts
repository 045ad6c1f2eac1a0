import type {
  BboEvent,
  FundingEvent,
  FundingValues,
  OpenInterestEvent,
  OpenInterestValues,
  TickerEvent,
  TickerValues,
} from './event.ts'
import type { Level } from './order-book.ts'

/**
 * What an exchange sends in parts, made whole: some tickers only say what has changed, and a funding rate and its mark
 * price come apart. What no event has said yet is `null`. `known`: as it stood; `null` before the first event.
 */

export interface BboValues {
  /** `null`: that side is empty, or was never sent. */
  readonly bid: Level | null
  readonly ask: Level | null
}

const NO_TICKER: TickerValues = { last: null, open: null, high: null, low: null, volume: null, quoteVolume: null }
const NO_FUNDING: FundingValues = { rate: null, nextFundingTime: null, markPrice: null, indexPrice: null }
const NO_OPEN_INTEREST: OpenInterestValues = { openInterest: null, value: null }
const NO_BBO: BboValues = { bid: null, ask: null }

export function wholeTicker(known: TickerValues | null, { values }: TickerEvent): TickerValues {
  return { ...(known ?? NO_TICKER), ...values }
}

export function wholeFunding(known: FundingValues | null, { values }: FundingEvent): FundingValues {
  return { ...(known ?? NO_FUNDING), ...values }
}

export function wholeOpenInterest(known: OpenInterestValues | null, { values }: OpenInterestEvent): OpenInterestValues {
  return { ...(known ?? NO_OPEN_INTEREST), ...values }
}

/** An absent side stands as it was, `null` empties it. */
export function wholeBbo(known: BboValues | null, event: BboEvent): BboValues {
  const { bid, ask } = known ?? NO_BBO
  return { bid: event.bid === undefined ? bid : event.bid, ask: event.ask === undefined ? ask : event.ask }
}
