import type { Window } from '../domain/interval.ts'
import {
  decodeTrades,
  encodeTrades,
  type StoredTrade,
  sliceTrades,
  type TradeChunk,
  type TradeGap,
  type TradeSpan,
} from '../domain/trade-chunk.ts'
import type { Direction } from './candles.ts'
import type { Reader } from './sessions.ts'

const MINUTE_MS = 60_000
/** D1 binds at most 100 values a statement. https://developers.cloudflare.com/d1/platform/limits/ */
const MAX_PARAMETERS = 100
const CHUNK_COLUMNS = 11
/** What one statement takes of gaps or spans as JSON: a bound value may hold 2 MB. */
const ROWS_PER_JSON = 5_000
/** The most gaps, and the most spans, that an answer reads. */
const MAX_MARKS = 1_000

type ChunkRow = readonly (number | string | Uint8Array)[]

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

async function chunkRows({ instrumentId, minute, epoch, part, trades }: TradeChunk): Promise<ChunkRow[]> {
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

export interface TradeQuery {
  readonly instrumentId: number
  readonly window: Window
  readonly direction: Direction
  /** The fewest trades to be read, where there are so many. */
  readonly limit: number
}

export interface StoredTrades {
  /** Each once; ascending by exchange time, epoch and number. */
  readonly trades: readonly StoredTrade[]
  /** Of the query, or the part of it that was read: whole minutes, from the edge that the direction begins at. */
  readonly window: Window
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
  const { instrumentId, window, direction, limit } = query
  const edge = floorToMinute(direction === 'forward' ? window.start : window.end - 1)
  const from = floorToMinute(window.start)
  const [chunks, gaps, spans] = await db.batch<DataRow | TradeGap | Window>([
    db.prepare(chunksSql(direction)).bind(instrumentId, from, window.end, edge, limit),
    db.prepare(GAPS).bind(instrumentId, window.start, window.end, MAX_MARKS),
    db.prepare(SPANS).bind(instrumentId, window.start, window.end, MAX_MARKS),
  ])
  const rows = (chunks?.results ?? []).filter((row): row is DataRow => 'data' in row)
  const all = await Promise.all(rows.map(({ data }) => decodeTrades(Uint8Array.from(data))))
  // Rows come by epoch and number within a minute: a stable sort by time keeps that order.
  const byId = new Map(all.flat().map((trade) => [trade.id, trade]))
  const isInside = ({ exchangeTime }: StoredTrade) => exchangeTime >= window.start && exchangeTime < window.end
  const reached = rows.length === 0 || rows[0]?.isLast === 1 ? undefined : edgeOf(rows, direction)
  return {
    trades: [...byId.values()].filter(isInside).sort((a, b) => a.exchangeTime - b.exchangeTime),
    window: reached === undefined ? window : { ...window, ...reached },
    gaps: (gaps?.results ?? []).filter((row): row is TradeGap => 'reason' in row),
    heard: (spans?.results ?? []).filter((row): row is Window => 'start' in row),
  }
}

interface DataRow {
  readonly minute: number
  readonly data: readonly number[]
  /** Whether no minute of the window was left out. */
  readonly isLast: number
}

function edgeOf(rows: readonly DataRow[], direction: Direction): Partial<Window> {
  const minutes = rows.map(({ minute }) => minute)
  return direction === 'forward' ? { end: Math.max(...minutes) + MINUTE_MS } : { start: Math.min(...minutes) }
}

function floorToMinute(time: number): number {
  return Math.floor(time / MINUTE_MS) * MINUTE_MS
}

/** Minutes are counted up from the edge, which counts for nothing itself: the page may begin anywhere in it. */
function chunksSql(direction: Direction): string {
  const order = direction === 'forward' ? '' : 'DESC'
  return `
WITH minutes AS (
  SELECT minute, sum(count) AS trades FROM trade_chunks
  WHERE instrument_id = ?1 AND minute >= ?2 AND minute < ?3 GROUP BY minute
),
counted AS (
  SELECT minute, sum(CASE minute WHEN ?4 THEN 0 ELSE trades END) OVER (ORDER BY minute ${order}) AS through,
    CASE minute WHEN ?4 THEN 0 ELSE trades END AS own
  FROM minutes
),
reached AS MATERIALIZED (SELECT minute FROM counted WHERE through - own <= ?5)
SELECT minute, data, (SELECT count(*) FROM reached) = (SELECT count(*) FROM minutes) AS isLast
FROM trade_chunks WHERE instrument_id = ?1 AND minute IN (SELECT minute FROM reached)
ORDER BY minute, epoch, part, slice`
}

const OVERLAPPING = 'instrument_id = ?1 AND from_time < ?3 AND to_time > ?2 ORDER BY from_time LIMIT ?4'
const GAPS = `SELECT from_time AS [from], to_time AS [to], reason FROM trade_gaps WHERE ${OVERLAPPING}`
const SPANS = `SELECT from_time AS start, to_time AS end FROM trade_spans WHERE ${OVERLAPPING}`
