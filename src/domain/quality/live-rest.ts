import type { Candle } from '../candle.ts'
import { toNumber } from '../decimal.ts'
import type { Columns } from './columns.ts'
import { type Fault, measures, percentApart, rounded, severityOf } from './finding.ts'
import type { Thresholds } from './thresholds.ts'

/** A candle as it was stored first, before a later answer revised it. */
export type FirstVersion = Pick<Candle, 'openTime' | 'open' | 'high' | 'low' | 'close' | 'volume'>

/** Candles that the stream, or the first answer, told otherwise than the exchange does now. */
export function findLiveRest(
  columns: Columns,
  first: number,
  after: number,
  { percent }: Thresholds['liveRest'],
  firstVersions: ReadonlyMap<number, FirstVersion>,
): Fault[] {
  const faults: Fault[] = []
  if (firstVersions.size === 0) return faults
  for (let index = first; index < after; index++) {
    const now = columns.candles[index]
    const before = now && firstVersions.get(now.openTime)
    if (now === undefined || before === undefined) continue
    const [worst] = measures
      .map((measure) => ({ measure, deviation: percentApart(toNumber(before[measure]), toNumber(now[measure])) }))
      .sort((a, b) => b.deviation - a.deviation)
    if (worst === undefined || worst.deviation <= percent) continue
    const { measure, deviation } = worst
    faults.push({
      kind: 'live_rest',
      severity: severityOf(deviation / percent),
      start: now.openTime,
      end: columns.closeTime(index),
      evidence: {
        measure,
        openTime: now.openTime,
        value: before[measure],
        reference: now[measure],
        deviation: rounded(deviation),
        threshold: percent,
        unit: 'percent',
        neighbours: columns.around(measure, index, index),
        sources: [],
      },
    })
  }
  return faults
}
