import type { StoredInstrument } from '../domain/series.ts'
import { type ClientTopic, topicKey } from '../domain/topic.ts'
import type { ExchangeConnector } from '../exchanges/connector.ts'
import type { Heard, StreamFrame } from '../exchanges/stream.ts'
import { Delistings } from './delistings.ts'
import { FeedHealth } from './feed-health.ts'
import type { FeedEffect, FeedInput } from './feed-io.ts'
import { FeedTopics } from './feed-topics.ts'
import { LineNumbers } from './line-numbers.ts'
import type { MarketTopic, StoredMark, TopicMarks } from './market-topic.ts'
import type { FeedStatus } from './status.ts'
import { TradesTopic } from './trades-topic.ts'
import { Turns } from './turns.ts'
import { isUntimely, untimelyIn } from './untimely.ts'
import { Upstream } from './upstream.ts'
import { acknowledge, refuse } from './upstream-replies.ts'
import type { UpstreamSocket } from './upstream-socket.ts'
import { topicsOn, type UpstreamStream } from './upstream-stream.ts'
import { Watch } from './watch.ts'

/** A mark of an earlier instance is kept for so long for a topic that nobody has asked for yet. */
const MARKS_MS = 10 * 60_000

type DataFrame = Extract<StreamFrame, { readonly kind: 'data' }>

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

/**
 * The live data of one exchange, decided purely: what happened goes in, what is to be done comes out. Whoever holds it
 * performs the effects and answers the questions among them.
 */
