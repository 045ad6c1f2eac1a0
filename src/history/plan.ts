import {
  ceilToInterval,
  countSlots,
  floorToInterval,
  type Interval,
  intervalLength,
  nextOpenTime,
  shiftOpenTime,
  type Window,
} from '../domain/interval.ts'
import type { SeriesState } from '../domain/series.ts'
import { intersectWindows, mergeWindows, subtractRanges } from '../domain/window.ts'

import type { Lane } from './rate-budget.ts'

/** A candle read sooner after its close than this is read once more later. */
export const VERIFY_AFTER_MS = 10 * 60_000
/** Reading again is done in pages, so not before this much has gathered. */
const VERIFY_BATCH_MS = 60 * 60_000
/** Neighbours asked for with a gap: only an answer that holds candles on both sides of it proves that it is empty. */
const BRACKET_SLOTS = 30
/** More than one run can do, few enough to plan anew often: the newest data goes first. */
const MAX_PAGES_PER_SERIES = 100

/** One page to be fetched. */
export interface Page {
  readonly series: SeriesState
  readonly lane: Exclude<Lane, 'snapshot' | 'inquiry'>
  readonly window: Window
}

export interface PlanLimits {
  /** The most slots of a page. */
  readonly maxCandles: number
  readonly settleMs: number
}

/**
 * The end (ms UTC) of the last slot that is closed: its length and the settling time have passed on the exchange's
 * clock.
 */
export function closedTo(exchangeTime: number, interval: Interval, settleMs: number): number {
  return floorToInterval(exchangeTime - settleMs, interval)
}

/**
 * What is to be fetched of a series whose first candle is known, most urgent first: its tail, due gaps and candles to
 * be verified, then the missing past from its newest end.
 *
 * @param exchangeTime ms UTC on the exchange's clock
 */
export function planSeries(series: SeriesState, exchangeTime: number, limits: PlanLimits): Page[] {
  const end = closedTo(exchangeTime, series.interval, limits.settleMs)
  const missing = missingWindows(series, end)
  const waiting = waitingSlots(series, exchangeTime)
  const open = missing.flatMap((window) => subtractRanges(window, waiting))
  const attempted = new Set(series.gaps.map((gap) => gap.openTime))
  const pages: Page[] = []
  for (const window of pagesOf(open.reverse(), series.interval, limits.maxCandles)) {
    const page = { series, ...laneOf(series, window, attempted, end, limits) }
    if (joinLast(pages, page, limits)) continue
    if (pages.length === MAX_PAGES_PER_SERIES) break
    pages.push(page)
  }
  return [...pages, ...verifyPages(series, exchangeTime, end, limits)]
}

/** Whether nothing that a backfill asked for is missing any more. */
export function finishedBackfills(series: SeriesState, exchangeTime: number, settleMs: number): string[] {
  const end = closedTo(exchangeTime, series.interval, settleMs)
  return series.backfills
    .filter((window) => subtractRanges(clip(series, window, end), series.covered).length === 0)
    .map(({ backfillId }) => backfillId)
}

/** When there is next something to do for a series that has nothing to do now (ms UTC on the exchange's clock). */
export function nextDueAt(series: SeriesState, exchangeTime: number, settleMs: number): number {
  const times = [Number.POSITIVE_INFINITY]
  const end = closedTo(exchangeTime, series.interval, settleMs)
  if (series.recordedFrom !== null && isTrading(series)) times.push(nextOpenTime(end, series.interval) + settleMs)
  for (const gap of series.gaps) if (gap.nextAttemptAt > exchangeTime) times.push(gap.nextAttemptAt)
  if (series.nextAttemptAt > exchangeTime) times.push(series.nextAttemptAt)
  return Math.min(...times)
}

function isTrading(series: SeriesState): boolean {
  return series.instrument.validTo === null
}

/** What is wanted, can exist and is not covered; ascending. */
function missingWindows(series: SeriesState, end: number): Window[] {
  const wanted: Window[] = [...series.backfills]
  if (series.recordedFrom !== null) wanted.push({ start: series.recordedFrom, end })
  const planned = { start: ceilToInterval(Math.max(series.plannedFrom, 0), series.interval), end }
  return mergeWindows(wanted.map((window) => intersectWindows(clip(series, window, end), planned))).flatMap((window) =>
    subtractRanges(window, series.covered),
  )
}

