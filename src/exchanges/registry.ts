import { binance } from './binance.ts'
import { binanceDecoders } from './binance-decode.ts'
import { bybit } from './bybit.ts'
import { bybitDecoders } from './bybit-decode.ts'
import { coinbase } from './coinbase.ts'
import { coinbaseDecoders } from './coinbase-decode.ts'
import type { ExchangeConnector } from './connector.ts'
import type { RestDecoders } from './decode.ts'
import { okx } from './okx.ts'
import { okxDecoders } from './okx-decode.ts'

/** Every exchange that this system knows. Adding one is a file, a line here and a fixture. */
export const connectors = { binance, okx, bybit, coinbase } as const satisfies Record<string, ExchangeConnector>

export type ExchangeName = keyof typeof connectors

export const exchangeNames: readonly ExchangeName[] = ['binance', 'okx', 'bybit', 'coinbase']

export function isExchangeName(text: string): text is ExchangeName {
  return Object.hasOwn(connectors, text)
}

export function connectorFor(exchange: string): ExchangeConnector | undefined {
  return isExchangeName(exchange) ? connectors[exchange] : undefined
}

/** Where no exchange says otherwise, a candle is final so long after its slot ends, ms. */
const SETTLE_MS = 5_000

/** How long after a slot's end its candle may still change, ms: of an exchange of ours, or one that a user brings. */
export function settleMsOf(exchange: string): number {
  return connectorFor(exchange)?.rest.settleMs ?? SETTLE_MS
}

/** How each exchange's bodies read, for whoever holds a body that no call of ours asked for. */
export const decoders: Readonly<Record<ExchangeName, RestDecoders>> = {
  binance: binanceDecoders,
  okx: okxDecoders,
  bybit: bybitDecoders,
  coinbase: coinbaseDecoders,
}
