import { type CandleLine, openTimeOf } from '../domain/candle-line.ts'
import type { GapSlot } from '../domain/coverage.ts'
import { type Interval, nextOpenTime, type Window } from '../domain/interval.ts'
import { MARKS, type MarksRow, parseGap, parseWindow, type SeriesMarks, splitList, toMarks } from './marks.ts'
import type { Reader } from './sessions.ts'

/** The most ranges and slots that one page reads beside its candles; where there are more, the page ends earlier. */
const MAX_MARKS_PER_PAGE = 5_000

/** `forward`: oldest first from the window's start; `backward`: newest first from its end. */
export type Direction = 'forward' | 'backward'

export interface PageQuery {
  readonly seriesId: number
  readonly interval: Interval
  /** Aligned. */
  readonly window: Window
  readonly direction: Direction
  /** The most candles. */
  readonly limit: number
}

export interface CandlePage {
  readonly marks: SeriesMarks
  /** In the direction of the query. */
  readonly lines: readonly CandleLine[]
  /** The part of the window that the page speaks for: all of it, or up to the last candle that it had room for. */
  readonly window: Window
  /** Ascending, disjoint; may reach beyond the window. */
  readonly covered: readonly Window[]
  /** Ascending. */
  readonly gaps: readonly GapSlot[]
  /** Open times, ascending. */
  readonly emptySlots: readonly number[]
}

/** SQL for a candle as its line. */
export const LINE = `open_time || ',' || open || ',' || high || ',' || low || ',' || close || ',' || volume || ',' ||
  ifnull(quote_volume, '') || ',' || ifnull(trade_count, '')`

interface PageRow extends MarksRow {
  readonly lines: string | null
  readonly covered: string | null
  readonly gaps: string | null
  readonly empty_slots: string | null
}

/**
 * One page of stored candles with all that is known of the slots between them, read by one statement: it is one moment
 * of the series, and one round trip. Lists come as text: a row a candle costs twice as much to receive.
 *
 * @returns `undefined` where the series does not exist
 */
export async function readCandlePage(db: Reader, query: PageQuery): Promise<CandlePage | undefined> {
  const { seriesId, window, direction, limit } = query
  const row = await db
    .prepare(direction === 'forward' ? PAGE_FORWARD : PAGE_BACKWARD)
    .bind(seriesId, window.start, window.end, limit, MAX_MARKS_PER_PAGE)
    .first<PageRow>()
  if (row === null) return undefined
  const lists = {
    lines: splitList(row.lines),
    covered: splitList(row.covered).map(parseWindow),
    gaps: splitList(row.gaps).map(parseGap),
    emptySlots: splitList(row.empty_slots).map(Number),
  }
  const answered = answeredWindow(query, lists)
  if (direction === 'backward') for (const list of [lists.covered, lists.gaps, lists.emptySlots]) list.reverse()
  // Candles stand outside of the answer only where the other lists were cut off before them.
  const isInside = (line: CandleLine) => openTimeOf(line) >= answered.start && openTimeOf(line) < answered.end
  return { ...lists, lines: lists.lines.filter(isInside), marks: toMarks(row), window: answered }
}

type PageLists = Pick<CandlePage, 'lines' | 'covered' | 'gaps' | 'emptySlots'>

/** A list that is as long as it may be is cut off: nothing is known beyond its last item. */
function answeredWindow({ window, interval, direction, limit }: PageQuery, lists: PageLists): Window {
  const lastLine = lists.lines.length < limit ? undefined : lists.lines.at(-1)
  const isCut = (list: readonly unknown[]) => list.length === MAX_MARKS_PER_PAGE
  const lastSlots = [
    lastLine === undefined ? undefined : openTimeOf(lastLine),
    isCut(lists.gaps) ? lists.gaps.at(-1)?.openTime : undefined,
    isCut(lists.emptySlots) ? lists.emptySlots.at(-1) : undefined,
  ].filter((time) => time !== undefined)
  const lastRange = isCut(lists.covered) ? lists.covered.at(-1) : undefined
  if (direction === 'forward') {
    const ends = lastSlots.map((openTime) => nextOpenTime(openTime, interval))
    return { start: window.start, end: Math.min(window.end, lastRange?.end ?? window.end, ...ends) }
  }
  return { start: Math.max(window.start, lastRange?.start ?? window.start, ...lastSlots), end: window.end }
}

