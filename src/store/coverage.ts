import type { GapSlot } from '../domain/coverage.ts'
import { intervalLength, intervals, type Window } from '../domain/interval.ts'
import { MARKS, type MarksRow, parseGap, parseWindow, type SeriesMarks, splitList, toMarks } from './marks.ts'
import type { Reader } from './sessions.ts'

export interface CoverageQuery {
  readonly seriesId: number
  /** Aligned. What lies before the series' first candle is left out by itself; the caller cuts off what lies after its
   *  instrument's end. */
  readonly window: Window
  /** Ranges and gaps are listed from here on; counts are of the whole window. */
  readonly listFrom: number
  /** The most ranges, and the most gaps. */
  readonly limit: number
}

export interface SeriesCoverage {
  readonly marks: SeriesMarks
  /** Ascending, disjoint, clipped to the window. */
  readonly covered: readonly Window[]
  /** Ascending. */
  readonly gaps: readonly GapSlot[]
  /** Slots in the window that are present or empty, and those that are empty. */
  readonly coveredSlots: number
  readonly emptySlots: number
  /** Where the series is covered first and up to, wherever that is; `null` where nothing is. */
  readonly coveredFrom: number | null
  readonly coveredTo: number | null
}

/**
 * SQL for the number of slots of a series that open from an aligned time on and before another, which need not be
 * aligned and is not earlier.
 *
 * @param intervalColumn SQL for the interval
 */
export function slotsSql(start: string, end: string, intervalColumn: string): string {
  const lengths = intervals.map((interval) => `WHEN '${interval}' THEN ${intervalLength(interval)}`).join(' ')
  const month = (time: string) =>
    `(12 * strftime('%Y', ${time} / 1000, 'unixepoch') + strftime('%m', ${time} / 1000, 'unixepoch'))`
  const length = `CASE ${intervalColumn} ${lengths} END`
  return `CASE ${intervalColumn} WHEN '1M' THEN ${month(`(${end} - 1)`)} - ${month(start)} + 1
    ELSE CAST((${end} - ${start} + ${length} - 1) / ${length} AS INTEGER) END`
}

interface CoverageRow extends MarksRow {
  readonly covered: string | null
  readonly gaps: string | null
  readonly covered_slots: number | null
  readonly empty_slots: number
  readonly covered_from: number | null
  readonly covered_to: number | null
}

/** Where the window begins, or the series in it. */
const FROM = 'max(?2, ifnull(series.first_candle_time, ?2))'
const IN_WINDOW = `series_id = ?1 AND end_time > ${FROM} AND start_time < ?3 AND ${FROM} < ?3`

const COVERAGE = `
SELECT ${MARKS},
  (SELECT group_concat(max(start_time, ${FROM}) || ',' || min(end_time, ?3), ';') FROM (
    SELECT start_time, end_time FROM coverage WHERE ${IN_WINDOW} AND end_time > ?5
    ORDER BY start_time LIMIT ?4)) AS covered,
  (SELECT group_concat(open_time || ',' || reason, ';') FROM (
    SELECT open_time, reason FROM gaps WHERE series_id = ?1 AND open_time >= max(?2, ?5) AND open_time < ?3
    ORDER BY open_time LIMIT ?4)) AS gaps,
  (SELECT sum(${slotsSql(`max(start_time, ${FROM})`, 'min(end_time, ?3)', 'series.interval')})
    FROM coverage WHERE ${IN_WINDOW}) AS covered_slots,
  (SELECT count(*) FROM empty_slots WHERE series_id = ?1 AND open_time >= ${FROM} AND open_time < ?3) AS empty_slots,
  (SELECT min(start_time) FROM coverage WHERE series_id = ?1) AS covered_from,
  (SELECT end_time FROM coverage WHERE series_id = ?1 ORDER BY start_time DESC LIMIT 1) AS covered_to
FROM series WHERE id = ?1`

/**
 * How far a window of a series is covered, by its cache of ranges.
 *
 * @returns `undefined` where the series does not exist
 */
export async function readCoverage(db: Reader, query: CoverageQuery): Promise<SeriesCoverage | undefined> {
  const { seriesId, window, listFrom, limit } = query
  const row = await db.prepare(COVERAGE).bind(seriesId, window.start, window.end, limit, listFrom).first<CoverageRow>()
  if (row === null) return undefined
  return {
    marks: toMarks(row),
    covered: splitList(row.covered).map(parseWindow),
    gaps: splitList(row.gaps).map(parseGap),
    coveredSlots: row.covered_slots ?? 0,
    emptySlots: row.empty_slots,
    coveredFrom: row.covered_from,
    coveredTo: row.covered_to,
  }
}