export class FeedSession {
  readonly epoch: string
  readonly #connector: ExchangeConnector
  readonly #upstream: Upstream
  readonly #watch: Watch
  readonly #topics: FeedTopics
  readonly #delistings: Delistings
  readonly #marks: TopicMarks
  readonly #health: FeedHealth
  #effects: FeedEffect[] = []
  readonly #emit = (effect: FeedEffect): void => {
    this.#effects.push(effect)
  }
  #begunAt: number | null = null
  #now = 0

  constructor({ connector, hosts, epoch, random, marks }: FeedSessionOptions) {
    this.epoch = epoch
    this.#connector = connector
    this.#marks = { trades: { ...marks.trades }, candles: { ...marks.candles } }
    this.#upstream = new Upstream({ api: connector.stream, hosts, random, emit: this.#emit })
    this.#watch = new Watch(this.#upstream, this.#emit)
    const [counters, emit] = [{ gaps: 0, resyncs: 0 }, this.#emit]
    const surroundings = { emit, counters, random, turns: new Turns(), numbers: new LineNumbers() }
    this.#topics = new FeedTopics({ connector, upstream: this.#upstream, marks: this.#marks, surroundings })
    this.#delistings = new Delistings(this.#upstream, this.#topics)
    const { exchange } = connector
    this.#health = new FeedHealth({
      exchange,
      epoch,
      upstream: this.#upstream,
      topics: this.#topics.all,
      counters,
      emit,
    })
  }

  /** @param now ms UTC */
  handle(input: FeedInput, now: number): readonly FeedEffect[] {
    this.#begunAt ??= now
    this.#now = now
    this.#take(input, now)
    const effects = this.#effects
    this.#effects = []
    return effects
  }

  /** Whether the exchange streams it. */
  offers(topic: ClientTopic, instrument: StoredInstrument): boolean {
    return this.#topics.offers(topic, instrument)
  }

  /** Why the exchange does not give a topic that it offers; `null` where it is not known to refuse it. */
  rejection(topic: ClientTopic, instrument: StoredInstrument): string | null {
    return this.#topics.rejection(topic, instrument)
  }

  /** Whether what a client topic is made of is heard already: one more client costs nothing upstream. */
  isFollowed(topic: ClientTopic, instrument: StoredInstrument): boolean {
    return this.#topics.isFollowed(topic, instrument)
  }

  /** Whether a client topic that is not followed takes a book that is not there yet. */
  takesBook(topic: ClientTopic, instrument: StoredInstrument): boolean {
    return this.#topics.takesBook(topic, instrument)
  }

  /** The instruments that it follows, by id. */
  get instrumentIds(): readonly number[] {
    return this.#topics.instrumentIds
  }

  /** How many topics the feed follows for clients and for the database, and how many of them are books. */
  count(): { readonly topics: number; readonly books: number } {
    return this.#topics.count()
  }

  /** Where a topic that is demanded stands: the sequence number of its newest message, and its present state if any. */
  state(topic: ClientTopic, now: number): { readonly seq: number; readonly message: string | null } {
    const key = topicKey(topic)
    if (topic.channel === 'status') {
      return { seq: this.#health.line.seq, message: this.#health.message(now) }
    }
    const market = this.#topics.find(key)
    return { seq: market?.line(key)?.seq ?? 0, message: market?.state(key, now) ?? null }
  }

  /** For one who has just subscribed: that the state is old and nothing newer can come, as a message; else `null`. */
  outage(topic: ClientTopic, now: number): string | null {
    return this.#topics.find(topicKey(topic))?.outage(topicKey(topic), now) ?? null
  }

  /** The present state of a topic that is demanded, as a message; `null` where there is none. */
  stateOf(key: string, now: number): string | null {
    return this.#topics.find(key)?.state(key, now) ?? null
  }

  /** The exchange's time up to which no trade of an instrument is waited for, ms UTC; `Infinity` while none is. */
  tradesKnownTo(instrumentId: number): number {
    const topic = this.#topics.ofInstrument(instrumentId)?.find('trades', null)
    return topic instanceof TradesTopic ? topic.knownTo : Number.NEGATIVE_INFINITY
  }

  /** The topic behind a demand, for whoever reads its newest values. */
  topic(topic: ClientTopic): MarketTopic | undefined {
    return this.#topics.find(topicKey(topic))
  }

  /**
   * What to resume from, should this instance be gone.
   * @param storedMark what is stored of trades: those that are not are published again. Without it none are.
   */
  checkpoint(storedMark?: StoredMark): TopicMarks {
    // What nobody has taken up by now is not going to be asked for.
    const isSettled = this.#begunAt !== null && this.#now - this.#begunAt > MARKS_MS
    const marks: TopicMarks = isSettled
      ? { trades: {}, candles: {} }
      : { trades: { ...this.#marks.trades }, candles: { ...this.#marks.candles } }
    for (const topic of this.#topics.all) topic.mark(marks, storedMark)
    return marks
  }

  status(clients: number, now: number): FeedStatus {
    return this.#health.status(clients, now)
  }

  #take(input: FeedInput, now: number): void {
    switch (input.kind) {
      case 'frame':
        this.#onSocket(input.socket, (socket) => this.#frame(socket, input.text, now))
        return
      case 'flush':
        for (const topic of this.#topics.all) topic.flush(now)
        return
      case 'tick':
        this.#tick(now)
        return
      case 'start':
        this.#health.isStopped = false
        this.#tick(now)
        return
      case 'stop':
        this.#health.isStopped = true
        this.#upstream.stop(now)
        this.#judge(now)
        return
      case 'demand':
        this.#topics.demand(input.topic, input.instrument, now)
        // While it is stopped it has no ticks: whoever asks is told now that nothing comes.
        if (this.#health.isStopped) this.#judge(now)
        else this.#upstream.tick(now)
        return
      case 'release':
        this.#topics.release(input.topic, now)
        return
      case 'record':
        this.#topics.record(input.instruments, now)
        return
      case 'ended':
        this.#delistings.take(input.instruments, now)
        return
      case 'opened':
        this.#onSocket(input.socket, (socket) => this.#upstream.opened(socket, now))
        this.#health.judge(now)
        return
      case 'refused':
        this.#onSocket(input.socket, (socket) => this.#upstream.refused(socket, input, now))
        this.#judge(now)
        return
      case 'closed':
        this.#onSocket(input.socket, (socket) => this.#upstream.closed(socket, input.reason, now))
        this.#health.judge(now)
        return
      case 'snapshot':
      case 'book-check':
        this.#topics.ofInstrument(input.instrumentId)?.find('book', null)?.answered(input, now)
        return
      case 'trades':
        this.#topics.ofInstrument(input.instrumentId)?.find('trades', null)?.answered(input, now)
        return
      case 'candles':
        this.#topics.ofInstrument(input.instrumentId)?.find('candles', input.interval)?.answered(input, now)
        return
      case 'newest':
        this.#watch.answered(input.stream, input.answer, now)
        return
    }
  }

  #frame(socket: UpstreamSocket, text: string, now: number): void {
    socket.lastFrameAt = now
    const frame = this.#connector.stream.decode(text, socket.endpoint.kinds[0] ?? 'spot')
    switch (frame.kind) {
      case 'data':
        this.#data(frame, socket, now)
        return
      case 'heartbeat':
        if (frame.reply !== null) socket.reply(frame.reply, now)
        if (frame.heard !== undefined) this.#heard(frame.heard, socket, now)
        return
      case 'ack':
        acknowledge(socket, frame, now)
        return
      case 'rejected':
        refuse(this.#upstream, socket, frame, now)
        return
      case 'ignored':
        if (frame.closing !== true) return
        socket.isClosing = true
        this.#upstream.rotate(socket, now)
        return
      case 'invalid':
        this.#invalid(socket, frame, now)
        return
    }
  }

  #data(frame: DataFrame, socket: UpstreamSocket, now: number): void {
    const wrongTime = untimelyIn(frame.events, now)
    if (wrongTime !== null) {
      this.#untimely(wrongTime, socket)
      for (const topic of this.#topicsIn(frame, socket)) topic.suspect(now)
      return
    }
    socket.data(now)
    this.#health.heard(frame.events.length, now)
    const stream = frame.stream === null ? undefined : socket.streams.get(frame.stream)
    // What a socket still brings of a stream that has left it must not count as a beginning of it there.
    if (stream === undefined && frame.stream !== null) return
    stream?.data(now, socket)
    for (const event of frame.events) {
      const topics = this.#topics.ofSymbol(socket.endpoint.name, event.exchangeSymbol)
      const topic = topics?.receive(event, stream, socket.id, now, frame.isPartial === true)
      if (stream === undefined) for (const likely of topic?.streams ?? []) likely.data(now, socket)
    }
  }

  #heard(heard: Heard, socket: UpstreamSocket, now: number): void {
    if (isUntimely(heard.exchangeTime, now)) {
      this.#untimely(heard.exchangeTime, socket)
      return
    }
    this.#topics.ofSymbol(socket.endpoint.name, heard.exchangeSymbol)?.find('trades', null)?.heard(heard, now)
  }

  /** What was in it is lost: topics that cannot notice that by themselves are told. */
  #invalid(
    socket: UpstreamSocket,
    { detail, stream: name }: Extract<StreamFrame, { readonly kind: 'invalid' }>,
    now: number,
  ): void {
    this.#health.invalidFrames += 1
    const known = name === undefined ? undefined : socket.streams.get(name)
    if (known !== undefined) {
      for (const topic of topicsOn(known)) topic.suspect(now)
      if (known.unreadable.add(now)) this.#upstream.giveUp([known], socket, `unreadable frames: ${detail}`, now)
    } else if (socket.unreadable.add(now)) this.#upstream.abandon(socket, `unreadable frames: ${detail}`, now)
    else for (const stream of [...socket.streams.values()]) for (const topic of topicsOn(stream)) topic.suspect(now)
  }

  /** It can be read, but not believed: it counts as unreadable, though it costs only its own topics, never the socket. */
  #untimely(time: number, socket: UpstreamSocket): void {
    this.#health.invalidFrames += 1
    this.#upstream.lastError = `${socket.endpoint.name}: a frame of the future, ${new Date(time).toISOString()}`
  }

  /** Those that a frame is about. */
  #topicsIn({ events }: DataFrame, socket: UpstreamSocket): ReadonlySet<MarketTopic> {
    const topics = events.map((event) => this.#topics.ofSymbol(socket.endpoint.name, event.exchangeSymbol)?.of(event))
    return new Set(topics.filter((topic) => topic !== undefined))
  }

  #tick(now: number): void {
    this.#health.tick(now)
    this.#topics.expire(now)
    if (!this.#health.isStopped) {
      this.#upstream.tick(now)
      this.#watch.tick(now)
      for (const topic of this.#topics.all) topic.tick(now)
    }
    this.#judge(now)
  }

  /** Looks at how all stands, and tells clients what has changed in that. */
  #judge(now: number): void {
    const { isStopped } = this.#health
    const isHopeless = (stream: UpstreamStream) => isStopped || this.#upstream.isBlocked(stream)
    for (const topic of this.#topics.all) topic.judge(isHopeless, now)
    this.#health.judge(now)
  }

  #onSocket(id: number, act: (socket: UpstreamSocket) => void): void {
    const socket = this.#upstream.sockets.get(id)
    if (socket !== undefined) act(socket)
  }
}
