import { AppError } from '../domain/errors.ts'
import type { StoredInstrument } from '../domain/series.ts'
import { type ClientTopic, isMarketChannel, topicKey } from '../domain/topic.ts'
import type { ExchangeConnector } from '../exchanges/connector.ts'
import { BookTopic } from './book-topic.ts'
import { FeedInstruments, isSame } from './feed-instruments.ts'
import type { Recorded } from './feed-io.ts'
import type { InstrumentTopics } from './instrument-topics.ts'
import type { MarketTopic, TopicMarks, TopicSurroundings } from './market-topic.ts'
import { createTopic, sourceOf } from './topics.ts'
import type { Upstream } from './upstream.ts'
import { streamKey } from './upstream-stream.ts'

/** A topic outlives its last client by this: one who reconnects finds it in sync. */
const GRACE_MS = 60_000

interface Demand {
  readonly topic: ClientTopic
  instrument: StoredInstrument
  /** Since when nobody listens; `null` while somebody does. */
  releasedAt: number | null
}

export interface FeedTopicsOptions {
  readonly connector: ExchangeConnector
  readonly upstream: Upstream
  /** Of an earlier instance; those of topics that end are taken out. */
  readonly marks: TopicMarks
  readonly surroundings: Omit<TopicSurroundings, 'resubscribe' | 'rehome'>
}

/** Who needs what, and the topics that exist for it: what clients ask for, and what is recorded without them. */
export class FeedTopics {
  /** All that exist. */
  readonly all = new Set<MarketTopic>()
  readonly #options: FeedTopicsOptions
  readonly #instruments: FeedInstruments
  readonly #demands = new Map<string, Demand>()
  readonly #recorded = new Set<MarketTopic>()

  constructor(options: FeedTopicsOptions) {
    this.#options = options
    this.#instruments = new FeedInstruments(options.connector.stream.endpoints)
  }

  /** Whether the exchange streams it. */
  offers({ channel, interval }: ClientTopic, instrument: StoredInstrument): boolean {
    const { stream } = this.#options.connector
    return isMarketChannel(channel) && stream.streamsOf({ channel, instrument, interval }).length > 0
  }

  /** Why the exchange refuses the streams of a topic, whether or not that exists; `null` where it does not. */
  rejection({ channel, interval }: ClientTopic, instrument: StoredInstrument): string | null {
    const { connector, upstream } = this.#options
    if (!isMarketChannel(channel)) return null
    for (const name of connector.stream.streamsOf({ channel, instrument, interval })) {
      const stream = upstream.streams.get(streamKey(name))
      if (stream?.state === 'rejected' && !stream.isOptional) return stream.rejection ?? 'unknown'
    }
    return null
  }

  /** Whether what a client topic is made of is heard already. */
  isFollowed({ channel, interval }: ClientTopic, { id }: StoredInstrument): boolean {
    return isMarketChannel(channel) && this.#instruments.ofId(id)?.find(channel, interval) !== undefined
  }

