import type { Window } from '../domain/interval.ts'
import { decodeTrades, type StoredTrade } from '../domain/trade-chunk.ts'
import type { Direction } from './candles.ts'

export const MINUTE_MS = 60_000

export interface TradeQuery {
  readonly instrumentId: number
  readonly window: Window
  readonly direction: Direction
  /** The fewest trades to be read, where there are so many. */
  readonly limit: number
}

/** Whole minutes of trades, from the edge of a window that its direction begins at. */
export interface TradePage {
  /** Each once; ascending by exchange time, then as they were written. */
  readonly trades: readonly StoredTrade[]
  /** Of the query, or the part of it that was read. */
  readonly window: Window
}

/** A table of chunks of trades, each of one minute. */
export interface ChunkTable {
  readonly name: string
  /** The condition on its rows; `?1` is the instrument, `?6` and on are its own. */
  readonly where: string
  /** Orders the chunks of a minute: of one trade that stands in several, the last counts. */
  readonly order: string
}

/** A row of {@link chunksSql}. */
export interface ChunkRow {
  readonly minute: number
  readonly data: readonly number[]
  /** Whether no minute of the window was left out. */
  readonly isLast: number
}

export function isChunkRow(row: object): row is ChunkRow {
  return 'data' in row
}

/** The edge, the minute that goes beyond the limit, and one more, which tells that there are more. */
const MORE_MINUTES = 3

/**
 * The chunks of minutes from an edge of a window on, until there are more than `limit` trades in them beyond the first
 * minute. Minutes are counted up from the edge, which counts for nothing itself: the page may begin anywhere in it. Each
 * other holds a trade at least, so that no more of them are looked at than the limit has trades, however long the window is.
 */
export function chunksSql({ name, where, order }: ChunkTable, direction: Direction): string {
  const fromEdge = direction === 'forward' ? 'ORDER BY minute' : 'ORDER BY minute DESC'
  return `
WITH minutes AS (
  SELECT minute, sum(count) AS trades FROM ${name}
  WHERE ${where} AND minute >= ?2 AND minute < ?3 GROUP BY minute ${fromEdge} LIMIT ?5 + ${MORE_MINUTES}
),
counted AS (
  SELECT minute, sum(CASE minute WHEN ?4 THEN 0 ELSE trades END) OVER (${fromEdge}) AS through,
    CASE minute WHEN ?4 THEN 0 ELSE trades END AS own
  FROM minutes
),
reached AS MATERIALIZED (SELECT minute FROM counted WHERE through - own <= ?5)
SELECT minute, data, (SELECT count(*) FROM reached) = (SELECT count(*) FROM minutes) AS isLast
FROM ${name} WHERE ${where} AND minute IN (SELECT minute FROM reached)
ORDER BY minute, ${order}`
}

/** What {@link chunksSql} binds, `?1` to `?5`. */
export function chunksParameters({ instrumentId, window, direction, limit }: TradeQuery): readonly number[] {
  const edge = floorToMinute(direction === 'forward' ? window.start : window.end - 1)
  return [instrumentId, floorToMinute(window.start), window.end, edge, limit]
}

/** @param keyOf what tells one trade from another */
export async function decodePage(
  rows: readonly ChunkRow[],
  { window, direction }: TradeQuery,
  keyOf: (trade: StoredTrade) => string,
): Promise<TradePage> {
  const all = await Promise.all(rows.map(({ data }) => decodeTrades(Uint8Array.from(data))))
  const byKey = new Map(all.flat().map((trade) => [keyOf(trade), trade]))
  const isInside = ({ exchangeTime }: StoredTrade) => exchangeTime >= window.start && exchangeTime < window.end
  const reached = rows.length === 0 || rows[0]?.isLast === 1 ? undefined : edgeOf(rows, direction)
  return {
    // Rows come in their order within a minute: a stable sort by time keeps it.
    trades: [...byKey.values()].filter(isInside).sort((a, b) => a.exchangeTime - b.exchangeTime),
    window: reached === undefined ? window : { ...window, ...reached },
  }
}

export function floorToMinute(time: number): number {
  return Math.floor(time / MINUTE_MS) * MINUTE_MS
}

function edgeOf(rows: readonly ChunkRow[], direction: Direction): Partial<Window> {
  const minutes = rows.map(({ minute }) => minute)
  return direction === 'forward' ? { end: Math.max(...minutes) + MINUTE_MS } : { start: Math.min(...minutes) }
}
