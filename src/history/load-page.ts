import { type Candle, checkCandles } from '../domain/candle.ts'
import { countSlots, floorToInterval, slotsIn, type Window } from '../domain/interval.ts'
import type { Chunk, SeriesState } from '../domain/series.ts'
import type { CandlePage } from '../exchanges/connector.ts'
import { closedTo, type Page, VERIFY_AFTER_MS } from './plan.ts'

/**
 * Judges one answer: what is sound and closed, what is bad, which closed slots it lacks and whether that proves
 * anything.
 *
 * @param readAt ms UTC on the exchange's clock
 */
export function judgePage(page: Page, answer: CandlePage, readAt: number, settleMs: number): Chunk {
  const { series, window } = page
  const { interval } = series
  const closed = closedTo(readAt, interval, settleMs)
  const checked = checkCandles(answer.candles, interval, window, closed)
  const bad = [...answer.bad, ...checked.bad]
  const start = Math.max(window.start, series.firstCandleTime ?? window.start)
  return {
    seriesId: series.id,
    interval,
    window,
    candles: checked.candles,
    absent: absentSlots({ start, end: Math.min(window.end, closed) }, series, checked.candles, bad),
    bad,
    readAt,
    verifiedTo: Math.min(closed, floorToInterval(readAt - VERIFY_AFTER_MS, interval)),
  }
}

/**
 * The slots that an answer lacks. Absence is evidence only between two candles of the answer (before one, where there
 * can be none earlier: some are listed before they trade), or where every other slot is there: an answer that is merely short (cut off at either end) proves nothing.
 */
function absentSlots(
  window: Window,
  { interval, firstCandleTime }: SeriesState,
  candles: readonly Candle[],
  bad: CandlePage['bad'],
): Chunk['absent'] {
  // Nearly every page of the past: so many sound candles inside the window leave no slot for another.
  const isInside = (candles[0]?.openTime ?? window.start) >= window.start
  if (bad.length === 0 && isInside && candles.length === countSlots(window, interval)) return []
  const answered = new Set<number | null>(candles.map((candle) => candle.openTime))
  for (const { openTime } of bad) answered.add(openTime)
  const missing = [...slotsIn(window, interval)].filter((openTime) => !answered.has(openTime))
  const reachesStart = firstCandleTime !== null && window.start <= firstCandleTime
  const first = reachesStart ? Number.NEGATIVE_INFINITY : (candles[0]?.openTime ?? Number.POSITIVE_INFINITY)
  const last = candles.at(-1)?.openTime ?? Number.NEGATIVE_INFINITY
  const otherwiseComplete = missing.length === 1 && candles.length > 1
  return missing.map((openTime) => ({
    openTime,
    bracketed: otherwiseComplete || (first < openTime && openTime < last),
  }))
}
