import type { Candle } from '../domain/candle.ts'
import type { TradeEvent } from '../domain/event.ts'
import { floorToInterval, type Interval, type Window } from '../domain/interval.ts'
import type { StoredInstrument } from '../domain/series.ts'
import { mergeWindows } from '../domain/window.ts'
import { CandleBuilder, type ClosedCandles } from './candle-builder.ts'
import { CandleOutput, candlesWithin } from './candle-output.ts'
import { CandleQuestion } from './candle-question.ts'
import type { Reply, TopicMarks, TopicSurroundings } from './market-topic.ts'
import type { TradeListener, TradesTopic } from './trades-topic.ts'
import type { UpstreamStream } from './upstream-stream.ts'

/** The matches of a slot have all come this long after its end: they are sent in order, as they happen. */
const MATCH_SETTLE_MS = 5_000
/** REST has the candle of a slot a while after it has settled there. */
const REST_LAG_MS = 5_000
/**
 * The exchange says each second which trade is the newest. Where it does not, or not in a way that can be relied on, a
 * quiet market's slots are left to REST after so long: later than a socket without any sign of life is given up.
 */
const SILENCE_MS = 40_000

/**
 * Candles of an exchange that streams none: built from its trades, and where these are not all known, from REST. Closed
 * ones are told in order: those that are built wait while older ones are asked for.
 */
export class BuiltCandlesTopic extends CandleOutput implements TradeListener {
  readonly #builder: CandleBuilder
  readonly #trades: TradesTopic
  readonly #settleMs: number
  /** Slots that cannot be built, to be asked for once REST has them. */
  #unsure: readonly Window[] = []
  #asked: CandleQuestion | null = null
  /** Built, and later than some that are not sure. */
  #built: Candle[] = []
  /** Open time of the newest closed slot that is done with. */
  #doneWith: number | null
  #hasBegun = false
  #hasNews = false

  /** @param settleMs how long after the end of a slot its candle on REST may still change */
  constructor(
    instrument: StoredInstrument,
    interval: Interval,
    settleMs: number,
    trades: TradesTopic,
    surroundings: TopicSurroundings,
    marks: TopicMarks,
  ) {
    super(instrument, interval, surroundings)
    this.#builder = new CandleBuilder(interval, MATCH_SETTLE_MS)
    this.#settleMs = settleMs
    this.#doneWith = marks.candles[this.markKey] ?? null
    this.#trades = trades
    trades.listeners.add(this)
  }

  /** Its trades are watched by their own topic. */
  override get probe(): null {
    return null
  }

  override get sources(): readonly UpstreamStream[] {
    return this.#trades.streams
  }

  override receive(): void {}

  trade(trade: TradeEvent, now: number): void {
    this.dataTime = trade.exchangeTime
    this.#hasNews = true
    this.#begin(trade.exchangeTime, now)
    this.#builder.add(trade)
  }

  gap(from: number, to: number): void {
    this.#builder.taint(from, to)
  }

  override tick(now: number): void {
    const knownTo = Math.min(now, this.#trades.completeThrough)
    if (knownTo > Number.NEGATIVE_INFINITY) this.#advance(knownTo, now)
    if (this.#trades.silenceMs(now) > SILENCE_MS) this.#advanceSilently(knownTo, now)
    this.#ask(now)
    this.#tell(now)
    const open = this.#hasNews ? this.#builder.open() : null
    this.#hasNews = false
    if (open !== null) this.showOpen(open, this.dataTime, now)
  }

  override answered(input: Reply, now: number): void {
    const question = this.#asked
    if (input.kind !== 'candles' || question === null || input.window !== question.window) return
    const { answer, window } = input
    if (answer.ok) this.#done(candlesWithin(answer.value, window), now)
    else if (!question.refused(answer, now)) this.#fail(answer.detail, now)
  }

  override rejected(reason: string, now: number): void {
    this.#hasNews = false
    super.rejected(reason, now)
  }

  override lost(): void {}

  override suspect(): void {}

  override mark(marks: TopicMarks): void {
    if (this.#doneWith !== null) marks.candles[this.markKey] = this.#doneWith
  }

  override end(marks: TopicMarks): void {
    super.end(marks)
    this.#trades.listeners.delete(this)
  }

  /** What closed between an earlier instance and the first thing heard was not built by either. */
  #begin(time: number, now: number): void {
    if (this.#hasBegun) return
    this.#hasBegun = true
    const begin = floorToInterval(time, this.interval)
    if (this.#doneWith === null || this.after(this.#doneWith) >= begin) return
    this.#unsure = [this.askable({ start: this.after(this.#doneWith), end: begin }, now)]
  }

  #advance(knownTo: number, now: number): void {
    this.#begin(knownTo, now)
    this.#take(this.#builder.advance(knownTo))
  }

  #advanceSilently(knownTo: number, now: number): void {
    const time = now - SILENCE_MS
    this.#begin(time, now)
    this.#take(this.#builder.advanceUnvouched(knownTo, time))
  }

  #take({ candles, unsure }: ClosedCandles): void {
    this.#built.push(...candles)
    if (unsure.length > 0) this.#unsure = mergeWindows([...this.#unsure, ...unsure])
  }

  #ask(now: number): void {
    if (this.#asked !== null) {
      const due = this.#asked.takeDue(now)
      if (due !== null) this.ask(due)
      else if (this.#asked.isOver(now)) this.#fail('the exchange did not answer', now)
      return
    }
    const [next, ...later] = this.#unsure
    if (next === undefined) return
    // While the newest slots are unsure as well their end moves on: older ones do not wait for it.
    const ripeTo = floorToInterval(now - this.#settleMs - REST_LAG_MS, this.interval)
    if (ripeTo <= next.start) return
    this.#unsure = ripeTo < next.end ? [{ start: ripeTo, end: next.end }, ...later] : later
    const window = this.askable({ start: next.start, end: Math.min(next.end, ripeTo) }, now)
    this.#asked = new CandleQuestion(window, now)
    this.#ask(now)
  }

  #done(candles: readonly Candle[], now: number): void {
    const last = this.#asked === null ? null : floorToInterval(this.#asked.window.end - 1, this.interval)
    this.#asked = null
    for (const candle of candles) this.showClosed(candle, null, now)
    if (last !== null) this.#doneWith = Math.max(this.#doneWith ?? last, last)
    this.#tell(now)
  }

  #fail(reason: string, now: number): void {
    if (this.#asked === null) return
    this.tellGap(this.#asked.window.start, this.#asked.window.end, reason, now)
    this.#done([], now)
  }

  /** Tells what is built, as far as nothing older is waited for. */
  #tell(now: number): void {
    const waitedFor = Math.min(
      this.#asked?.window.start ?? Number.POSITIVE_INFINITY,
      this.#unsure[0]?.start ?? Number.POSITIVE_INFINITY,
    )
    while (this.#built[0] !== undefined && this.#built[0].openTime < waitedFor) {
      const [candle] = this.#built.splice(0, 1)
      if (candle === undefined) return
      this.showClosed(candle, null, now)
      this.#doneWith = Math.max(this.#doneWith ?? 0, candle.openTime)
    }
  }
}
