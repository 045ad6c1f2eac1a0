import { DurableObject } from 'cloudflare:workers'
import { createDeps, feedName } from '../src/deps.ts'
import type { Refusal } from '../src/domain/answer.ts'
import { AppError } from '../src/domain/errors.ts'
import type { BookDepth } from '../src/domain/topic.ts'
import type { LiveTrades } from '../src/domain/trade-chunk.ts'
import { connectorFor } from '../src/exchanges/registry.ts'
import { ClientHub } from '../src/live/client-hub.ts'
import { FeedSession } from '../src/live/feed-session.ts'
import { RELAY_ROLE, ROLE_HEADER } from '../src/live/relay-role.ts'
import type { FeedAnswer, FeedStatus, LiveFunding, LiveOrderBook, LiveTicker } from '../src/live/status.ts'
import { FeedStore } from '../src/store/feed-store.ts'
import { claimLease } from '../src/store/leases.ts'
import { FeedClients, type KnownTopic } from './feed-clients.ts'
import { loadMarks, saveMarks } from './feed-marks.ts'
import { readFunding, readOrderBook, readOrderBooks, readTicker, readTrades } from './feed-reads.ts'
import { FeedRuntime } from './feed-runtime.ts'
import { TopicIds } from './topic-ids.ts'

const ROLE = 'feed'
/** An object that only holds sockets of its own may be evicted after 70 s without an event: it is woken before. */
const WATCHDOG_MS = 30_000
const FULL: Refusal = { ok: false, code: 'feed_full', detail: 'this feed has its clients: /v1/stream has room' }

interface Running {
  readonly runtime: FeedRuntime
  readonly clients: FeedClients
  readonly now: () => number
}

/** What the operator has said last; until then the setting STREAMS decides. */
type Order = 'start' | 'stop'

/**
 * The live data of one exchange: its streams come in here and go out to clients. A poke, a client or its own alarm sets
 * it to work, unless it may not run; a look at its status does not.
 */
export class ExchangeFeed extends DurableObject<Env> {
  readonly #app = createDeps(this.env)
  #feed: Promise<Running> | undefined
  #order: Order | undefined
  /** What it has run for, and goes on with whenever it is woken; `undefined` where nothing of it is kept. */
  #exchange: string | undefined

  constructor(ctx: DurableObjectState, env: Env) {
    super(ctx, env)
    // Whatever wakes an evicted object: it goes on where it was, clients included.
    void ctx.blockConcurrencyWhile(async () => {
      this.#order = await ctx.storage.get<Order>('order')
      this.#exchange = await ctx.storage.get<string>('exchange')
      // One that has moved has just forgotten everything: it is told so when it is called.
      if (this.#exchange !== undefined) await this.#run(this.#exchange).catch(() => undefined)
    })
  }

  /** Wakes the feed, where it may run. */
  async poke(exchange: string): Promise<void> {
    await this.#run(exchange)
    // An alarm that has failed too often is given up by the runtime: a feed that runs must have one.
    if (this.#mayRun && (await this.ctx.storage.getAlarm()) === null) await this.#arm()
  }

  async start(exchange: string): Promise<FeedStatus> {
    await this.#obey('start')
    await this.#run(exchange)
    return this.status(exchange)
  }

  async stop(exchange: string): Promise<FeedStatus> {
    await this.#obey('stop')
    await this.ctx.storage.deleteAlarm()
    const { runtime } = await this.#open(exchange)
    await runtime.stop()
    await saveMarks(this.ctx.storage, runtime.checkpoint())
    return this.status(exchange)
  }

  async status(exchange: string): Promise<FeedStatus> {
    const { runtime, now } = await this.#open(exchange)
    return runtime.session.status(runtime.hub.size, now())
  }

  async readTicker(exchange: string, symbol: string): Promise<FeedAnswer<LiveTicker>> {
    const feed = await this.#run(exchange)
    return this.#mayRun ? readTicker(feed, exchange, symbol) : notRunning(exchange)
  }

  async readOrderBook(exchange: string, symbol: string, depth: BookDepth): Promise<FeedAnswer<LiveOrderBook>> {
    const feed = await this.#run(exchange)
    return this.#mayRun ? readOrderBook(feed, exchange, symbol, depth) : notRunning(exchange)
  }

  async readOrderBooks(
    exchange: string,
    symbols: readonly string[],
    depth: BookDepth,
  ): Promise<FeedAnswer<LiveOrderBook>[]> {
    const feed = await this.#run(exchange)
    return this.#mayRun ? readOrderBooks(feed, exchange, symbols, depth) : symbols.map(() => notRunning(exchange))
  }

  async readFunding(exchange: string, symbol: string): Promise<FeedAnswer<LiveFunding>> {
    const feed = await this.#run(exchange)
    return this.#mayRun ? readFunding(feed, exchange, symbol) : notRunning(exchange)
  }

  async readTrades(exchange: string, symbol: string): Promise<FeedAnswer<LiveTrades>> {
    return readTrades(await this.#run(exchange), symbol)
  }

  /** A client, or a relay of ours, wants the stream. */
  override async fetch(request: Request): Promise<Response> {
    const exchange = new URL(request.url).pathname.split('/').at(-1) ?? ''
    const { runtime, clients } = await this.#run(exchange)
    if (!this.#mayRun) return Response.json(notRunning(exchange), { status: 503 })
    const isInternal = request.headers.get(ROLE_HEADER) === RELAY_ROLE
    const isFull = runtime.hub.outsiders >= this.#app.config.feedClients
    if (!isInternal && isFull) return Response.json(FULL, { status: 503 })
    return clients.sockets.open(request, isInternal)
  }

  /** The watchdog: that it came is nearly enough, for the constructor has done the rest, unless that failed. */
  override async alarm(): Promise<void> {
    const exchange = this.#exchange
    if (exchange === undefined || !this.#mayRun) return
    // Before anything can fail: what fails is tried again with the next alarm, and nothing else may ever wake the feed.
    await this.#arm()
    try {
      const feed = await this.#run(exchange)
      feed.clients.sockets.forget()
      await saveMarks(this.ctx.storage, feed.runtime.checkpoint())
    } catch (error) {
      // An alarm that fails is run again by the runtime, and given up after some times.
      console.error('the feed could not go on', { exchange, error: String(error) })
    }
  }

  override webSocketMessage(socket: WebSocket, message: string | ArrayBuffer): void {
    void this.#feed?.then(({ clients }) => clients.sockets.received(socket, message))
  }

  override webSocketClose(socket: WebSocket): void {
    void this.#feed?.then(({ clients }) => clients.sockets.closed(socket))
  }

  override webSocketError(socket: WebSocket): void {
    this.webSocketClose(socket)
  }

  get #mayRun(): boolean {
    return this.#order === undefined ? this.#app.config.streams : this.#order === 'start'
  }

  async #obey(order: Order): Promise<void> {
    this.#order = order
    await this.ctx.storage.put('order', order)
  }

  /** The feed, as it is. */
  async #open(exchange: string): Promise<Running> {
    this.#feed ??= this.#create(exchange).catch((error: unknown) => {
      this.#feed = undefined
      throw error
    })
    return this.#feed
  }

