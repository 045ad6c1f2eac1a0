import type { TradeEvent } from '../domain/event.ts'
import type { Interval, Window } from '../domain/interval.ts'
import type { StoredInstrument } from '../domain/series.ts'
import { CandleBuilder } from './candle-builder.ts'
import { CandleOutput } from './candle-output.ts'
import type { Reply, TopicSurroundings } from './market-topic.ts'
import type { TradeListener, TradesTopic } from './trades-topic.ts'

/** The matches of a slot have all come this long after its end: they are sent in order, as they happen. */
const MATCH_SETTLE_MS = 5_000
/** REST has the candle of a slot a while after it has settled there. */
const REST_LAG_MS = 5_000

/** Candles of an exchange that streams none: built from its trades, and where these are not all known, from REST. */
export class BuiltCandlesTopic extends CandleOutput implements TradeListener {
  readonly #builder: CandleBuilder
  readonly #trades: TradesTopic
  readonly #settleMs: number
  /** Slots that cannot be built, to be asked for once REST has them. */
  #unsure: Window[] = []
  #asked: Window | null = null
  #hasNews = false

  /** @param settleMs how long after the end of a slot its candle on REST may still change */
  constructor(
    instrument: StoredInstrument,
    interval: Interval,
    settleMs: number,
    trades: TradesTopic,
    surroundings: TopicSurroundings,
  ) {
    super(instrument, interval, surroundings)
    this.#builder = new CandleBuilder(interval, MATCH_SETTLE_MS)
    this.#settleMs = settleMs
    this.#trades = trades
    trades.listeners.add(this)
  }

  /** Its trades are watched by their own topic. */
  override get probe(): null {
    return null
  }

  override receive(): void {}

  trade(trade: TradeEvent, _now: number): void {
    this.dataTime = trade.exchangeTime
    this.#hasNews = true
    this.#builder.add(trade)
  }

  gap(from: number, to: number): void {
    this.#builder.taint(from, to)
  }

  override tick(now: number): void {
    const { candles, unsure } = this.#builder.advance(Math.min(now, this.#trades.completeThrough))
    for (const candle of candles) this.showClosed(candle, null, now)
    this.#unsure.push(...unsure.filter(({ start }) => Number.isFinite(start)))
    const open = this.#hasNews ? this.#builder.open() : null
    this.#hasNews = false
    if (open !== null) this.showOpen(open, this.dataTime, now)
    const next = this.#unsure[0]
    if (next === undefined || this.#asked !== null || now < next.end + this.#settleMs + REST_LAG_MS) return
    this.#asked = next
    this.#unsure.shift()
    this.surroundings.emit({ kind: 'ask-candles', instrument: this.instrument, interval: this.interval, window: next })
  }

  override answered(input: Reply, now: number): void {
    if (input.kind !== 'candles' || this.#asked === null) return
    const { start, end } = this.#asked
    this.#asked = null
    if (!input.answer.ok) {
      this.tellGap(start, end, input.answer.detail, now)
      return
    }
    const missed = input.answer.value.filter(({ openTime }) => openTime >= start && openTime < end)
    for (const candle of missed.toSorted((a, b) => a.openTime - b.openTime)) this.showClosed(candle, null, now)
  }

  override lost(): void {}

  override suspect(): void {}

  override end(): void {
    this.#trades.listeners.delete(this)
  }
}
