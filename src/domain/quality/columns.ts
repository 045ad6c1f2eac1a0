import type { Candle } from '../candle.ts'
import { toNumber } from '../decimal.ts'
import { type Interval, intervalLength, nextOpenTime, type Window } from '../interval.ts'
import type { Evidence, Measure } from './finding.ts'

/** Candles judged look so many candles around them: about an hour on either side of a minute's. */
export const NEIGHBOURS = 60
/** With fewer that moved, nothing is known of how far prices go. */
const MIN_MOVED = 20
/** The median of what is normally distributed, times this, is its standard deviation. */
const MEDIAN_TO_DEVIATION = 1.4826

/**
 * Candles as columns of doubles. Checks compare sizes that are far apart: what a double cannot hold does not matter
 * here, and evidence quotes the candles' own text.
 */
export class Columns {
  readonly interval: Interval
  readonly candles: readonly Candle[]
  readonly open: Float64Array
  readonly high: Float64Array
  readonly low: Float64Array
  readonly close: Float64Array
  readonly volume: Float64Array

  /** @param candles ascending */
  constructor(candles: readonly Candle[], interval: Interval) {
    this.interval = interval
    this.candles = candles
    this.open = Float64Array.from(candles, (candle) => toNumber(candle.open))
    this.high = Float64Array.from(candles, (candle) => toNumber(candle.high))
    this.low = Float64Array.from(candles, (candle) => toNumber(candle.low))
    this.close = Float64Array.from(candles, (candle) => toNumber(candle.close))
    this.volume = Float64Array.from(candles, (candle) => toNumber(candle.volume))
  }

  get length(): number {
    return this.candles.length
  }

  openTime(index: number): number {
    return this.candles[index]?.openTime ?? 0
  }

  closeTime(index: number): number {
    return nextOpenTime(this.openTime(index), this.interval)
  }

  /** How many slots a candle opens after the one before it: 1 unless some are missing. */
  slotsBefore(index: number): number {
    return Math.max(1, Math.round((this.openTime(index) - this.openTime(index - 1)) / intervalLength(this.interval)))
  }

  /** The indices, `[first, after)`, of the candles in a window. */
  indicesIn({ start, end }: Window): { readonly first: number; readonly after: number } {
    const after = this.candles.findLastIndex((candle) => candle.openTime < end) + 1
    const first = this.candles.findIndex((candle) => candle.openTime >= start)
    return { first: first < 0 ? after : first, after }
  }

  /**
   * How far the closes around a candle move from one to the next, as a robust deviation of their logarithms; `undefined`
   * where too few of them moved to tell. Those that did not move do not count: a market of coarse ticks moves by ticks.
   */
  priceScale(index: number): number | undefined {
    const moves: number[] = []
    for (let i = Math.max(1, index - NEIGHBOURS); i <= Math.min(this.length - 1, index + NEIGHBOURS); i++) {
      const move = Math.abs(logRatio(this.close[i], this.close[i - 1]))
      if (move > 0) moves.push(move)
    }
    if (moves.length < MIN_MOVED) return undefined
    return deviationOf(moves.sort((a, b) => a - b))
  }

  /** The same measure of the two candles on either side of a range. */
  around(measure: Measure, from: number, to: number): Evidence['neighbours'] {
    return [from - 2, from - 1, to + 1, to + 2].flatMap((index) => {
      const candle = this.candles[index]
      return candle === undefined ? [] : [{ openTime: candle.openTime, value: candle[measure] }]
    })
  }
}

/** @param sorted ascending, positive */
export function deviationOf(sorted: readonly number[]): number {
  return MEDIAN_TO_DEVIATION * (sorted[sorted.length >> 1] ?? 0)
}

/** `ln(a / b)`; of a price of 0 very far down, but finite. */
export function logRatio(a: number | undefined, b: number | undefined): number {
  return Math.log(Math.max(a ?? 0, Number.MIN_VALUE)) - Math.log(Math.max(b ?? 0, Number.MIN_VALUE))
}
