import type { Candle } from '../domain/candle.ts'
import type { MarketEvent } from '../domain/event.ts'
import { floorToInterval, type Interval, type Window } from '../domain/interval.ts'
import type { StoredInstrument } from '../domain/series.ts'
import type { RestApi } from '../exchanges/connector.ts'
import { CandleOutput, candlesWithin, type HeardCandle, isOutdated } from './candle-output.ts'
import { CandleQuestion } from './candle-question.ts'
import type { Reply, TopicMarks, TopicSurroundings } from './market-topic.ts'

/** REST has the candle of a slot a moment after it has settled. */
const REST_LAG_MS = 1_000

/** What REST says of candles. */
export interface CandleRules {
  /** How long after the end of a slot its candle on REST may still change, ms. */
  readonly settleMs: number
  /** `flat`: every slot has a candle, so that one that lacks was missed. */
  readonly emptySlots: RestApi['emptySlots']
}

/** Slots that closed unheard. */
interface Missed {
  readonly question: CandleQuestion
  /** What an earlier answer had of them; `null` before the first. */
  found: readonly Candle[] | null
}

/** What the streams say of candles, and those that closed unheard, from REST. Closed ones are told once, in order. */
export class CandlesTopic extends CandleOutput {
  readonly #settleMs: number
  readonly #emptySlots: RestApi['emptySlots']
  /** Open time of the newest candle that is known to be closed. */
  #lastClosed: number | null
  /** What closed unheard; later candles wait. */
  #missed: Missed | null = null
  #held: HeardCandle[] = []

  constructor(
    instrument: StoredInstrument,
    interval: Interval,
    { settleMs, emptySlots }: CandleRules,
    surroundings: TopicSurroundings,
    marks: TopicMarks,
  ) {
    super(instrument, interval, surroundings)
    this.#settleMs = settleMs
    this.#emptySlots = emptySlots
    this.#lastClosed = marks.candles[this.markKey] ?? null
  }

  override receive(event: MarketEvent, _socket: number, now: number): void {
    if (event.channel === 'candles') this.#take(event, now)
  }

  override answered(input: Reply, now: number): void {
    const missed = this.#missed
    if (input.kind !== 'candles' || missed === null || input.window !== missed.question.window) return
    const { answer, window } = input
    const { question, found } = missed
    if (!answer.ok) {
      if (!question.refused(answer, now)) this.#release(found ?? [], answer.detail, now)
      return
    }
    const all = new Map([...(found ?? []), ...answer.value].map((candle) => [candle.openTime, candle]))
    const candles = candlesWithin([...all.values()], window)
    if (this.#emptySlots === 'absent' || this.#isWhole(candles, window)) this.#release(candles, null, now)
    else if (found === null && question.askAgain(now)) missed.found = candles
    else this.#release(candles, 'the exchange has no candle', now)
  }

  /** Nothing is void: what closes meanwhile is missed, and noticed by the next candle. */
  override lost(): void {}

  override suspect(): void {}

  override tick(now: number): void {
    if (this.#missed === null) return
    const { question, found } = this.#missed
    const due = question.takeDue(now)
    if (due !== null) this.ask(due)
    else if (question.isOver(now)) this.#release(found ?? [], 'the exchange did not answer', now)
  }

  override mark(marks: TopicMarks): void {
    if (this.#lastClosed !== null) marks.candles[this.markKey] = this.#lastClosed
  }

  /** One candle as it stands, open or closed. */
  #take(heard: HeardCandle, now: number): void {
    const { candle, exchangeTime } = heard
    this.dataTime = Math.max(this.dataTime ?? 0, exchangeTime ?? candle.openTime)
    if (this.#missed !== null) {
      this.#hold(heard)
      return
    }
    const before = floorToInterval(candle.openTime - 1, this.interval)
    this.#lastClosed ??= before
    if (candle.openTime <= this.#lastClosed) return
    if (before > this.#lastClosed) {
      const window = this.askable({ start: this.after(this.#lastClosed), end: candle.openTime }, now)
      const askAt = Math.max(now, window.end + this.#settleMs + REST_LAG_MS)
      this.#missed = { question: new CandleQuestion(window, askAt), found: null }
      this.#hold(heard)
      this.tick(now)
    } else if (candle.closed === true) this.#close(candle, exchangeTime, now)
    else if (this.shown === null || !isOutdated(heard, this.shown)) this.showOpen(candle, exchangeTime, now)
  }

  /** Of one slot only the newest counts. */
  #hold(heard: HeardCandle): void {
    const at = this.#held.findIndex(({ candle }) => candle.openTime === heard.candle.openTime)
    const known = this.#held[at]
    if (known === undefined) this.#held.push(heard)
    else if (heard.candle.closed === true || !(known.candle.closed === true || isOutdated(heard, known)))
      this.#held[at] = heard
  }

  /** Whether a candle stands in every slot. */
  #isWhole(candles: readonly Candle[], { start, end }: Window): boolean {
    let next = start
    for (const { openTime } of candles) {
      if (openTime !== next) return false
      next = this.after(openTime)
    }
    return next === end
  }

  /** Tells what was found of the missed slots, and goes on. `reason`: why the others lack; `null`: they are empty. */
  #release(found: readonly Candle[], reason: string | null, now: number): void {
    if (this.#missed === null) return
    const { start, end } = this.#missed.question.window
    let next = start
    const tellUpTo = (openTime: number) => {
      if (reason !== null && openTime > next) this.tellGap(next, openTime, reason, now)
    }
    for (const candle of found) {
      tellUpTo(candle.openTime)
      next = this.after(candle.openTime)
      this.#close(candle, null, now)
    }
    tellUpTo(end)
    this.#lastClosed = floorToInterval(end - 1, this.interval)
    this.#missed = null
    const held = this.#held.toSorted((a, b) => a.candle.openTime - b.candle.openTime)
    this.#held = []
    for (const heard of held) this.#take(heard, now)
  }

  #close(candle: Candle, exchangeTime: number | null, now: number): void {
    this.#lastClosed = candle.openTime
    this.showClosed(candle, exchangeTime, now)
  }
}
