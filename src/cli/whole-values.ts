import type { BboEvent, FundingEvent, FundingValues, TickerEvent, TickerValues } from '../domain/event.ts'
import type { Level } from '../domain/order-book.ts'

interface Bbo {
  readonly bid: Level | null
  readonly ask: Level | null
}

const noTicker: TickerValues = { last: null, open: null, high: null, low: null, volume: null, quoteVolume: null }
const noFunding: FundingValues = { rate: null, nextFundingTime: null, markPrice: null, indexPrice: null }
const noBbo: Bbo = { bid: null, ask: null }

/**
 * What an exchange sends in parts, made whole: some tickers only say what has changed, and a funding rate and its mark
 * price come apart. By instrument; what no frame has said yet is `null`.
 */
export class WholeValues {
  readonly #tickers = new Map<string, TickerValues>()
  readonly #bbos = new Map<string, Bbo>()
  readonly #fundings = new Map<string, FundingValues>()

  ticker({ exchangeSymbol, values }: TickerEvent): TickerValues {
    return merge(this.#tickers, exchangeSymbol, noTicker, values)
  }

  funding({ exchangeSymbol, values }: FundingEvent): FundingValues {
    return merge(this.#fundings, exchangeSymbol, noFunding, values)
  }

  bbo({ exchangeSymbol, bid, ask }: BboEvent): Bbo {
    const said = { ...(bid === undefined ? {} : { bid }), ...(ask === undefined ? {} : { ask }) }
    return merge(this.#bbos, exchangeSymbol, noBbo, said)
  }
}

function merge<T extends object>(known: Map<string, T>, exchangeSymbol: string, nothing: T, said: Partial<T>): T {
  const whole = { ...(known.get(exchangeSymbol) ?? nothing), ...said }
  known.set(exchangeSymbol, whole)
  return whole
}
