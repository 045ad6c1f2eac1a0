import type { BookLevel } from '../domain/order-book.ts'
import { decoders, type ExchangeName } from '../exchanges/registry.ts'
import { staysInContracts } from '../exchanges/resolve.ts'
import type { InstrumentNames, Named } from './instrument-names.ts'

/** One output line, before it is text. */
export type Message = Readonly<Record<string, unknown>> & { readonly type: string }

/** What every message about an instrument begins with. Nothing was received: `receivedTime` is `null`. */
export function envelope(type: string, exchange: string, named: Named, exchangeTime: number | null) {
  const { symbol, exchangeSymbol } = named
  return { type, exchange, symbol, exchangeSymbol, exchangeTime, receivedTime: null }
}

/** Says so where sizes are in contracts: their worth is unknown, or varies with the price. */
export function unitOf(exchange: ExchangeName, names: InstrumentNames, named: Named): { unit?: 'contracts' } {
  const inContracts =
    named.instrument === null
      ? decoders[exchange].countsContracts?.(named.exchangeSymbol, names.kind)
      : staysInContracts(named.instrument)
  return inContracts === true ? { unit: 'contracts' } : {}
}

export function pairOf({ price, size }: BookLevel): readonly [price: string, size: string] {
  return [price, size]
}
