import { type CandleLine, openTimeOf } from '../../domain/candle-line.ts'
import { chooseBase } from '../../domain/derive.ts'
import { ceilToInterval, type Interval, shiftOpenTime, type Window } from '../../domain/interval.ts'
import type { Direction } from '../../store/candles.ts'
import type { CatalogEntry, SeriesKey } from '../../store/catalog.ts'
import type { CandlesQuery } from './query.ts'

/** Which stored series answers: the one asked for, else the one that it is derived from, else none. */
export type SeriesChoice =
  | { readonly from: 'stored'; readonly series: SeriesKey }
  | { readonly from: 'derived'; readonly series: SeriesKey }
  | { readonly from: 'nothing' }

export function chooseSeries({ series }: CatalogEntry, interval: Interval, source: string): SeriesChoice {
  const ofSource = series.filter((key) => key.source === source)
  const stored = ofSource.find((key) => key.interval === interval)
  if (stored !== undefined) return { from: 'stored', series: stored }
  const available = ofSource.map((key) => key.interval)
  const base = ofSource.find((key) => key.interval === chooseBase(available, interval))
  return base === undefined ? { from: 'nothing' } : { from: 'derived', series: base }
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
