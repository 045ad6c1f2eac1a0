import type { Interval } from './interval.ts'

/** What every record of a user's names, in the spelling that it was sent with. */
export interface Named {
  readonly exchange: string
  readonly symbol: string
}

/** What records may leave out: what they do not name, the request names for all of them. */
export interface IngestDefaults {
  readonly exchange?: string | undefined
  readonly symbol?: string | undefined
  readonly interval?: Interval | undefined
}

/** All that a record is judged by beside itself. */
export interface ReadContext {
  readonly defaults: IngestDefaults
  /** ms UTC: what has not ended by then is refused. */
  readonly now: number
  /** How long after a slot's end its candle may still change, ms. */
  readonly settleMsOf: (exchange: string) => number
}

/** Why a record is refused. */
export interface IngestFault {
  /** A stable word in snake_case: `malformed`, `not_closed`. */
  readonly reason: string
  /** The field that is wrong: `openTime`, `bids[3][0]`; empty where it is the record as a whole. */
  readonly path: string
  /** For the caller. */
  readonly message: string
}

/** One kind of records that users send: how it is read and told apart. Pure. */
export interface IngestKind<R extends Named> {
  readonly name: 'candles' | 'trades' | 'order-books'
  /** @param value parsed JSON in which every number that is no exact integer stands as its source text */
  read(value: unknown, context: ReadContext): R | IngestFault
  /** Two records of one instrument with one slot are about the same thing: two different ones cannot both be right. */
  slotOf(record: R): string | number
  /** Whether two records with one slot say the same. */
  isSame(a: R, b: R): boolean
}

export function isFault(reading: object): reading is IngestFault {
  return 'reason' in reading
}

/** The records of one batch for one instrument: sound, one a slot. */
export interface InstrumentRecords<R> {
  readonly instrumentId: number
  readonly records: readonly R[]
}

/** Of one batch, whatever it holds. */
export interface BatchMark {
  /** The source that the data is kept under. */
  readonly source: string
  /** Unique. */
  readonly batchId: string
  /** When it was taken in, ms UTC. */
  readonly receivedTime: number
}

/** How many records of a batch were new, stored as they are already, or another version of what is stored. */
export interface Written {
  readonly accepted: number
  readonly unchanged: number
  readonly revised: number
}