  /** Whether a client topic that is not followed takes a book that is not there yet. */
  takesBook({ channel }: ClientTopic, { id }: StoredInstrument): boolean {
    if (!isMarketChannel(channel)) return false
    const isOfBook = channel === 'book' || sourceOf(channel, this.#options.connector.stream) === 'book'
    return isOfBook && this.#instruments.ofId(id)?.find('book', null) === undefined
  }

  /** How many exist, recorded ones included. */
  count(): { readonly topics: number; readonly books: number } {
    let books = 0
    for (const topic of this.all) if (topic instanceof BookTopic) books++
    return { topics: this.all.size, books }
  }

  /**
   * A client needs a topic.
   * @throws AppError `unprocessable` where the exchange does not offer it
   */
  demand(topic: ClientTopic, given: StoredInstrument, now: number): void {
    const key = topicKey(topic)
    const known = this.#demands.get(key)
    const standing = this.#instruments.standingFor(given)
    // Whoever asks may have looked it up a while ago: what is recorded is looked up every minute.
    const isSettled = standing?.instrument.id === given.id && standing.isRecorded
    const instrument = isSettled ? standing.instrument : this.#listed(given, known, now)
    const market = this.#ensure(topic, instrument, now)
    // One who comes while a rejected stream is tried again has not heard of it.
    for (const stream of market.sources) stream.isRejectionTold = false
    if (known !== undefined) {
      known.releasedAt = null
      return
    }
    this.#demands.set(key, { topic, instrument, releasedAt: null })
    market.open(topic)
    const reason = this.rejection(topic, instrument)
    if (reason !== null) market.rejected(reason, now)
  }

  /** No client needs it any more: it ends after a while, unless it is demanded again. */
  release(topic: ClientTopic, now: number): void {
    const demand = this.#demands.get(topicKey(topic))
    if (demand !== undefined) demand.releasedAt ??= now
  }

  /** These instruments are recorded from now on, and no others. */
  record(recorded: readonly Recorded[], now: number): void {
    const wanted = new Set<MarketTopic>()
    // Where the symbol of one stands for another by now, that one is over.
    const listed = recorded.filter(({ instrument }) => isSame(this.#listed(instrument, undefined, now), instrument))
    for (const { instrument, intervals } of listed) {
      const base = { exchange: instrument.exchange, symbol: instrument.symbol, depth: null } as const
      const topics: ClientTopic[] = intervals.map((interval) => ({ ...base, channel: 'candles', interval }))
      for (const topic of [{ ...base, channel: 'trades', interval: null } as const, ...topics]) {
        if (this.offers(topic, instrument)) wanted.add(this.#ensure(topic, instrument, now))
      }
    }
    for (const topic of this.#recorded) topic.isRecorded = false
    this.#recorded.clear()
    for (const topic of wanted) {
      topic.isRecorded = true
      this.#recorded.add(topic)
    }
    this.#dropUnneeded(now)
  }

  /** Of all instruments that are followed. */
  get instrumentIds(): readonly number[] {
    return [...new Set(this.#instruments.all().map(({ instrument }) => instrument.id))]
  }

  /** The exchange has listed an instrument anew: to clients its topics go on, of what it is now. */
  replace(id: number, successor: StoredInstrument, now: number): void {
    const former = this.#instruments.ofId(id)?.instrument
    if (former !== undefined && !isSame(former, successor)) this.#replace(former, successor, now)
  }

  /** Ends what nobody has needed for a while. */
  expire(now: number): void {
    let isAnyOver = false
    for (const [key, { releasedAt }] of this.#demands) {
      if (releasedAt === null || now - releasedAt < GRACE_MS) continue
      this.find(key)?.close(key)
      this.#demands.delete(key)
      isAnyOver = true
    }
    if (isAnyOver) this.#dropUnneeded(now)
  }

  /** The topic behind a demand. */
  find(key: string): MarketTopic | undefined {
    const demand = this.#demands.get(key)
    if (demand === undefined || !isMarketChannel(demand.topic.channel)) return undefined
    return this.#instruments.ofId(demand.instrument.id)?.find(demand.topic.channel, demand.topic.interval)
  }

  ofInstrument(id: number): InstrumentTopics | undefined {
    return this.#instruments.ofId(id)
  }

  ofSymbol(endpoint: string, exchangeSymbol: string): InstrumentTopics | undefined {
    return this.#instruments.ofSymbol(endpoint, exchangeSymbol)
  }

  /**
   * The instrument that is listed now. Where one stood for it that was listed earlier, or whose contracts had another
   * size, clients of that one go on with this one.
   * @param known what was demanded under the same name
   */
  #listed(given: StoredInstrument, known: Demand | undefined, now: number): StoredInstrument {
    const formers = [() => this.#instruments.standingFor(given)?.instrument, () => known?.instrument]
    for (const find of formers) {
      const former = find()
      if (former === undefined || isSame(former, given)) continue
      if (former.id > given.id) return former
      this.#replace(former, given, now)
    }
    return given
  }

  #replace(former: StoredInstrument, instrument: StoredInstrument, now: number): void {
    const formers = this.#instruments.ofId(former.id)
    // Under the same id nothing was missed so far: it is gone on from there.
    if (former.id === instrument.id) for (const topic of formers?.all() ?? []) topic.mark(this.#options.marks)
    const replaced = new Map<MarketTopic, MarketTopic>()
    for (const [key, demand] of this.#demands) {
      const { topic } = demand
      if (demand.instrument.id !== former.id || !isMarketChannel(topic.channel)) continue
      const old = formers?.find(topic.channel, topic.interval)
      if (!this.offers(topic, instrument)) {
        old?.rejected('it is listed as something else now', now)
        continue
      }
      demand.instrument = instrument
      const young = this.#ensure(topic, instrument, now)
      const line = old?.line(key)
      old?.close(key)
      young.open(topic, line)
      if (old !== undefined) replaced.set(old, young)
    }
    for (const [old, young] of replaced) young.succeed(old, now)
    this.#dropUnneeded(now)
  }

  /** The topic, made with its streams where it is new. */
  #ensure(wanted: ClientTopic, instrument: StoredInstrument, now: number): MarketTopic {
    const { connector, upstream, marks, surroundings } = this.#options
    const { channel, interval } = wanted
    if (!isMarketChannel(channel)) throw new RangeError(`${channel} is no topic of an instrument`)
    const topics = this.#instruments.take(instrument)
    const known = topics.find(channel, interval)
    if (known !== undefined) return known
    const names = connector.stream.streamsOf({ channel, instrument, interval })
    if (names.length === 0) throw new AppError('unprocessable', `${instrument.exchange} does not stream ${channel}`)
    const made = sourceOf(channel, connector.stream)
    const source = made === null ? null : this.#ensure({ ...wanted, channel: made, interval: null }, instrument, now)
    const topic = createTopic({
      channel,
      interval,
      instrument,
      api: connector.stream,
      candleRules: connector.rest,
      source,
      marks,
      surroundings: {
        ...surroundings,
        resubscribe: (one, at) => {
          for (const stream of one.streams) if (!stream.isSignOfLife) upstream.resubscribe(stream, at)
        },
        rehome: (one, at) => {
          // A sign of life that other topics share stays with them.
          for (const stream of one.streams)
            if (!stream.isSignOfLife || stream.topics.size === 1) upstream.rehome(stream, at)
        },
      },
    })
    topics.add(channel, interval, topic)
    this.all.add(topic)
    for (const name of source === null ? names : []) {
      const stream = upstream.want(name, now)
      stream.topics.add(topic)
      topic.streams.push(stream)
      const isHeard = stream.state === 'live' && !stream.isSignOfLife
      if (!isHeard || stream.socket === null) continue
      topic.subscribed(stream.socket.id, now)
      if (topic.beginsWhole && stream.hasBegun) upstream.resubscribe(stream, now)
    }
    if (source instanceof BookTopic) source.listeners.tellBest(now)
    return topic
  }

  #dropUnneeded(now: number): void {
    for (const topics of this.#instruments.all()) {
      for (const topic of topics.all()) if (!topic.isNeeded) this.#drop(topic, topics, now)
      if (topics.all().length === 0) this.#instruments.drop(topics)
    }
  }

  #drop(topic: MarketTopic, topics: InstrumentTopics, now: number): void {
    topics.remove(topic)
    this.all.delete(topic)
    topic.end(this.#options.marks)
    for (const stream of topic.streams) {
      stream.topics.delete(topic)
      if (stream.topics.size === 0) this.#options.upstream.drop(stream, now)
    }
  }
}
