import { BookTopic } from './book-topic.ts'
import type { FeedEffect } from './feed-io.ts'
import type { MarketTopic } from './market-topic.ts'
import { TopicLine } from './messages.ts'
import type { FeedState, FeedStatus } from './status.ts'
import type { PaceState } from './topic-pace.ts'
import type { Upstream } from './upstream.ts'
import type { UpstreamStream } from './upstream-stream.ts'

/** The message rate is a mean over about this long. */
const RATE_MS = 10_000
/** A status names no more books than this: all of them may be without a connection at once. */
const MOST_UNSYNCED = 100

export interface FeedHealthOptions {
  readonly exchange: string
  readonly epoch: string
  readonly upstream: Upstream
  /** All that the feed follows. */
  readonly topics: Iterable<MarketTopic>
  readonly counters: { readonly gaps: number; readonly resyncs: number }
  readonly emit: (effect: FeedEffect) => void
}

/** How a feed stands: what its status says, and what clients of the `status` channel are told when that changes. */
export class FeedHealth {
  readonly line: TopicLine
  isStopped = false
  invalidFrames = 0
  readonly #options: FeedHealthOptions
  #state: FeedState = 'connecting'
  #since: number | null = null
  #messages = 0
  #rate = 0
  #ratedAt: number | null = null
  #dataAt: number | null = null

  constructor(options: FeedHealthOptions) {
    this.#options = options
    const { exchange } = options
    this.line = new TopicLine({ channel: 'status', exchange, symbol: null, interval: null, depth: null }, null)
  }

  /** Data has come. */
  heard(messages: number, now: number): void {
    this.#messages += messages
    this.#dataAt = now
  }

  tick(now: number): void {
    if (this.#ratedAt !== null && now - this.#ratedAt < RATE_MS) return
    if (this.#ratedAt !== null) this.#rate = (this.#messages * 1000) / (now - this.#ratedAt)
    this.#messages = 0
    this.#ratedAt = now
  }

  /** Looks at the state as sockets and streams show it; a change is told. */
  judge(now: number): void {
    const state = this.#currentState()
    if (state === this.#state && this.#since !== null) return
    this.#state = state
    this.#since = now
    this.#options.emit({ kind: 'publish', key: this.line.key, message: this.line.next(null, now, this.#data()) })
  }

  /** The state as a message, for one who has just subscribed. */
  message(now: number): string {
    return this.line.state(null, now, this.#data())
  }

  status(clients: number, now: number): FeedStatus {
    const { exchange, epoch, upstream, counters } = this.#options
    const streams = [...upstream.streams.values()]
    const named = (paceState: PaceState) => streams.filter((stream) => isAt(stream, paceState)).map(({ name }) => name)
    return {
      exchange,
      state: this.#state,
      since: this.#since ?? now,
      epoch,
      clients,
      topics: streams.length,
      messagesPerSecond: this.isStopped ? 0 : Math.round(this.#rate * 10) / 10,
      dataAgeMs: this.#dataAt === null ? null : now - this.#dataAt,
      reconnects: upstream.reconnects,
      ...counters,
      invalidFrames: this.invalidFrames,
      lastError: upstream.lastError,
      sockets: upstream.status(now),
      stale: named('stale'),
      quiet: named('quiet'),
      rejected: streams.flatMap(({ name, state, rejection }) =>
        state === 'rejected' ? [{ topic: name, reason: rejection ?? 'unknown' }] : [],
      ),
      unsynced: this.#unsynced(),
    }
  }

  #unsynced(): FeedStatus['unsynced'] {
    const unsynced: { readonly symbol: string; readonly reason: string }[] = []
    for (const topic of this.#options.topics) {
      const reason = topic instanceof BookTopic ? topic.trouble : null
      if (reason !== null) unsynced.push({ symbol: topic.instrument.symbol, reason })
      if (unsynced.length === MOST_UNSYNCED) break
    }
    return unsynced
  }

  #currentState(): FeedState {
    const { upstream } = this.#options
    if (this.isStopped) return 'stopped'
    if (upstream.isGeoBlocked) return 'geo-blocked'
    if (!upstream.isConnected) return 'connecting'
    for (const stream of upstream.streams.values()) if (isAt(stream, 'stale')) return 'stale'
    return 'live'
  }

  #data(): string {
    const { epoch, upstream } = this.#options
    return JSON.stringify({ state: this.#state, since: this.#since, epoch, lastError: upstream.lastError })
  }
}

function isAt({ state, pace }: UpstreamStream, paceState: PaceState): boolean {
  return state !== 'rejected' && pace.state === paceState
}
