import type { Candle } from './candle.ts'
import { compareDecimals, type Decimal, sumDecimals, ZERO } from './decimal.ts'
import { divides, type Interval, intervals, nextOpenTime, slotsIn, type Window } from './interval.ts'

/** The longest of the `stored` intervals whose slots tile those of `target`; `undefined` where there is none. */
export function chooseBase(stored: readonly Interval[], target: Interval): Interval | undefined {
  return intervals.findLast((interval) => stored.includes(interval) && divides(interval, target))
}

/**
 * One candle over all those of its slot, exactly. Where an exchange fills a slot in which nothing traded with a flat
 * candle at the last price, that price is none of this slot's: like the exchanges' own longer candles, this one opens
 * with the first trade and spans the trades only, unless there were none at all. `quoteVolume` and `tradeCount` are `null` where any input lacks them,
 * `closed` is `false` where an input is still open.
 *
 * @param inputs ascending, at least one
 */
export function deriveCandle(inputs: readonly Candle[], openTime: number): Candle {
  const traded = inputs.filter((input) => input.volume !== ZERO)
  const [first] = traded.length > 0 ? traded : inputs
  const last = inputs.at(-1)
  if (first === undefined || last === undefined) throw new RangeError('a candle is derived from at least one')
  let { high, low } = first
  for (const input of traded) {
    if (compareDecimals(input.high, high) > 0) high = input.high
    if (compareDecimals(input.low, low) < 0) low = input.low
  }
  return {
    openTime,
    open: first.open,
    high,
    low,
    close: last.close,
    volume: sumDecimals(inputs.map((input) => input.volume)),
    quoteVolume: sumQuoteVolume(inputs),
    tradeCount: sumTradeCount(inputs),
    closed: inputs.some((input) => input.closed === false) ? false : null,
  }
}

export interface DerivationInput {
  readonly target: Interval
  /** Aligned to `target`. */
  readonly window: Window
  /** Candles of a divisor of `target`, ascending, inside the window. */
  readonly candles: readonly Candle[]
  /** Where the input is complete: ranges whose every slot has a candle, is proven empty or lies outside of the
   *  instrument's life. Ascending, disjoint, maximal. */
  readonly complete: readonly Window[]
}

/** What became of the slots of a window: each stands in exactly one list, by its open time, ascending. */
export interface DerivedSlots {
  readonly candles: readonly Candle[]
  /** All input is there, and nothing traded. */
  readonly empty: readonly number[]
  /** Part of the input is missing: nothing is derived. */
  readonly incomplete: readonly number[]
}

/** Derives the candles of a window, slot by slot, over complete input only. */
export function deriveCandles({ target, window, candles, complete }: DerivationInput): DerivedSlots {
  const derived: Candle[] = []
  const empty: number[] = []
  const incomplete: number[] = []
  let from = 0
  let range = 0
  for (const openTime of slotsIn(window, target)) {
    const closeTime = nextOpenTime(openTime, target)
    let to = from
    while ((candles[to]?.openTime ?? Number.POSITIVE_INFINITY) < closeTime) to += 1
    while ((complete[range]?.end ?? Number.POSITIVE_INFINITY) < closeTime) range += 1
    const isComplete = (complete[range]?.start ?? Number.POSITIVE_INFINITY) <= openTime
    if (!isComplete) incomplete.push(openTime)
    else if (from === to) empty.push(openTime)
    else derived.push(deriveCandle(candles.slice(from, to), openTime))
    from = to
  }
  return { candles: derived, empty, incomplete }
}

function sumQuoteVolume(inputs: readonly Candle[]): Decimal | null {
  const volumes: Decimal[] = []
  for (const { quoteVolume } of inputs) {
    if (quoteVolume === null) return null
    volumes.push(quoteVolume)
  }
  return sumDecimals(volumes)
}

function sumTradeCount(inputs: readonly Candle[]): number | null {
  let total = 0
  for (const { tradeCount } of inputs) {
    if (tradeCount === null) return null
    total += tradeCount
  }
  return total
}
