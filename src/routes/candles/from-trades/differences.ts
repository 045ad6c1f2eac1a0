import type { Candle } from '../../../domain/candle.ts'
import { type CandleComparison, compareCandles } from '../../../domain/candle-differences.ts'
import { parseCandleLine } from '../../../domain/candle-line.ts'
import type { Interval, Window } from '../../../domain/interval.ts'
import { nextOpenTime } from '../../../domain/interval.ts'
import type { CatalogEntry } from '../../../store/catalog.ts'
import type { Reader } from '../../../store/sessions.ts'
import { readAnswer } from '../answer.ts'
import { MAX_LIMIT } from '../query.ts'
import { chooseSeries } from '../scan.ts'
import type { TradeCandleAnswer } from './answer.ts'

/** Pages of the exchange's candles that one answer is compared with: a month of minutes. */
const MAX_PAGES = 10

/** Compares what was built with the exchange's own candles of the interval, stored or derived. */
export async function compareWithExchange(
  db: Reader,
  entry: CatalogEntry,
  interval: Interval,
  { candles, coverage }: TradeCandleAnswer,
): Promise<CandleComparison> {
  const own: Candle[] = []
  const empty: Window[] = []
  const window = hullOf(candles, coverage.empty, interval)
  const choice = chooseSeries(entry, interval, 'exchange', window)
  const scan = { interval, direction: 'forward', limit: MAX_LIMIT, isBounded: true, reachesPresent: false } as const
  let start: number | null = choice.from === 'nothing' || window.start >= window.end ? null : window.start
  for (let page = 0; start !== null && page < MAX_PAGES; page++) {
    const answer = await readAnswer(db, entry, choice, { ...scan, window: { start, end: window.end } })
    own.push(...answer.lines.map(parseCandleLine))
    empty.push(...answer.coverage.empty)
    start = answer.next
  }
  return compareCandles({ candles, empty: coverage.empty }, { candles: own, empty })
}

/** From the first slot to the last of which all trades are known; empty where there are none. */
function hullOf(candles: readonly Candle[], empty: readonly Window[], interval: Interval): Window {
  const [first, last] = [candles[0], candles.at(-1)]
  const starts = [first?.openTime, empty[0]?.start].filter((time) => time !== undefined)
  const ends = [last && nextOpenTime(last.openTime, interval), empty.at(-1)?.end].filter((time) => time !== undefined)
  return starts.length === 0 ? { start: 0, end: 0 } : { start: Math.min(...starts), end: Math.max(...ends) }
}
