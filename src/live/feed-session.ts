import { AppError } from '../domain/errors.ts'
import type { MarketEvent } from '../domain/event.ts'
import type { StoredInstrument } from '../domain/series.ts'
import { type ClientTopic, topicKey } from '../domain/topic.ts'
import type { ExchangeConnector } from '../exchanges/connector.ts'
import type { FeedEffect, FeedInput, Recorded } from './feed-io.ts'
import { InstrumentTopics } from './instrument-topics.ts'
import type { MarketTopic, TopicMarks } from './market-topic.ts'
import { TopicLine } from './messages.ts'
import type { FeedState, FeedStatus } from './status.ts'
import { createTopic } from './topics.ts'
import { TradesTopic } from './trades-topic.ts'
import { Upstream } from './upstream.ts'
import type { UpstreamSocket } from './upstream-socket.ts'
import { Watch } from './watch.ts'

/** A topic outlives its last client by this: one who reconnects finds it in sync. */
const GRACE_MS = 60_000
/** A socket that sends so many unreadable frames within the time is replaced. */
const MOST_INVALID = 5
const INVALID_WINDOW_MS = 10_000
/** The message rate is a mean over about this long. */
const RATE_MS = 10_000

export interface FeedSessionOptions {
  readonly connector: ExchangeConnector
  /** Origins that replace the connector's, by name of the endpoint. */
  readonly hosts: Readonly<Record<string, string>>
  /** Unique to this start: clients tell by it that `seq` counts anew. */
  readonly epoch: string
  /** In [0, 1). */
  readonly random: () => number
  /** What an earlier instance had reached. */
  readonly marks: TopicMarks
}

interface Demand {
  readonly topic: ClientTopic
  readonly instrument: StoredInstrument
  /** Since when nobody listens; `null` while somebody does. */
  releasedAt: number | null
}

/**
 * The live data of one exchange, decided purely: what happened goes in, what is to be done comes out. Whoever holds it
 * performs the effects and answers the questions among them.
 */
