import { z } from '@hono/zod-openapi'
import { AppError } from '../domain/errors.ts'
import { shown } from '../domain/ingest-fields.ts'
import {
  formatQuery,
  instrumentKinds,
  kindOfSymbol,
  parseAsset,
  parseSymbol,
  type SymbolQuery,
} from '../domain/instrument.ts'
import { intervals } from '../domain/interval.ts'
import { isInSeconds, parseTime } from '../domain/time.ts'
import { connectorFor, type ExchangeName, exchangeNames, isExchangeName } from '../exchanges/registry.ts'
import type { CatalogEntry } from '../store/catalog.ts'
import type { AppContext } from './context.ts'

/** What an exchange may be called, in URLs and bindings. */
export const EXCHANGE = /^[a-z][a-z0-9_]{0,31}$/

/**
 * An exchange of ours or one that a user has registered; {@link findInstrument} and {@link checkExchange} say whether it
 * is, and which there are: of a name that cannot be one as of any other.
 */
export const anyExchangeParam = z
  .string()
  .openapi({ type: 'string', example: 'binance', description: 'As `/v1/exchanges` lists them' })

/** No name of an instrument comes near this, in any script and form. */
const MAX_SYMBOL_LENGTH = 120

export const symbolParam = z
  .string()
  .transform((text, context): SymbolQuery => {
    const query = text.length > MAX_SYMBOL_LENGTH ? undefined : parseSymbol(text)
    if (query !== undefined) return query
    const message = 'must be a symbol such as BTC-USDT, BTC-USDT-PERP, BTC/USDT or cryptopair_binance_btcusdt'
    context.addIssue({ code: 'custom', message })
    return z.NEVER
  })
  .openapi({
    type: 'string',
    example: 'BTC-USDT',
    description:
      '`BTC-USDT` (spot), `BTC-USDT-PERP`; also `BTC/USDT`, `BTC/USDT:USDT` (encoded), `cryptopair_binance_btcusdt`',
  })

export const intervalParam = z
  .string()
  .transform((text, context) => {
    const interval = intervals.find((known) => known === text)
    if (interval !== undefined) return interval
    const message = `must be one of ${intervals.join(', ')}`
    context.addIssue({ code: 'custom', message, params: { code: 'unknown_interval' } })
    return z.NEVER
  })
  .openapi({ type: 'string', enum: [...intervals], example: '1m' })

export const timeParam = z
  .string()
  .transform((text, context) => {
    const time = parseTime(text)
    const areSeconds = isInSeconds(text)
    if (time !== undefined && !areSeconds) return time
    const message = areSeconds
      ? 'must be milliseconds: these look like seconds'
      : 'must be milliseconds since 1970 or ISO 8601 such as 2024-01-31T12:00:00Z, before the year 2100'
    context.addIssue({ code: 'custom', message })
    return z.NEVER
  })
  .openapi({ type: 'string', example: '2024-01-01T00:00:00Z', description: 'Milliseconds UTC or ISO 8601' })

export const kindParam = z.enum(instrumentKinds)

export const assetParam = z
  .string()
  .transform((text, context) => {
    const name = parseAsset(text)
    if (name !== undefined) return name
    context.addIssue({ code: 'custom', message: 'must be the name of an asset, such as BTC: letters, digits, _ and .' })
    return z.NEVER
  })
  .openapi({ type: 'string', example: 'BTC' })

/** Whose word data is: the exchange's own, or what a user has sent under a name. */
export const sourceParam = z.string().regex(/^[a-z0-9_-]{1,32}$/, 'must be the name of a source')

export const booleanParam = z
  .enum(['true', 'false'])
  .transform((text) => text === 'true')
  .openapi({ type: 'boolean' })

/** A page's size: plain digits, from 1 to `max`. */
export function limitParam(initial: number, max: number) {
  return z
    .string()
    .regex(/^\d{1,6}$/, `must be a whole number from 1 to ${max}`)
    .transform(Number)
    .refine((limit) => limit >= 1 && limit <= max, `must be from 1 to ${max}`)
    .default(initial)
    .openapi({ type: 'integer', minimum: 1, maximum: max, default: initial })
}

