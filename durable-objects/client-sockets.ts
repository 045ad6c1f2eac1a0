import type { Clock } from '../src/domain/clock.ts'
import { type ClientTopic, distinctTopics } from '../src/domain/topic.ts'
import type { ClientHub } from '../src/live/client-hub.ts'
import type { ClientSettings } from '../src/live/client-queue.ts'
import type { HubClient, SubscribeRequest } from '../src/live/hub-client.ts'
import { linkGap } from '../src/live/messages.ts'
import { type EventStreamOwner, openEventStream, readEventTopics } from '../src/live/sse.ts'

/** What stands with a hibernatable socket: 16 KB at most. */
interface Attachment {
  readonly isInternal: boolean
  readonly settings: ClientSettings
  readonly topics: readonly number[]
}

export interface ClientSocketsOptions {
  readonly hub: ClientHub
  readonly clock: Clock
  /** Those that clients can ask for here, and the one of the path. */
  readonly exchanges: readonly string[]
  readonly pathExchange: string | null
  /** Why clients may miss something after a restart; `null` where the new epoch of each topic says that they do. */
  readonly gapReason: string | null
  /** The numbers of topics, as they stand with a socket. */
  readonly idOf: (key: string, topic: ClientTopic) => number | undefined
  readonly topicOf: (id: number) => ClientTopic | undefined
  /** Those numbers stand with sockets, and no others. */
  readonly retain: (used: ReadonlySet<number>) => void
  /** Settles requests, at once or later; then sends what is due. */
  readonly settle: (requests: readonly SubscribeRequest[]) => void
}

/** The connections of clients to an object: hibernatable WebSockets and streams of events, as clients of its hub. */
export class ClientSockets {
  readonly #ctx: DurableObjectState
  readonly #options: ClientSocketsOptions
  readonly #clients = new Map<WebSocket, HubClient>()
  readonly #sockets = new Map<HubClient, WebSocket>()

  constructor(ctx: DurableObjectState, options: ClientSocketsOptions) {
    this.#ctx = ctx
    this.#options = options
  }

  /** Takes up the clients whose sockets outlived the instance before: they ask anew for what they had. */
  restore(): void {
    const { hub, gapReason, clock, settle } = this.#options
    const used = new Set<number>()
    for (const socket of this.#ctx.getWebSockets()) {
      const kept: Attachment | null = socket.deserializeAttachment()
      for (const id of kept?.topics ?? []) used.add(id)
      const topics = kept?.topics.flatMap((id) => this.#options.topicOf(id) ?? []) ?? []
      // One that cannot be restored whole comes back by itself, and so do relays: their topics are not kept.
      if (kept === null || kept.isInternal || topics.length < kept.topics.length) {
        socket.close(1012, 'restarted')
        continue
      }
      const client = this.#add(socket, kept.isInternal, kept.settings)
      if (gapReason !== null) {
        for (const topic of topics) hub.sendTo(client, linkGap(topic, clock.now(), gapReason))
      }
      settle(hub.subscribe(client, topics, clock.now()))
    }
    this.#options.retain(used)
  }

  /** Answers a request for a stream, in the form that it asks for. */
  async open(request: Request, isInternal: boolean): Promise<Response> {
    const { hub, clock, exchanges, pathExchange, settle } = this.#options
    const isUpgrade = request.headers.get('Upgrade')?.toLowerCase() === 'websocket'
    const url = new URL(request.url)
    // A socket may begin with none, and subscribe later.
    if (isUpgrade && !url.searchParams.has('topic')) return this.#upgrade(isInternal, [])
    const reading = readEventTopics(url, exchanges, pathExchange)
    if (!reading.ok) return Response.json(reading, { status: 400 })
    if (isUpgrade) return this.#upgrade(isInternal, distinctTopics(reading.topics))
    const owner: EventStreamOwner = { hub, now: () => clock.now(), settle: (_client, requests) => settle(requests) }
    const stream = await openEventStream(owner, reading.topics)
    if (!(stream instanceof ReadableStream)) return Response.json(stream, { status: 400 })
    // `no-transform`: what is compressed on the way is held back until there is enough of it.
    const headers = { 'Content-Type': 'text/event-stream', 'Cache-Control': 'no-store, no-transform' }
    return new Response(stream, { headers })
  }

  received(socket: WebSocket, data: string | ArrayBuffer): void {
    const client = this.#clients.get(socket)
    if (client === undefined) return
    const { hub, clock, settle } = this.#options
    settle(hub.receive(client, data, clock.now()))
  }

  closed(socket: WebSocket): void {
    try {
      // The client waits for the answer to its close frame.
      socket.close(1000, 'closed')
    } catch {
      // It is gone already.
    }
    const client = this.#clients.get(socket)
    if (client === undefined) return
    this.#clients.delete(socket)
    this.#sockets.delete(client)
    this.#options.hub.remove(client)
  }

  /** Goes on with subscriptions that had to wait for room. Due after each flush. */
  proceed(): void {
    const requests = this.#options.hub.takeDue(this.#options.clock.now())
    if (requests.length > 0) this.#options.settle(requests)
  }

  /** Keeps with each socket what has changed of its client. Due at the end of whatever the object does. */
  keep(): void {
    const { hub, idOf } = this.#options
    for (const client of hub.takeChanged()) {
      const socket = this.#sockets.get(client)
      if (socket === undefined) continue
      const { isInternal, settings } = hub.attachment(client)
      const topics = isInternal ? [] : Array.from(hub.topicsOf(client), ([key, topic]) => idOf(key, topic) ?? [])
      const attachment: Attachment = { isInternal, settings, topics: topics.flat() }
      try {
        socket.serializeAttachment(attachment)
      } catch {
        // The socket has gone: its end is about to be told.
      }
    }
  }

  /** Forgets the numbers of topics that stand with no socket any more: due now and then, for names may be without end. */
  forget(): void {
    this.keep()
    const used = new Set<number>()
    for (const socket of this.#ctx.getWebSockets()) {
      const kept: Attachment | null = socket.deserializeAttachment()
      for (const id of kept?.topics ?? []) used.add(id)
    }
    this.#options.retain(used)
  }

  #upgrade(isInternal: boolean, topics: readonly ClientTopic[]): Response {
    const { 0: theirs, 1: ours } = new WebSocketPair()
    this.#ctx.acceptWebSocket(ours)
    const { hub, clock, settle } = this.#options
    const client = this.#add(ours, isInternal)
    const { settings } = hub.attachment(client)
    ours.serializeAttachment({ isInternal, settings, topics: [] } satisfies Attachment)
    // As a command that names them would.
    client.limit.take(clock.now(), topics.length)
    settle(hub.subscribe(client, topics, clock.now()))
    return new Response(null, { status: 101, webSocket: theirs })
  }

  #add(socket: WebSocket, isInternal: boolean, settings?: ClientSettings): HubClient {
    const { hub, clock } = this.#options
    const adapter = {
      send: (text: string) => socket.send(text),
      close: (code: number, reason: string) => socket.close(code, reason),
    }
    const client = hub.add(adapter, isInternal, clock.now(), settings)
    this.#clients.set(socket, client)
    this.#sockets.set(client, socket)
    return client
  }
}