export class FeedSession {
  readonly epoch: string
  readonly #connector: ExchangeConnector
  readonly #upstream: Upstream
  readonly #watch: Watch
  readonly #marks: TopicMarks
  readonly #random: () => number
  readonly #counters = { gaps: 0, resyncs: 0 }
  #effects: FeedEffect[] = []
  readonly #emit = (effect: FeedEffect): void => {
    this.#effects.push(effect)
  }
  readonly #instruments = new Map<number, InstrumentTopics>()
  /** By endpoint: the exchange's symbol says which instrument an event is about. */
  readonly #bySymbol: ReadonlyMap<string, Map<string, InstrumentTopics>>
  readonly #topics = new Set<MarketTopic>()
  readonly #demands = new Map<string, Demand>()
  readonly #recorded = new Set<MarketTopic>()
  readonly #statusLine: TopicLine
  #state: FeedState = 'connecting'
  #since = 0
  #isStopped = false
  #invalidFrames = 0
  readonly #invalidAt = new Map<number, number[]>()
  #messages = 0
  #rate = 0
  #ratedAt = 0
  #dataAt: number | null = null

  constructor({ connector, hosts, epoch, random, marks }: FeedSessionOptions) {
    this.epoch = epoch
    this.#connector = connector
    this.#marks = marks
    this.#random = random
    this.#upstream = new Upstream({ api: connector.stream, hosts, random, emit: this.#emit })
    this.#watch = new Watch(this.#upstream, this.#emit)
    this.#bySymbol = new Map(connector.stream.endpoints.map(({ name }) => [name, new Map()]))
    const status = {
      channel: 'status',
      exchange: connector.exchange,
      symbol: null,
      interval: null,
      depth: null,
    } as const
    this.#statusLine = new TopicLine(status, null)
  }

  /** @param now ms UTC */
  handle(input: FeedInput, now: number): readonly FeedEffect[] {
    this.#take(input, now)
    const effects = this.#effects
    this.#effects = []
    return effects
  }

  /** Whether the exchange streams it. */
  offers({ channel, interval }: ClientTopic, instrument: StoredInstrument): boolean {
    return channel !== 'status' && this.#connector.stream.streamsOf({ channel, instrument, interval }).length > 0
  }

  /** Where a topic that is demanded stands: the sequence number of its newest message, and its present state if any. */
  state(topic: ClientTopic, now: number): { readonly seq: number; readonly message: string | null } {
    const key = topicKey(topic)
    if (topic.channel === 'status') {
      return { seq: this.#statusLine.seq, message: this.#statusLine.state(null, now, this.#statusData()) }
    }
    const market = this.#market(key)
    return { seq: market?.line(key)?.seq ?? 0, message: market?.state(key, now) ?? null }
  }

  /** The present state of a topic that is demanded, as a message; `null` where there is none. */
  stateOf(key: string, now: number): string | null {
    return this.#market(key)?.state(key, now) ?? null
  }

  /** The topic behind a demand, for whoever reads its newest values. */
  topic(topic: ClientTopic): MarketTopic | undefined {
    return this.#market(topicKey(topic))
  }

  /** What to resume from, should this instance be gone. */
  checkpoint(): TopicMarks {
    for (const topic of this.#topics) topic.mark(this.#marks)
    return this.#marks
  }

  status(clients: number, now: number): FeedStatus {
    const streams = [...this.#upstream.streams.values()]
    const named = (state: string) => streams.filter(({ pace }) => pace.state === state).map(({ name }) => name)
    return {
      exchange: this.#connector.exchange,
      state: this.#state,
      since: this.#since,
      epoch: this.epoch,
      clients,
      topics: streams.length,
      messagesPerSecond: Math.round(this.#rate * 10) / 10,
      dataAgeMs: this.#dataAt === null ? null : now - this.#dataAt,
      reconnects: this.#upstream.reconnects,
      ...this.#counters,
      invalidFrames: this.#invalidFrames,
      lastError: this.#upstream.lastError,
      sockets: this.#upstream.status(now),
      stale: named('stale'),
      quiet: named('quiet'),
      rejected: streams.flatMap(({ name, state, rejection }) =>
        state === 'rejected' ? [{ topic: name, reason: rejection ?? 'unknown' }] : [],
      ),
    }
  }

  #take(input: FeedInput, now: number): void {
    switch (input.kind) {
      case 'frame':
        this.#frame(input.socket, input.text, now)
        return
      case 'flush':
        for (const topic of this.#topics) topic.flush(now)
        return
      case 'tick':
        this.#tick(now)
        return
      case 'start':
        this.#isStopped = false
        this.#tick(now)
        return
      case 'stop':
        this.#isStopped = true
        this.#upstream.stop(now)
        this.#judge(now)
        return
      case 'demand':
        this.#demand(input.topic, input.instrument, now)
        return
      case 'release': {
        const demand = this.#demands.get(topicKey(input.topic))
        if (demand !== undefined) demand.releasedAt ??= now
        return
      }
      case 'record':
        this.#record(input.instruments, now)
        return
      case 'opened':
        this.#onSocket(input.socket, (socket) => this.#upstream.opened(socket, now))
        return
      case 'refused':
        this.#onSocket(input.socket, (socket) => this.#upstream.refused(socket, input, now))
        this.#judge(now)
        return
      case 'closed':
        this.#onSocket(input.socket, (socket) => this.#upstream.closed(socket, input.reason, now))
        this.#judge(now)
        return
      case 'snapshot':
        this.#instruments.get(input.instrumentId)?.find('book', null)?.answered(input, now)
        return
      case 'trades':
        this.#instruments.get(input.instrumentId)?.find('trades', null)?.answered(input, now)
        return
      case 'candles':
        this.#instruments.get(input.instrumentId)?.find('candles', input.interval)?.answered(input, now)
        return
      case 'newest':
        this.#watch.answered(input.stream, input.answer, now)
        return
    }
  }

  #frame(id: number, text: string, now: number): void {
    const socket = this.#upstream.sockets.get(id)
    if (socket === undefined) return
    socket.lastFrameAt = now
    const frame = this.#connector.stream.decode(text, socket.endpoint.kinds[0] ?? 'spot')
    switch (frame.kind) {
      case 'data':
        socket.lastDataAt = now
        this.#dataAt = now
        this.#messages += frame.events.length
        for (const event of frame.events) this.#event(event, socket, now)
        return
      case 'heartbeat':
        if (frame.reply !== null) socket.reply(frame.reply, now)
        return
      case 'ack':
        this.#upstream.acked(socket, frame.requestId, frame.streams, now)
        return
      case 'rejected':
        this.#upstream.rejected(socket, frame, now)
        return
      case 'ignored':
        if (frame.closing === true) this.#upstream.rotate(socket, now)
        return
      case 'invalid':
        this.#invalid(socket, frame.detail, now)
        return
    }
  }

  #event(event: MarketEvent, socket: UpstreamSocket, now: number): void {
    const topic = this.#bySymbol.get(socket.endpoint.name)?.get(event.exchangeSymbol)?.receive(event, socket.id, now)
    if (topic === undefined) return
    for (const stream of topic.streams) stream.data(now, socket)
  }

  /** What was in it is lost: topics that cannot notice that by themselves are told. */
  #invalid(socket: UpstreamSocket, detail: string, now: number): void {
    this.#invalidFrames += 1
    const recent = (this.#invalidAt.get(socket.id) ?? []).filter((at) => now - at < INVALID_WINDOW_MS)
    recent.push(now)
    this.#invalidAt.set(socket.id, recent)
    if (recent.length > MOST_INVALID) {
      this.#invalidAt.delete(socket.id)
      this.#upstream.abandon(socket, `unreadable frames: ${detail}`, now)
      return
    }
    for (const stream of socket.streams) for (const topic of stream.topics) topic.suspect(now)
  }

  #tick(now: number): void {
    if (now - this.#ratedAt >= RATE_MS) {
      this.#rate = this.#ratedAt === 0 ? 0 : (this.#messages * 1000) / (now - this.#ratedAt)
      this.#messages = 0
      this.#ratedAt = now
    }
    for (const [key, { releasedAt }] of this.#demands) {
      if (releasedAt !== null && now - releasedAt >= GRACE_MS) this.#forget(key)
    }
    if (this.#isStopped) return
    this.#upstream.tick(now)
    this.#watch.tick(now)
    for (const topic of this.#topics) topic.tick(now)
    this.#judge(now)
  }

  #demand(topic: ClientTopic, instrument: StoredInstrument, now: number): void {
    const key = topicKey(topic)
    const known = this.#demands.get(key)
    if (known !== undefined) {
      known.releasedAt = null
      return
    }
    const market = this.#ensure(topic, instrument, now)
    this.#demands.set(key, { topic, instrument, releasedAt: null })
    market.open(topic)
    if (!this.#isStopped) this.#upstream.tick(now)
  }

  #forget(key: string): void {
    const market = this.#market(key)
    this.#demands.delete(key)
    market?.close(key)
    this.#dropUnneeded()
  }

  #record(recorded: readonly Recorded[], now: number): void {
    const wanted = new Set<MarketTopic>()
    for (const { instrument, intervals } of recorded) {
      const base = { exchange: instrument.exchange, symbol: instrument.symbol, depth: null } as const
      const topics: ClientTopic[] = intervals.map((interval) => ({ ...base, channel: 'candles', interval }))
      for (const topic of [{ ...base, channel: 'trades', interval: null } as const, ...topics]) {
        if (this.offers(topic, instrument)) wanted.add(this.#ensure(topic, instrument, now))
      }
    }
    for (const topic of this.#recorded) topic.isRecorded = wanted.has(topic)
    this.#recorded.clear()
    for (const topic of wanted) {
      topic.isRecorded = true
      this.#recorded.add(topic)
    }
    this.#dropUnneeded()
  }

  /** The topic, made with its streams where it is new. */
  #ensure(wanted: ClientTopic, instrument: StoredInstrument, now: number): MarketTopic {
    const { channel, interval } = wanted
    if (channel === 'status') throw new RangeError('the status is no topic of an instrument')
    const topics = this.#topicsOf(instrument)
    const known = topics.find(channel, interval)
    if (known !== undefined) return known
    const names = this.#connector.stream.streamsOf({ channel, instrument, interval })
    if (names.length === 0) throw new AppError('unprocessable', `${instrument.exchange} does not stream ${channel}`)
    const isBuilt = channel === 'candles' && this.#connector.stream.candles === 'from-trades'
    const trades = isBuilt ? this.#ensure({ ...wanted, channel: 'trades', interval: null }, instrument, now) : null
    const topic = createTopic({
      channel,
      interval,
      instrument,
      api: this.#connector.stream,
      settleMs: this.#connector.rest.settleMs,
      trades: trades instanceof TradesTopic ? trades : null,
      marks: this.#marks,
      surroundings: {
        emit: this.#emit,
        counters: this.#counters,
        random: this.#random,
        resubscribe: (one) => {
          for (const stream of one.streams) this.#upstream.resubscribe(stream)
        },
      },
    })
    topics.add(channel, interval, topic)
    this.#topics.add(topic)
    for (const name of isBuilt ? [] : names) {
      const stream = this.#upstream.want(name, now)
      stream.topics.add(topic)
      topic.streams.push(stream)
    }
    return topic
  }

  #topicsOf(instrument: StoredInstrument): InstrumentTopics {
    const known = this.#instruments.get(instrument.id)
    if (known !== undefined) return known
    const topics = new InstrumentTopics(instrument)
    this.#instruments.set(instrument.id, topics)
    for (const { name, kinds } of this.#connector.stream.endpoints) {
      if (kinds.includes(instrument.kind)) this.#bySymbol.get(name)?.set(instrument.exchangeSymbol, topics)
    }
    return topics
  }

  #dropUnneeded(): void {
    for (const topics of this.#instruments.values()) {
      for (const topic of topics.all()) {
        if (topic.isNeeded) continue
        topics.remove(topic)
        this.#topics.delete(topic)
        topic.end()
        for (const stream of topic.streams) {
          stream.topics.delete(topic)
          if (stream.topics.size === 0) this.#upstream.drop(stream)
        }
      }
    }
  }

  #market(key: string): MarketTopic | undefined {
    const demand = this.#demands.get(key)
    if (demand === undefined || demand.topic.channel === 'status') return undefined
    return this.#instruments.get(demand.instrument.id)?.find(demand.topic.channel, demand.topic.interval)
  }

  #onSocket(id: number, act: (socket: UpstreamSocket) => void): void {
    const socket = this.#upstream.sockets.get(id)
    if (socket !== undefined) act(socket)
  }

  /** The feed's state as its sockets and streams show it; told where it changes. */
  #judge(now: number): void {
    const state = this.#currentState()
    if (state === this.#state && this.#since !== 0) return
    this.#state = state
    this.#since = now
    const message = this.#statusLine.next(null, now, this.#statusData())
    this.#emit({ kind: 'publish', key: this.#statusLine.key, message })
  }

  #currentState(): FeedState {
    if (this.#isStopped) return 'stopped'
    if (this.#upstream.isGeoBlocked) return 'geo-blocked'
    if (!this.#upstream.isConnected) return 'connecting'
    for (const { pace } of this.#upstream.streams.values()) if (pace.state === 'stale') return 'stale'
    return 'live'
  }

  #statusData(): string {
    const { epoch } = this
    return JSON.stringify({ state: this.#state, since: this.#since, epoch, lastError: this.#upstream.lastError })
  }
}
