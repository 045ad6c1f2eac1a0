import { z } from 'zod'
import type { Candle } from '../domain/candle.ts'
import { type Decimal, parseDecimal } from '../domain/decimal.ts'
import { AppError } from '../domain/errors.ts'
import type { FundingRate } from '../domain/funding.ts'
import type { InstrumentKind } from '../domain/instrument.ts'
import type { BookSnapshot } from '../domain/order-book.ts'
import type { Ticker } from '../domain/ticker.ts'
import type { Trade } from '../domain/trade.ts'
import type { InstrumentPage } from './connector.ts'
import type { CandleRead, PriceCandle } from './decode-candles.ts'

/**
 * How one exchange's bodies read, whoever asked for them: the connector's calls decode through these, and so does
 * `npm run decode`. They take what the exchange sends at any of its paths for the same thing (one record or a list,
 * aggregate trades or single ones). Each throws AppError `malformed_response` where the body is none of them.
 */
export interface RestDecoders {
  instruments(body: string): InstrumentPage
  /** @param kind decides where one column means two things: OKX counts swaps in contracts */
  candles(body: string, kind: InstrumentKind): CandleRead<Candle>
  /** Mark and index price candles, which have no volume. */
  priceCandles?(body: string): CandleRead<PriceCandle>
  /** Newest last, like all lists here. */
  trades(body: string): readonly Row<Trade>[]
  tickers(body: string): readonly Row<Ticker>[]
  orderBook(body: string): BookSnapshot
  fundingRates?(body: string): readonly Row<FundingRate>[]
  /** Whether an instrument's trades and books are counted in contracts; absent where none is. `null`: not named. */
  countsContracts?(exchangeSymbol: string | null, kind: InstrumentKind): boolean
  /** The exchange's symbol for two assets. */
  spell(base: string, quote: string, kind: InstrumentKind): string
  /** The reverse, where a symbol says by itself what it is: `BTC-USDT-SWAP` does, `BTCUSDT` does not. */
  readSymbol?(exchangeSymbol: string): { base: string; quote: string; kind: InstrumentKind } | undefined
}

/** A record of a list that could not be read, in the place where it stood. */
export interface BadRow {
  readonly malformed: string
  readonly raw: string
}

export type Row<T> = T | BadRow

export function isBadRow(row: object): row is BadRow {
  return 'malformed' in row
}

export function malformed(what: string, why: string, cause?: unknown): AppError {
  return new AppError('malformed_response', `${what}: ${why}`, { cause })
}

/** A JSON number that a double may not hold exactly: one with a fraction, an exponent or more than 15 digits. */
const INEXACT_NUMBER = /[[:,]\s*-?(?:\d+[.eE]|\d{16})/
const ANY_NUMBER = /-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?/g

/**
 * The JSON value of a body. Whatever number is left in it is an exact integer: where one is not, all arrive as their
 * source text.
 * @throws AppError `malformed_response`: HTML, a truncated body, an empty one
 */
export function parseJson(body: string, what: string): unknown {
  try {
    if (!INEXACT_NUMBER.test(body)) return JSON.parse(body)
    // In a body without strings every number can be quoted before parsing, four times as fast as a reviver.
    if (!body.includes('"')) return JSON.parse(body.replace(ANY_NUMBER, '"$&"'))
    return JSON.parse(body, keepSource)
  } catch (cause) {
    throw malformed(what, /^\s*</.test(body) ? 'a page instead of JSON' : 'not JSON, or cut off', cause)
  }
}

/** https://developer.mozilla.org/en-US/docs/Web/JavaScript/Reference/Global_Objects/JSON/parse#context */
function keepSource(_key: string, value: unknown, ...[context]: readonly unknown[]): unknown {
  return typeof value === 'number' && isRecord(context) ? context['source'] : value
}

/**
 * The value, of the shape that is expected.
 * @param what names the body in the error: `binance trades`
 * @throws AppError `malformed_response`, whose detail says which field is wrong first
 */
export function validate<T>(schema: z.ZodType<T>, value: unknown, what: string): T {
  const result = schema.safeParse(value)
  if (!result.success) throw malformed(what, firstIssue(result.error))
  return result.data
}

/** Each record by itself, so that one that is wrong does not hide the others. */
export function readRows<T extends object>(
  records: readonly unknown[],
  schemaOf: (record: unknown) => z.ZodType<T>,
): Row<T>[] {
  return records.map((record) => {
    const result = schemaOf(record).safeParse(record)
    return result.success ? result.data : { malformed: firstIssue(result.error), raw: rawText(record) }
  })
}

/** @throws AppError `malformed_response` about the first bad row: for callers to whom a hole is worse than nothing */
export function allSound<T extends object>(rows: readonly Row<T>[], what: string): T[] {
  return rows.map((row) => {
    if (isBadRow(row)) throw malformed(what, row.malformed)
    return row
  })
}

/** The first thing that is wrong, with the path of its field. */
export function firstIssue(error: z.ZodError): string {
  const [issue] = error.issues
  if (issue === undefined) return 'invalid'
  const path = issue.path.map(String).join('.')
  return path === '' ? issue.message : `${path}: ${issue.message}`
}

const MAX_RAW_LENGTH = 2_000

/** A record as text, for quarantine and messages: cut where it is long. */
export function rawText(record: unknown): string {
  try {
    return String(JSON.stringify(record)).slice(0, MAX_RAW_LENGTH)
  } catch {
    return 'nested too deeply to be shown'
  }
}

export function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

/** The newest millisecond that a `Date` can hold. */
const MAX_TIME = 8_640_000_000_000_000

/** A time in ms (or any count) from an integer or its text; `undefined` for anything else. */
export function readTime(cell: unknown): number | undefined {
  const value = typeof cell === 'string' && /^\d{1,16}$/.test(cell) ? Number(cell) : cell
  return typeof value === 'number' && Number.isInteger(value) && value >= 0 && value <= MAX_TIME ? value : undefined
}

/** A decimal from its text; from a number only where that is an exact integer (see {@link parseJson}). */
export function readDecimal(cell: unknown): Decimal | undefined {
  if (typeof cell === 'string') return parseDecimal(cell)
  return Number.isSafeInteger(cell) ? parseDecimal(String(cell)) : undefined
}

export const decimalField = z.unknown().transform((value, context): Decimal => {
  const parsed = readDecimal(value)
  if (parsed !== undefined) return parsed
  context.addIssue({ code: 'custom', message: 'not a decimal' })
  return z.NEVER
})

export const timeField = z.unknown().transform((value, context): number => {
  const parsed = readTime(value)
  if (parsed !== undefined) return parsed
  context.addIssue({ code: 'custom', message: 'not a time in milliseconds' })
  return z.NEVER
})

/** Ids and counters, which some exchanges send as numbers. Kept as text: some exceed 2^53. */
export const idField = z.union([z.string().min(1), z.int().transform(String)])

/** Absent, `null` and `""` all mean that the exchange does not say. */
export function optional<T>(field: z.ZodType<T>): z.ZodType<T | null> {
  return z.preprocess((value) => (value === undefined || value === '' ? null : value), field.nullable())
}

/** `true` and `"true"`: record lists that passed through other tools carry the latter. */
export const flagField = z.union([z.boolean(), z.stringbool({ truthy: ['true'], falsy: ['false'] })])

/** `buy` or `sell` in any case. */
export const sideField = z
  .string()
  .toLowerCase()
  .pipe(z.enum(['buy', 'sell']))
