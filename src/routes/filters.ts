import type { SymbolQuery } from '../domain/instrument.ts'
import { type ExchangeName, exchangeNames } from '../exchanges/registry.ts'
import type { AppContext } from './context.ts'
import { findInstrument } from './params.ts'

/** Which exchanges a list is about, and which symbol on them; `null` is any. */
export interface InstrumentFilter {
  readonly exchanges: readonly string[]
  readonly symbol: string | null
}

/**
 * A symbol of a list may have any of its forms; those that name their exchange narrow the list to it.
 *
 * @throws AppError `unknown_instrument` for a name that only an exchange can resolve, and does not
 */
export async function resolveFilter(
  c: AppContext,
  { exchange, symbol }: { readonly exchange?: ExchangeName | undefined; readonly symbol?: SymbolQuery | undefined },
): Promise<InstrumentFilter> {
  const exchanges = exchange === undefined ? exchangeNames : [exchange]
  if (symbol === undefined) return { exchanges, symbol: null }
  if (symbol.by === 'symbol') return { exchanges, symbol: symbol.symbol }
  const named = exchanges.find((name) => name === symbol.exchange) ?? exchanges[0] ?? 'binance'
  const { instrument } = await findInstrument(c, named, symbol)
  return { exchanges: [instrument.exchange], symbol: instrument.symbol }
}