/** Refuses a window that ends before it starts; for `superRefine`. */
export function checkWindow(
  { start, end }: { readonly start?: number | undefined; readonly end?: number | undefined },
  context: z.RefinementCtx,
): void {
  if (start === undefined || end === undefined || start < end) return
  context.addIssue({ code: 'custom', path: ['end'], message: 'must come after start' })
}

/** @throws AppError `unknown_exchange` for one that is neither ours nor registered */
export async function checkExchange(c: AppContext, exchange: string): Promise<void> {
  if (isExchangeName(exchange)) return
  const own = await c.var.catalog.ownExchanges()
  if (own.includes(exchange)) return
  const message = noSuchExchange(own)
  throw new AppError('unknown_exchange', `exchange: ${message}`, { errors: [{ path: 'exchange', message }] })
}

/** @param own the exchanges that users have registered */
export function noSuchExchange(own: readonly string[]): string {
  return `there is no such exchange; there are ${[...exchangeNames, ...own].join(', ')}`
}

/**
 * The exchange as one whose live data there is.
 *
 * @throws AppError `unknown_exchange`; `unprocessable` for one that a user has registered
 */
export async function liveExchange(c: AppContext, exchange: string): Promise<ExchangeName> {
  if (isExchangeName(exchange)) return exchange
  await checkExchange(c, exchange)
  const message = hasNoLiveData(exchange)
  throw new AppError('unprocessable', `exchange: ${message}`, { errors: [{ path: 'exchange', message }] })
}

/** Of an exchange that a user has registered. */
export function hasNoLiveData(exchange: string): string {
  return `${exchange} has no live data here; ${exchangeNames.join(', ')} have`
}

/**
 * @param path the parameter that named it, for the error
 * @throws AppError `unknown_exchange`, `unknown_instrument`; `no_data` before the first list of instruments
 */
export async function findInstrument(
  c: AppContext,
  exchange: string,
  symbol: SymbolQuery,
  path = 'symbol',
): Promise<CatalogEntry> {
  const isElsewhere = symbol.by === 'joined' && symbol.exchange !== exchange
  const entry = isElsewhere || !EXCHANGE.test(exchange) ? undefined : await c.var.catalog.find(exchange, symbol)
  if (entry !== undefined) return entry
  await checkExchange(c, exchange)
  const message = isElsewhere ? 'names another exchange than the call' : await unknownSymbol(c, [exchange], symbol)
  const isKnown = isElsewhere || (await isListLoaded(c, exchange, symbol))
  const detail = isKnown ? `${path}: ${message}` : message
  throw new AppError(isKnown ? 'unknown_instrument' : 'no_data', detail, { errors: [{ path, message }] })
}

/** Why nothing has been found under a symbol on any of these exchanges, for its field. */
export async function unknownSymbol(c: AppContext, exchanges: readonly string[], symbol: SymbolQuery): Promise<string> {
  for (const exchange of exchanges) if (!(await isListLoaded(c, exchange, symbol))) return notLoadedYet(exchange)
  return notAnInstrument(exchanges, symbol)
}

/** Whether the exchange's own list has been read that a symbol would be in. */
async function isListLoaded(c: AppContext, exchange: string, symbol: SymbolQuery): Promise<boolean> {
  const kind = symbol.by === 'symbol' ? kindOfSymbol(symbol.symbol) : symbol.kind
  const isOffered = connectorFor(exchange)?.rest.baseUrl[kind] !== undefined
  return !isOffered || c.var.catalog.hasListed(exchange, kind)
}

function notLoadedYet(exchange: string): string {
  return `the instruments of ${exchange} have not been loaded yet: see /v1/exchanges/${exchange}/status`
}

function notAnInstrument(exchanges: readonly string[], symbol: SymbolQuery): string {
  const name = formatQuery(symbol)
  const list = exchanges.length === 1 ? `/v1/instruments?exchange=${exchanges[0]}` : '/v1/instruments'
  const message = `${shown(name)} is not an instrument of ${exchanges.join(', ')}: ${list} lists them`
  const isUpperCase = symbol.by === 'joined' || name === name.toUpperCase()
  return isUpperCase ? message : `${message}; symbols are upper case, such as BTC-USDT`
}
