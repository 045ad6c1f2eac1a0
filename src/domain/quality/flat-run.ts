import { type Columns, NEIGHBOURS } from './columns.ts'
import { type Fault, rounded, severityOf } from './finding.ts'
import type { Thresholds } from './thresholds.ts'

/** With fewer neighbours, nothing is known of how often the price moves. */
const MIN_NEIGHBOURS = 20

/**
 * Closes that stand still while those around them move. Some exchanges fill minutes without trades with flat candles:
 * those are true, and quiet minutes come together, so that a run in which nothing traded must be longer.
 */
export function findFlatRuns(
  columns: Columns,
  first: number,
  after: number,
  threshold: Thresholds['flatRun'],
): Fault[] {
  const faults: Fault[] = []
  for (let from = 0; from < after; ) {
    const to = endOfRun(columns, from)
    const slots = to - from
    const needed = hasTraded(columns, from, to) ? threshold.slots : threshold.quietSlots
    if (to > first && slots >= needed && isActiveAround(columns, from, to, threshold.activity)) {
      faults.push(faultOf(columns, from, to, needed))
    }
    from = to
  }
  return faults
}

/** Behind the last candle that closes where the one at `from` does. */
function endOfRun({ close, length }: Columns, from: number): number {
  let to = from + 1
  while (to < length && close[to] === close[from]) to++
  return to
}

/** In any but the first, which may have moved the price to where it stays. */
function hasTraded({ volume }: Columns, from: number, to: number): boolean {
  for (let index = from + 1; index < to; index++) if ((volume[index] ?? 0) > 0) return true
  return false
}

function isActiveAround({ close, length }: Columns, from: number, to: number, activity: number): boolean {
  let neighbours = 0
  let moved = 0
  const count = (index: number) => {
    neighbours += 1
    if (close[index] !== close[index - 1]) moved += 1
  }
  for (let index = Math.max(1, from - NEIGHBOURS); index < from; index++) count(index)
  for (let index = to + 1; index < Math.min(length, to + NEIGHBOURS); index++) count(index)
  return neighbours >= MIN_NEIGHBOURS && moved >= activity * neighbours
}

function faultOf(columns: Columns, from: number, to: number, threshold: number): Fault {
  const candle = columns.candles[from]
  if (candle === undefined) throw new RangeError(`there is no candle ${from}`)
  const slots = to - from
  return {
    kind: 'flat_run',
    severity: severityOf(slots / threshold),
    start: candle.openTime,
    end: columns.closeTime(to - 1),
    evidence: {
      measure: 'close',
      openTime: candle.openTime,
      value: candle.close,
      reference: columns.candles[from - 1]?.close ?? candle.close,
      deviation: rounded(slots),
      threshold,
      unit: 'slots',
      neighbours: columns.around('close', from, to - 1),
      sources: [],
    },
  }
}
