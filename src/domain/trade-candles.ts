import type { Candle } from './candle.ts'
import { type CandleLine, formatCandleLine } from './candle-line.ts'
import type { MissingRange } from './coverage.ts'
import { type Decimal, divideDecimals, ZERO } from './decimal.ts'
import { DecimalSum } from './decimal-sum.ts'
import { ceilToInterval, floorToInterval, type Interval, nextOpenTime, type Window } from './interval.ts'
import type { Side } from './trade.ts'
import { type Execution, TradedSlot } from './traded-slot.ts'
import { intersectWindows, mergeWindows, subtractRanges } from './window.ts'

/** What the average price is rounded to, in significant digits: more than any price has, few enough to read. */
export const VWAP_DIGITS = 18

/** A candle with what only its trades can tell. */
export interface TradeCandle extends Candle {
  /** Quote volume over volume, rounded to {@link VWAP_DIGITS} significant digits; `null` where both are zero. */
  readonly vwap: Decimal | null
  /** In base units, by the taker's side. Trades whose side is not known are in neither. */
  readonly buyVolume: Decimal
  readonly sellVolume: Decimal
}

/** One trade of a candle. */
export interface SidedExecution extends Execution {
  readonly side: Side | null
}

/** Candles of one interval from trades, which come in any order of time; those of one moment in that of their execution. */
export class TradeCandles {
  readonly #interval: Interval
  /** By open time. */
  readonly #slots = new Map<number, SidedSlot>()

  constructor(interval: Interval) {
    this.#interval = interval
  }

  add(trade: SidedExecution): void {
    const openTime = floorToInterval(trade.exchangeTime, this.#interval)
    const known = this.#slots.get(openTime)
    if (known !== undefined) known.add(trade)
    else {
      const window = { start: openTime, end: nextOpenTime(openTime, this.#interval) }
      const slot = new SidedSlot(window, trade)
      slot.add(trade)
      this.#slots.set(openTime, slot)
    }
  }

  /** The candles of the slots that open in a window, ascending; they are forgotten here. */
  take({ start, end }: Window): TradeCandle[] {
    const taken = [...this.#slots].filter(([openTime]) => openTime >= start && openTime < end)
    for (const [openTime] of taken) this.#slots.delete(openTime)
    return taken.sort(([a], [b]) => a - b).map(([, slot]) => slot.candle())
  }
}

class SidedSlot {
  readonly #all: TradedSlot
  readonly #bought = new DecimalSum()
  readonly #sold = new DecimalSum()

  constructor(window: Window, { price, exchangeTime }: Execution) {
    this.#all = new TradedSlot(window, price, exchangeTime)
  }

  add(trade: SidedExecution): void {
    this.#all.add(trade)
    if (trade.side === 'buy') this.#bought.add(trade.size)
    else if (trade.side === 'sell') this.#sold.add(trade.size)
  }

  candle(): TradeCandle {
    const candle = this.#all.candle(true)
    const { volume, quoteVolume } = candle
    const vwap = quoteVolume === null || volume === ZERO ? null : divideDecimals(quoteVolume, volume, VWAP_DIGITS)
    return { ...candle, vwap, buyVolume: this.#bought.value(), sellVolume: this.#sold.value() }
  }
}

/** A line of a candle, and three more values: vwap (empty where there is none), buy volume, sell volume. */
export function formatTradeCandleLine(candle: TradeCandle): CandleLine {
  const { vwap, buyVolume, sellVolume } = candle
  return `${formatCandleLine(candle)},${vwap ?? ''},${buyVolume},${sellVolume}`
}

/** Why the trades of some time are not all there, the reason that goes before the others first. */
const holeReasons = ['pruned', 'too_many_trades', 'trades_missing', 'not_recorded', 'feed_unavailable'] as const

/** A time, ms UTC, of which trades are missing, or may be. */
export interface TradeHole extends Window {
  readonly reason: (typeof holeReasons)[number]
}

/**
 * The slots of an aligned window that a hole touches, however briefly: of these no candle can be built. Ascending, each
 * slot once; of several reasons it has the one that no patience cures.
 */
export function missingSlots(window: Window, interval: Interval, holes: readonly TradeHole[]): MissingRange[] {
  const missing: MissingRange[] = []
  let known: Window[] = []
  for (const reason of holeReasons) {
    const own = holes.filter((hole) => hole.reason === reason).map((hole) => touchedSlots(hole, window, interval))
    const ranges = mergeWindows(own)
    missing.push(...ranges.flatMap((range) => subtractRanges(range, known)).map((range) => ({ ...range, reason })))
    known = mergeWindows([...known, ...ranges])
  }
  return missing.sort((a, b) => a.start - b.start)
}

/** Empty where the hole lies outside of the window. */
function touchedSlots(hole: Window, window: Window, interval: Interval): Window {
  const { start, end } = intersectWindows(hole, window)
  if (start >= end) return { start, end: start }
  return { start: floorToInterval(start, interval), end: ceilToInterval(end, interval) }
}
