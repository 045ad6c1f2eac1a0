import type { GapSlot } from '../domain/coverage.ts'
import type { Window } from '../domain/interval.ts'

/** What stands beside a series' candles, as of one moment. */
export interface SeriesMarks {
  /** Counts changes of what had been stored. */
  readonly revision: number
  /** Counts writes of any kind. */
  readonly version: number
  readonly firstCandleTime: number | null
  readonly verifiedTo: number | null
  /** Its last attempts to load anything failed. */
  readonly isFailing: boolean
  /** `null` where it is not recorded. */
  readonly recordedFrom: number | null
  /** Of backfills that are neither cancelled nor finished; aligned, may overlap. */
  readonly backfills: readonly Window[]
}

/** SQL: the columns of `series` that make a {@link MarksRow}. */
export const MARKS = `revision, version, first_candle_time, verified_to, failures > 0 AS is_failing, recorded_from,
  (SELECT group_concat(start_time || ',' || end_time, ';') FROM backfill_windows
    WHERE series_id = series.id AND cancelled_at IS NULL AND finished_at IS NULL) AS backfills`

/** {@link SeriesMarks} as the database has them. */
export interface MarksRow {
  readonly revision: number
  readonly version: number
  readonly first_candle_time: number | null
  readonly verified_to: number | null
  readonly is_failing: number
  readonly recorded_from: number | null
  readonly backfills: string | null
}

/** A row's marks in the names and types of the domain. */
export function toMarks(row: MarksRow): SeriesMarks {
  return {
    revision: row.revision,
    version: row.version,
    firstCandleTime: row.first_candle_time,
    verifiedTo: row.verified_to,
    isFailing: row.is_failing === 1,
    recordedFrom: row.recorded_from,
    backfills: splitList(row.backfills).map(parseWindow),
  }
}

/** Lists of one row come as one text, joined by semicolons, their items' parts by commas. */
export function splitList(text: string | null): string[] {
  return text === null ? [] : text.split(';')
}

/** Reads `start,end`, both ms UTC. */
export function parseWindow(text: string): Window {
  const [start, end] = text.split(',')
  return { start: Number(start), end: Number(end) }
}

/** Reads `openTime,reason`, the time in ms UTC. */
export function parseGap(text: string): GapSlot {
  const [openTime, reason] = text.split(',')
  return { openTime: Number(openTime), reason: reason === 'quarantined' ? reason : 'absent' }
}
