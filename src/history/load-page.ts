import { type Candle, checkCandles } from '../domain/candle.ts'
import { floorToInterval, type Interval, nextOpenTime, slotsIn, type Window } from '../domain/interval.ts'
import type { Chunk } from '../domain/series.ts'
import type { CandlePage } from '../exchanges/connector.ts'
import { closedTo, type Page, VERIFY_AFTER_MS } from './plan.ts'

export interface JudgedPage {
  readonly chunk: Chunk
  /** Where a delisted instrument's candles turn out to end (ms UTC); `null` where this page does not show it. */
  readonly endsAt: number | null
}

/**
 * Judges one answer: what is sound and closed, what is bad, which closed slots it lacks and whether that proves
 * anything. What the newest page of a delisted instrument lacks at its end is not missing: trading had ended.
 *
 * @param readAt ms UTC on the exchange's clock
 */
export function judgePage(page: Page, answer: CandlePage, readAt: number, settleMs: number): JudgedPage {
  const { series, window } = page
  const { interval } = series
  const closed = closedTo(readAt, interval, settleMs)
  const checked = checkCandles(answer.candles, interval, window, closed)
  const bad = [...answer.bad, ...checked.bad]
  const start = Math.max(window.start, series.firstCandleTime ?? window.start)
  const { validTo } = series.instrument
  const last = checked.candles.at(-1)
  const traded = last === undefined ? start : nextOpenTime(last.openTime, interval)
  const isEnd = validTo !== null && window.end >= validTo && bad.length === 0 && traded < window.end
  const end = isEnd ? traded : Math.min(window.end, closed)
  const chunk = {
    seriesId: series.id,
    interval,
    window,
    candles: checked.candles,
    absent: absentSlots({ start, end }, interval, checked.candles, bad),
    bad,
    readAt,
    verifiedTo: Math.min(closed, floorToInterval(readAt - VERIFY_AFTER_MS, interval)),
  }
  return { chunk, endsAt: isEnd ? traded : null }
}

/**
 * The slots that an answer lacks. Absence is evidence only between two candles of the answer, or where every other
 * slot is there: an answer that is merely short (cut off at either end) proves nothing.
 */
function absentSlots(
  window: Window,
  interval: Interval,
  candles: readonly Candle[],
  bad: CandlePage['bad'],
): Chunk['absent'] {
  const answered = new Set<number | null>(candles.map((candle) => candle.openTime))
  for (const { openTime } of bad) answered.add(openTime)
  const missing = [...slotsIn(window, interval)].filter((openTime) => !answered.has(openTime))
  const first = candles[0]?.openTime ?? Number.POSITIVE_INFINITY
  const last = candles.at(-1)?.openTime ?? Number.NEGATIVE_INFINITY
  const otherwiseComplete = missing.length === 1 && candles.length > 1
  return missing.map((openTime) => ({
    openTime,
    bracketed: otherwiseComplete || (first < openTime && openTime < last),
  }))
}
