import { type Decimal, parseDecimal } from '../domain/decimal.ts'
import { AppError } from '../domain/errors.ts'
import type { MarketEvent } from '../domain/event.ts'
import type { BookLevel } from '../domain/order-book.ts'
import type { Side } from '../domain/trade.ts'
import { isRecord, malformed, readTime } from './decode.ts'
import type { StreamFrame } from './stream.ts'

/**
 * How frames of streams are read: hand-written checks where bodies have zod schemas, for a feed reads tens of thousands
 * a second. Readers take a cell and the name of its field, so that the caller's property access stays a plain one, and
 * throw AppError `malformed_response` about it; `decodeFrame` turns that into `invalid`.
 */

/** What a frame may hold before it is known to be anything. */
export type Cells = Readonly<Record<string, unknown>>

/**
 * The JSON of one frame, read by `read`. Never throws: what is not JSON, or what `read` refuses, is `invalid`.
 *
 * No exchange sends its prices as JSON numbers, which a double may not hold: a frame that is refused is read once more
 * with all numbers as their source text, so that one which does is slow but right.
 *
 * @param streamOf the stream that a record which is refused is of, where it says so; may throw
 */
export function decodeFrame(
  frame: string,
  read: (value: unknown) => StreamFrame,
  streamOf: (record: Cells) => string | undefined,
): StreamFrame {
  let value: unknown
  try {
    value = JSON.parse(frame)
  } catch {
    return invalid(/^\s*</.test(frame) ? 'a page instead of JSON' : 'not JSON, or cut off')
  }
  try {
    return read(value)
  } catch (error) {
    if (!(error instanceof AppError)) throw error
    return readExactly(frame, read) ?? { ...invalid(error.detail), ...named(value, streamOf) }
  }
}

function named(value: unknown, streamOf: (record: Cells) => string | undefined): { readonly stream?: string } {
  try {
    const stream = isRecord(value) ? streamOf(value) : undefined
    return stream === undefined ? {} : { stream }
  } catch {
    return {}
  }
}

function readExactly(frame: string, read: (value: unknown) => StreamFrame): StreamFrame | undefined {
  try {
    return read(JSON.parse(frame, keepSource))
  } catch {
    return undefined
  }
}

/** A JSON number as it stood in the frame. */
class NumberText {
  readonly text: string

  constructor(text: string) {
    this.text = text
  }
}

/** https://developer.mozilla.org/en-US/docs/Web/JavaScript/Reference/Global_Objects/JSON/parse#context */
function keepSource(_key: string, value: unknown, ...[context]: readonly unknown[]): unknown {
  if (typeof value !== 'number' || !isRecord(context)) return value
  return new NumberText(String(context['source']))
}

export type DataFrame = Extract<StreamFrame, { readonly kind: 'data' }>

/** @param stream as in `StreamFrame` */
export function data(stream: string | null, events: readonly MarketEvent[]): DataFrame {
  return { kind: 'data', stream, events }
}

export function ignored(reason: string): StreamFrame {
  return { kind: 'ignored', reason }
}

export function invalid(detail: string): Extract<StreamFrame, { readonly kind: 'invalid' }> {
  return { kind: 'invalid', detail }
}

export function textOrNone(cell: unknown): string | undefined {
  return typeof cell === 'string' ? cell : undefined
}

export function needRecord(cell: unknown, field: string): Cells {
  if (!isRecord(cell)) throw malformed(field, 'not a record')
  return cell
}

export function needList(cell: unknown, field: string): readonly unknown[] {
  if (!Array.isArray(cell)) throw malformed(field, 'not a list')
  return cell
}

/** A text that is not empty: symbols and ids. */
export function needText(cell: unknown, field: string): string {
  if (typeof cell !== 'string' || cell === '') throw malformed(field, 'not a text')
  return cell
}

/** A count, an id or a sequence number: a JSON integer that a double holds exactly. */
export function needCounter(cell: unknown, field: string): number {
  const value = typeof cell === 'object' ? readCounterText(cell) : cell
  if (typeof value !== 'number' || !Number.isSafeInteger(value) || value < 0) throw malformed(field, 'not a counter')
  return value
}

/** As {@link needCounter}; `null` where the field is absent. */
export function optionalCounter(cell: unknown, field: string): number | null {
  return cell === undefined || cell === null ? null : needCounter(cell, field)
}

/** A time in ms UTC, as a JSON integer or as its text. */
export function needTime(cell: unknown, field: string): number {
  const time = readTime(typeof cell === 'object' && cell instanceof NumberText ? cell.text : cell)
  if (time === undefined) throw malformed(field, 'not a time in milliseconds')
  return time
}

/** As {@link needTime}; `null` where the field is absent or empty. */
export function optionalTime(cell: unknown, field: string): number | null {
  return isAbsent(cell) ? null : needTime(cell, field)
}

/** The taker's side, or that of an order, in the two spellings of the exchanges. */
export function needSide(cell: unknown, field: string): Side {
  if (cell === 'buy' || cell === 'Buy') return 'buy'
  if (cell === 'sell' || cell === 'Sell') return 'sell'
  throw malformed(field, 'neither buy nor sell')
}

export function needFlag(cell: unknown, field: string): boolean {
  if (typeof cell !== 'boolean') throw malformed(field, 'neither true nor false')
  return cell
}

/** Any decimal: funding rates may be negative. */
export function needDecimal(cell: unknown, field: string): Decimal {
  const value = readDecimalCell(cell)
  if (value === undefined) throw malformed(field, 'not a decimal')
  return value
}

/** As {@link needDecimal}; `null` where the field is absent or empty. */
export function optionalDecimal(cell: unknown, field: string): Decimal | null {
  return isAbsent(cell) ? null : needDecimal(cell, field)
}

/** Looked at by its code: one comparison for each of all the prices and sizes that come in. */
const MINUS = 45

/** A decimal that is not negative: prices, sizes and volumes. */
export function needAmount(cell: unknown, field: string): Decimal {
  const value = readDecimalCell(cell)
  if (value === undefined || value.charCodeAt(0) === MINUS) throw malformed(field, 'not an amount')
  return value
}

/** As {@link needAmount}; `null` where the field is absent or empty. */
export function optionalAmount(cell: unknown, field: string): Decimal | null {
  return isAbsent(cell) ? null : needAmount(cell, field)
}

/**
 * Levels from rows that start with price and size; further columns (order counts and the like) are not looked at.
 * In the order of the frame. A book with a hole is a wrong book: one bad row spoils all.
 */
export function needLevels(cell: unknown, field: string): BookLevel[] {
  const rows = needList(cell, field)
  const levels: BookLevel[] = []
  for (let i = 0; i < rows.length; i++) {
    const row = rows[i]
    if (!Array.isArray(row)) throw malformed(`${field}.${i}`, 'not a level')
    levels.push({ price: needAmount(row[0], field), size: needAmount(row[1], field) })
  }
  return levels
}

function readCounterText(cell: object | null): number | undefined {
  return cell instanceof NumberText && /^\d+$/.test(cell.text) ? Number(cell.text) : undefined
}

function isAbsent(cell: unknown): boolean {
  return cell === undefined || cell === null || cell === ''
}

function readDecimalCell(cell: unknown): Decimal | undefined {
  if (typeof cell === 'string') return parseDecimal(cell)
  return cell instanceof NumberText ? parseDecimal(cell.text) : undefined
}
