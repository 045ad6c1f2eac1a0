/** Reading the parameters of Binance's endpoints, refusing as they do, and spelling their numbers. */

import { futuresPriceDecimals } from './binance-records.ts'
import type { Instrument, Kind } from './catalogue.ts'
import { decimalText, spell, wideDigits } from './decimal-text.ts'
import type { ExchangeState } from './exchange-state.ts'
import type { IntervalName } from './intervals.ts'
import { json, Refusal, type Target } from './protocol.ts'

/** Kline intervals; `1s` of the real spot API is left out. */
// biome-ignore format: one line reads best
export const BINANCE_INTERVALS: readonly IntervalName[] = ['1m', '3m', '5m', '15m', '30m', '1h', '2h', '4h', '6h', '8h', '12h', '1d', '3d', '1w', '1M']
const SPOT_SYMBOL = /^[\p{L}\p{N}\-._]{1,50}$/u

export interface Call {
  readonly state: ExchangeState
  readonly kind: Kind
  readonly query: URLSearchParams
  readonly target: Target
}

export const binanceError = (code: number, msg: string, status = 400): Refusal =>
  new Refusal(json({ code, msg }, status))

const SPOT_DECIMALS = { price: 8, size: 8, quote: 8 }

/** How many decimals a market spells: padded on both, to eight on spot. */
export const decimalsOf = (instrument: Instrument): { price: number; size: number; quote: number } => {
  if (instrument.kind === 'spot') return SPOT_DECIMALS
  const price = futuresPriceDecimals(instrument)
  return { price, size: instrument.sizeScale, quote: price + instrument.sizeScale }
}

export const priceText = (instrument: Instrument, ticks: number): string =>
  decimalText(ticks, instrument.priceScale, decimalsOf(instrument).price)
export const sizeText = (instrument: Instrument, lots: number): string =>
  decimalText(lots, instrument.sizeScale, decimalsOf(instrument).size)
export const quoteText = (instrument: Instrument, high: number, low: number): string =>
  spell(wideDigits(high, low), instrument.priceScale + instrument.sizeScale, decimalsOf(instrument).quote)

export const required = (query: URLSearchParams, name: string): string => {
  const text = query.get(name)
  if (!text) throw binanceError(-1102, `Mandatory parameter '${name}' was not sent, was empty/null, or malformed.`)
  return text
}

export const wholeNumber = (query: URLSearchParams, name: string): number | undefined => {
  const text = query.get(name)
  if (text === null) return undefined
  if (text === '') throw binanceError(-1105, `Parameter '${name}' was empty.`)
  if (!/^\d{1,20}$/.test(text)) {
    throw binanceError(-1100, `Illegal characters found in parameter '${name}'; legal range is '^[0-9]{1,20}$'.`)
  }
  return Number(text)
}

/** Spot serves its maximum to whoever asks for more; USD-M refuses. */
export const limitOf = ({ query, kind }: Call, fallback: number, maximum: number): number => {
  const limit = wholeNumber(query, 'limit') ?? fallback
  if (limit === 0 || (limit > maximum && kind === 'perpetual')) {
    throw binanceError(-1130, "Data sent for parameter 'limit' is not valid.")
  }
  return Math.min(limit, maximum)
}

export const instrumentOf = ({ state, kind, query }: Call): Instrument => {
  const symbol = required(query, 'symbol')
  if (kind === 'spot' && (!SPOT_SYMBOL.test(symbol) || /[a-z]/.test(symbol))) {
    throw binanceError(
      -1100,
      "Illegal characters found in parameter 'symbol'; legal range is '^[\\w\\-._&&[^a-z]]{1,50}$'.",
    )
  }
  const instrument = state.listings.find(kind, symbol, state.now())
  if (!instrument) throw binanceError(-1121, 'Invalid symbol.')
  return instrument
}
