import type { Candle } from '../domain/candle.ts'
import type { Interval } from '../domain/interval.ts'
import type { StoredInstrument } from '../domain/series.ts'
import { MarketTopic, type TopicSurroundings } from './market-topic.ts'
import { candleData } from './messages.ts'

/** What clients and the database get of candles, wherever these come from. */
export abstract class CandleOutput extends MarketTopic {
  protected readonly interval: Interval
  #open: { readonly candle: Candle; readonly exchangeTime: number | null; readonly receivedTime: number } | null = null

  constructor(instrument: StoredInstrument, interval: Interval, surroundings: TopicSurroundings) {
    super(instrument, surroundings)
    this.interval = interval
  }

  override state(key: string): string | null {
    if (this.#open === null) return null
    const { candle, exchangeTime, receivedTime } = this.#open
    return this.line(key)?.state(exchangeTime, receivedTime, candleData(this.interval, candle, false)) ?? null
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

  protected get markKey(): string {
    return `${this.instrument.id}:${this.interval}`
  }
}
