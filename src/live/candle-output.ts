import type { Candle } from '../domain/candle.ts'
import { compareDecimals } from '../domain/decimal.ts'
import { floorToInterval, type Interval, nextOpenTime, type Window } from '../domain/interval.ts'
import type { StoredInstrument } from '../domain/series.ts'
import { MarketTopic, type TopicMarks, type TopicSurroundings } from './market-topic.ts'
import { candleData } from './messages.ts'

/** More slots than this are not asked for at once: a longer outage is a gap for clients, and is loaded as history. */
const MOST_MISSED = 300

/** A candle as it stood at a time of the exchange, ms UTC; `null` where the frame carries none. */
export interface HeardCandle {
  readonly candle: Candle
  readonly exchangeTime: number | null
}

/** What clients and the database get of candles, wherever these come from. */
export abstract class CandleOutput extends MarketTopic {
  protected readonly interval: Interval
  #open: (HeardCandle & { readonly receivedTime: number }) | null = null

  constructor(instrument: StoredInstrument, interval: Interval, surroundings: TopicSurroundings) {
    super(instrument, surroundings)
    this.interval = interval
  }

  override state(key: string): string | null {
    if (this.#open === null) return null
    const { candle, exchangeTime, receivedTime } = this.#open
    return this.line(key)?.state(exchangeTime, receivedTime, candleData(this.interval, candle, false)) ?? null
  }

  /** What stands open will never be more than that. */
  override rejected(reason: string, now: number): void {
    this.#open = null
    super.rejected(reason, now)
  }

  override end(marks: TopicMarks): void {
    delete marks.candles[this.markKey]
  }

  /** The open candle that was told last. */
  protected get shown(): HeardCandle | null {
    return this.#open
  }

  protected showOpen(candle: Candle, exchangeTime: number | null, now: number): void {
    this.#open = { candle, exchangeTime, receivedTime: now }
    this.publish(exchangeTime, now, candleData(this.interval, candle, false))
  }

  protected showClosed(candle: Candle, exchangeTime: number | null, now: number): void {
    if (this.#open !== null && this.#open.candle.openTime <= candle.openTime) this.#open = null
    this.publish(exchangeTime, now, candleData(this.interval, candle, true))
    if (!this.isRecorded) return
    const { id: instrumentId } = this.instrument
    this.surroundings.emit({ kind: 'store-candle', instrumentId, interval: this.interval, candle })
  }

  protected tellGap(from: number, to: number, reason: string, now: number): void {
    this.surroundings.counters.gaps += 1
    this.notify('gap', now, { from, to, reason })
  }

  /** The newest part of a window that can be asked for at once; what is before it is told as a gap. */
  protected askable({ start, end }: Window, now: number): Window {
    let from = floorToInterval(end - 1, this.interval)
    for (let slots = 1; slots < MOST_MISSED && from > start; slots++) from = floorToInterval(from - 1, this.interval)
    if (from > start) this.tellGap(start, from, 'the outage was too long', now)
    return { start: Math.max(start, from), end }
  }

  protected ask(window: Window): void {
    this.surroundings.emit({ kind: 'ask-candles', instrument: this.instrument, interval: this.interval, window })
  }

  /** When the slot after this one opens. */
  protected after(openTime: number): number {
    return nextOpenTime(openTime, this.interval)
  }

  protected get markKey(): string {
    return `${this.instrument.id}:${this.interval}`
  }
}

/**
 * Whether one is older than another of the same slot, as the slower of two sockets brings it. Where the frames carry no
 * time the volume tells, for it only grows.
 */
export function isOutdated(one: HeardCandle, other: HeardCandle): boolean {
  if (one.candle.openTime !== other.candle.openTime) return false
  if (one.exchangeTime !== null && other.exchangeTime !== null) return one.exchangeTime < other.exchangeTime
  return compareDecimals(one.candle.volume, other.candle.volume) < 0
}

/** Those of a window, ascending. */
export function candlesWithin(candles: readonly Candle[], { start, end }: Window): readonly Candle[] {
  return candles
    .filter(({ openTime }) => openTime >= start && openTime < end)
    .toSorted((a, b) => a.openTime - b.openTime)
}
