import type { MarketEvent } from '../domain/event.ts'
import type { StoredInstrument } from '../domain/series.ts'
import type { ClientTopic } from '../domain/topic.ts'
import type { Heard } from '../exchanges/stream.ts'
import { type BookTop, hasMoved, type KnownTop } from './book-top.ts'
import type { FeedEffect, FeedInput, Newest } from './feed-io.ts'
import type { LineNumbers } from './line-numbers.ts'
import { TopicLine } from './messages.ts'
import type { TradeMark } from './trade-ids.ts'
import type { Turns } from './turns.ts'
import type { UpstreamStream } from './upstream-stream.ts'

/** Clients are told that nothing comes when no socket has delivered it for so long. */
const OUTAGE_MS = 10_000

/** What REST said to a question of a topic. */
export type Reply = Extract<FeedInput, { readonly kind: 'snapshot' | 'book-check' | 'trades' | 'candles' }>

/**
 * What tells the silence of a topic from quiet: a question to REST; or its own clock, where its data come whatever
 * happens in the market.
 */
export type Probe = Newest['what'] | 'clock'

/** What topics have reached, so that a later instance of the feed misses nothing in between. */
export interface TopicMarks {
  /** By instrument. */
  readonly trades: Record<number, TradeMark>
  /** Open time of the newest closed candle, by instrument and interval. */
  readonly candles: Record<string, number>
}

/** The newest trade of an instrument that is stored, with all before it; `null`: none is. */
export type StoredMark = (instrumentId: number) => TradeMark | null

/** What the topics of one feed share. */
export interface TopicSurroundings {
  readonly emit: (effect: FeedEffect) => void
  /** Asks the exchange for the streams of a topic anew: a fresh snapshot follows. */
  readonly resubscribe: (topic: MarketTopic, now: number) => void
  /** As `resubscribe`, on another socket: the one that carries them does not bring what it should. */
  readonly rehome: (topic: MarketTopic, now: number) => void
  /** Whose turn it is to ask REST for what may have been missed. */
  readonly turns: Turns
  readonly numbers: LineNumbers
  readonly counters: { gaps: number; resyncs: number }
  /** In [0, 1). */
  readonly random: () => number
}

/** One channel of one instrument: takes in what its streams carry, gives clients what they asked for. */
export abstract class MarketTopic {
  readonly instrument: StoredInstrument
  readonly streams: UpstreamStream[] = []
  /** The client topics that it serves, by key, and whoever else needs it. */
  protected readonly lines = new Map<string, TopicLine>()
  protected readonly surroundings: TopicSurroundings
  /** Needed for the database or by another topic, whether or not a client listens. */
  isRecorded = false
  /** The exchange's time of the newest data, ms UTC; `null` before the first. */
  dataTime: number | null = null
  /** What clients were told of: since when nothing comes, and when they were told; `null` where data have come since. */
  #outage: { readonly since: number; readonly toldAt: number } | null = null

  constructor(instrument: StoredInstrument, surroundings: TopicSurroundings) {
    this.instrument = instrument
    this.surroundings = surroundings
  }

  get isNeeded(): boolean {
    return this.isRecorded || this.lines.size > 0
  }

  /** What brings its data: its own streams, or those of the topic that it is made from. */
  get sources(): readonly UpstreamStream[] {
    return this.streams
  }

  /** `null` where silence is usual and nothing can be asked. */
  get probe(): Probe | null {
    return 'trade'
  }

  /** Whether its streams first say how things stand: one that joins others at a stream needs to hear that again. */
  get beginsWhole(): boolean {
    return false
  }

  /** The best levels as last heard, for a topic whose probe is `book`; `null` where there are none to compare. */
  top(): KnownTop | null {
    return null
  }

  /**
   * Whether REST shows best levels that were not heard, for a topic whose probe is `book`.
   * @param _since when its stream was last heard, or subscribed
   * @returns `null` where another answer is needed to say it
   */
  isBehind(newest: BookTop, _since: number): boolean | null {
    const top = this.top()
    // A book that is not in sync has its own ways.
    return top !== null && hasMoved(top, newest)
  }

  /**
   * Serves a client topic from now on.
   * @param begun its line, where another topic has served it so far
   */
  open(topic: ClientTopic, begun?: TopicLine): TopicLine {
    const line = begun ?? new TopicLine(topic, this.instrument.exchangeSymbol, this.surroundings.numbers.first)
    this.lines.set(line.key, line)
    return line
  }

