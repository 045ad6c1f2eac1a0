import type { Candle } from '../domain/candle.ts'
import type { Decimal } from '../domain/decimal.ts'
import { floorToInterval, type Interval, nextOpenTime, type Window } from '../domain/interval.ts'
import { type Execution, TradedSlot } from '../domain/traded-slot.ts'
import { mergeWindows } from '../domain/window.ts'

export interface ClosedCandles {
  /** Ascending. A slot without a trade has none. */
  readonly candles: readonly Candle[]
  /** Closed slots of which not all trades were seen: they are left to REST. Aligned, ascending, apart. */
  readonly unsure: readonly Window[]
}

const NONE: ClosedCandles = { candles: [], unsure: [] }

/**
 * Candles from trades, for an exchange that streams none. Exact, and silent about what it cannot know: a slot whose
 * beginning was not seen, or that a gap among the trades touches, is never given as a candle but named as unsure.
 *
 * Trades come about in order of time; those of one moment in the order of their execution. A slot closes once the
 * exchange's time has passed its end by the settling time; a trade that comes after that makes it unsure.
 */
export class CandleBuilder {
  readonly #interval: Interval
  readonly #settleMs: number
  /** Those that are not closed, by open time. */
  readonly #slots = new Map<number, TradedSlot>()
  /** The one that opens last: nearly every trade is in it. */
  #newest: TradedSlot | null = null
  /** Aligned, ascending, apart: trades of these may be missing. */
  #tainted: readonly Window[] = []
  /** The slot in which the trades begin, until it is over; `null` before anything was heard. */
  #beginning: Window | null = null
  #hasBegun = false
  /** The end of the last closed slot. */
  #closedTo = Number.NEGATIVE_INFINITY

  /** @param settleMs how long after the end of a slot its trades may still come, by the exchange's clock */
  constructor(interval: Interval, settleMs: number) {
    this.#interval = interval
    this.#settleMs = settleMs
  }

  add(trade: Execution): void {
    const { exchangeTime } = trade
    this.#begin(exchangeTime)
    const newest = this.#newest
    if (newest !== null && exchangeTime >= newest.start && exchangeTime < newest.end) newest.add(trade)
    else if (exchangeTime < this.#closedTo) this.taint(exchangeTime, exchangeTime)
    else {
      const span = this.#slotOf(exchangeTime)
      this.#ensure(span, trade.price, exchangeTime).add(trade)
    }
  }

  /** Trades of this time may be missing, ms UTC, both ends included. */
  taint(from: number, to: number): void {
    const window = { start: this.#slotOf(from).start, end: this.#slotOf(to).end }
    this.#tainted = mergeWindows([...this.#tainted, window])
  }

  /** The newest slot's candle as it stands; `null` while it is without a trade, or unsure. */
  open(): Candle | null {
    const newest = this.#newest
    return newest === null || isWithin(newest.start, this.#unsure()) ? null : newest.candle(false)
  }

  /**
   * The exchange's time has come so far, by a trade or a heartbeat, and all trades until then have been added.
   * @param exchangeTime ms UTC; `-Infinity` while none can be vouched for
   */
  advance(exchangeTime: number): ClosedCandles {
    if (exchangeTime === Number.NEGATIVE_INFINITY) return NONE
    this.#begin(exchangeTime)
    const closedTo = Math.max(this.#closedTo, this.#slotOf(exchangeTime - this.#settleMs).start)
    if (closedTo === this.#closedTo && this.#tainted.length === 0) return NONE
    this.#closedTo = closedTo
    const unsure = this.#unsure()
    const closed = [...this.#slots.values()].filter(({ start }) => start < closedTo)
    for (const { start } of closed) this.#slots.delete(start)
    if (this.#newest !== null && this.#newest.start < closedTo) this.#newest = null
    if (this.#beginning !== null && this.#beginning.start < closedTo) this.#beginning = null
    this.#tainted = cut(this.#tainted, closedTo, Number.POSITIVE_INFINITY)
    return {
      candles: closed
        .filter(({ start }) => !isWithin(start, unsure))
        .sort((a, b) => a.start - b.start)
        .map((slot) => slot.candle(true)),
      unsure: cut(unsure, Number.NEGATIVE_INFINITY, closedTo),
    }
  }

  /**
   * As `advance`, for a time that nobody vouches for.
   * @param vouchedTo up to where all trades have been added, ms UTC; `-Infinity` where that was never said
   */
  advanceUnvouched(vouchedTo: number, time: number): ClosedCandles {
    this.#begin(time)
    const from = Math.max(vouchedTo - this.#settleMs, this.#closedTo)
    const to = this.#slotOf(time - this.#settleMs).start
    // Only of what closes: a slot that stands open may still be vouched for.
    if (from < to) this.taint(from, to - 1)
    return this.advance(time)
  }

  /** What was traded before the first thing heard is not known. */
  #begin(exchangeTime: number): void {
    if (this.#hasBegun) return
    this.#hasBegun = true
    this.#beginning = this.#slotOf(exchangeTime)
    this.#closedTo = this.#beginning.start
  }

  #slotOf(time: number): Window {
    const start = floorToInterval(time, this.#interval)
    return { start, end: nextOpenTime(start, this.#interval) }
  }

  #ensure(span: Window, price: Decimal, exchangeTime: number): TradedSlot {
    const known = this.#slots.get(span.start)
    if (known !== undefined) return known
    const slot = new TradedSlot(span, price, exchangeTime)
    this.#slots.set(span.start, slot)
    if (this.#newest === null || span.start > this.#newest.start) this.#newest = slot
    return slot
  }

  #unsure(): readonly Window[] {
    return this.#beginning === null ? this.#tainted : mergeWindows([...this.#tainted, this.#beginning])
  }
}

function isWithin(time: number, windows: readonly Window[]): boolean {
  return windows.some(({ start, end }) => start <= time && time < end)
}

/** The parts of the windows that lie between `from` and `to`. */
function cut(windows: readonly Window[], from: number, to: number): Window[] {
  return mergeWindows(windows.map(({ start, end }) => ({ start: Math.max(start, from), end: Math.min(end, to) })))
}
