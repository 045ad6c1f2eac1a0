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

/** What the frames of one run have said so far of each instrument, whole. */
export class WholeValues {
  readonly #tickers = new Map<string, TickerValues>()
  readonly #bbos = new Map<string, BboValues>()
  readonly #fundings = new Map<string, FundingValues>()
  readonly #openInterests = new Map<string, OpenInterestValues>()

  ticker(event: TickerEvent): TickerValues {
    return update(this.#tickers, event, wholeTicker)
  }

  funding(event: FundingEvent): FundingValues {
    return update(this.#fundings, event, wholeFunding)
  }

  openInterest(event: OpenInterestEvent): OpenInterestValues {
    return update(this.#openInterests, event, wholeOpenInterest)
  }

  bbo(event: BboEvent): BboValues {
    return update(this.#bbos, event, wholeBbo)
  }
}

function update<T, E extends { readonly exchangeSymbol: string }>(
  known: Map<string, T>,
  event: E,
  whole: (known: T | null, event: E) => T,
): T {
  const values = whole(known.get(event.exchangeSymbol) ?? null, event)
  known.set(event.exchangeSymbol, values)
  return values
}
