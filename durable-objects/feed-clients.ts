import type { Clock } from '../src/domain/clock.ts'
import { AppError } from '../src/domain/errors.ts'
import type { StoredInstrument } from '../src/domain/series.ts'
import { type ClientTopic, topicKey } from '../src/domain/topic.ts'
import type { HubClient, SubscribeRequest } from '../src/live/client-hub.ts'
import type { ClientSettings } from '../src/live/client-queue.ts'
import { openEventStream, readEventTopics } from '../src/live/sse.ts'
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

/** What stands with a hibernatable socket: 16 KB at most. */
interface Attachment {
  readonly isInternal: boolean
  readonly settings: ClientSettings
  readonly topics: readonly number[]
}

/** The clients of a feed: their sockets, and the topics that they ask for. */
export class FeedClients {
  readonly #ctx: DurableObjectState
  readonly #exchange: string
  readonly #runtime: FeedRuntime
  readonly #ids: TopicIds<KnownTopic>
  readonly #clock: Clock
  readonly #clients = new Map<WebSocket, HubClient>()
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
    this.#ctx = ctx
    this.#exchange = exchange
    this.#runtime = runtime
    this.#ids = ids
    this.#clock = clock
  }

  /** Takes up the clients whose sockets outlived the instance before: they ask anew for what they had. */
  restore(): void {
    for (const socket of this.#ctx.getWebSockets()) {
      const kept: Attachment | null = socket.deserializeAttachment()
      if (kept === null) {
        socket.close(1012, 'restarted')
        continue
      }
      const client = this.#add(socket, kept.isInternal, kept.settings)
      const known = kept.topics.flatMap((id) => this.#ids.valueOf(id) ?? [])
      for (const { topic, instrument } of known) if (instrument !== null) this.#name(topic.symbol ?? '', instrument)
      this.settle(
        this.#runtime.hub.subscribe(
          client,
          known.map(({ topic }) => topic),
        ),
      )
    }
  }

  /** A client comes: with an upgrade to a WebSocket, or for server-sent events. */
  async accept(request: Request, isInternal: boolean): Promise<Response> {
    if (request.headers.get('upgrade')?.toLowerCase() !== 'websocket') return this.#acceptEvents(request)
    const { 0: theirs, 1: ours } = new WebSocketPair()
    this.#ctx.acceptWebSocket(ours)
    this.#keep(ours, this.#add(ours, isInternal))
    this.#runtime.serve()
    return new Response(null, { status: 101, webSocket: theirs })
  }

  received(socket: WebSocket, data: string | ArrayBuffer): void {
    const client = this.#clients.get(socket)
    if (client === undefined) return
    this.settle(this.#runtime.hub.receive(client, data, this.#clock.now()))
    this.#keep(socket, client)
    this.#runtime.serve()
  }

  closed(socket: WebSocket): void {
    const client = this.#clients.get(socket)
    if (client === undefined) return
    this.#clients.delete(socket)
    this.#runtime.hub.remove(client)
  }

  settle(requests: readonly SubscribeRequest[]): void {
    for (const request of requests) void this.#settle(request)
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

  async #acceptEvents(request: Request): Promise<Response> {
    const wanted = readEventTopics(new URL(request.url), [this.#exchange], this.#exchange)
    if (!wanted.ok) return Response.json(wanted, { status: 400 })
    const owner = {
      hub: this.#runtime.hub,
      now: () => this.#clock.now(),
      settle: (_client: HubClient, requests: readonly SubscribeRequest[]) => this.settle(requests),
    }
    const events = await openEventStream(owner, wanted.topics)
    if ('ok' in events) return Response.json(events, { status: 400 })
    return new Response(events, { headers: { 'Content-Type': 'text/event-stream', 'Cache-Control': 'no-store' } })
  }

  async #settle(request: SubscribeRequest): Promise<void> {
    const { hub, session } = this.#runtime
    try {
      const { topic } = request
      const instrument = topic.symbol === null ? null : await this.instrument(topic.symbol)
      if (instrument === undefined) {
        hub.refuse(request, 'unknown_instrument', `${topic.exchange} lists no ${topic.symbol}`)
      } else if (instrument === null) {
        this.#accept(request, topic, null)
      } else if (!session.offers(topic, instrument)) {
        hub.refuse(request, 'unprocessable', `${topic.exchange} streams no ${topic.channel} of ${instrument.symbol}`)
      } else {
        const resolved = { ...topic, symbol: instrument.symbol }
        this.#runtime.take({ kind: 'demand', topic: resolved, instrument })
        this.#held.set(topicKey(resolved), resolved)
        this.#accept(request, resolved, instrument)
      }
    } catch (error) {
      const isOurs = error instanceof AppError
      if (!isOurs) console.error('a subscription failed', { error: String(error) })
      hub.refuse(request, isOurs ? error.code : 'storage_unavailable', isOurs ? error.detail : 'try again in a moment')
    }
    this.#runtime.serve()
  }

  #accept(request: SubscribeRequest, topic: ClientTopic, instrument: StoredInstrument | null): void {
    const { hub, session } = this.#runtime
    const { seq, message } = session.state(topic, this.#clock.now())
    if (!hub.accept(request, { topic, epoch: session.epoch, seq, state: message })) return
    this.#ids.idOf(topicKey(topic), { topic, instrument })
    for (const [socket, client] of this.#clients) if (client === request.client) this.#keep(socket, client)
  }

  #add(socket: WebSocket, isInternal: boolean, settings?: ClientSettings): HubClient {
    const adapter = {
      send: (text: string) => socket.send(text),
      close: (code: number, reason: string) => socket.close(code, reason),
    }
    const client = this.#runtime.hub.add(adapter, isInternal, this.#clock.now(), settings)
    this.#clients.set(socket, client)
    return client
  }

  #keep(socket: WebSocket, client: HubClient): void {
    const { isInternal, settings, topics } = this.#runtime.hub.attachment(client)
    const ids = topics.flatMap((key) => this.#ids.find(key) ?? [])
    try {
      socket.serializeAttachment({ isInternal, settings, topics: ids } satisfies Attachment)
    } catch {
      // The socket has gone: its end is about to be told.
    }
  }

  #name(symbol: string, instrument: StoredInstrument): void {
    this.#names.set(symbol, { instrument, at: this.#clock.now() })
  }
}
