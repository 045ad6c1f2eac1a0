import type { Clock } from '../src/domain/clock.ts'
import { AppError } from '../src/domain/errors.ts'
import type { StoredInstrument } from '../src/domain/series.ts'
import { type ClientTopic, topicKey } from '../src/domain/topic.ts'
import type { SubscribeRequest } from '../src/live/client-hub.ts'
import { ClientSockets } from './client-sockets.ts'
import type { FeedRuntime } from './feed-runtime.ts'
import type { TopicIds } from './topic-ids.ts'

/** A name that was looked up counts for so long: instruments are renamed and relisted. */
const NAME_MS = 600_000

/** What a client needs of a topic that another instance of this object knew. */
export interface KnownTopic {
  readonly topic: ClientTopic
  /** `null`: the status of the exchange. */
  readonly instrument: StoredInstrument | null
}

/** The clients of a feed: their sockets, and the topics that they ask for. */
export class FeedClients {
  readonly sockets: ClientSockets
  readonly #runtime: FeedRuntime
  readonly #ids: TopicIds<KnownTopic>
  readonly #clock: Clock
  readonly #names = new Map<string, { readonly instrument: StoredInstrument; readonly at: number }>()
  /** Topics that somebody had when it was last looked. */
  readonly #held = new Map<string, ClientTopic>()

  constructor(
    ctx: DurableObjectState,
    exchange: string,
    runtime: FeedRuntime,
    ids: TopicIds<KnownTopic>,
    clock: Clock,
  ) {
    this.#runtime = runtime
    this.#ids = ids
    this.#clock = clock
    this.sockets = new ClientSockets(ctx, {
      hub: runtime.hub,
      clock,
      exchanges: [exchange],
      pathExchange: exchange,
      idOf: (key, topic) =>
        ids.idOf(key, { topic, instrument: this.#names.get(topic.symbol ?? '')?.instrument ?? null }),
      topicOf: (id) => this.#recall(id),
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
    for (const [key, topic] of this.#held) {
      if (hub.audience(key) > 0) continue
      this.#held.delete(key)
      this.#runtime.take({ kind: 'release', topic })
    }
  }

  /** Needs a topic for one question: it stays for the grace period. */
  demandOnce(topic: ClientTopic, instrument: StoredInstrument): void {
    this.#runtime.take({ kind: 'demand', topic, instrument })
    if (this.#runtime.hub.audience(topicKey(topic)) === 0) this.#runtime.take({ kind: 'release', topic })
  }

  /**
   * The instrument that a symbol of ours, or an id of zvt, names; `undefined` where there is none.
   * @throws AppError where the database does not answer
   */
  async instrument(symbol: string): Promise<StoredInstrument | undefined> {
    const known = this.#names.get(symbol)
    if (known !== undefined && this.#clock.now() - known.at < NAME_MS) return known.instrument
    const instrument = await this.#runtime.readInstrument(symbol)
    if (instrument !== undefined) this.#name(symbol, instrument)
    return instrument
  }

  async #settle(request: SubscribeRequest): Promise<void> {
    const { hub, session } = this.#runtime
    try {
      const { topic } = request
      const instrument = topic.symbol === null ? null : await this.instrument(topic.symbol)
      if (instrument === undefined) {
        hub.refuse(request, 'unknown_instrument', `${topic.exchange} lists no ${topic.symbol}`)
      } else if (instrument === null) {
        this.#accept(request, topic)
      } else if (!session.offers(topic, instrument)) {
        hub.refuse(request, 'unprocessable', `${topic.exchange} streams no ${topic.channel} of ${instrument.symbol}`)
      } else {
        const resolved = { ...topic, symbol: instrument.symbol }
        this.#name(instrument.symbol, instrument)
        this.#runtime.take({ kind: 'demand', topic: resolved, instrument })
        this.#held.set(topicKey(resolved), resolved)
        this.#accept(request, resolved)
      }
    } catch (error) {
      const isOurs = error instanceof AppError
      if (!isOurs) console.error('a subscription failed', { error: String(error) })
      hub.refuse(request, isOurs ? error.code : 'storage_unavailable', isOurs ? error.detail : 'try again in a moment')
    }
    this.#runtime.serve()
  }

  #accept(request: SubscribeRequest, topic: ClientTopic): void {
    const { hub, session } = this.#runtime
    const { seq, message } = session.state(topic, this.#clock.now())
    hub.accept(request, { topic, epoch: session.epoch, seq, state: message })
  }

  /** A topic that an earlier instance knew: its instrument need not be looked up again. */
  #recall(id: number): ClientTopic | undefined {
    const known = this.#ids.valueOf(id)
    if (known?.instrument != null) this.#name(known.instrument.symbol, known.instrument)
    return known?.topic
  }

  #name(symbol: string, instrument: StoredInstrument): void {
    this.#names.set(symbol, { instrument, at: this.#clock.now() })
  }
}
