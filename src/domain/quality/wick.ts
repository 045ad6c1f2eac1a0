import { type Columns, deviationOf, logRatio, NEIGHBOURS } from './columns.ts'
import { type Fault, type Measure, percentApart, rounded, severityOf } from './finding.ts'
import type { Thresholds } from './thresholds.ts'

/** With fewer wicks around, the moves of the closes alone are the scale. */
const MIN_WICKS = 20

/**
 * Highs and lows that nothing near them reaches: neither the candle's own body nor the wicks of its two neighbours.
 * They are `price_jump`s within a candle.
 */
export function findWicks(columns: Columns, first: number, after: number, threshold: Thresholds['wick']): Fault[] {
  const least = Math.log1p(threshold.percent / 100)
  const faults: Fault[] = []
  for (let index = Math.max(1, first); index < Math.min(after, columns.length - 1); index++) {
    for (const side of SIDES) {
      // Nearly all end here: the neighbours are looked at for the few that could be one.
      if (side.wick(columns, index) < least) continue
      const reach = reachOf(columns, index, side)
      const limit = limitAt(columns, index, side, threshold, least)
      if (limit !== undefined && reach >= limit) faults.push(faultOf(columns, index, side, limit))
    }
  }
  return faults
}

interface Side {
  readonly measure: 'high' | 'low'
  /** The price that an extreme is held against. */
  readonly reference: (columns: Columns, index: number) => { readonly index: number; readonly measure: Measure }
  /** How far a candle's extreme goes beyond its own body, as a logarithm. */
  readonly wick: (columns: Columns, index: number) => number
}

const SIDES: readonly Side[] = [sideOf('high', 1), sideOf('low', -1)]

/** @param sign 1 where beyond is above */
function sideOf(measure: 'high' | 'low', sign: 1 | -1): Side {
  const priceOf = (columns: Columns, place: { readonly index: number; readonly measure: Measure }) =>
    columns[place.measure][place.index] ?? 0
  const reference: Side['reference'] = (columns, index) => {
    const places: { readonly index: number; readonly measure: Measure }[] = [
      { index, measure: 'open' },
      { index, measure: 'close' },
      { index: index - 1, measure },
      { index: index + 1, measure },
    ]
    return places.reduce((best, place) =>
      sign * (priceOf(columns, place) - priceOf(columns, best)) > 0 ? place : best,
    )
  }
  return {
    measure,
    reference,
    wick: ({ open, close, [measure]: extremes }, index) =>
      Math.min(sign * logRatio(extremes[index], open[index]), sign * logRatio(extremes[index], close[index])),
  }
}

/** How far an extreme goes beyond all that it is held against, as a logarithm; negative where it does not. */
function reachOf(columns: Columns, index: number, side: Side): number {
  const held = side.reference(columns, index)
  const beyond = logRatio(columns[side.measure][index], columns[held.measure][held.index])
  return side.measure === 'high' ? beyond : -beyond
}

function limitAt(
  columns: Columns,
  index: number,
  side: Side,
  { deviations }: Thresholds['wick'],
  least: number,
): number | undefined {
  const scale = columns.priceScale(index)
  if (scale === undefined) return undefined
  const wicks: number[] = []
  for (let i = Math.max(0, index - NEIGHBOURS); i <= Math.min(columns.length - 1, index + NEIGHBOURS); i++) {
    const wick = side.wick(columns, i)
    if (wick > 0) wicks.push(wick)
  }
  const ofWicks = wicks.length < MIN_WICKS ? 0 : deviationOf(wicks.sort((a, b) => a - b))
  return Math.max(least, deviations * Math.max(scale, ofWicks))
}

function faultOf(columns: Columns, index: number, side: Side, limit: number): Fault {
  const place = side.reference(columns, index)
  const candle = columns.candles[index]
  const held = columns.candles[place.index]
  if (candle === undefined || held === undefined) throw new RangeError(`there is no candle ${index}`)
  const deviation = percentApart(columns[side.measure][index] ?? 0, columns[place.measure][place.index] ?? 0)
  const threshold = Math.expm1(limit) * 100
  return {
    kind: 'price_jump',
    severity: severityOf(deviation / threshold),
    start: candle.openTime,
    end: columns.closeTime(index),
    evidence: {
      measure: side.measure,
      openTime: candle.openTime,
      value: candle[side.measure],
      reference: held[place.measure],
      deviation: rounded(deviation),
      threshold: rounded(threshold),
      unit: 'percent',
      neighbours: columns.around(side.measure, index, index),
      sources: [],
    },
  }
}