/** The aligned part of a window in which candles can exist. */
function clip(series: SeriesState, window: Window, end: number): Window {
  const { interval, firstCandleTime, instrument } = series
  const validTo = instrument.validTo === null ? end : ceilToInterval(instrument.validTo, interval)
  const { start, end: last } = intersectWindows(window, {
    start: firstCandleTime ?? window.start,
    end: Math.min(end, validTo),
  })
  return { start: ceilToInterval(start, interval), end: ceilToInterval(last, interval) }
}

/** Gaps whose next attempt lies ahead, as ranges. */
function waitingSlots(series: SeriesState, exchangeTime: number): Window[] {
  const slots = series.gaps.filter((gap) => gap.nextAttemptAt > exchangeTime)
  return mergeWindows(slots.map(({ openTime }) => ({ start: openTime, end: nextOpenTime(openTime, series.interval) })))
}

/** Pages of runs that come newest first, each from its newest end. */
function* pagesOf(runs: readonly Window[], interval: Interval, maxCandles: number): Generator<Window> {
  for (const run of runs) {
    for (let end = run.end; end > run.start; ) {
      const start = Math.max(run.start, shiftOpenTime(end, interval, -maxCandles))
      yield { start, end }
      end = start
    }
  }
}

function laneOf(
  series: SeriesState,
  window: Window,
  attempted: ReadonlySet<number>,
  end: number,
  limits: PlanLimits,
): Pick<Page, 'lane' | 'window'> {
  if (attempted.has(window.start) || attempted.has(lastSlot(window, series.interval))) {
    return { lane: 'repair', window: withNeighbours(series, window, end, limits) }
  }
  return { lane: series.recordedFrom !== null && window.end === end ? 'tail' : 'backfill', window }
}

function lastSlot(window: Window, interval: Interval): number {
  return shiftOpenTime(window.end, interval, -1)
}

/** Grows a page by slots on either side, as far as it may. */
function withNeighbours(series: SeriesState, window: Window, end: number, limits: PlanLimits): Window {
  const { interval, firstCandleTime } = series
  const spare = Math.max(0, limits.maxCandles - countSlots(window, interval))
  const after = Math.min(BRACKET_SLOTS, Math.ceil(spare / 2))
  const before = Math.min(BRACKET_SLOTS, spare - after)
  return {
    start: Math.max(shiftOpenTime(window.start, interval, -before), firstCandleTime ?? window.start),
    end: Math.min(shiftOpenTime(window.end, interval, after), Math.max(end, window.end)),
  }
}

/** Repair pages near each other become one, where it fits. Pages come newest first. */
function joinLast(pages: Page[], page: Page, { maxCandles }: PlanLimits): boolean {
  const last = pages.at(-1)
  if (last?.lane !== 'repair' || page.lane !== 'repair') return false
  const window = { start: Math.min(last.window.start, page.window.start), end: last.window.end }
  if (countSlots(window, page.series.interval) > maxCandles) return false
  pages[pages.length - 1] = { ...last, window }
  return true
}

/** The candles that were read too soon after their close, once enough have gathered: only what is stored. */
function verifyPages(series: SeriesState, exchangeTime: number, end: number, { maxCandles }: PlanLimits): Page[] {
  const { interval, verifiedTo, covered } = series
  if (verifiedTo === null) return []
  const to = Math.min(floorToInterval(exchangeTime - VERIFY_AFTER_MS, interval), end, covered.at(-1)?.end ?? 0)
  if (to - verifiedTo < Math.max(VERIFY_BATCH_MS, intervalLength(interval))) return []
  const pages: Page[] = []
  for (const range of covered) {
    const { start: from, end: until } = intersectWindows(range, { start: verifiedTo, end: to })
    for (let start = from; start < until && pages.length < MAX_PAGES_PER_SERIES; ) {
      const pageEnd = Math.min(until, shiftOpenTime(start, interval, maxCandles))
      pages.push({ series, lane: 'repair', window: { start, end: pageEnd } })
      start = pageEnd
    }
  }
  return pages
}

const URGENCY = { tail: 0, repair: 1, backfill: 2 } as const satisfies Record<Page['lane'], number>

/** One order for all pages, of candles and of anything else: by lane, in a lane the newest first. */
export function byUrgency(a: Pick<Page, 'lane' | 'window'>, b: Pick<Page, 'lane' | 'window'>): number {
  return URGENCY[a.lane] - URGENCY[b.lane] || b.window.end - a.window.end
}
