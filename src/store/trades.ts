import type { Window } from '../domain/interval.ts'
import { encodeTrades, sliceTrades, type TradeChunk, type TradeGap, type TradeSpan } from '../domain/trade-chunk.ts'
import type { Reader } from './sessions.ts'
import {
  type ChunkRow,
  type ChunkTable,
  chunksParameters,
  chunksSql,
  decodePage,
  floorToMinute,
  isChunkRow,
  MINUTE_MS,
  type TradePage,
  type TradeQuery,
} from './trade-pages.ts'

/** D1 binds at most 100 values a statement. https://developers.cloudflare.com/d1/platform/limits/ */
const MAX_PARAMETERS = 100
const CHUNK_COLUMNS = 11
/** What one statement takes of gaps or spans as JSON: a bound value may hold 2 MB. */
const ROWS_PER_JSON = 5_000
/** The most gaps, and the most spans, that an answer reads. */
export const MAX_MARKS = 1_000

type ChunkValues = readonly (number | string | Uint8Array)[]

/** The statements that store chunks of trades, their gaps, and the time that was listened to. Repeated, they change nothing. */
export async function tradeStatements(
  db: D1Database,
  chunks: readonly TradeChunk[],
  heard: readonly TradeSpan[],
): Promise<D1PreparedStatement[]> {
  const rows = (await Promise.all(chunks.map(chunkRows))).flat()
  const gaps = chunks.flatMap(({ instrumentId, gaps }) =>
    gaps.map(({ from, to, reason }) => [instrumentId, from, to, reason]),
  )
  const spans = heard.map(({ instrumentId, from, to }) => [instrumentId, from, to])
  const rowsPerStatement = Math.floor(MAX_PARAMETERS / CHUNK_COLUMNS)
  const statements: D1PreparedStatement[] = []
  const insertAll = (sql: string, all: readonly (readonly (number | string)[])[]) => {
    for (let start = 0; start < all.length; start += ROWS_PER_JSON)
      statements.push(db.prepare(sql).bind(JSON.stringify(all.slice(start, start + ROWS_PER_JSON))))
  }
  for (let start = 0; start < rows.length; start += rowsPerStatement) {
    const some = rows.slice(start, start + rowsPerStatement)
    statements.push(db.prepare(upsertChunks(some.length)).bind(...some.flat()))
  }
  insertAll(INSERT_GAPS, gaps)
  insertAll(UPSERT_SPANS, spans)
  return statements
}

async function chunkRows({ instrumentId, minute, epoch, part, trades }: TradeChunk): Promise<ChunkValues[]> {
  return Promise.all(
    sliceTrades(trades).map(async (slice, index) => {
      const times = slice.map(({ exchangeTime }) => exchangeTime)
      const ids = [slice[0]?.id ?? '', slice.at(-1)?.id ?? '']
      const data = await encodeTrades(slice)
      return [
        ...[instrumentId, minute, epoch, part, index, slice.length],
        ...[...ids, Math.min(...times), Math.max(...times), data],
      ]
    }),
  )
}

function upsertChunks(rows: number): string {
  const row = `(${Array.from({ length: CHUNK_COLUMNS }, () => '?').join(', ')})`
  return `
INSERT INTO trade_chunks (instrument_id, minute, epoch, part, slice, count, first_id, last_id, first_time, last_time, data)
VALUES ${Array.from({ length: rows }, () => row).join(', ')}
ON CONFLICT (instrument_id, minute, epoch, part, slice) DO UPDATE SET
  count = excluded.count, first_id = excluded.first_id, last_id = excluded.last_id,
  first_time = excluded.first_time, last_time = excluded.last_time, data = excluded.data`
}

const INSERT_GAPS = `
INSERT INTO trade_gaps (instrument_id, from_time, to_time, reason)
SELECT value->>0, value->>1, value->>2, value->>3 FROM json_each(?1) WHERE true
ON CONFLICT (instrument_id, from_time, to_time) DO NOTHING`

