import { DurableObject } from 'cloudflare:workers'
import { createDeps } from '../src/deps.ts'
import type { Refusal } from '../src/domain/answer.ts'
import type { ClientTopic } from '../src/domain/topic.ts'
import { exchangeNames } from '../src/exchanges/registry.ts'
import { ClientHub } from '../src/live/client-hub.ts'
import { type RelayEffect, RelaySession } from '../src/live/relay-session.ts'
import { ClientSockets } from './client-sockets.ts'
import { RelaySockets } from './relay-sockets.ts'
import { TopicIds } from './topic-ids.ts'

/** An object whose clients are silent may be evicted after 70 s: it is woken before, for as long as it has clients. */
const WATCHDOG_MS = 30_000
const FULL: Refusal = { ok: false, code: 'relay_full', detail: 'this relay has its clients: try again in a moment' }
/** Nothing here needs to be done sooner, however fast the clock runs. */
const MIN_TIMER_MS = 5

/** Fans the streams of every exchange out to clients: a client of the feeds, with clients of its own. */
export class StreamRelay extends DurableObject<Env> {
  readonly #app = createDeps(this.env)
  readonly #hub: ClientHub
  readonly #session: RelaySession
  readonly #links: RelaySockets
  readonly #clients: ClientSockets
  #ids: TopicIds<ClientTopic> | undefined
  #timer: { readonly at: number; readonly handle: ReturnType<typeof setTimeout> } | undefined

  constructor(ctx: DurableObjectState, env: Env) {
    super(ctx, env)
    const { clock, config, feed } = this.#app
    const timeScale = config.time.scale
    this.#hub = new ClientHub({
      exchanges: exchangeNames,
      pathExchange: null,
      timeScale,
      random: Math.random,
      stateOf: (key) => this.#session.stateOf(key),
      merging: (key) => this.#session.merging(key),
    })
    this.#session = new RelaySession(this.#hub, exchangeNames, Math.random, timeScale)
    this.#links = new RelaySockets(feed, {
      opened: (exchange) => this.#perform(this.#session.opened(exchange, clock.now())),
      closed: (exchange, reason) => this.#perform(this.#session.closed(exchange, reason, clock.now())),
      received: (exchange, frame) => this.#perform(this.#session.received(exchange, frame, clock.now())),
    })
    this.#clients = new ClientSockets(ctx, {
      hub: this.#hub,
      clock,
      exchanges: exchangeNames,
      pathExchange: null,
      // The feeds have gone on meanwhile, under the same epoch.
      gapReason: 'the relay restarted',
      idOf: (key, topic) => this.#ids?.idOf(key, topic),
      topicOf: (id) => this.#ids?.valueOf(id),
      retain: (used) => this.#ids?.retain(used),
      settle: (requests) => this.#perform(this.#session.request(requests, clock.now())),
    })
    void ctx.blockConcurrencyWhile(async () => {
      this.#ids = await TopicIds.load<ClientTopic>(ctx.storage)
      this.#clients.restore()
    })
  }

  override async fetch(request: Request): Promise<Response> {
    await this.#arm()
    if (this.#hub.outsiders >= this.#app.config.relayClients) return Response.json(FULL, { status: 503 })
    return this.#clients.open(request, false)
  }

  override webSocketMessage(socket: WebSocket, message: string | ArrayBuffer): void {
    this.#clients.received(socket, message)
  }

  override webSocketClose(socket: WebSocket): void {
    this.#clients.closed(socket)
  }

  override webSocketError(socket: WebSocket): void {
    this.#clients.closed(socket)
  }

  /** The watchdog: that it came is nearly enough, for the constructor has done the rest. */
  override async alarm(): Promise<void> {
    this.#clients.forget()
    if (this.#hub.size > 0) await this.#arm()
  }

  async #arm(): Promise<void> {
    if ((await this.ctx.storage.getAlarm()) !== null) return
    await this.ctx.storage.setAlarm(Date.now() + this.#app.clock.realMs(WATCHDOG_MS))
  }

  #perform(effects: readonly RelayEffect[]): void {
    for (const { exchange, effect } of effects) {
      if (effect === 'connect') void this.#links.connect(exchange)
      else if (effect === 'disconnect') this.#links.disconnect(exchange)
      else this.#links.send(exchange, effect.send)
    }
    this.#serve()
  }

  /** Sends clients what is due, and comes back when more is. */
  #serve(): void {
    const now = this.#app.clock.now()
    if (this.#hub.isDue(now)) {
      this.#hub.flush(now)
      this.#session.served(now)
      this.#clients.proceed()
    } else {
      this.#hub.putOff()
    }
    this.#clients.keep()
    const at = Math.min(this.#hub.wakeAt, this.#session.wakeAt(now))
    if (at === Number.POSITIVE_INFINITY || (this.#timer !== undefined && this.#timer.at <= at)) return
    clearTimeout(this.#timer?.handle)
    const delayMs = Math.max(MIN_TIMER_MS, this.#app.clock.realMs(at - now))
    const handle = setTimeout(() => {
      this.#timer = undefined
      this.#perform(this.#session.tick(this.#app.clock.now()))
    }, delayMs)
    this.#timer = { at, handle }
  }
}
