import { DAY, floorToInterval, nextOpenTime, shiftOpenTime, type Window } from '../domain/interval.ts'
import type { CheckProgress } from '../domain/quality/series-check.ts'
import type { SeriesState } from '../domain/series.ts'
import { mergeWindows } from '../domain/window.ts'

/** Bounds one check: about three days of minutes. */
export const MAX_CHECK_SLOTS = 4_000
/** Once a day so much is checked anew: candles that came late, and findings that repairs have resolved. */
const RECHECK_MS = 2 * DAY
/** The last candles have no neighbours behind them yet: they are checked again. */
const UNSETTLED_SLOTS = 3

/** What planning needs to know of a series. */
type CheckableSeries = Pick<SeriesState, 'interval' | 'covered' | 'gaps' | 'verifiedTo'>

/** A part of a series to be checked, and what then need not be checked again. */
export interface CheckPlan {
  readonly window: Window
  readonly checked: Window
}

/**
 * What is to be checked of a series now. Candles are checked as they close, and once more after they have been read
 * again; the past is followed backwards as it is loaded, to the first slot that has not even been asked for.
 *
 * @param now ms UTC
 */
export function planChecks(series: CheckableSeries, { checked, version }: CheckProgress, now: number): CheckPlan[] {
  const known = knownWindows(series)
  const last = known.at(-1)
  if (last === undefined) return []
  if (checked === null) {
    const window = { start: Math.max(last.start, back(series, last.end, MAX_CHECK_SLOTS)), end: last.end }
    return [{ window, checked: { start: window.start, end: settledTo(series, window) } }]
  }
  const plans: CheckPlan[] = []
  const from = checkFrom(series, { ...checked, isWritten: version !== checked.version }, now)
  if (from < last.end) {
    const window = { start: from, end: Math.min(last.end, shiftOpenTime(from, series.interval, MAX_CHECK_SLOTS)) }
    plans.push({ window, checked: { start: checked.start, end: Math.max(checked.end, settledTo(series, window)) } })
  }
  const before = known.find(({ start, end }) => start < checked.start && end >= checked.start)
  if (before !== undefined) {
    const start = Math.max(before.start, back(series, checked.start, MAX_CHECK_SLOTS))
    plans.push({ window: { start, end: checked.start }, checked: { start, end: plans[0]?.checked.end ?? checked.end } })
  }
  return plans
}

/** Where to go on: after all that is checked, on a new day some way before that; without end where nothing is new. */
function checkFrom(
  { interval }: CheckableSeries,
  { start, end, at, isWritten }: Window & { readonly at: number; readonly isWritten: boolean },
  now: number,
): number {
  const today = floorToInterval(now, '1d')
  if (floorToInterval(at, '1d') < today)
    return Math.min(end, Math.max(start, floorToInterval(today - RECHECK_MS, interval)))
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
