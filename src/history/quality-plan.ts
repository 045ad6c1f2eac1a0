import {
  ceilToInterval,
  countSlots,
  DAY,
  floorToInterval,
  type Interval,
  nextOpenTime,
  shiftOpenTime,
  type Window,
} from '../domain/interval.ts'
import { NEIGHBOURS } from '../domain/quality/columns.ts'
import type { CheckedSeries, CheckProgress, Recheck } from '../domain/quality/series-check.ts'
import type { SeriesState } from '../domain/series.ts'
import { mergeWindows } from '../domain/window.ts'

/** Bounds one check: about three days of minutes. */
export const MAX_CHECK_SLOTS = 4_000
/** Once a day so much is checked anew: candles that came late, and findings that repairs have resolved. */
const RECHECK_MS = 2 * DAY
/** The last candles have no neighbours behind them yet: they are checked again. */
const UNSETTLED_SLOTS = 3

/** What planning needs to know of a series. */
export interface CheckableSeries extends Pick<SeriesState, 'interval' | 'covered' | 'gaps' | 'verifiedTo'> {
  /** Whether it is loaded, so that its holes are asked for; those of what users send may stay. */
  readonly isLoaded: boolean
}

/** A part of a series to be checked, and what then need not be checked again. */
export interface CheckPlan {
  readonly window: Window
  readonly checked: Window
  /** The version of the series of which all that is new is checked then. */
  readonly version: number
}

/**
 * What is to be checked of a series now. Candles are checked as they close, and once more after they have been read
 * again; the past is followed backwards as it is loaded, to the first slot that has not even been asked for. Holes that
 * are filled later are noted by the database itself.
 *
 * @param now ms UTC
 */
export function planChecks(series: CheckableSeries, { checked, version }: CheckProgress, now: number): CheckPlan[] {
  const known = knownWindows(series)
  const last = known.at(-1)
  if (last === undefined) return []
  if (checked === null) {
    const window = { start: Math.max(last.start, back(series, last.end, MAX_CHECK_SLOTS)), end: last.end }
    return [{ window, checked: { start: window.start, end: settledTo(series, window) }, version }]
  }
  const plans: CheckPlan[] = []
  const from = checkFrom(series, { ...checked, isWritten: version !== checked.version }, now)
  const next = known.find(({ end }) => end > from)
  if (next !== undefined) {
    const start = Math.max(from, next.start)
    const window = { start, end: Math.min(last.end, shiftOpenTime(start, series.interval, MAX_CHECK_SLOTS)) }
    const end = Math.max(checked.end, settledTo(series, window))
    plans.push({
      ...{ window, checked: { start: checked.start, end } },
      version: window.end < last.end ? checked.version : version,
    })
  }
  const before = known.findLast(({ start }) => start < checked.start)
  if (before !== undefined && (before.end >= checked.start || !series.isLoaded)) {
    const end = Math.min(before.end, checked.start)
    const start = Math.max(before.start, back(series, end, MAX_CHECK_SLOTS))
    const after = plans[0]
    plans.push({
      ...{ window: { start, end }, checked: { start, end: after?.checked.end ?? checked.end } },
      version: after?.version ?? version,
    })
  }
  return plans
}

/** From where on today's recheck goes, ms UTC: what is older is checked anew only where it has been noted. */
export function recheckedFrom(now: number): number {
  return floorToInterval(now, '1d') - RECHECK_MS
}

/** Rechecks of one series that are done as one. */
export interface RecheckPlan {
  readonly series: CheckedSeries
  readonly window: Window
  readonly isChanged: boolean
  readonly starts: readonly number[]
}

/**
 * Joins rechecks that touch, as far as one check may go, and adds the candles around whose verdict hangs on these.
 *
 * @param rechecks by series and start
 */
export function planRechecks(rechecks: readonly Recheck[]): RecheckPlan[] {
  const plans: RecheckPlan[] = []
  for (const { series, start, end, isChanged } of rechecks) {
    const last = plans.at(-1)
    const window = last && { start: last.window.start, end: Math.max(last.window.end, end) }
    const joins = last?.series.id === series.id && start <= last.window.end
    if (window !== undefined && joins && countSlots(window, series.interval) <= MAX_CHECK_SLOTS) {
      const [isAnyChanged, starts] = [last.isChanged || isChanged, [...last.starts, start]]
      plans[plans.length - 1] = { series, window, isChanged: isAnyChanged, starts }
    } else plans.push({ series, window: { start, end }, isChanged, starts: [start] })
  }
  return plans.map((plan) => ({ ...plan, window: withNeighbours(plan.window, plan.series.interval) }))
}

function withNeighbours({ start, end }: Window, interval: Interval): Window {
  return {
    start: shiftOpenTime(ceilToInterval(start, interval), interval, -NEIGHBOURS),
    end: shiftOpenTime(ceilToInterval(end, interval), interval, NEIGHBOURS),
  }
}

/** Where to go on: after all that is checked, on a new day some way before that; without end where nothing is new. */
function checkFrom(
  { interval }: CheckableSeries,
  { start, end, at, isWritten }: Window & { readonly at: number; readonly isWritten: boolean },
  now: number,
): number {
  if (floorToInterval(at, '1d') < floorToInterval(now, '1d'))
    return Math.min(end, Math.max(start, floorToInterval(recheckedFrom(now), interval)))
  return isWritten ? end : Number.POSITIVE_INFINITY
}

/** Slots that are covered, or were asked for in vain: nothing more is known of them for now. */
function knownWindows({ covered, gaps, interval }: CheckableSeries): Window[] {
  const asked = gaps.map(({ openTime }) => ({ start: openTime, end: nextOpenTime(openTime, interval) }))
  return mergeWindows([...covered, ...asked])
}

/** A series that is never read again must not be checked from the same candle on for ever. */
function settledTo(series: CheckableSeries, { start, end }: Window): number {
  const settled = Math.min(back(series, end, UNSETTLED_SLOTS), floorToInterval(series.verifiedTo ?? 0, series.interval))
  return Math.max(start, settled, back(series, end, MAX_CHECK_SLOTS / 2))
}

function back({ interval }: CheckableSeries, time: number, slots: number): number {
  return shiftOpenTime(time, interval, -slots)
}