/** One that begins within or right after a stored one lengthens it. */
const UPSERT_SPANS = `
INSERT INTO trade_spans (instrument_id, from_time, to_time)
SELECT value->>0, coalesce((SELECT max(from_time) FROM trade_spans
  WHERE instrument_id = value->>0 AND from_time <= value->>1 AND to_time >= value->>1), value->>1), value->>2
FROM json_each(?1) WHERE true
ON CONFLICT (instrument_id, from_time) DO UPDATE SET to_time = max(to_time, excluded.to_time)`

/** What of an exchange's trades lies before a time goes. At most so many rows each: a statement has 30 seconds. */
export const PRUNE_ROWS = 5_000

/** The statements that delete at most {@link PRUNE_ROWS} chunks, gaps and spans each that end before `before`. */
export function pruneStatements(db: D1Database, exchange: string, before: number): D1PreparedStatement[] {
  return [
    db.prepare(pruneSql('trade_chunks', 'minute, epoch, part, slice', 'minute')).bind(exchange, before - MINUTE_MS),
    db.prepare(pruneSql('trade_gaps', 'from_time, to_time', 'to_time')).bind(exchange, before),
    db.prepare(pruneSql('trade_spans', 'from_time', 'to_time')).bind(exchange, before),
  ]
}

/** By instrument, so that nothing is read but what goes. */
function pruneSql(table: string, key: string, time: string): string {
  return `
DELETE FROM ${table} WHERE (instrument_id, ${key}) IN (
  SELECT instrument_id, ${key} FROM ${table}
  WHERE instrument_id IN (SELECT id FROM instruments WHERE exchange = ?1) AND ${time} <= ?2 LIMIT ${PRUNE_ROWS})`
}

/** The trades of the feed; within a minute, those of a later epoch come last. */
const TRADE_CHUNKS: ChunkTable = {
  name: 'trade_chunks',
  where: 'instrument_id = ?1',
  order: 'epoch, part, slice',
}

export interface StoredTrades extends TradePage {
  /** Those that touch the asked window. */
  readonly gaps: readonly TradeGap[]
  /** Ascending. */
  readonly heard: readonly Window[]
}

/**
 * Trades of the minutes of a window, from its edge on until there are more than `limit` of them beyond the first
 * minute; and what is known of the times without trades.
 */
export async function readTrades(db: Reader, query: TradeQuery): Promise<StoredTrades> {
  const { instrumentId, window, direction } = query
  const [chunks, gaps, spans] = await db.batch<ChunkRow | TradeGap | Window>([
    db.prepare(chunksSql(TRADE_CHUNKS, direction)).bind(...chunksParameters(query)),
    db.prepare(GAPS).bind(instrumentId, window.start, window.end, MAX_MARKS),
    db.prepare(SPANS).bind(instrumentId, window.start, window.end, MAX_MARKS),
  ])
  const read = (gaps?.results ?? []).filter((row): row is TradeGap => 'reason' in row)
  return {
    ...(await decodePage((chunks?.results ?? []).filter(isChunkRow), query, ({ id }) => id)),
    gaps: [...read, ...unreadGaps(read, window)],
    heard: (spans?.results ?? []).filter((row): row is Window => 'start' in row),
  }
}

/** Where there may be more gaps than were read, the rest of the window is one: none is hidden. */
function unreadGaps(read: readonly TradeGap[], { end }: Window): TradeGap[] {
  const last = read.at(-1)
  return last === undefined || read.length < MAX_MARKS ? [] : [{ from: last.from, to: end, reason: 'more_gaps' }]
}

const OVERLAPPING = 'instrument_id = ?1 AND from_time < ?3 AND to_time > ?2 ORDER BY from_time LIMIT ?4'
const GAPS = `SELECT from_time AS [from], to_time AS [to], reason FROM trade_gaps WHERE ${OVERLAPPING}`
const SPANS = `SELECT from_time AS start, to_time AS end FROM trade_spans WHERE ${OVERLAPPING}`

/** How many trades are stored of the minutes that a window touches. */
export async function countTrades(db: Reader, instrumentId: number, { start, end }: Window): Promise<number> {
  const row = await db
    .prepare(COUNT)
    .bind(instrumentId, floorToMinute(start), end)
    .first<{ readonly trades: number | null }>()
  return row?.trades ?? 0
}

const COUNT = 'SELECT sum(count) AS trades FROM trade_chunks WHERE instrument_id = ?1 AND minute >= ?2 AND minute < ?3'
