import { ceilToInterval, type Interval, nextOpenTime, type Window } from './interval.ts'
import { intersectWindows, mergeWindows, subtractRanges } from './window.ts'

/**
 * Why a slot is neither stored nor proven empty:
 * - `absent`: the exchange was asked, its answer lacked the slot, and that proves nothing yet;
 * - `quarantined`: what the exchange sent for it is unsound;
 * - `not_loaded`: not asked for yet; `load_failing`: the same, and the last attempts failed;
 * - `not_recorded`: nobody wants it: at this time neither the interval nor one that it can be derived from is recorded,
 *   and no backfill asks for it;
 * - `incomplete_input`: the interval is derived, and the candles below it are not all there;
 * - `not_ingested`: the source is a user's own, and they have not sent it.
 *
 * Of candles that are built from stored trades, `not_recorded` means that nobody listened to them, and there are more:
 * - `pruned`: trades of the slot are deleted; `trades_missing`: some were lost while the feed listened;
 * - `feed_unavailable`: the feed holds them still, and does not answer;
 * - `too_many_trades`: there are more than one answer reads, and a smaller interval must be asked for.
 */
export const missingReasons = [
  'absent',
  'quarantined',
  'not_loaded',
  'load_failing',
  'not_recorded',
  'incomplete_input',
  'not_ingested',
  'pruned',
  'trades_missing',
  'feed_unavailable',
  'too_many_trades',
] as const
export type MissingReason = (typeof missingReasons)[number]

export interface MissingRange extends Window {
  readonly reason: MissingReason
}

/** The reason where no slot of its own has any. Nobody loads what users send. */
export function unexplainedReason(source: string, isFailing: boolean): MissingReason {
  if (source !== 'exchange') return 'not_ingested'
  return isFailing ? 'load_failing' : 'not_loaded'
}

/** All of time: what users send is neither recorded nor backfilled. */
const ALWAYS: Window = { start: Number.NEGATIVE_INFINITY, end: Number.POSITIVE_INFINITY }

/**
 * The slots of a series that are asked for sooner or later, ascending, disjoint: those that are recorded, which has no
 * end, and those of backfills that still run.
 */
export function wantedSlots(
  source: string,
  interval: Interval,
  { recordedFrom, backfills }: { readonly recordedFrom: number | null; readonly backfills: readonly Window[] },
): Window[] {
  if (source !== 'exchange') return [ALWAYS]
  const recorded =
    recordedFrom === null ? [] : [{ start: ceilToInterval(recordedFrom, interval), end: Number.POSITIVE_INFINITY }]
  return mergeWindows([...recorded, ...backfills])
}

/** A slot that was asked for in vain. */
export interface GapSlot {
  readonly openTime: number
  readonly reason: 'absent' | 'quarantined'
}

/**
 * The slots that open while an instrument lives, as an aligned window: from its first candle (without bound where that
 * is unknown) to its delisting. Slots outside are neither missing nor empty.
 */
export function lifeOf(firstCandleTime: number | null, validTo: number | null, interval: Interval): Window {
  return {
    start: firstCandleTime === null ? Number.NEGATIVE_INFINITY : ceilToInterval(firstCandleTime, interval),
    end: validTo === null ? Number.POSITIVE_INFINITY : ceilToInterval(validTo, interval),
  }
}

/**
 * What of an aligned window is not covered, with the reason: that of the gap where there is one, else `unexplained` for
 * what is wanted. Neighbours with one reason are one range.
 *
 * @param covered ascending, disjoint
 * @param gaps ascending
 * @param wanted see {@link wantedSlots}
 */
export function missingRanges(
  window: Window,
  interval: Interval,
  covered: readonly Window[],
  gaps: readonly GapSlot[],
  unexplained: MissingReason,
  wanted: readonly Window[] = [ALWAYS],
): MissingRange[] {
  const missing: MissingRange[] = []
  const add = (start: number, end: number, reason: MissingReason) => {
    const last = missing.at(-1)
    if (last?.end === start && last.reason === reason) missing[missing.length - 1] = { ...last, end }
    else if (start < end) missing.push({ start, end, reason })
  }
  const addUnexplained = (start: number, end: number) => {
    let from = start
    for (const { start: since, end: until } of wanted.map((part) => intersectWindows(part, { start, end }))) {
      if (since >= until) continue
      add(from, since, 'not_recorded')
      add(since, until, unexplained)
      from = until
    }
    add(from, end, 'not_recorded')
  }
  let next = 0
  for (const hole of subtractRanges(window, covered)) {
    let from = hole.start
    for (let gap = gaps[next]; gap !== undefined && gap.openTime < hole.end; gap = gaps[++next]) {
      if (gap.openTime < from) continue
      addUnexplained(from, gap.openTime)
      from = nextOpenTime(gap.openTime, interval)
      add(gap.openTime, from, gap.reason)
    }
    addUnexplained(from, hole.end)
  }
  return missing
}

/**
 * Up to where the candles of a window were read again after they had settled, ms UTC; `null` where none of them was.
 *
 * @param verifiedTo of the whole series
 */
export function verifiedIn(window: Window, covered: readonly Window[], verifiedTo: number | null): number | null {
  if (verifiedTo === null) return null
  const verified = intersectWindows(window, { start: window.start, end: verifiedTo })
  const isVerified = ({ start, end }: Window) => start < end
  return covered.some((range) => isVerified(intersectWindows(range, verified))) ? verified.end : null
}

/** Slots, given by their open times in ascending order, as ranges: neighbours are one. */
export function rangesOfSlots(openTimes: Iterable<number>, interval: Interval): Window[] {
  const ranges: Window[] = []
  for (const openTime of openTimes) {
    const last = ranges.at(-1)
    const end = nextOpenTime(openTime, interval)
    if (last?.end === openTime) ranges[ranges.length - 1] = { start: last.start, end }
    else ranges.push({ start: openTime, end })
  }
  return ranges
}
