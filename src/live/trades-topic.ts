import type { MarketEvent, TradeEvent } from '../domain/event.ts'
import type { StoredInstrument } from '../domain/series.ts'
import type { ClientTopic } from '../domain/topic.ts'
import type { Heard, TradeRecovery } from '../exchanges/stream.ts'
import { MarketTopic, type Reply, type StoredMark, type TopicMarks, type TopicSurroundings } from './market-topic.ts'
import { TopicLine, tradeData } from './messages.ts'
import type { TradeMark } from './trade-ids.ts'
import { TradeLine } from './trade-line.ts'
import type { TradeOutcome } from './trade-outcome.ts'
import { isUntimely } from './untimely.ts'

/** Told of every trade that is published, of every gap among them, and when their stream is dead or refused. */
export interface TradeListener {
  trade(trade: TradeEvent, now: number): void
  gap(from: number, to: number, now: number): void
  stale(now: number): void
  rejected(reason: string, now: number): void
}

/** The trades of an instrument: each once, in order, numbered whether or not a client listens, for they are stored. */
export class TradesTopic extends MarketTopic {
  readonly listeners = new Set<TradeListener>()
  readonly #trades: TradeLine
  #line: TopicLine
  readonly #recovery: TradeRecovery | null
  /** Where its trades begin: the mark of an earlier instance, or the first that were published. */
  #origin: TradeMark | null
  /** The exchange's time up to which it has sent all there was. */
  #heardTo = Number.NEGATIVE_INFINITY
  /** When it last said so, or a socket began to deliver: by our clock. */
  #heardAt = Number.NEGATIVE_INFINITY

  constructor(
    instrument: StoredInstrument,
    surroundings: TopicSurroundings,
    recovery: TradeRecovery | null,
    marks: TopicMarks,
  ) {
    super(instrument, surroundings)
    const { exchange, symbol, exchangeSymbol } = instrument
    const topic: ClientTopic = { channel: 'trades', exchange, symbol, interval: null, depth: null }
    this.#line = new TopicLine(topic, exchangeSymbol, surroundings.numbers.first)
    this.#recovery = recovery
    this.#origin = marks.trades[instrument.id] ?? null
    this.#trades = new TradeLine({ recovery, mark: this.#origin })
  }

  override get isNeeded(): boolean {
    return super.isNeeded || this.listeners.size > 0
  }

  override open(_topic: ClientTopic, begun?: TopicLine): TopicLine {
    if (begun !== undefined) this.#line = begun
    this.lines.set(this.#line.key, this.#line)
    return this.#line
  }

  /** Its numbers go on: trades are stored with them. */
  override close(key: string): void {
    this.lines.delete(key)
  }

  override receive(event: MarketEvent, socket: number, now: number): void {
    if (event.channel !== 'trades') return
    this.dataTime = Math.max(this.dataTime ?? 0, event.exchangeTime)
    this.#hear(event.exchangeTime, now)
    this.#perform(this.#trades.receive(event, socket, now), now)
  }

  override heard({ exchangeTime, lastTradeId }: Heard, now: number): void {
    if (this.#trades.isNewest(lastTradeId, now)) this.#hear(exchangeTime, now)
  }

  override subscribed(socket: number, now: number): void {
    this.#heardAt = now
    this.#trades.subscribed(socket, now)
  }

  override answered(input: Reply, now: number): void {
    if (input.kind !== 'trades') return
    const { hole, answer } = input
    if (!answer.ok) {
      this.#perform(this.#trades.failed(hole, now), now)
      return
    }
    const { exchangeSymbol } = this.instrument
    // One that was not believed over the socket is not either over REST: it is missing.
    const sound = answer.value.trades.filter(({ exchangeTime }) => !isUntimely(exchangeTime, now))
    const isComplete = answer.value.isComplete && sound.length === answer.value.trades.length
    const trades = sound.map((trade): TradeEvent => ({ ...trade, channel: 'trades', exchangeSymbol }))
    this.#perform(this.#trades.recovered(hole, trades, isComplete, now), now)
  }

  override state(): null {
    return null
  }

  override lost(socket: number, now: number): void {
    this.#perform(this.#trades.lost(socket, now), now)
  }

  override suspect(now: number): void {
    this.#trades.suspect(now)
  }

  override stale(now: number): void {
    super.stale(now)
    for (const listener of this.listeners) listener.stale(now)
  }

  override rejected(reason: string, now: number): void {
    super.rejected(reason, now)
    for (const listener of this.listeners) listener.rejected(reason, now)
  }

  override tick(now: number): void {
    const { deadline, askAt } = this.#trades
    if (deadline !== null && now >= deadline) this.#perform(this.#trades.expire(now), now)
    else if (askAt !== null && now >= askAt && this.surroundings.turns.take(now))
      this.#perform(this.#trades.ask(now), now)
  }

  /** The exchange's time up to which no trade is waited for; `Infinity` while none is. */
  get knownTo(): number {
    return this.#trades.completeThrough
  }

  /** The exchange's time up to which every trade is known: it has sent them, and none is waited for. */
  get completeThrough(): number {
    return Math.min(this.#heardTo, this.#trades.completeThrough)
  }

  /** For how long a socket has delivered them without a word of the exchange on whether these are all, ms. */
  silenceMs(now: number): number {
    return this.#trades.isAttended ? now - this.#heardAt : 0
  }

  override end(marks: TopicMarks): void {
    delete marks.trades[this.instrument.id]
    this.surroundings.numbers.ended(this.#line)
    this.surroundings.emit({ kind: 'end-trades', instrumentId: this.instrument.id, knownTo: this.knownTo })
  }

  override mark(marks: TopicMarks, storedMark?: StoredMark): void {
    const mark = storedMark === undefined ? this.#trades.checkpoint() : this.#laterOf(storedMark(this.instrument.id))
    if (mark !== null) marks.trades[this.instrument.id] = mark
  }

  /** What was stored before this topic began is not gone on with: nobody listened since. */
  #laterOf(stored: TradeMark | null): TradeMark | null {
    const origin = this.#origin
    if (stored === null || origin === null || stored.exchangeTime < origin.exchangeTime) return origin
    return this.#recovery === 'byId' ? { ...stored, recentIds: [] } : stored
  }

  #hear(exchangeTime: number, now: number): void {
    this.#heardTo = Math.max(this.#heardTo, exchangeTime)
    this.#heardAt = now
  }

  #perform({ trades, hole, gap }: TradeOutcome, now: number): void {
    const { emit, counters } = this.surroundings
    const { instrument } = this
    this.#origin ??= this.#trades.checkpoint()
    if (hole !== null) emit({ kind: 'ask-trades', instrument, hole })
    if (gap !== null) {
      counters.gaps += 1
      // Spans are half-open: a trade of the last moment may be missing as well.
      const told = { ...gap, to: gap.to + 1, reason: 'trades_missing' }
      this.notify('gap', now, told)
      const { from, to, reason } = told
      emit({ kind: 'store-trade-gap', instrumentId: instrument.id, gap: { from, to, reason } })
      for (const listener of this.listeners) listener.gap(gap.from, gap.to, now)
    }
    for (const trade of trades) {
      const message = this.#line.next(trade.exchangeTime, now, tradeData(trade))
      if (this.lines.size > 0) emit({ kind: 'publish', key: this.#line.key, message })
      const { id, price, size, side, exchangeTime } = trade
      const stored = { id, price, size, side, exchangeTime, receivedTime: now, seq: this.#line.seq }
      emit({ kind: 'store-trade', instrumentId: instrument.id, trade: stored })
      for (const listener of this.listeners) listener.trade(trade, now)
    }
  }
}