function pageSql(direction: Direction): string {
  const order = direction === 'forward' ? '' : 'DESC'
  const reach =
    direction === 'forward'
      ? 'SELECT ?2 AS first, CASE WHEN count(*) < ?4 THEN ?3 ELSE max(open_time) + 1 END AS last FROM page'
      : 'SELECT CASE WHEN count(*) < ?4 THEN ?2 ELSE min(open_time) END AS first, ?3 AS last FROM page'
  const slots = 'series_id = ?1 AND open_time >= (SELECT first FROM reach) AND open_time < (SELECT last FROM reach)'
  return `
WITH page AS MATERIALIZED (
  SELECT * FROM candles WHERE series_id = ?1 AND open_time >= ?2 AND open_time < ?3 ORDER BY open_time ${order} LIMIT ?4
),
reach AS MATERIALIZED (${reach})
SELECT ${MARKS},
  (SELECT group_concat(line, ';') FROM (SELECT ${LINE} AS line FROM page ORDER BY open_time ${order})) AS lines,
  (SELECT group_concat(start_time || ',' || end_time, ';') FROM (
    SELECT start_time, end_time FROM coverage
    WHERE series_id = ?1 AND end_time > (SELECT first FROM reach) AND start_time < (SELECT last FROM reach)
    AND start_time >= ifnull((SELECT max(start_time) FROM coverage
      WHERE series_id = ?1 AND start_time <= (SELECT first FROM reach)), 0)
    ORDER BY start_time ${order} LIMIT ?5)) AS covered,
  (SELECT group_concat(open_time || ',' || reason, ';') FROM (
    SELECT open_time, reason FROM gaps WHERE ${slots} ORDER BY open_time ${order} LIMIT ?5)) AS gaps,
  (SELECT group_concat(open_time, ';') FROM (
    SELECT open_time FROM empty_slots WHERE ${slots} ORDER BY open_time ${order} LIMIT ?5)) AS empty_slots
FROM series WHERE id = ?1`
}

const PAGE_FORWARD = pageSql('forward')
const PAGE_BACKWARD = pageSql('backward')

export interface InputQuery {
  /** The series below the derived interval. */
  readonly seriesId: number
  /** What its coverage is wanted for. */
  readonly window: Window
  /** The parts of it whose candles are wanted; ascending, disjoint. */
  readonly ranges: readonly Window[]
}

export interface DerivationPage {
  readonly marks: SeriesMarks
  /** Ascending. */
  readonly lines: readonly CandleLine[]
  /** Ascending, disjoint; may reach beyond the window. */
  readonly covered: readonly Window[]
  /** Where the series is covered next beyond the window, in either direction; `null` where it is not. */
  readonly coveredBefore: number | null
  readonly coveredAfter: number | null
}

/**
 * The input of derived candles: base candles, and how far they are complete.
 *
 * @returns `undefined` where the series does not exist
 */
export async function readDerivationInput(
  db: Reader,
  { seriesId, window, ranges }: InputQuery,
): Promise<DerivationPage | undefined> {
  const pairs = JSON.stringify(ranges.map(({ start, end }) => [start, end]))
  const [marks, candles] = await db.batch<InputMarksRow | LineRow>([
    db.prepare(INPUT_MARKS).bind(seriesId, window.start, window.end),
    db.prepare(INPUT_LINES).bind(seriesId, pairs),
  ])
  const row = marks?.results[0]
  if (row === undefined || 'line' in row) return undefined
  return {
    marks: toMarks(row),
    lines: linesOf(candles?.results ?? []),
    covered: splitList(row.covered).map(parseWindow),
    coveredBefore: row.covered_before,
    coveredAfter: row.covered_after,
  }
}

interface LineRow {
  readonly line: CandleLine
}

interface InputMarksRow extends MarksRow {
  readonly covered: string | null
  readonly covered_before: number | null
  readonly covered_after: number | null
}

const INPUT_MARKS = `
SELECT ${MARKS},
  (SELECT group_concat(start_time || ',' || end_time, ';') FROM (
    SELECT start_time, end_time FROM coverage WHERE series_id = ?1 AND end_time > ?2 AND start_time < ?3
    ORDER BY start_time)) AS covered,
  (SELECT max(end_time) FROM coverage WHERE series_id = ?1 AND start_time < ?2) AS covered_before,
  (SELECT max(start_time, ?3) FROM coverage WHERE series_id = ?1 AND end_time > ?3 ORDER BY start_time LIMIT 1) AS covered_after
FROM series WHERE id = ?1`

/** Not as one text: a page of input can be larger than the 2 MB that D1 allows a value. */
const INPUT_LINES = `
SELECT ${LINE} AS line FROM json_each(?2) AS range CROSS JOIN candles
WHERE series_id = ?1 AND open_time >= range.value->>0 AND open_time < range.value->>1 ORDER BY open_time`

export interface RollupPage {
  readonly revision: number
  /** In the direction of the query. */
  readonly lines: readonly CandleLine[]
}

/** The stored derived candles of a series, with the revision of what they were derived from. */
export async function readRollups(db: Reader, query: PageQuery): Promise<RollupPage> {
  const { seriesId, interval, window, direction, limit } = query
  const order = direction === 'forward' ? '' : 'DESC'
  const row = await db
    .prepare(
      `SELECT revision, (SELECT group_concat(line, ';') FROM (
         SELECT ${LINE} AS line FROM rollups
         WHERE series_id = ?1 AND interval = ?2 AND open_time >= ?3 AND open_time < ?4
         ORDER BY open_time ${order} LIMIT ?5)) AS lines
       FROM series WHERE id = ?1`,
    )
    .bind(seriesId, interval, window.start, window.end, limit)
    .first<{ readonly revision: number; readonly lines: string | null }>()
  return { revision: row?.revision ?? 0, lines: splitList(row?.lines ?? null) }
}

function linesOf(rows: readonly (LineRow | MarksRow)[]): CandleLine[] {
  return rows.flatMap((row) => ('line' in row ? [row.line] : []))
}