  /** The clients of another topic are its own now: what they have of that one is over. */
  succeed(former: MarketTopic, now: number): void {
    this.surroundings.counters.gaps += 1
    this.notify('gap', now, { from: former.dataTime, to: now, reason: 'instrument_changed' })
  }

  close(key: string): void {
    const line = this.lines.get(key)
    if (line !== undefined) this.surroundings.numbers.ended(line)
    this.lines.delete(key)
  }

  line(key: string): TopicLine | undefined {
    return this.lines.get(key)
  }

  /**
   * @param isPartial whether it says only what has changed since the events before it
   * @param stream that brought it; absent where that is not known
   */
  abstract receive(event: MarketEvent, socket: number, now: number, isPartial: boolean, stream?: UpstreamStream): void

  /** What one who has just subscribed should know first, as a message; `null` where there is nothing yet. */
  abstract state(key: string, now: number): string | null

  /**
   * The socket is gone. What depends on its order is void.
   * @param heir the socket that has delivered the same meanwhile; `null`: something may be missing
   * @param stream the one of its streams that the socket carried
   */
  abstract lost(socket: number, now: number, heir: number | null, stream: UpstreamStream): void

  /** A frame that may have been about this topic could not be read, or the topic was found stale. */
  abstract suspect(now: number): void

  /** The exchange has acknowledged its streams on a socket. */
  subscribed(_socket: number, _now: number): void {}

  /** The exchange says that it has sent all up to here. */
  heard(_heard: Heard, _now: number): void {}

  /** What REST said to a question of this topic. */
  answered(_input: Reply, _now: number): void {}

  /** Nobody needs it any more, nor what it had reached. */
  end(_marks: TopicMarks): void {}

  /**
   * Leaves its mark, should this instance be gone.
   * @param _storedMark what is stored of trades, where that counts rather than what was published
   */
  mark(_marks: TopicMarks, _storedMark?: StoredMark): void {}

  /** About once a second. */
  tick(_now: number): void {}

  /** Whether its book changed since clients were last served. */
  flush(_now: number): void {}

  /**
   * Tells clients, once, that no socket delivers it and has not for a while; data end that.
   * @param isHopeless whether a stream is known not to come back soon: there is nothing to wait for
   */
  judge(isHopeless: (stream: UpstreamStream) => boolean, now: number): void {
    if (this.#outage !== null && this.#hasDataSince(this.#outage.toldAt)) this.#outage = null
    if (this.#outage !== null) return
    for (const stream of this.sources) {
      const { lostAt: since, isSignOfLife } = stream
      if (since === null || isSignOfLife || (now - since < OUTAGE_MS && !isHopeless(stream))) continue
      this.#outage = { since, toldAt: now }
      this.notify('stale', now, { since })
      return
    }
  }

  /** The outage that the others were told of, as a message for one who has just subscribed; `null` where there is none. */
  outage(key: string, now: number): string | null {
    const outage = this.#outage
    if (outage === null || this.#hasDataSince(outage.toldAt)) return null
    // It is over, and nothing of before it is shown.
    if (this.sources.every(({ lostAt }) => lostAt === null) && this.state(key, now) === null) return null
    return this.lines.get(key)?.standing('stale', now, JSON.stringify({ since: outage.since })) ?? null
  }

  /** The exchange does not give it: clients are told, once. */
  rejected(reason: string, now: number): void {
    this.notify('gap', now, { reason: `rejected by the exchange: ${reason}` })
  }

  stale(now: number): void {
    this.notify('stale', now, { since: now })
    this.suspect(now)
  }

  /** REST has nothing newer than what it gave last, though it may have been told to be stale. */
  quiet(): void {}

  protected notify(type: 'gap' | 'resync' | 'stale', now: number, data: object): void {
    const text = JSON.stringify(data)
    for (const line of this.lines.values()) {
      this.surroundings.emit({ kind: 'publish', key: line.key, message: line.notice(type, now, text) })
    }
  }

  #hasDataSince(time: number): boolean {
    return this.sources.some(({ dataAt, isSignOfLife }) => !isSignOfLife && dataAt !== null && dataAt >= time)
  }

  protected publish(exchangeTime: number | null, now: number, data: string): void {
    for (const line of this.lines.values()) {
      this.surroundings.emit({ kind: 'publish', key: line.key, message: line.next(exchangeTime, now, data) })
    }
  }
}
