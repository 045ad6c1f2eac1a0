import { parseCandleLine } from '../../domain/candle-line.ts'
import { countSlots, type Interval, intervalLength, type Window } from '../../domain/interval.ts'
import type { CandlePage } from '../../live/replay-candles.ts'
import type { CatalogEntry } from '../../store/catalog.ts'
import type { Reader } from '../../store/sessions.ts'
import { readAnswer } from '../candles/answer.ts'
import { MAX_LIMIT } from '../candles/query.ts'
import type { SeriesChoice } from '../candles/scan.ts'

/** The most stored candles that a derived page is made of, and how many reads that takes at most. */
const DERIVED_INPUT = 50_000
const READS_PER_DERIVED_PAGE = 3

/** The most reads that {@link readCandlePages} needs. */
export function countCandleReads(choice: SeriesChoice, interval: Interval, window: Window): number {
  const slots = countSlots(window, interval)
  if (choice.from === 'nothing') return 0
  if (choice.from === 'stored') return Math.ceil(slots / MAX_LIMIT) + 1
  const inputsPerSlot = intervalLength(interval) / intervalLength(choice.series.interval)
  const slotsPerPage = Math.min(MAX_LIMIT, Math.max(1, Math.floor(DERIVED_INPUT / inputsPerSlot)))
  return READS_PER_DERIVED_PAGE * (Math.ceil(slots / slotsPerPage) + 1)
}

/**
 * The candles of a window, a page at a time, as `GET /v1/candles` answers them.
 *
 * @param window aligned and closed
 */
export async function* readCandlePages(
  db: Reader,
  entry: CatalogEntry,
  choice: SeriesChoice,
  interval: Interval,
  window: Window,
): AsyncGenerator<CandlePage> {
  for (let start: number | null = window.start; start !== null && start < window.end; ) {
    const answer = await readAnswer(db, entry, choice, {
      interval,
      window: { start, end: window.end },
      direction: 'forward',
      limit: MAX_LIMIT,
      isBounded: true,
      reachesPresent: false,
    })
    const { lines, coverage, next } = answer
    yield { candles: lines.map(parseCandleLine), missing: coverage.missing, readTo: next ?? window.end }
    start = next
  }
}
