import { type Decimal, isNegative, ZERO } from './decimal.ts'
import { type IngestFault, type IngestKind, isFault, type Named } from './ingest.ts'
import { type Fields, isFields, malformed, readDecimal, readNames, unknownField } from './ingest-fields.ts'
import { readOptionalPastTime, readPastTime } from './ingested-time.ts'
import type { Side } from './trade.ts'

/** A trade that a user sends. Times are ms UTC, `size` in base units. */
export interface IngestedTrade extends Named {
  readonly id: string
  readonly price: Decimal
  readonly size: Decimal
  readonly side: Side | null
  readonly exchangeTime: number
  /** `null` where the record does not say. */
  readonly receivedTime: number | null
}

const FIELDS: ReadonlySet<string> = new Set([
  ...['exchange', 'symbol', 'id', 'price', 'size', 'side'],
  ...['exchangeTime', 'receivedTime'],
])

/** Far above what any exchange uses; it stands in cursors, and so in URLs. Control characters have no place there. */
const ID = /^[^\p{Cc}\p{Cs}]{1,128}$/u

const MINUTE_MS = 60_000

/** Trades as users send them. Without an id nothing tells a trade from its repetition: it is refused. */
export const ingestedTrades: IngestKind<IngestedTrade> = {
  name: 'trades',
  read(value, { defaults, now }) {
    if (!isFields(value)) return malformed('', 'must be an object')
    const unknown = unknownField(value, FIELDS)
    if (unknown !== undefined) return unknown
    const names = readNames(value, defaults)
    if (isFault(names)) return names
    const id = readId(value['id'])
    if (typeof id !== 'string') return id
    const price = readPositive(value, 'price')
    if (typeof price !== 'string') return price
    const size = readPositive(value, 'size')
    if (typeof size !== 'string') return size
    const side = value['side'] ?? null
    if (side !== 'buy' && side !== 'sell' && side !== null) {
      return malformed('side', "must be buy or sell (the taker's), or null")
    }
    const exchangeTime = readPastTime(value, 'exchangeTime', now)
    if (typeof exchangeTime !== 'number') return exchangeTime
    const receivedTime = readOptionalPastTime(value, 'receivedTime', now)
    if (typeof receivedTime !== 'number' && receivedTime !== null) return receivedTime
    return { ...names, id, price, size, side, exchangeTime, receivedTime }
  },
  slotOf: tradeSlot,
  isSame: isSameTrade,
}

/** A trade is known by its id within the minute that it happened in: it is found again without an index of all ids. */
export function tradeSlot({ id, exchangeTime }: Pick<IngestedTrade, 'id' | 'exchangeTime'>): string {
  return `${Math.floor(exchangeTime / MINUTE_MS)} ${id}`
}

/** Whether two trades with one id are the same execution. When it was received says nothing: two recorders hear each twice. */
export function isSameTrade(a: Execution, b: Execution): boolean {
  return a.price === b.price && a.size === b.size && a.side === b.side && a.exchangeTime === b.exchangeTime
}

type Execution = Pick<IngestedTrade, 'price' | 'size' | 'side' | 'exchangeTime'>

function readId(value: unknown): string | IngestFault {
  if (value === undefined || value === null || value === '') {
    return { reason: 'missing_id', path: 'id', message: 'a trade without an id cannot be told from its repetition' }
  }
  const id = Number.isSafeInteger(value) ? String(value) : value
  if (typeof id === 'string' && ID.test(id)) return id
  return malformed('id', 'must be text of at most 128 printable characters, or a whole number')
}

function readPositive(fields: Fields, name: string): Decimal | IngestFault {
  const amount = readDecimal(fields[name])
  if (amount === undefined) return malformed(name, 'must be a decimal')
  if (amount === ZERO || isNegative(amount)) {
    return { reason: 'not_positive', path: name, message: 'must be above 0' }
  }
  return amount
}
