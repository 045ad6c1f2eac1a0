/** Trade ids as the exchanges spell them, out of the tape's plain count. */

import type { Instrument } from './catalogue.ts'
import { mix } from './random.ts'

/**
 * Binance, OKX and Coinbase count; Bybit has 19 digits on spot and a UUID on derivatives.
 * https://bybit-exchange.github.io/docs/v5/market/recent-trade
 */
export const exchangeTradeId = (instrument: Instrument, id: number): string => {
  if (instrument.exchange !== 'bybit') return String(id)
  if (instrument.kind === 'spot') return `229${String(id).padStart(16, '0')}`
  const digits = [0, 1, 2, 3].map((part) => mix(instrument.index, id, part).toString(16).padStart(8, '0')).join('')
  return `${digits.slice(0, 8)}-${digits.slice(8, 12)}-5${digits.slice(13, 16)}-8${digits.slice(17, 20)}-${digits.slice(20)}`
}
