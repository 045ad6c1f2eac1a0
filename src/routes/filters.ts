import type { SymbolQuery } from '../domain/instrument.ts'
import { exchangeNames } from '../exchanges/registry.ts'
import type { AppContext } from './context.ts'
import { checkExchange, findInstrument } from './params.ts'

/** Which exchanges a list is about, and which symbol on them; `null` is any. */
export interface InstrumentFilter {
  readonly exchanges: readonly string[]
  readonly symbol: string | null
}

/**
 * The exchange that a list is narrowed to, or all: ours and those that users have registered.
 *
 * @throws AppError `unknown_exchange`
 */
export async function listedExchanges(c: AppContext, exchange: string | undefined): Promise<readonly string[]> {
  if (exchange === undefined) return [...exchangeNames, ...(await c.var.catalog.ownExchanges())]
  await checkExchange(c, exchange)
  return [exchange]
}

/**
 * A symbol of a list may have any of its forms; those that name their exchange narrow the list to it.
 *
 * @throws AppError `unknown_exchange`; `unknown_instrument` for a name that only an exchange can resolve, and does not
 */
export async function resolveFilter(
  c: AppContext,
  { exchange, symbol }: { readonly exchange?: string | undefined; readonly symbol?: SymbolQuery | undefined },
): Promise<InstrumentFilter> {
  const exchanges = await listedExchanges(c, exchange)
  if (symbol === undefined) return { exchanges, symbol: null }
  if (symbol.by === 'symbol') return { exchanges, symbol: symbol.symbol }
  const named = exchanges.find((name) => name === symbol.exchange) ?? exchanges[0] ?? 'binance'
  const { instrument } = await findInstrument(c, named, symbol)
  return { exchanges: [instrument.exchange], symbol: instrument.symbol }
}
