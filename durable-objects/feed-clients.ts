import type { Clock } from '../src/domain/clock.ts'
import type { Config } from '../src/domain/config.ts'
import { AppError } from '../src/domain/errors.ts'
import type { StoredInstrument } from '../src/domain/series.ts'
import { type ClientTopic, topicKey } from '../src/domain/topic.ts'
import type { SubscribeRequest, TopicRefusal } from '../src/live/hub-client.ts'
import { ClientSockets } from './client-sockets.ts'
import type { FeedRuntime } from './feed-runtime.ts'
import type { TopicIds } from './topic-ids.ts'

/** A name that was looked up counts for so long: instruments are renamed and relisted. */
const NAME_MS = 600_000
/** There may be names that nobody has, without end: for so long, and of so many, it is known that they are none. */
const UNKNOWN_MS = 10_000
const MOST_UNKNOWN = 1_000

/** What a client needs of a topic that another instance of this object knew. */
export interface KnownTopic {
  readonly topic: ClientTopic
  /** `null`: the status of the exchange. */
  readonly instrument: StoredInstrument | null
}

export type FeedLimits = Pick<Config, 'feedTopics' | 'feedBooks'>

/** The clients of a feed: their sockets, and the topics that they ask for. */
export class FeedClients {
  readonly sockets: ClientSockets
  readonly #runtime: FeedRuntime
  readonly #ids: TopicIds<KnownTopic>
  readonly #clock: Clock
  readonly #limits: FeedLimits
  readonly #names = new Map<string, { readonly instrument: StoredInstrument; readonly at: number }>()
  /** When they were looked up, the oldest first. */
  readonly #unknown = new Map<string, number>()
  /** Topics that somebody had when it was last looked. */
  readonly #held = new Map<string, KnownTopic>()
  /** Instruments of topics that clients had before a restart: as they were then, so for those requests only. */
  readonly #recalled = new WeakMap<ClientTopic, StoredInstrument>()

