import type { Candle } from '../domain/candle.ts'
import type { MarketEvent } from '../domain/event.ts'
import { floorToInterval, type Interval, nextOpenTime, type Window } from '../domain/interval.ts'
import type { StoredInstrument } from '../domain/series.ts'
import { CandleOutput } from './candle-output.ts'
import type { Reply, TopicMarks, TopicSurroundings } from './market-topic.ts'

/** More slots than this are not asked for at once: a longer outage is a gap for clients, and is loaded as history. */
const MOST_MISSED = 300
/** Candles that come while missed ones are asked for are held for so long. */
const PATIENCE_MS = 15_000

/** What the streams say of candles, and those that closed unheard, from REST. Closed ones are told once, in order. */
export class CandlesTopic extends CandleOutput {
  /** Open time of the newest candle that is known to be closed. */
  #lastClosed: number | null
  /** What is being asked for; later candles wait. */
  #asked: { readonly window: Window; readonly since: number } | null = null
  #held: { readonly candle: Candle; readonly exchangeTime: number | null }[] = []

  constructor(instrument: StoredInstrument, interval: Interval, surroundings: TopicSurroundings, marks: TopicMarks) {
    super(instrument, interval, surroundings)
    this.#lastClosed = marks.candles[this.markKey] ?? null
  }

  override receive(event: MarketEvent, _socket: number, now: number): void {
    if (event.channel === 'candles') this.#take(event.candle, event.exchangeTime, now)
  }

  override answered(input: Reply, now: number): void {
    if (input.kind !== 'candles' || this.#asked === null) return
    const { answer } = input
    const { window } = this.#asked
    if (answer.ok) {
      const missed = answer.value.filter(({ openTime }) => openTime >= window.start && openTime < window.end)
      for (const candle of missed.toSorted((a, b) => a.openTime - b.openTime)) this.#close(candle, null, now)
    } else this.tellGap(window.start, window.end, answer.detail, now)
    this.#release(now)
  }

  /** Nothing is void: what closes meanwhile is missed, and noticed by the next candle. */
  override lost(): void {}

  override suspect(): void {}

  override tick(now: number): void {
    if (this.#asked === null || now - this.#asked.since < PATIENCE_MS) return
    const { start, end } = this.#asked.window
    this.tellGap(start, end, 'the exchange did not answer', now)
    this.#release(now)
  }

  override mark(marks: TopicMarks): void {
    if (this.#lastClosed !== null) marks.candles[this.markKey] = this.#lastClosed
  }

  /** One candle as it stands, open or closed. */
  #take(candle: Candle, exchangeTime: number | null, now: number): void {
    this.dataTime = Math.max(this.dataTime ?? 0, exchangeTime ?? candle.openTime)
    if (this.#asked !== null) {
      this.#held.push({ candle, exchangeTime })
      return
    }
    const before = floorToInterval(candle.openTime - 1, this.interval)
    this.#lastClosed ??= before
    if (candle.openTime <= this.#lastClosed) return
    if (before > this.#lastClosed) {
      this.#ask({ candle, exchangeTime }, before, now)
      return
    }
    if (candle.closed === true) this.#close(candle, exchangeTime, now)
    else this.showOpen(candle, exchangeTime, now)
  }

  /** Slots between the last closed candle and this one have closed unheard. */
  #ask(held: { readonly candle: Candle; readonly exchangeTime: number | null }, last: number, now: number): void {
    const first = nextOpenTime(this.#lastClosed ?? last, this.interval)
    let start = last
    for (let slots = 1; slots < MOST_MISSED && start > first; slots++) start = floorToInterval(start - 1, this.interval)
    const window = { start, end: nextOpenTime(last, this.interval) }
    if (start > first) this.tellGap(first, start, 'the outage was too long', now)
    this.#held.push(held)
    this.#asked = { window, since: now }
    this.surroundings.emit({ kind: 'ask-candles', instrument: this.instrument, interval: this.interval, window })
  }

  #release(now: number): void {
    if (this.#asked === null) return
    this.#lastClosed = floorToInterval(this.#asked.window.end - 1, this.interval)
    this.#asked = null
    const held = this.#held
    this.#held = []
    for (const { candle, exchangeTime } of held) this.#take(candle, exchangeTime, now)
  }

  #close(candle: Candle, exchangeTime: number | null, now: number): void {
    this.#lastClosed = candle.openTime
    this.showClosed(candle, exchangeTime, now)
  }
}
