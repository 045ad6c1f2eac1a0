/** Trade ids as the exchanges spell them, out of the tape's plain count. */

import type { Instrument } from './catalogue.ts'
import { uuidOf } from './random.ts'

/**
 * Binance, OKX and Coinbase count; Bybit has 19 digits on spot and a UUID on derivatives.
 * https://bybit-exchange.github.io/docs/v5/market/recent-trade
 */
export const exchangeTradeId = (instrument: Instrument, id: number): string => {
  if (instrument.exchange !== 'bybit') return String(id)
  if (instrument.kind === 'spot') return `229${String(id).padStart(16, '0')}`
  return uuidOf(instrument.index, id)
}
