import { type CandleLine, openTimeOf } from '../../domain/candle-line.ts'
import { ceilToInterval, divides, type Interval, intervals, shiftOpenTime, type Window } from '../../domain/interval.ts'
import { intersectWindows } from '../../domain/window.ts'
import type { Direction } from '../../store/candles.ts'
import type { CatalogEntry, SeriesKey } from '../../store/catalog.ts'
import type { CandlesQuery } from './query.ts'

/** Which stored series answers: the one asked for, else the one that it is derived from, else none. */
export type SeriesChoice =
  | { readonly from: 'stored'; readonly series: SeriesKey }
  | { readonly from: 'derived'; readonly series: SeriesKey }
  | { readonly from: 'nothing' }

/**
 * The interval itself where it is recorded. Otherwise, of it and all that it can be derived from, the one that reaches
 * over most of what was asked: neither do the leavings of a short backfill hide what can be derived, nor does what is
 * recorded since yesterday hide the years of a long one. Where several reach equally far, the longest interval.
 *
 * @param asked of the whole request, not of one page: all pages come from one series
 */
export function chooseSeries(
  { series }: CatalogEntry,
  interval: Interval,
  source: string,
  asked: Window,
): SeriesChoice {
  const usable = series
    .filter((key) => key.source === source && (key.interval === interval || divides(key.interval, interval)))
    .sort((a, b) => intervals.indexOf(b.interval) - intervals.indexOf(a.interval))
  const [longest] = usable
  if (longest === undefined) return { from: 'nothing' }
  const isRecorded = longest.interval === interval && longest.isRecorded
  const chosen = isRecorded ? longest : usable.reduce((a, b) => (shared(b, asked) > shared(a, asked) ? b : a))
  return { from: chosen.interval === interval ? 'stored' : 'derived', series: chosen }
}

/** How much of what was asked a series reaches over, in ms. */
function shared({ reach }: SeriesKey, asked: Window): number {
  const { start, end } = intersectWindows(reach, asked)
  return Math.max(0, end - start)
}

/** All that a request for pages asks for: without a start, as many of the newest slots as one page holds. */
export function askedWindow({ interval, start, end, limit }: CandlesQuery, closedTo: number): Window {
  const until = Math.min(end ?? closedTo, closedTo)
  return { start: start ?? shiftOpenTime(until, interval, -limit), end: until }
}

/** Where a page is read: from which edge of which window, and how much of it. */
export interface Scan {
  readonly interval: Interval
  /** Aligned and closed; it starts at 0 where no start was asked for. */
  readonly window: Window
  readonly direction: Direction
  readonly limit: number
  /** Whether the caller set the window's start. */
  readonly isBounded: boolean
  /** Whether the window ends where the present slot begins. */
  readonly reachesPresent: boolean
}

/**
 * Without a start the newest candles are read, newest first, whatever order they are answered in; with one, from the
 * edge that the order begins at.
 *
 * @param closedTo ms UTC, the end of the last closed slot
 */
export function planScan(query: CandlesQuery, closedTo: number): Scan {
  const { interval, order, limit, cursor } = query
  const align = (time: number) => ceilToInterval(time, interval)
  const direction = query.start !== undefined && order === 'asc' ? 'forward' : 'backward'
  const start = align((direction === 'forward' ? cursor?.time : undefined) ?? query.start ?? 0)
  const asked = (direction === 'backward' ? cursor?.time : undefined) ?? query.end
  const end = asked === undefined ? closedTo : Math.min(align(asked), closedTo)
  return {
    interval,
    window: { start, end: Math.max(start, end) },
    direction,
    limit,
    isBounded: query.start !== undefined,
    reachesPresent: asked === undefined || asked > closedTo,
  }
}

/** What the newest candles speak for where there are fewer than asked for: as many slots, and all that were found. */
export function newestWindow({ window, interval, limit }: Scan, first: CandleLine | undefined, life: Window): Window {
  const start = shiftOpenTime(window.end, interval, -limit)
  const found = first === undefined ? start : Math.min(start, openTimeOf(first))
  return { start: Math.min(Math.max(found, life.start, 0), window.end), end: window.end }
}

/** Where the page after one that speaks for `answered` begins (ends, backward); `null` where there is none. */
export function nextEdge({ window, direction }: Scan, answered: Window, life: Window): number | null {
  if (direction === 'forward') return answered.end < window.end ? answered.end : null
  return answered.start > Math.max(window.start, life.start) ? answered.start : null
}
