import { type Decimal, parseDecimal } from './decimal.ts'
import type { IngestDefaults, IngestFault, Named } from './ingest.ts'
import { isInSeconds, parseTime } from './time.ts'

/** A record as parsed; numbers in it are exact integers, any other stands as its source text. */
export type Fields = Readonly<Record<string, unknown>>

export function isFields(value: unknown): value is Fields {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

export function malformed(path: string, message: string): IngestFault {
  return { reason: 'malformed', path, message }
}

/** A name that is not in `known` is a mistake: ignored, it would be a value that the caller believes to be stored. */
export function unknownField(fields: Fields, known: ReadonlySet<string>): IngestFault | undefined {
  for (const name in fields) if (!known.has(name)) return malformed(shown(name), 'is not a field of this record')
  return undefined
}

const MAX_SHOWN_LENGTH = 60

/** A caller's own word in a message to them, cut where it is long. */
export function shown(text: string): string {
  return text.length > MAX_SHOWN_LENGTH ? `${text.slice(0, MAX_SHOWN_LENGTH)}…` : text
}

/** The record's names, or those that the request gives for all. */
export function readNames(fields: Fields, defaults: IngestDefaults): Named | IngestFault {
  const exchange = fields['exchange'] ?? defaults.exchange
  if (typeof exchange !== 'string') return malformed('exchange', 'must be the name of an exchange')
  const symbol = fields['symbol'] ?? defaults.symbol
  if (typeof symbol !== 'string') return malformed('symbol', 'must be a symbol such as BTC-USDT')
  return { exchange, symbol }
}

/** An exact decimal, sent as text or as a JSON number. */
export function readDecimal(value: unknown): Decimal | undefined {
  if (typeof value === 'string') return parseDecimal(value)
  return Number.isSafeInteger(value) ? parseDecimal(String(value)) : undefined
}

/** ms UTC, as a number or text, or ISO 8601; from 1970 to 2100. What must be seconds is none. */
export function readTime(value: unknown): number | undefined {
  const text = typeof value === 'number' ? String(value) : value
  return typeof text !== 'string' || isInSeconds(text) ? undefined : parseTime(text)
}

const COUNT = /^\d{1,15}$/

/** A whole number from 0, sent as a number, or as text where another number of the record has a fraction. */
export function readCount(value: unknown): number | undefined {
  const count = typeof value === 'string' && COUNT.test(value) ? Number(value) : value
  return typeof count === 'number' && Number.isSafeInteger(count) && count >= 0 ? count : undefined
}
