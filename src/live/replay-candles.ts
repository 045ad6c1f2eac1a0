import type { Candle } from '../domain/candle.ts'
import type { MissingRange } from '../domain/coverage.ts'
import { type Interval, nextOpenTime } from '../domain/interval.ts'
import type { ReplayRecord } from './replay-records.ts'

/** Stored candles of the next slots, and which of these slots lack one that should be there. */
export interface CandlePage {
  /** Ascending. */
  readonly candles: readonly Candle[]
  /** Ascending, aligned, within the slots. */
  readonly missing: readonly MissingRange[]
  /** Where the next slots begin, ms UTC. */
  readonly readTo: number
}

/**
 * The candles of all pages, each at the end of its slot and the settling time, when it was final; and the missing ranges,
 * each once, when the last of its candles would have been.
 */
export async function* replayCandles(
  pages: AsyncIterable<CandlePage>,
  interval: Interval,
  settleMs: number,
): AsyncGenerator<readonly ReplayRecord[]> {
  const toGap = ({ start, end, reason }: MissingRange): ReplayRecord => ({
    kind: 'gap',
    time: end + settleMs,
    gap: { from: start, to: end, reason },
  })
  const toCandle = (candle: Candle): ReplayRecord => ({
    kind: 'candle',
    time: nextOpenTime(candle.openTime, interval) + settleMs,
    interval,
    candle,
  })
  /** It reaches the end of its page, and may go on in the next one. */
  let begun: MissingRange | undefined
  for await (const { candles, missing, readTo } of pages) {
    const ranges: MissingRange[] = [...missing]
    const [first] = ranges
    if (begun !== undefined && first?.start === begun.end && first.reason === begun.reason) {
      ranges[0] = { ...first, start: begun.start }
    } else if (begun !== undefined) ranges.unshift(begun)
    begun = ranges.at(-1)?.end === readTo ? ranges.pop() : undefined
    yield [...candles.map(toCandle), ...ranges.map(toGap)].sort((a, b) => a.time - b.time)
  }
  if (begun !== undefined) yield [toGap(begun)]
}
