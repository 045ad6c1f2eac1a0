import { decodeBooks, encodeBooks, type StoredBook, sliceBooks } from '../domain/book-chunk.ts'
import type { BatchMark, InstrumentRecords, Written } from '../domain/ingest.ts'
import { type IngestedBook, isSameBook } from '../domain/ingested-book.ts'
import { type FirstTimeRow, firstTimeIn, firstTimeStatement, type IngestedChannel, writeIngested } from './ingested.ts'
import type { Reader } from './sessions.ts'

const channel: IngestedChannel<IngestedBook, StoredBook> = {
  name: 'book',
  keyOf: ({ exchangeTime }) => exchangeTime,
  isSame: isSameBook,
  reach: ({ exchangeTime }) => [exchangeTime, exchangeTime],
  toStored({ exchangeTime, receivedTime, sequence, bids, asks }, takenIn) {
    return { exchangeTime, receivedTime: receivedTime ?? takenIn, sequence, bids, asks }
  },
  slice: sliceBooks,
  encode: encodeBooks,
  decode: decodeBooks,
}

/** Stores the order books of a batch, those that are new or changed. See {@link writeIngested}. */
export function writeIngestedBooks(
  db: Reader,
  groups: readonly InstrumentRecords<IngestedBook>[],
  mark: BatchMark,
): Promise<Written> {
  return writeIngested(db, channel, groups, mark)
}

/** The order book that stood at a time, as far as users have sent it. */
export interface BookAt {
  /** The newest at or before that time; `undefined` where there is none. */
  readonly book: StoredBook | undefined
  /** ms UTC: the first book of all; `null` where there is none. */
  readonly firstTime: number | null
}

/** @param at ms UTC */
export async function readBookAt(db: Reader, instrumentId: number, source: string, at: number): Promise<BookAt> {
  const [chunks, first] = await db.batch<{ readonly data: readonly number[] } | FirstTimeRow>([
    db.prepare(CHUNKS_BEFORE).bind(instrumentId, source, at),
    firstTimeStatement(db, channel.name, instrumentId, source),
  ])
  let book: StoredBook | undefined
  for (const row of chunks?.results ?? []) {
    if (!('data' in row)) continue
    for (const other of await decodeBooks(Uint8Array.from(row.data))) {
      // Parts come in their order: of two versions of one book the last counts.
      if (other.exchangeTime <= at && other.exchangeTime >= (book?.exchangeTime ?? 0)) book = other
    }
  }
  return { book, firstTime: firstTimeIn(first?.results) }
}

const OWN_ROWS = `instrument_id = ?1 AND channel = 'book' AND source = ?2`

/**
 * Of the newest minute with a book at or before the time: the chunks in which that book can stand. What ends before the
 * time, and before another that does, cannot hold it.
 */
const CHUNKS_BEFORE = `
WITH newest AS MATERIALIZED (
  SELECT minute FROM ingested_chunks WHERE ${OWN_ROWS} AND minute <= ?3 AND first_time <= ?3 ORDER BY minute DESC LIMIT 1
),
ended AS MATERIALIZED (
  SELECT max(last_time) AS last_time FROM ingested_chunks
  WHERE ${OWN_ROWS} AND minute = (SELECT minute FROM newest) AND last_time <= ?3
)
SELECT data FROM ingested_chunks WHERE ${OWN_ROWS} AND minute = (SELECT minute FROM newest) AND first_time <= ?3
AND last_time >= coalesce((SELECT last_time FROM ended), 0)
ORDER BY part, slice`