  /** The feed, running where it may. */
  async #run(exchange: string): Promise<Running> {
    const feed = await this.#open(exchange)
    if (!this.#mayRun || feed.runtime.isRunning) return feed
    feed.runtime.start()
    // One that has run goes on by itself whenever it is woken.
    this.#exchange = exchange
    await this.ctx.storage.put({ exchange, name: feedName(this.#app.config, exchange) })
    await this.#arm()
    return feed
  }

  async #create(exchange: string): Promise<Running> {
    const { config, clock, stores, newId, loader } = this.#app
    const { storage } = this.ctx
    const connector = connectorFor(exchange)
    // An alarm does not know its object's name: whoever called first has left it.
    const name = this.ctx.id.name ?? (await storage.get<string>('name'))
    if (connector === undefined || (name !== undefined && name !== feedName(config, exchange))) {
      await this.#forget()
      throw new AppError('unknown_exchange', `this object does not serve ${exchange}`)
    }
    const marks = await loadMarks(storage)
    // Ascends as text: trades keep their order over a restart.
    const epoch = `${clock.now()}-${newId().slice(0, 4)}`
    const hosts = config.streamHosts[exchange] ?? {}
    const session = new FeedSession({ connector, hosts, epoch, random: Math.random, marks })
    const hub = new ClientHub({
      exchanges: [exchange],
      pathExchange: exchange,
      timeScale: config.time.scale,
      random: Math.random,
      stateOf: (key) => session.stateOf(key, clock.now()) ?? undefined,
    })
    const db = stores.storeFor(exchange)
    const runtime = new FeedRuntime({
      connector,
      session,
      hub,
      clock,
      loader: () => loader(exchange),
      openStore: async () => new FeedStore(db, await claimLease(db, exchange, ROLE), newId),
      tradeRetentionMs: config.tradeRetentionMs,
      onTick: () => clients.sweep(),
      onFlush: () => {
        clients.sockets.keep()
        clients.sockets.proceed()
      },
      onSuperseded: () => void this.#resign(),
    })
    const clients = new FeedClients(
      this.ctx,
      exchange,
      runtime,
      await TopicIds.load<KnownTopic>(storage),
      clock,
      config,
    )
    // Before the clients ask for what they had: nothing is connected for them.
    if (!this.#mayRun) runtime.take({ kind: 'stop' })
    clients.sockets.restore()
    return { runtime, clients, now: () => clock.now() }
  }

  async #arm(): Promise<void> {
    await this.ctx.storage.setAlarm(Date.now() + this.#app.clock.realMs(WATCHDOG_MS))
  }

  /** Another object serves the exchange now: this one ends its sockets and forgets it all. */
  async #resign(): Promise<void> {
    const feed = await this.#feed?.catch(() => undefined)
    this.#feed = undefined
    feed?.runtime.end()
    await this.#forget()
  }

  /** Nothing wakes it any more, but whoever calls it. */
  async #forget(): Promise<void> {
    this.#exchange = undefined
    await this.ctx.storage.deleteAlarm()
    await this.ctx.storage.deleteAll()
  }
}

function notRunning(exchange: string): Refusal {
  const detail = `the feed is not running: POST /v1/streams/${exchange}/start`
  return { ok: false, code: 'feed_unavailable', detail }
}
