import type { MarketEvent } from '../domain/event.ts'
import type { StoredInstrument } from '../domain/series.ts'
import type { ClientTopic } from '../domain/topic.ts'
import type { FeedEffect, FeedInput, Newest } from './feed-io.ts'
import { TopicLine } from './messages.ts'
import type { TradeMark } from './trade-line.ts'
import type { UpstreamStream } from './upstream-stream.ts'

/** What REST said to a question of a topic. */
export type Reply = Extract<FeedInput, { readonly kind: 'snapshot' | 'trades' | 'candles' }>

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

/** What the topics of one feed share. */
export interface TopicSurroundings {
  readonly emit: (effect: FeedEffect) => void
  /** Asks the exchange for the streams of a topic anew: a fresh snapshot follows. */
  readonly resubscribe: (topic: MarketTopic, now: number) => void
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

  constructor(instrument: StoredInstrument, surroundings: TopicSurroundings) {
    this.instrument = instrument
    this.surroundings = surroundings
  }

  get isNeeded(): boolean {
    return this.isRecorded || this.lines.size > 0
  }

  /** `null` where silence is usual and nothing can be asked. */
  get probe(): Probe | null {
    return 'trade'
  }

  /** The best prices as last heard, for a topic whose probe is `book`. */
  best(): { readonly bid: string | null; readonly ask: string | null } | null {
    return null
  }

  /** Serves a client topic from now on. */
  open(topic: ClientTopic): TopicLine {
    const line = new TopicLine(topic, this.instrument.exchangeSymbol)
    this.lines.set(line.key, line)
    return line
  }

  close(key: string): void {
    this.lines.delete(key)
  }

  line(key: string): TopicLine | undefined {
    return this.lines.get(key)
  }

  abstract receive(event: MarketEvent, socket: number, now: number): void

  /** What one who has just subscribed should know first, as a message; `null` where there is nothing yet. */
  abstract state(key: string, now: number): string | null

  /**
   * The socket is gone. What depends on its order is void.
   * @param heir the socket that has delivered the same meanwhile; `null`: something may be missing
   */
  abstract lost(socket: number, now: number, heir: number | null): void

  /** A frame that may have been about this topic could not be read, or the topic was found stale. */
  abstract suspect(now: number): void

  /** The exchange has acknowledged its streams on a socket. */
  subscribed(_socket: number, _now: number): void {}

  /** All that happened up to a time of the exchange (ms UTC) has been sent. */
  heard(_exchangeTime: number): void {}

  /** What REST said to a question of this topic. */
  answered(_input: Reply, _now: number): void {}

  /** Nobody needs it any more, nor what it had reached. */
  end(_marks: TopicMarks): void {}

  /** Leaves its mark, should this instance be gone. */
  mark(_marks: TopicMarks): void {}

  /** About once a second. */
  tick(_now: number): void {}

  /** Whether its book changed since clients were last served. */
  flush(_now: number): void {}

  /** The exchange does not give it: clients are told, once. */
  rejected(reason: string, now: number): void {
    this.notify('gap', now, { reason: `rejected by the exchange: ${reason}` })
  }

  stale(now: number): void {
    this.notify('stale', now, { since: now })
    this.suspect(now)
  }

  protected notify(type: 'gap' | 'resync' | 'stale', now: number, data: object): void {
    const text = JSON.stringify(data)
    for (const line of this.lines.values()) {
      this.surroundings.emit({ kind: 'publish', key: line.key, message: line.notice(type, now, text) })
    }
  }

  protected publish(exchangeTime: number | null, now: number, data: string): void {
    for (const line of this.lines.values()) {
      this.surroundings.emit({ kind: 'publish', key: line.key, message: line.next(exchangeTime, now, data) })
    }
  }
}
