import type { Decimal } from './decimal.ts'

export const instrumentKinds = ['spot', 'perpetual'] as const
export type InstrumentKind = (typeof instrumentKinds)[number]

/** What can be traded on one exchange. */
export interface Instrument {
  readonly exchange: string
  readonly kind: InstrumentKind
  /** Ours: `BTC-USDT`, `BTC-USDT-PERP`. */
  readonly symbol: string
  /** Theirs: `BTCUSDT`, `BTC-USDT-SWAP`. */
  readonly exchangeSymbol: string
  readonly base: string
  readonly quote: string
  /** What profit is paid in; `null` on spot. */
  readonly settle: string | null
  /** A perpetual that is margined in its base asset. */
  readonly inverse: boolean
  /** What one contract is worth, in base units (in quote units where inverse); `null` where sizes are sent in base units. */
  readonly contractSize: Decimal | null
  /** The smallest step of prices, and of sizes as the exchange states them. */
  readonly tickSize: Decimal | null
  readonly lotSize: Decimal | null
  readonly active: boolean
  /** ms UTC, where the exchange says so. */
  readonly listedAt: number | null
}

/** A listed instrument that cannot be named or read, as it came. */
export interface RejectedRecord {
  readonly exchangeSymbol: string | null
  readonly reason: string
  readonly raw: string
}

/** 1–32 letters, digits, `_` or `.` of any script: `币安人生` is an asset. */
const ASSET = /^[\p{L}\p{M}\p{N}_.]{1,32}$/u

/** The asset's name in composed form (NFC), or `undefined` where it cannot be one. */
export function parseAsset(text: string): string | undefined {
  const name = text.normalize('NFC')
  return ASSET.test(name) ? name : undefined
}

/** The symbol that this system gives an instrument. */
export function formatSymbol(base: string, quote: string, kind: InstrumentKind): string {
  return kind === 'spot' ? `${base}-${quote}` : `${base}-${quote}-PERP`
}

/** What {@link formatSymbol} was given. */
export function kindOfSymbol(symbol: string): InstrumentKind {
  return symbol.endsWith('-PERP') ? 'perpetual' : 'spot'
}

/** How a caller may name an instrument: by symbol, or by the exchange's own joined spelling in a zvt id. */
export type SymbolQuery =
  | { readonly by: 'symbol'; readonly symbol: string }
  | { readonly by: 'joined'; readonly exchange: string; readonly kind: InstrumentKind; readonly joined: string }

/** The id of zvt by which {@link parseSymbol} knows the instrument: `cryptopair_binance_btcusdt`. */
export function formatZvtId(exchange: string, kind: InstrumentKind, joined: string): string {
  return `${kind === 'spot' ? 'cryptopair' : 'cryptoperp'}_${exchange}_${joined.toLowerCase()}`
}

const OURS = /^([^-/:\s]+)-([^-/:\s]+?)(-PERP)?$/
const CCXT = /^([^-/:\s]+)\/([^-/:\s]+?)(?::([^-/:\s]+))?$/
const ZVT = /^crypto(pair|perp)_([a-z0-9]+)_([^-/:\s]+)$/

/**
 * Reads `BTC-USDT`, `BTC-USDT-PERP`, ccxt's `BTC/USDT` and `BTC/USDT:USDT`, and zvt's `cryptopair_binance_btcusdt`
 * and `cryptoperp_binance_btcusdt`. `undefined` where it is none of them.
 */
export function parseSymbol(text: string): SymbolQuery | undefined {
  const zvt = ZVT.exec(text)
  if (zvt !== null) {
    const [, type = '', exchange = '', joined = ''] = zvt
    const name = parseAsset(joined)
    if (name === undefined) return undefined
    return { by: 'joined', exchange, kind: type === 'pair' ? 'spot' : 'perpetual', joined: name.toUpperCase() }
  }
  const [, first = '', second = '', suffix] = OURS.exec(text) ?? CCXT.exec(text) ?? []
  const base = parseAsset(first)
  const quote = parseAsset(second)
  if (base === undefined || quote === undefined) return undefined
  return { by: 'symbol', symbol: formatSymbol(base, quote, suffix === undefined ? 'spot' : 'perpetual') }
}

/** A name as {@link parseSymbol} would read it again. */
export function formatQuery(query: SymbolQuery): string {
  return query.by === 'symbol' ? query.symbol : formatZvtId(query.exchange, query.kind, query.joined)
}
