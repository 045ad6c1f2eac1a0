import type { Interval, Window } from '../domain/interval.ts'
import { parseWindow, splitList } from './marks.ts'
import type { Reader } from './sessions.ts'

/** A slot that was asked for in vain. Times are ms UTC. */
export interface GapRow {
  readonly seriesId: number
  readonly openTime: number
  readonly reason: 'absent' | 'quarantined'
  readonly firstSeen: number
  readonly attempts: number
  readonly nextAttemptAt: number
  readonly lastError: string | null
}

/** A record that was refused, as it came. */
export interface QuarantineRow {
  readonly seriesId: number
  /** -1 where the record's time could not be read. */
  readonly openTime: number
  readonly reason: string
  readonly raw: string
  readonly firstSeen: number
  readonly lastSeen: number
  readonly timesSeen: number
}

/** A series as the list of gaps needs it. */
export interface GapSeries {
  readonly id: number
  readonly exchange: string
  readonly symbol: string
  readonly exchangeSymbol: string
  readonly interval: Interval
  readonly recordedFrom: number | null
  readonly firstCandleTime: number | null
  readonly validTo: number | null
  readonly failures: number
  readonly lastError: string | null
  readonly nextAttemptAt: number
  /** Of backfills that are neither cancelled nor finished; may overlap. */
  readonly backfills: readonly Window[]
}

export interface GapFilter {
  readonly exchanges: readonly string[]
  readonly symbol: string | null
  readonly interval: Interval | null
}

const SERIES = `
SELECT s.id, i.exchange, i.symbol, i.exchange_symbol AS exchangeSymbol, s.interval, s.recorded_from AS recordedFrom,
  s.first_candle_time AS firstCandleTime, i.valid_to AS validTo, s.failures, s.last_error AS lastError,
  s.next_attempt_at AS nextAttemptAt,
  (SELECT group_concat(start_time || ',' || end_time, ';') FROM backfill_windows
    WHERE series_id = s.id AND cancelled_at IS NULL AND finished_at IS NULL) AS backfills
FROM series s JOIN instruments i ON i.id = s.instrument_id
WHERE s.id >= ?1 AND s.source = 'exchange' AND i.exchange IN (SELECT value FROM json_each(?2))
AND (?3 IS NULL OR i.symbol = ?3) AND (?4 IS NULL OR s.interval = ?4)
ORDER BY s.id LIMIT ?5`

/** Series of one database that may have gaps, in the order of their ids, from `fromId` on. */
export async function readGapSeries(
  db: Reader,
  filter: GapFilter,
  fromId: number,
  limit: number,
): Promise<GapSeries[]> {
  const { results } = await db
    .prepare(SERIES)
    .bind(fromId, JSON.stringify(filter.exchanges), filter.symbol, filter.interval, limit)
    .all<Omit<GapSeries, 'backfills'> & { readonly backfills: string | null }>()
  return results.map((row) => ({ ...row, backfills: splitList(row.backfills).map(parseWindow) }))
}

/** A part of a series: all of what `window` holds. */
export interface SeriesWindow extends Window {
  readonly seriesId: number
}

export interface Holes {
  /** Not covered, by series and time; clipped to the windows asked for. */
  readonly holes: readonly SeriesWindow[]
  /** By series and time. */
  readonly gaps: readonly GapRow[]
  readonly quarantine: readonly QuarantineRow[]
}

type HoleRow = SeriesWindow | GapRow | QuarantineRow

/**
 * What several series lack: the holes in the windows that are wanted of them, every slot that was asked for in vain,
 * and the refused records. Each list has at most `limit` rows.
 *
 * @param wanted disjoint for each series
 * @param after only what lies at or after this time, in the first series
 */
export async function readHoles(
  db: Reader,
  wanted: readonly SeriesWindow[],
  seriesIds: readonly number[],
  after: { readonly seriesId: number; readonly time: number },
  limit: number,
): Promise<Holes> {
  const ids = JSON.stringify(seriesIds)
  const windows = JSON.stringify(wanted.map(({ seriesId, start, end }) => [seriesId, start, end]))
  const [holes, gaps, quarantine] = await db.batch<HoleRow>([
    db.prepare(HOLES).bind(windows, limit),
    db.prepare(GAPS).bind(ids, after.seriesId, after.time, limit),
    db.prepare(QUARANTINE).bind(ids, after.seriesId, after.time, limit),
  ])
  return {
    holes: (holes?.results ?? []).filter((row): row is SeriesWindow => 'start' in row),
    gaps: (gaps?.results ?? []).filter((row): row is GapRow => 'attempts' in row),
    quarantine: (quarantine?.results ?? []).filter((row): row is QuarantineRow => 'raw' in row),
  }
}

/** Between the end of one covered range and the start of the next, the window's edges counting as such. */
const HOLES = `
WITH wanted (series_id, start_time, end_time) AS (SELECT value->>0, value->>1, value->>2 FROM json_each(?1)),
covered AS (
  SELECT w.series_id, w.start_time AS window_start, max(c.start_time, w.start_time) AS start_time,
    min(c.end_time, w.end_time) AS end_time
  FROM wanted w
  JOIN coverage c ON c.series_id = w.series_id AND c.end_time > w.start_time AND c.start_time < w.end_time
  UNION ALL SELECT series_id, start_time, start_time, start_time FROM wanted
  UNION ALL SELECT series_id, start_time, end_time, end_time FROM wanted
),
edges AS (
  SELECT series_id, lag(end_time) OVER (PARTITION BY series_id, window_start ORDER BY start_time, end_time) AS start_time,
    start_time AS end_time
  FROM covered
)
SELECT series_id AS seriesId, start_time AS start, end_time AS end FROM edges WHERE start_time < end_time
ORDER BY series_id, start_time LIMIT ?2`

const OF_SERIES = `
series_id IN (SELECT value FROM json_each(?1)) AND (series_id, open_time) >= (?2, ?3)
ORDER BY series_id, open_time LIMIT ?4`

const GAPS = `
SELECT series_id AS seriesId, open_time AS openTime, reason, first_seen AS firstSeen, attempts,
  next_attempt_at AS nextAttemptAt, last_error AS lastError
FROM gaps WHERE ${OF_SERIES}`

const QUARANTINE = `
SELECT series_id AS seriesId, open_time AS openTime, reason, raw, first_seen AS firstSeen, last_seen AS lastSeen,
  times_seen AS timesSeen
FROM quarantine WHERE ${OF_SERIES}`
