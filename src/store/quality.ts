import { type Interval, isInterval, type Window } from '../domain/interval.ts'
import { slotsSql } from './coverage.ts'
import type { Reader } from './sessions.ts'

/** Which series are asked for; `null` is any. */
export interface QualityFilter {
  readonly exchanges: readonly string[]
  readonly symbol: string | null
  readonly interval: Interval | null
  readonly source: string | null
}

/** A series with what bounds its days. Times are ms UTC. */
export interface QualitySeries {
  readonly id: number
  readonly exchange: string
  readonly symbol: string
  readonly exchangeSymbol: string
  readonly interval: Interval
  readonly source: string
  readonly recordedFrom: number | null
  readonly firstCandleTime: number | null
  readonly verifiedTo: number | null
  readonly validTo: number | null
  readonly coveredFrom: number | null
  readonly coveredTo: number | null
  /** What the checks have been through, and when they last were. */
  readonly checkedFrom: number | null
  readonly checkedTo: number | null
  readonly checkedAt: number | null
}

/**
 * SQL, behind the place in the list: the conditions of a filter, bound from `?2` on. A symbol is looked up: a condition
 * that also holds without one would go through every instrument.
 */
export function conditionsOf({ symbol }: QualityFilter): string {
  return `i.exchange IN (SELECT value FROM json_each(?2)) AND ${symbol === null ? '?3 IS NULL' : 'i.symbol = ?3'}
AND (?4 IS NULL OR s.interval = ?4) AND (?5 IS NULL OR s.source = ?5)`
}

/** In the order of the list: those of one symbol are few and sorted, others are met as they come. */
function seriesSql(filter: QualityFilter): string {
  return `
SELECT s.id, i.exchange, i.symbol, i.exchange_symbol AS exchangeSymbol, s.interval, s.source,
  s.recorded_from AS recordedFrom, s.first_candle_time AS firstCandleTime, s.verified_to AS verifiedTo,
  i.valid_to AS validTo,
  (SELECT min(start_time) FROM coverage WHERE series_id = s.id) AS coveredFrom,
  (SELECT end_time FROM coverage WHERE series_id = s.id ORDER BY start_time DESC LIMIT 1) AS coveredTo,
  k.checked_from AS checkedFrom, k.checked_to AS checkedTo, k.checked_at AS checkedAt
FROM series s ${filter.symbol === null ? 'CROSS' : ''} JOIN instruments i ON i.id = s.instrument_id
LEFT JOIN checked_series k ON k.series_id = s.id
WHERE s.id >= ?1 AND ${conditionsOf(filter)} ORDER BY s.id LIMIT ?6`
}

/** Series of one database in the order of their ids, from `fromId` on. */
export async function readQualitySeries(
  db: Reader,
  filter: QualityFilter,
  fromId: number,
  limit: number,
): Promise<QualitySeries[]> {
  const { exchanges, symbol, interval, source } = filter
  const { results } = await db
    .prepare(seriesSql(filter))
    .bind(fromId, JSON.stringify(exchanges), symbol, interval, source, limit)
    .all<QualitySeries>()
  return results.filter((row) => isInterval(row.interval))
}

/** A part of a series whose slots are counted. */
export interface QualityCell extends Window {
  readonly seriesId: number
  readonly interval: Interval
}

/** How many slots of a cell are what. */
export interface QualityCounts {
  /** Present or confirmed empty, by the cache of ranges that `/v1/coverage` counts too. */
  readonly covered: number
  readonly empty: number
  readonly quarantined: number
  readonly revised: number
  readonly late: number
}

const OPENS_IN_CELL = 'series_id = cells.series_id AND open_time >= cells.start_time AND open_time < cells.end_time'

/** The range in which a cell begins is the first that counts: those before are not looked at. */
const COUNTS = `
WITH cells AS (
  SELECT key, value->>0 AS series_id, value->>1 AS interval, value->>2 AS start_time, value->>3 AS end_time
  FROM json_each(?1)
)
SELECT
  (SELECT ifnull(sum(${slotsSql('max(c.start_time, cells.start_time)', 'min(c.end_time, cells.end_time)', 'cells.interval')}), 0)
    FROM coverage c WHERE c.series_id = cells.series_id AND c.start_time < cells.end_time
    AND c.end_time > cells.start_time AND c.start_time >= ifnull((SELECT max(start_time) FROM coverage
      WHERE series_id = cells.series_id AND start_time <= cells.start_time), 0)) AS covered,
  (SELECT count(*) FROM empty_slots WHERE ${OPENS_IN_CELL}) AS empty,
  (SELECT count(*) FROM gaps WHERE ${OPENS_IN_CELL} AND reason = 'quarantined') AS quarantined,
  (SELECT count(DISTINCT open_time) FROM candle_changes WHERE ${OPENS_IN_CELL}) AS revised,
  (SELECT count(*) FROM late_candles WHERE ${OPENS_IN_CELL}) AS late
FROM cells ORDER BY key`

/** Counts the slots of many cells by one statement: what an answer says is of one moment. In the order of the cells. */
export async function readQualityCounts(db: Reader, cells: readonly QualityCell[]): Promise<QualityCounts[]> {
  if (cells.length === 0) return []
  const rows = cells.map(({ seriesId, interval, start, end }) => [seriesId, interval, start, end])
  const { results } = await db.prepare(COUNTS).bind(JSON.stringify(rows)).all<QualityCounts>()
  return results
}
