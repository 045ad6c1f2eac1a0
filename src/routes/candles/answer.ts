import { type CandleLine, openTimeOf } from '../../domain/candle-line.ts'
import {
  lifeOf,
  type MissingRange,
  missingRanges,
  rangesOfSlots,
  unexplainedReason,
  verifiedIn,
  wantedSlots,
} from '../../domain/coverage.ts'
import { nextOpenTime, type Window } from '../../domain/interval.ts'
import type { StoredInstrument } from '../../domain/series.ts'
import { intersectWindows } from '../../domain/window.ts'
import { readCandlePage } from '../../store/candles.ts'
import type { CatalogEntry, SeriesKey } from '../../store/catalog.ts'
import type { SeriesMarks } from '../../store/marks.ts'
import type { Reader } from '../../store/sessions.ts'
import { readDerivedAnswer } from './derived.ts'
import { newestWindow, nextEdge, type Scan, type SeriesChoice } from './scan.ts'

/** One page of candles with all that is to be said about it. */
export interface CandleAnswer {
  /** Closed candles, ascending. */
  readonly lines: readonly CandleLine[]
  /** What the page speaks for; aligned. */
  readonly window: Window
  readonly coverage: Coverage
  /** Of the series that was read; `null` where there is none. */
  readonly marks: SeriesMarks | null
  /** Where the next page begins (ends, when reading backward); `null` after the last one. */
  readonly next: number | null
}

export interface Coverage {
  readonly complete: boolean
  /** Candles of this answer that open before were read at least 10 minutes after they closed; `null` where none was. */
  readonly verifiedTo: number | null
  readonly missing: readonly MissingRange[]
  readonly empty: readonly Window[]
}

/** Reads one page: stored, derived, or nothing but the statement that all of it is missing. */
export async function readAnswer(
  db: Reader,
  { instrument }: CatalogEntry,
  choice: SeriesChoice,
  scan: Scan,
): Promise<CandleAnswer> {
  switch (choice.from) {
    case 'stored':
      return (await readStoredAnswer(db, instrument, choice.series, scan)) ?? nothingRecorded(instrument, scan)
    case 'derived':
      return (await readDerivedAnswer(db, instrument, choice.series, scan)) ?? nothingRecorded(instrument, scan)
    case 'nothing':
      return nothingRecorded(instrument, scan)
  }
}

function nothingRecorded(instrument: StoredInstrument, scan: Scan): CandleAnswer {
  const life = lifeOf(null, instrument.validTo, scan.interval)
  const window = scan.isBounded ? scan.window : newestWindow(scan, undefined, life)
  const missing = missingRanges(intersectWindows(window, life), scan.interval, [], [], 'not_recorded')
  const coverage = { complete: missing.length === 0, verifiedTo: null, missing, empty: [] }
  return { lines: [], window, coverage, marks: null, next: null }
}

async function readStoredAnswer(
  db: Reader,
  instrument: StoredInstrument,
  series: SeriesKey,
  scan: Scan,
): Promise<CandleAnswer | undefined> {
  const { interval } = scan
  const page = await readCandlePage(db, { ...scan, seriesId: series.id })
  if (page === undefined) return undefined
  const { marks } = page
  const lines = scan.direction === 'backward' ? page.lines.toReversed() : page.lines
  const life = lifeOf(marks.firstCandleTime, instrument.validTo, interval)
  const ranOut = !scan.isBounded && page.window.start === scan.window.start
  const newest = ranOut ? newestWindow(scan, lines[0], life) : page.window
  const window = series.source === 'exchange' ? newest : sentWindow(scan, newest, lines, ranOut)
  const expected = intersectWindows(window, life)
  const unexplained = unexplainedReason(series.source, marks.isFailing)
  const wanted = wantedSlots(series.source, interval, marks)
  const missing = missingRanges(expected, interval, page.covered, page.gaps, unexplained, wanted)
  const empty = page.emptySlots.filter((openTime) => openTime >= expected.start && openTime < expected.end)
  return {
    lines,
    window,
    coverage: {
      complete: missing.length === 0,
      verifiedTo: verifiedIn(window, page.covered, marks.verifiedTo),
      missing,
      empty: rangesOfSlots(empty, interval),
    },
    marks,
    next: nextEdge(scan, page.window, life),
  }
}

/**
 * The newest candles that a user has sent begin and end with what was sent: nobody has said that there are more. Where a
 * start was asked for, all that was asked for counts.
 */
function sentWindow(scan: Scan, window: Window, lines: readonly CandleLine[], ranOut: boolean): Window {
  const [first, last] = [lines[0], lines.at(-1)]
  if (scan.isBounded || first === undefined || last === undefined) return window
  return {
    start: ranOut ? openTimeOf(first) : window.start,
    end: scan.reachesPresent ? nextOpenTime(openTimeOf(last), scan.interval) : window.end,
  }
}
