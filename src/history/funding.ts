import type { FundingRate } from '../domain/funding.ts'
import type { FundingChunk, FundingState } from '../domain/funding-history.ts'
import type { Window } from '../domain/interval.ts'
import type { StoredInstrument } from '../domain/series.ts'
import { intersectWindows, mergeWindows, subtractRanges } from '../domain/window.ts'
import type { Lane } from './rate-budget.ts'

const MINUTE = 60_000
const HOUR = 60 * MINUTE
/**
 * The longest time between two settlements. They come every 8, 6, 4, 2 hours or every hour, and an exchange may change
 * that from one to the next, without notice.
 * https://www.binance.com/en/support/faq/introduction-to-binance-futures-funding-rates-360033525031
 * https://www.okx.com/docs-v5/en/#public-data-rest-api-get-funding-rate
 * https://www.prnewswire.com/in/news-releases/bybit-launches-dynamic-settlement-frequency-system-for-perpetual-contracts-302598201.html
 */
export const LONGEST_INTERVAL_MS = 8 * HOUR
/** Settlements are on the hour; what they are stamped with is off by milliseconds (Binance). */
const SPREAD_MS = 30_000
/** A window is read no sooner than this after its end: a settled rate takes some seconds to be published. */
const SETTLE_MS = 30_000
/** A settlement that is so late is not coming, for they are further apart now. Were it to come after all, the look back
 *  from a later window would find it. */
const LATE_MS = HOUR
/** Rates before a window are asked for with it: two of them say how often the instrument settles, and what came after
 *  its hour had been read is found so. And those after it, up to the first: that is what proves its end. */
const LOOKBACK_MS = 2 * LONGEST_INTERVAL_MS + SPREAD_MS
const LOOKAHEAD_MS = LONGEST_INTERVAL_MS + SPREAD_MS
/** More than one run can do, few enough to plan anew often. */
const MAX_PAGES = 20

/** One answer's worth of funding history. */
export interface FundingPage {
  readonly funding: FundingState
  readonly lane: Exclude<Lane, 'snapshot' | 'inquiry'>
  readonly window: Window
  /** What the exchange is asked for: the window, with what goes before and after it. */
  readonly asked: Window
}

/**
 * Up to where (ms UTC) settlements can be read: half a minute past the last whole hour that has been over for a minute.
 * Every hour may bring one, for the time between settlements can change from one to the next.
 */
export function settledTo(exchangeTime: number): number {
  return Math.floor((exchangeTime - SETTLE_MS - SPREAD_MS) / HOUR) * HOUR + SPREAD_MS
}

/** When an instrument can have settled: from its listing (from ever, where that is unknown) to its delisting. */
export function fundingLife({ listedAt, validTo }: Pick<StoredInstrument, 'listedAt' | 'validTo'>): Window {
  return { start: listedAt ?? 0, end: validTo ?? Number.POSITIVE_INFINITY }
}

/**
 * What is to be fetched of an instrument's funding, most urgent first: the newest, then the missing past from its
 * newest end; what was asked for in vain once it is due.
 *
 * @param exchangeTime ms UTC on the exchange's clock
 * @param maxRates the most rates of one answer
 */
export function planFunding(funding: FundingState, exchangeTime: number, maxRates: number): FundingPage[] {
  const end = settledTo(exchangeTime)
  const wanted = intersectWindows(fundingLife(funding.instrument), { start: funding.recordedFrom, end })
  const waiting = funding.gaps.filter(({ nextAttemptAt }) => nextAttemptAt > exchangeTime)
  const open = subtractRanges(wanted, mergeWindows([...funding.covered, ...waiting]))
  // One rate fewer than an answer holds, so that a full one is known to be cut off; where rates come more often than
  // every 8 hours it is, and the rest is planned anew.
  const pageMs = (maxRates - 1) * LONGEST_INTERVAL_MS - LOOKBACK_MS - LOOKAHEAD_MS
  const pages: FundingPage[] = []
  for (const run of open.reverse()) {
    for (let to = run.end; to > run.start && pages.length < MAX_PAGES; to -= pageMs) {
      const window = { start: Math.max(run.start, to - pageMs), end: to }
      const asked = { start: Math.max(0, window.start - LOOKBACK_MS), end: Math.min(end, to + LOOKAHEAD_MS) }
      pages.push({ funding, window, asked, lane: laneOf(funding, window, end) })
    }
  }
  return pages
}

function laneOf({ gaps }: FundingState, window: Window, end: number): FundingPage['lane'] {
  if (gaps.some((gap) => gap.start < window.end && gap.end > window.start)) return 'repair'
  return window.end === end ? 'tail' : 'backfill'
}

