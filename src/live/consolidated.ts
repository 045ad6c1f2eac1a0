import {
  addDecimals,
  compareDecimals,
  type Decimal,
  decimal,
  isNegative,
  multiplyDecimals,
  subtractDecimals,
  toNumber,
} from '../domain/decimal.ts'
import type { BookLevel } from '../domain/order-book.ts'
import { percentOf } from '../domain/percent.ts'
import type { StreamErrorCode } from '../domain/stream-command.ts'
import { CROSSED, SILENT } from './book-reasons.ts'

/**
 * A book that was last heard this long ago is left out, ms: nobody should trade on it. The feeds find out much sooner
 * that a stream is silent while the exchange has newer data; this is for what nothing can be said of.
 */
export const DEFAULT_MAX_AGE_MS = 30_000

/** The best levels of one book, as last heard. Times are ms UTC; sizes in base units. */
export interface ExchangeBbo {
  readonly exchange: string
  readonly symbol: string
  readonly exchangeSymbol: string | null
  /** `null`: nothing is offered on that side. */
  readonly bid: BookLevel | null
  readonly ask: BookLevel | null
  readonly exchangeTime: number | null
  readonly receivedTime: number
  readonly ageMs: number
}

export const leftOutReasons = ['not_listed', 'unreachable', 'unsynced', 'crossed', 'stale', 'empty'] as const
export type LeftOutReason = (typeof leftOutReasons)[number]

/** A book that does not count, and why. */
export interface LeftOut {
  readonly exchange: string
  readonly symbol: string
  readonly reason: LeftOutReason
  /** Safe for clients. */
  readonly detail: string
}

/** What is known of one book: its best levels, or why it does not count. */
export type BookReading = ExchangeBbo | LeftOut

export interface ExchangeLevel extends BookLevel {
  readonly exchange: string
  readonly symbol: string
}

/** The best bid and offer of each exchange, and the best across them. */
export interface ConsolidatedBbo {
  readonly bid: ExchangeLevel | null
  readonly ask: ExchangeLevel | null
  /** Halfway between the two, exact; `null` where a side is missing. */
  readonly mid: Decimal | null
  /** `ask - bid`, exact: negative where the books of two exchanges cross each other. */
  readonly spread: Decimal | null
  /** Of the mid, rounded down as {@link percentOf} does. */
  readonly spreadPercent: Decimal | null
  /** Whether the best bid is above the best ask: only two exchanges together can be so. */
  readonly crossed: boolean
  readonly exchanges: readonly ExchangeBbo[]
  readonly leftOut: readonly LeftOut[]
}

/**
 * Those that may be traded on, and those that may not, each with its reason. Where several symbols count as one, an
 * exchange lacks it that lists none of them: it is named once.
 */
export function sortOut(readings: readonly BookReading[], maxAgeMs: number) {
  const exchanges: ExchangeBbo[] = []
  const leftOut: LeftOut[] = []
  const named = new Set(readings.filter((reading) => !isNotListed(reading)).map(({ exchange }) => exchange))
  for (const reading of readings) {
    if (isNotListed(reading) && named.has(reading.exchange)) continue
    named.add(reading.exchange)
    const reason = 'reason' in reading ? reading : judge(reading, maxAgeMs)
    if (reason !== null) leftOut.push(reason)
    else if (!('reason' in reading)) exchanges.push(reading)
  }
  return { exchanges, leftOut }
}

function isNotListed(reading: BookReading): boolean {
  return 'reason' in reading && reading.reason === 'not_listed'
}

export function consolidate(readings: readonly BookReading[], maxAgeMs: number): ConsolidatedBbo {
  const { exchanges, leftOut } = sortOut(readings, maxAgeMs)
  const bid = best(exchanges, 'bid')
  const ask = best(exchanges, 'ask')
  if (bid === null || ask === null) {
    return { bid, ask, mid: null, spread: null, spreadPercent: null, crossed: false, exchanges, leftOut }
  }
  const mid = multiplyDecimals(addDecimals(bid.price, ask.price), HALF)
  const spread = subtractDecimals(ask.price, bid.price)
  const spreadPercent = percentOf(spread, mid)
  return { bid, ask, mid, spread, spreadPercent, crossed: isNegative(spread), exchanges, leftOut }
}

const HALF = decimal('0.5')

/** Of equal prices the first. */
function best(books: readonly ExchangeBbo[], side: 'bid' | 'ask'): ExchangeLevel | null {
  let found: ExchangeLevel | null = null
  for (const { exchange, symbol, [side]: level } of books) {
    if (level === null) continue
    const difference = found === null ? 1 : compareDecimals(level.price, found.price)
    if (found === null || (side === 'bid' ? difference > 0 : difference < 0)) found = { exchange, symbol, ...level }
  }
  return found
}

function judge({ exchange, symbol, bid, ask, ageMs }: ExchangeBbo, maxAgeMs: number): LeftOut | null {
  const out = (reason: LeftOutReason, detail: string) => ({ exchange, symbol, reason, detail })
  if (bid === null && ask === null) return out('empty', 'nothing is offered')
  if ([bid, ask].some((level) => level !== null && toNumber(level.price) <= 0)) {
    return out('empty', 'a price is not above zero')
  }
  if (bid !== null && ask !== null && compareDecimals(bid.price, ask.price) >= 0) {
    return out('crossed', `its bid ${bid.price} is not below its ask ${ask.price}`)
  }
  return ageMs > maxAgeMs ? out('stale', `last heard ${ageMs} ms ago, more than ${maxAgeMs}`) : null
}

/** What the refusal of a feed means for its book. */
export function refusedBook(exchange: string, symbol: string, code: StreamErrorCode, detail: string): LeftOut {
  switch (code) {
    case 'unknown_instrument':
      return { exchange, symbol, reason: 'not_listed', detail }
    case 'not_in_sync':
    case 'no_data':
      return { exchange, symbol, reason: reasonOf(detail), detail }
    default:
      return { exchange, symbol, reason: 'unreachable', detail }
  }
}

/** What a feed says of a book that is void. */
export function reasonOf(detail: string): LeftOutReason {
  if (detail.endsWith(CROSSED)) return 'crossed'
  return detail.endsWith(SILENT) ? 'stale' : 'unsynced'
}
