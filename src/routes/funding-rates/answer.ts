import type { FundingMissingReason } from '../../domain/funding-history.ts'
import type { Window } from '../../domain/interval.ts'
import type { StoredInstrument } from '../../domain/series.ts'
import { intersectWindows, mergeWindows, subtractRanges } from '../../domain/window.ts'
import { fundingLife, settledTo } from '../../history/funding.ts'
import type { Direction } from '../../store/candles.ts'
import type { StoredFunding, StoredRate } from '../../store/funding-pages.ts'
import type { FundingRatesQuery } from './query.ts'

/** Where a page is read: from which edge of which window. */
export interface FundingScan {
  readonly window: Window
  /** Whether the caller said where the window begins; if not, it is where the rates are recorded from. */
  readonly hasStart: boolean
  readonly direction: Direction
  readonly limit: number
}

export interface MissingFunding extends Window {
  readonly reason: FundingMissingReason
}

/** One page of funding rates, and what is missing of them. */
export interface FundingAnswer {
  /** Ascending. */
  readonly rates: readonly StoredRate[]
  /** What the page speaks for. */
  readonly window: Window
  /** Up to where settlements can have been read, inside the window: later ones are not missing yet. */
  readonly settledTo: number
  /** Ascending, inside the window. */
  readonly missing: readonly MissingFunding[]
  /** The funding time that the next page goes on from; `null` after the last page. */
  readonly next: number | null
}

/** Without a start the newest rates are read, newest first, whatever order they are answered in. */
export function planFundingPage({ start, end, order, cursor, limit }: FundingRatesQuery, now: number): FundingScan {
  const direction = start !== undefined && order === 'asc' ? 'forward' : 'backward'
  const asked = { start: start ?? 0, end: Math.min(end ?? now, now) }
  const isForward = direction === 'forward'
  const from = isForward && cursor !== undefined ? Math.max(asked.start, cursor + 1) : asked.start
  const to = !isForward && cursor !== undefined ? Math.min(asked.end, cursor) : asked.end
  return { window: { start: from, end: Math.max(from, to) }, hasStart: start !== undefined, direction, limit }
}

/**
 * The page that a scan gives.
 *
 * @param stored one rate more than the scan's limit, where there are so many
 * @param now ms UTC
 */
export function answerFunding(
  scan: FundingScan,
  stored: StoredFunding,
  instrument: StoredInstrument,
  now: number,
): FundingAnswer {
  const { direction, limit } = scan
  const isForward = direction === 'forward'
  const rates = isForward ? stored.rates.slice(0, limit) : stored.rates.slice(-limit)
  const edge = isForward ? rates.at(-1) : rates[0]
  const next = edge !== undefined && stored.rates.length > limit ? edge.fundingTime : null
  const window = answeredWindow(scan, stored, instrument, next)
  const readTo = Math.max(window.start, Math.min(window.end, settledTo(now)))
  const missing = missingFunding({ start: window.start, end: readTo }, stored, instrument)
  return { rates, window, settledTo: readTo, missing, next }
}

function answeredWindow(
  { window, hasStart, direction }: FundingScan,
  { recordedFrom, coveredFrom }: StoredFunding,
  instrument: StoredInstrument,
  next: number | null,
): Window {
  if (next !== null) {
    return direction === 'forward' ? { start: window.start, end: next + 1 } : { start: next, end: window.end }
  }
  if (hasStart) return window
  const isKnown = recordedFrom !== null || coveredFrom !== null
  const known = Math.min(recordedFrom ?? Number.POSITIVE_INFINITY, coveredFrom ?? Number.POSITIVE_INFINITY)
  const from = isKnown ? known : fundingLife(instrument).start
  return { start: Math.min(from, window.end), end: window.end }
}

/** What is not proven of a window, as far as the instrument was there. */
function missingFunding(
  window: Window,
  { covered, gaps, recordedFrom, isFailing }: StoredFunding,
  instrument: StoredInstrument,
): MissingFunding[] {
  const wanted = intersectWindows(window, fundingLife(instrument))
  const recorded = { start: recordedFrom ?? Number.POSITIVE_INFINITY, end: Number.POSITIVE_INFINITY }
  const pieces = subtractRanges(wanted, covered).flatMap((hole): MissingFunding[] => {
    const asked = gaps.map((gap) => ({ ...intersectWindows(gap, hole), reason: gap.reason }))
    const unasked = subtractRanges(hole, mergeWindows(gaps)).flatMap((rest): MissingFunding[] => [
      ...subtractRanges(rest, [recorded]).map((part) => ({ ...part, reason: 'not_recorded' as const })),
      { ...intersectWindows(rest, recorded), reason: isFailing ? 'load_failing' : 'not_loaded' },
    ])
    return [...asked, ...unasked]
  })
  return joined(pieces.filter(({ start, end }) => start < end).sort((a, b) => a.start - b.start))
}

/** Neighbours with one reason are one. */
function joined(pieces: readonly MissingFunding[]): MissingFunding[] {
  const missing: MissingFunding[] = []
  for (const piece of pieces) {
    const last = missing.at(-1)
    if (last?.end === piece.start && last.reason === piece.reason)
      missing[missing.length - 1] = { ...last, end: piece.end }
    else missing.push(piece)
  }
  return missing
}
