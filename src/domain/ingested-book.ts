import { compareDecimals, isNegative, ZERO } from './decimal.ts'
import { type IngestFault, type IngestKind, isFault, type Named } from './ingest.ts'
import { isFields, malformed, readDecimal, readNames, unknownField } from './ingest-fields.ts'
import { readOptionalPastTime, readPastTime } from './ingested-time.ts'
import type { BookLevel } from './order-book.ts'

/** An order book that a user sends: all of it that is known, at one time. Times are ms UTC, sizes in base units. */
export interface IngestedBook extends Named {
  readonly exchangeTime: number
  /** `null` where the record does not say. */
  readonly receivedTime: number | null
  /** The exchange's counter, as text: some exceed 2^53. `null` where the record does not say. */
  readonly sequence: string | null
  /** Strictly descending by price. */
  readonly bids: readonly BookLevel[]
  /** Strictly ascending by price. */
  readonly asks: readonly BookLevel[]
}

/**
 * The most that any of the exchanges gives of a book: Binance, of spot. Bounds the work of a record.
 * https://developers.binance.com/docs/binance-spot-api-docs/rest-api/market-data-endpoints#order-book
 */
export const MAX_LEVELS = 5_000

const FIELDS: ReadonlySet<string> = new Set([
  ...['exchange', 'symbol', 'exchangeTime', 'receivedTime'],
  ...['sequence', 'bids', 'asks'],
])

const SEQUENCE = /^[\w.:-]{1,64}$/

/** Order books as users send them: snapshots, each by itself. One side may be empty, not both. */
export const ingestedBooks: IngestKind<IngestedBook> = {
  name: 'order-books',
  read(value, { defaults, now }) {
    if (!isFields(value)) return malformed('', 'must be an object')
    const unknown = unknownField(value, FIELDS)
    if (unknown !== undefined) return unknown
    const names = readNames(value, defaults)
    if (isFault(names)) return names
    const exchangeTime = readPastTime(value, 'exchangeTime', now)
    if (typeof exchangeTime !== 'number') return exchangeTime
    const receivedTime = readOptionalPastTime(value, 'receivedTime', now)
    if (typeof receivedTime !== 'number' && receivedTime !== null) return receivedTime
    const sequence = readSequence(value['sequence'] ?? null)
    if (typeof sequence !== 'string' && sequence !== null) return sequence
    const bids = readSide(value['bids'], 'bids')
    if (isFault(bids)) return bids
    const asks = readSide(value['asks'], 'asks')
    if (isFault(asks)) return asks
    const fault = bookFault(bids, asks)
    return fault ?? { ...names, exchangeTime, receivedTime, sequence, bids, asks }
  },
  slotOf: ({ exchangeTime }) => exchangeTime,
  isSame: isSameBook,
}

/** Whether two books of one time hold the same, whenever they were received. */
export function isSameBook(a: BookContent, b: BookContent): boolean {
  return a.sequence === b.sequence && isSameSide(a.bids, b.bids) && isSameSide(a.asks, b.asks)
}

type BookContent = Pick<IngestedBook, 'sequence' | 'bids' | 'asks'>

function isSameSide(a: readonly BookLevel[], b: readonly BookLevel[]): boolean {
  return a.length === b.length && a.every(({ price, size }, i) => price === b[i]?.price && size === b[i]?.size)
}

function readSequence(value: unknown): string | null | IngestFault {
  if (value === null) return null
  const sequence = Number.isSafeInteger(value) ? String(value) : value
  if (typeof sequence === 'string' && SEQUENCE.test(sequence)) return sequence
  return malformed('sequence', 'must be a whole number, or its text')
}

function readSide(rows: unknown, side: 'bids' | 'asks'): BookLevel[] | IngestFault {
  if (!Array.isArray(rows)) return malformed(side, 'must be a list of [price, size]')
  if (rows.length > MAX_LEVELS) {
    return { reason: 'too_many_levels', path: side, message: `must have at most ${MAX_LEVELS} levels` }
  }
  const levels: BookLevel[] = []
  for (const [index, row] of rows.entries()) {
    const level = readLevel(row, `${side}[${index}]`)
    if (isFault(level)) return level
    const before = levels.at(-1)
    if (before !== undefined && !isBetter(before, level, side)) {
      const message = side === 'bids' ? 'must be below the bid before' : 'must be above the ask before'
      return { reason: 'out_of_order', path: `${side}[${index}][0]`, message }
    }
    levels.push(level)
  }
  return levels
}

function isBetter(a: BookLevel, b: BookLevel, side: 'bids' | 'asks'): boolean {
  const difference = compareDecimals(a.price, b.price)
  return side === 'bids' ? difference > 0 : difference < 0
}

function readLevel(row: unknown, path: string): BookLevel | IngestFault {
  if (!Array.isArray(row) || row.length !== 2) return malformed(path, 'must be [price, size]')
  const cells: readonly unknown[] = row
  const price = readDecimal(cells[0])
  if (price === undefined) return malformed(`${path}[0]`, 'must be a decimal')
  const size = readDecimal(cells[1])
  if (size === undefined) return malformed(`${path}[1]`, 'must be a decimal')
  if (price === ZERO || isNegative(price)) return notPositive(`${path}[0]`)
  if (size === ZERO || isNegative(size)) return notPositive(`${path}[1]`)
  return { price, size }
}

function notPositive(path: string): IngestFault {
  return { reason: 'not_positive', path, message: 'must be above 0' }
}

/** What is wrong between the sides. */
function bookFault([bid]: readonly BookLevel[], [ask]: readonly BookLevel[]): IngestFault | undefined {
  if (bid === undefined && ask === undefined) {
    return { reason: 'empty_book', path: 'bids', message: 'there must be a level on one side at least' }
  }
  if (bid === undefined || ask === undefined || compareDecimals(bid.price, ask.price) < 0) return undefined
  return { reason: 'crossed', path: 'bids[0][0]', message: 'the best bid must be below the best ask' }
}
