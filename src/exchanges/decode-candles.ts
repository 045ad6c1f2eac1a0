import type { BadCandle, Candle } from '../domain/candle.ts'
import { type Decimal, parseDecimal } from '../domain/decimal.ts'
import { malformed, parseJson, rawText, readDecimal } from './decode.ts'

/** A candle of prices that nobody trades at (mark, index): without volume. */
export interface PriceCandle extends Omit<Candle, 'volume'> {
  readonly volume: null
}

/** A page of candles as read: where the body names its instrument, so does the page. */
export interface CandleRead<T> {
  readonly exchangeSymbol: string | null
  readonly candles: readonly T[]
  readonly bad: readonly BadCandle[]
}

/** How an exchange lays out its candles. Written by hand instead of as a schema: a backfill reads millions of rows. */
export interface CandleLayout<T> {
  /** The rows of a parsed body, `undefined` where it has none: an array in its envelope. */
  rows(body: unknown): readonly unknown[] | undefined
  /** The instrument, where the envelope names it. */
  symbol?(body: unknown): string | null
  /** ms UTC from the first column. */
  openTime(cell: unknown): number | undefined
  /** `undefined` where a column is missing or is not what it should be. */
  candle(row: readonly unknown[], openTime: number, readPrice: CellReader): T | undefined
  readonly order: 'oldest-first' | 'newest-first'
  /** Whether prices are sent as JSON strings or as JSON numbers. */
  readonly prices: 'text' | 'number'
}

/** Reads a price or a volume. */
export type CellReader = (cell: unknown) => Decimal | undefined

/**
 * Reads a page of candles, oldest first. A row that is none stands in `bad` and never fails the others.
 * @throws AppError `malformed_response` where the body holds no rows at all
 */
export function readCandles<T>(layout: CandleLayout<T>, body: string, what: string): CandleRead<T> {
  if (layout.prices === 'text') {
    const page = readParsed(layout, parsePlain(body), readText)
    if (page !== undefined && page.bad.length === 0) return page
  }
  const page = readParsed(layout, parseJson(body, what), readDecimal)
  if (page === undefined) throw malformed(what, 'no list of candles')
  return page
}

/**
 * The quick way, for bodies that hold their prices as text: it leaves out the search for numbers that a double would
 * round. `undefined` where it is not JSON.
 */
function parsePlain(body: string): unknown {
  try {
    return JSON.parse(body)
  } catch {
    return undefined
  }
}

function readText(cell: unknown): Decimal | undefined {
  return typeof cell === 'string' ? parseDecimal(cell) : undefined
}

function readParsed<T>(layout: CandleLayout<T>, body: unknown, readPrice: CellReader): CandleRead<T> | undefined {
  const rows = layout.rows(body)
  if (rows === undefined) return undefined
  const candles: T[] = []
  const bad: BadCandle[] = []
  const [first, step] = layout.order === 'oldest-first' ? [0, 1] : [rows.length - 1, -1]
  for (let i = first; i >= 0 && i < rows.length; i += step) {
    const row = rows[i]
    const cells: readonly unknown[] = Array.isArray(row) ? row : []
    const openTime = layout.openTime(cells[0])
    const candle = openTime === undefined ? undefined : layout.candle(cells, openTime, readPrice)
    if (candle === undefined) bad.push({ openTime: openTime ?? null, reason: 'malformed', raw: rawText(row) })
    else candles.push(candle)
  }
  return { exchangeSymbol: layout.symbol?.(body) ?? null, candles, bad }
}