/** When there is next something to fetch of an instrument that lacks nothing now (ms UTC on the exchange's clock). */
export function fundingDueAt({ instrument, gaps }: FundingState, exchangeTime: number): number {
  const times = gaps.map(({ nextAttemptAt }) => nextAttemptAt).filter((time) => time > exchangeTime)
  if (instrument.validTo === null) times.push(settledTo(exchangeTime) + HOUR + SETTLE_MS)
  return Math.min(Number.POSITIVE_INFINITY, ...times)
}

/**
 * Judges one answer: what has been paid, which times it proves to hold no other rates, and where rates are lacking. An
 * answer that is as long as it may be is cut off at one of its ends, we need not know which: it proves what lies between
 * its rates alone. An empty one proves nothing.
 *
 * @param readAt ms UTC on the exchange's clock
 */
export function judgeFunding(
  { funding, window, asked }: FundingPage,
  answer: readonly FundingRate[],
  readAt: number,
  maxRates: number,
): FundingChunk {
  const { instrument } = funding
  const end = Math.min(asked.end, settledTo(readAt))
  const sound = answer.filter(
    ({ exchangeSymbol, settled, fundingTime }) =>
      settled && exchangeSymbol === instrument.exchangeSymbol && fundingTime >= asked.start && fundingTime < end,
  )
  const byTime = new Map(sound.map((rate) => [rate.fundingTime, rate]))
  const rates = [...byTime.values()].sort((a, b) => a.fundingTime - b.fundingTime)
  const times = rates.map(({ fundingTime }) => fundingTime)
  const isCut = answer.length >= maxRates
  const { listedAt } = instrument
  const isFromListing = !isCut && listedAt !== null && listedAt >= asked.start && listedAt < end
  const proven = provenWindows(isFromListing ? listedAt : null, times, { isCut, end, readAt })
  const holes = isCut ? [] : subtractRanges({ start: window.start, end: Math.min(window.end, end) }, proven)
  return {
    instrumentId: instrument.id,
    window,
    rates: rates.map(({ fundingTime, rate, markPrice, indexPrice }) => ({ fundingTime, rate, markPrice, indexPrice })),
    proven,
    absent: holes.map((hole) => ({ ...hole, ...judgeHole(hole, times, funding) })),
    readAt,
  }
}

/**
 * Between two rates (or the listing and the first) there is no other, unless they are further apart than settlements
 * ever are, or than both of their neighbours: then one may be lacking. What came before the first rate of an answer is
 * not known: what follows it must not be further apart than the next. After the last one there is none before the next is
 * due.
 */
function provenWindows(
  listedAt: number | null,
  times: readonly number[],
  { isCut, end, readAt }: { readonly isCut: boolean; readonly end: number; readonly readAt: number },
): Window[] {
  const points = listedAt === null ? times : [listedAt, ...times]
  const last = points.at(-1)
  if (last === undefined) return []
  const steps = points.slice(1).map((point, index) => point - (points[index] ?? point))
  // The first settlement is as far from the listing as it happens to be.
  const unknown = listedAt === null ? 0 : LONGEST_INTERVAL_MS
  const between = points.slice(1).flatMap((next, index) => {
    const [before, step = 0, after] = [steps[index - 1] ?? unknown, steps[index], steps[index + 1]]
    const usual = Math.max(before, after ?? LONGEST_INTERVAL_MS)
    return step <= Math.min(usual, LONGEST_INTERVAL_MS) + SPREAD_MS ? [{ start: next - step, end: next }] : []
  })
  return mergeWindows([...between, { start: last, end: isCut ? last + 1 : tailEnd(times, last, end, readAt) }])
}

/** The next is due by the time between the last two; by the longest there is, once it is too late for that. */
function tailEnd(times: readonly number[], last: number, end: number, readAt: number): number {
  const usual = Math.min(last - (times.at(-2) ?? Number.NEGATIVE_INFINITY), LONGEST_INTERVAL_MS)
  // On the minute, whatever the milliseconds of those before.
  const dueAfter = (interval: number) => roundToMinute(last) + roundToMinute(interval)
  const due = dueAfter(readAt < dueAfter(usual) + LATE_MS ? usual : LONGEST_INTERVAL_MS)
  return Math.min(end, due - SPREAD_MS)
}

function roundToMinute(time: number): number {
  return Math.round(time / MINUTE) * MINUTE
}

function judgeHole(
  hole: Window,
  times: readonly number[],
  { covered }: FundingState,
): Pick<FundingChunk['absent'][number], 'reason' | 'bracketed'> {
  const [first = Number.POSITIVE_INFINITY, last = Number.NEGATIVE_INFINITY] = [times[0], times.at(-1)]
  const isReached = first < hole.end || covered.some(({ start }) => start < hole.end)
  return { reason: isReached ? 'absent' : 'out_of_reach', bracketed: first <= hole.start && hole.end <= last }
}
