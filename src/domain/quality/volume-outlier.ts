import { type Decimal, decimal } from '../decimal.ts'
import { type Columns, NEIGHBOURS } from './columns.ts'
import { type Fault, rounded, severityOf } from './finding.ts'
import type { Thresholds } from './thresholds.ts'

/** With fewer neighbours that traded, nothing is known of how volumes scatter. */
const MIN_NEIGHBOURS = 30
const HIGH_SHARE = 0.95

/**
 * Volumes far above what 19 of 20 neighbours stay below. Where volumes scatter widely, as in bursts, that level itself
 * is far above the median, and the distance asked for grows with it.
 */
export function findVolumeOutliers(
  columns: Columns,
  first: number,
  after: number,
  { times }: Thresholds['volumeOutlier'],
): Fault[] {
  const faults: Fault[] = []
  for (let index = first; index < after; index++) {
    const volume = columns.volume[index] ?? 0
    if (!couldStandOut(columns, index, volume / times)) continue
    const found = levelsAround(columns, index)
    if (found === undefined) continue
    const threshold = Math.max(times, (found.high / found.median) ** 2)
    if (volume < threshold * found.high) continue
    faults.push(faultOf(columns, index, volume / found.high, threshold, found.text))
  }
  return faults
}

/** Ends at the seventh neighbour that is not small beside it: that is more than one in twenty of all there can be. */
function couldStandOut(columns: Columns, index: number, small: number): boolean {
  if (!(small > 0)) return false
  let left = Math.floor(2 * NEIGHBOURS * (1 - HIGH_SHARE)) + 1
  for (let i = Math.max(0, index - NEIGHBOURS); i <= Math.min(columns.length - 1, index + NEIGHBOURS); i++) {
    if (i !== index && (columns.volume[i] ?? 0) > small && --left === 0) return false
  }
  return true
}

interface Levels {
  readonly median: number
  readonly high: number
  /** `high` as the candle that has it says. */
  readonly text: Decimal
}

/** Of the neighbours in which something traded. */
function levelsAround(columns: Columns, index: number): Levels | undefined {
  const traded: number[] = []
  for (let i = Math.max(0, index - NEIGHBOURS); i <= Math.min(columns.length - 1, index + NEIGHBOURS); i++) {
    if (i !== index && (columns.volume[i] ?? 0) > 0) traded.push(i)
  }
  if (traded.length < MIN_NEIGHBOURS) return undefined
  traded.sort((a, b) => (columns.volume[a] ?? 0) - (columns.volume[b] ?? 0))
  const at = traded[Math.ceil(HIGH_SHARE * traded.length) - 1] ?? 0
  return {
    median: columns.volume[traded[traded.length >> 1] ?? 0] ?? 0,
    high: columns.volume[at] ?? 0,
    text: columns.candles[at]?.volume ?? decimal('0'),
  }
}

function faultOf(columns: Columns, index: number, deviation: number, threshold: number, reference: Decimal): Fault {
  const openTime = columns.openTime(index)
  return {
    kind: 'volume_outlier',
    severity: severityOf(deviation / threshold),
    start: openTime,
    end: columns.closeTime(index),
    evidence: {
      measure: 'volume',
      openTime,
      value: columns.candles[index]?.volume ?? reference,
      reference,
      deviation: rounded(deviation),
      threshold: rounded(threshold),
      unit: 'times',
      neighbours: columns.around('volume', index, index),
      sources: [],
    },
  }
}