  constructor(
    ctx: DurableObjectState,
    exchange: string,
    runtime: FeedRuntime,
    ids: TopicIds<KnownTopic>,
    clock: Clock,
    limits: FeedLimits,
  ) {
    this.#runtime = runtime
    this.#ids = ids
    this.#clock = clock
    this.#limits = limits
    this.sockets = new ClientSockets(ctx, {
      hub: runtime.hub,
      clock,
      exchanges: [exchange],
      pathExchange: exchange,
      gapReason: null,
      idOf: (key, topic) =>
        ids.idOf(key, this.#held.get(key) ?? { topic, instrument: this.#recalled.get(topic) ?? null }),
      topicOf: (id) => this.#recall(id),
      retain: (used) => ids.retain(used),
      settle: (requests) => this.settle(requests),
    })
  }

  settle(requests: readonly SubscribeRequest[]): void {
    for (const request of requests) void this.#settle(request)
    this.#runtime.serve()
  }

  /** Lets go of topics that nobody has any more. */
  sweep(): void {
    const { hub } = this.#runtime
    for (const [key, { topic }] of this.#held) {
      if (hub.audience(key) > 0) continue
      this.#held.delete(key)
      this.#runtime.take({ kind: 'release', topic })
    }
  }

  /**
   * Needs a topic for one question: it stays for the grace period.
   * @throws AppError `too_many_topics`
   */
  demandOnce(topic: ClientTopic, instrument: StoredInstrument): void {
    const full = this.#lackOfRoom(topic, instrument)
    if (full !== null) throw new AppError('too_many_topics', full)
    this.#runtime.take({ kind: 'demand', topic, instrument })
    if (this.#runtime.hub.audience(topicKey(topic)) === 0) this.#runtime.take({ kind: 'release', topic })
  }

  /** Whether a topic is followed, or can be. */
  hasRoomFor(topic: ClientTopic, instrument: StoredInstrument): boolean {
    return this.#lackOfRoom(topic, instrument) === null
  }

  /**
   * The instrument that a symbol of ours, or an id of zvt, names; `undefined` where there is none.
   * @throws AppError where the database does not answer
   */
  async instrument(symbol: string): Promise<StoredInstrument | undefined> {
    const known = this.#names.get(symbol)
    if (known !== undefined && this.#clock.now() - known.at < NAME_MS) return known.instrument
    const missedAt = this.#unknown.get(symbol)
    if (missedAt !== undefined && this.#clock.now() - missedAt < UNKNOWN_MS) return undefined
    const instrument = await this.#runtime.readInstrument(symbol)
    if (instrument === undefined) this.#miss(symbol)
    else this.#name(symbol, instrument)
    return instrument
  }

  async #settle(request: SubscribeRequest): Promise<void> {
    const { hub } = this.#runtime
    try {
      const { topic } = request
      const recalled = this.#recalled.get(topic)
      const instrument = topic.symbol === null ? null : (recalled ?? (await this.instrument(topic.symbol)))
      if (instrument === undefined) {
        hub.refuse(request, 'unknown_instrument', `${topic.exchange} lists no ${topic.symbol}`)
      } else if (instrument === null) {
        this.#accept(request, topic)
      } else {
        this.#follow(request, { ...topic, symbol: instrument.symbol }, instrument)
        if (recalled === undefined) this.#name(instrument.symbol, instrument)
      }
    } catch (error) {
      const isOurs = error instanceof AppError
      if (!isOurs) console.error('a subscription failed', { error: String(error) })
      hub.refuse(request, isOurs ? error.code : 'storage_unavailable', isOurs ? error.detail : 'try again in a moment')
    }
    this.#runtime.serve()
  }

  /** Why a topic cannot be had; `null` where it can. */
  #refusal(topic: ClientTopic, instrument: StoredInstrument): TopicRefusal | null {
    const { session } = this.#runtime
    const { exchange, channel, symbol } = topic
    if (!session.offers(topic, instrument)) {
      return { code: 'unprocessable', detail: `${exchange} streams no ${channel} of ${symbol}` }
    }
    const rejection = session.rejection(topic, instrument)
    if (rejection !== null) return { code: 'unprocessable', detail: `${exchange} refuses it: ${rejection}` }
    const full = this.#lackOfRoom(topic, instrument)
    return full === null ? null : { code: 'too_many_topics', detail: full }
  }

  #follow(request: SubscribeRequest, topic: ClientTopic, instrument: StoredInstrument): void {
    const refusal = this.#refusal(topic, instrument)
    if (refusal !== null) {
      this.#runtime.hub.refuse(request, refusal.code, refusal.detail)
      return
    }
    this.#runtime.take({ kind: 'demand', topic, instrument })
    this.#held.set(topicKey(topic), { topic, instrument })
    this.#accept(request, topic)
  }

  #accept(request: SubscribeRequest, topic: ClientTopic): void {
    const { hub, session } = this.#runtime
    const now = this.#clock.now()
    const { seq, message } = session.state(topic, now)
    hub.accept(request, { topic, epoch: session.epoch, seq, state: message, standing: session.outage(topic, now) })
  }

  /** A topic that an earlier instance knew: its instrument need not be looked up again. */
  #recall(id: number): ClientTopic | undefined {
    const known = this.#ids.valueOf(id)
    if (known?.instrument != null) this.#recalled.set(known.topic, known.instrument)
    return known?.topic
  }

  /** Why a topic that nobody needs yet cannot be followed; `null` where it can be. */
  #lackOfRoom(topic: ClientTopic, instrument: StoredInstrument): string | null {
    const { session } = this.#runtime
    if (session.isFollowed(topic, instrument)) return null
    const { topics, books } = session.count()
    const { feedTopics, feedBooks } = this.#limits
    const full = (what: string, most: number) => `this feed follows ${most} ${what}, as many as it may`
    if (topics >= feedTopics) return full('topics', feedTopics)
    return session.takesBook(topic, instrument) && books >= feedBooks ? full('books', feedBooks) : null
  }

  #miss(symbol: string): void {
    this.#unknown.delete(symbol)
    this.#unknown.set(symbol, this.#clock.now())
    if (this.#unknown.size <= MOST_UNKNOWN) return
    for (const oldest of this.#unknown.keys()) {
      this.#unknown.delete(oldest)
      return
    }
  }

  #name(symbol: string, instrument: StoredInstrument): void {
    this.#names.set(symbol, { instrument, at: this.#clock.now() })
  }
}
