import { ceilToInterval, countSlots, nextOpenTime, type Window } from '../../domain/interval.ts'
import { subtractRanges } from '../../domain/window.ts'
import type { GapRow, GapSeries, Holes, QuarantineRow } from '../../store/gaps.ts'

/** Consecutive slots of one series that are missing for one reason. */
export interface GapRange extends Window {
  readonly series: GapSeries
  readonly slots: number
  readonly reason: GapRow['reason'] | 'not_loaded' | 'load_failing'
  readonly firstSeen: number | null
  readonly attempts: number
  readonly nextAttemptAt: number | null
  readonly lastError: string | null
}

/** A place in the list: it is ordered by series, then time. */
export interface Place {
  readonly seriesId: number
  readonly time: number
}

export interface GapPage {
  readonly ranges: readonly GapRange[]
  readonly quarantine: readonly QuarantineRow[]
  /** Where the next page begins; `null` where these series are done. */
  readonly next: Place | null
}

/**
 * One page of what some series lack.
 *
 * @param series in the order of their ids
 * @param maxRows how many rows each list could have: one that is as long was cut off, and nothing is known beyond it
 * @param limit the most ranges
 */
export function pageGaps(
  series: readonly GapSeries[],
  { holes, gaps, quarantine }: Holes,
  maxRows: number,
  limit: number,
): GapPage {
  const lastGap = gaps.length < maxRows ? undefined : gaps.at(-1)
  const lastHole = holes.length < maxRows ? undefined : holes.at(-1)
  const lastRecord = quarantine.length < maxRows ? undefined : quarantine.at(-1)
  const cuts = [
    lastGap && { seriesId: lastGap.seriesId, time: lastGap.openTime + 1 },
    lastHole && { seriesId: lastHole.seriesId, time: lastHole.end },
    lastRecord && { seriesId: lastRecord.seriesId, time: lastRecord.openTime + 1 },
  ].filter((place) => place !== undefined)
  const known = cuts.sort(comparePlaces)[0]
  const ranges = series.flatMap((one) => rangesOf(one, holes, gaps))
  const firstLeftOut = ranges[limit]
  const stops = [known, firstLeftOut && placeOf(firstLeftOut)].filter((place) => place !== undefined)
  const next = stops.sort(comparePlaces)[0] ?? null
  if (next === null) return { ranges, quarantine, next }
  return {
    ranges: ranges.filter((range) => comparePlaces(placeOf(range), next) < 0).map((range) => clipAt(range, next)),
    quarantine: quarantine.filter((row) => comparePlaces({ seriesId: row.seriesId, time: row.openTime }, next) < 0),
    next,
  }
}

function comparePlaces(a: Place, b: Place): number {
  return a.seriesId - b.seriesId || a.time - b.time
}

function placeOf({ series, start }: GapRange): Place {
  return { seriesId: series.id, time: start }
}

/** A range that reaches beyond what is known of its series ends there; the next page goes on with it. */
function clipAt(range: GapRange, { seriesId, time }: Place): GapRange {
  const { series, start } = range
  if (series.id !== seriesId || range.end <= time) return range
  const end = ceilToInterval(time, series.interval)
  return { ...range, end, slots: countSlots({ start, end }, series.interval) }
}

/** Everything that one series lacks, ascending: runs of gaps with one reason, and between them what was never loaded. */
function rangesOf(series: GapSeries, holes: Holes['holes'], gaps: readonly GapRow[]): GapRange[] {
  const attempted = gapRanges(
    series,
    gaps.filter((gap) => gap.seriesId === series.id),
  )
  const untouched = holes
    .filter((hole) => hole.seriesId === series.id)
    .flatMap((hole) => subtractRanges(hole, attempted))
    .map((window) => untouchedRange(series, window))
  return [...attempted, ...untouched].sort((a, b) => a.start - b.start)
}

function untouchedRange(series: GapSeries, window: Window): GapRange {
  const isFailing = series.failures > 0
  return {
    ...window,
    series,
    slots: countSlots(window, series.interval),
    reason: isFailing ? 'load_failing' : 'not_loaded',
    firstSeen: null,
    attempts: series.failures,
    nextAttemptAt: isFailing ? series.nextAttemptAt : null,
    lastError: series.lastError,
  }
}

function gapRanges(series: GapSeries, gaps: readonly GapRow[]): GapRange[] {
  const ranges: GapRange[] = []
  for (const gap of gaps) {
    const last = ranges.at(-1)
    const end = nextOpenTime(gap.openTime, series.interval)
    if (last?.end !== gap.openTime || last.reason !== gap.reason) {
      ranges.push({ ...gap, series, start: gap.openTime, end, slots: 1 })
      continue
    }
    ranges[ranges.length - 1] = {
      ...last,
      end,
      slots: last.slots + 1,
      firstSeen: Math.min(last.firstSeen ?? gap.firstSeen, gap.firstSeen),
      attempts: Math.max(last.attempts, gap.attempts),
      nextAttemptAt: Math.min(last.nextAttemptAt ?? gap.nextAttemptAt, gap.nextAttemptAt),
      lastError: gap.lastError ?? last.lastError,
    }
  }
  return ranges
}
