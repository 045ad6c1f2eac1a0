import type { StreamApi, StreamEndpoint, StreamFrame, StreamName } from '../exchanges/stream.ts'
import { backoffMs } from './backoff.ts'
import type { FeedEffect, FeedInput } from './feed-io.ts'
import type { SocketStatus } from './status.ts'
import { UpstreamSocket } from './upstream-socket.ts'
import { streamKey, UpstreamStream } from './upstream-stream.ts'

/** Fewer than any exchange allows: what one lost socket takes along stays small. */
const MOST_STREAMS_PER_SOCKET = 200
/** A socket is replaced this long before the exchange would end it. */
const ROTATION_LEAD_MS = 10 * 60_000
/** A stream that is not heard on the new socket within this time moves all the same: it is quiet. */
const HANDOVER_MS = 60_000
/** After this long a socket counts as sound: the next failure is a first one. */
const SOUND_MS = 60_000
/** A region that is not served today may be tomorrow. */
const GEO_BLOCK_RETRY_MS = 5 * 60_000
/** A rejected stream is asked for again after this: symbols are listed anew. */
const REJECTED_RETRY_MS = 60 * 60_000
const GEO_BLOCK_STATUS: ReadonlySet<number> = new Set([403, 451])

export interface UpstreamOptions {
  readonly api: StreamApi
  /** Origins that replace those of endpoints, by name. */
  readonly hosts: Readonly<Record<string, string>>
  /** In [0, 1). */
  readonly random: () => number
  readonly emit: (effect: FeedEffect) => void
}

type Rejection = Extract<StreamFrame, { readonly kind: 'rejected' }>

interface Entrance {
  readonly endpoint: StreamEndpoint
  readonly baseUrl: string
  failures: number
  retryAt: number
  isGeoBlocked: boolean
  /** When sockets were opened lately, oldest first. */
  readonly connects: number[]
}

/** The sockets to one exchange: which carries what, when to open, replace and close them, within its limits. */
export class Upstream {
  readonly sockets = new Map<number, UpstreamSocket>()
  readonly streams = new Map<string, UpstreamStream>()
  reconnects = 0
  lastError: string | null = null
  readonly #options: UpstreamOptions
  readonly #entrances: ReadonlyMap<string, Entrance>
  /** Wanted and on no socket. */
  readonly #homeless = new Set<UpstreamStream>()
  #nextSocketId = 1

  constructor(options: UpstreamOptions) {
    this.#options = options
    this.#entrances = new Map(
      options.api.endpoints.map((endpoint) => [
        endpoint.name,
        {
          endpoint,
          baseUrl: options.hosts[endpoint.name] ?? endpoint.baseUrl,
          failures: 0,
          retryAt: 0,
          isGeoBlocked: false,
          connects: [],
        },
      ]),
    )
  }

  /** The stream of that name, made and asked for where it is new. */
  want(name: StreamName, now: number): UpstreamStream {
    const known = this.streams.get(streamKey(name))
    if (known !== undefined) return known
    const stream = new UpstreamStream(name, now)
    this.streams.set(stream.key, stream)
    this.#homeless.add(stream)
    return stream
  }

  /** Nobody needs it any more. */
  drop(stream: UpstreamStream): void {
    this.streams.delete(stream.key)
    this.#homeless.delete(stream)
    for (const socket of [stream.socket, stream.successor]) {
      if (socket === null) continue
      if (stream.state !== 'rejected') socket.unsubscribe([stream.name])
      socket.streams.delete(stream)
      if (socket.streams.size === 0 && socket.replaces === null) this.#close(socket, 'nothing left to carry')
    }
  }

  /** Asks for a stream anew on the socket that carries it. */
  resubscribe(stream: UpstreamStream): void {
    if (stream.socket === null) return
    stream.state = 'requested'
    stream.retries += 1
    stream.socket.unsubscribe([stream.name])
    stream.socket.subscribe([stream.name])
  }

  /** Gives a socket up. Its streams go to a new one. */
  abandon(socket: UpstreamSocket, reason: string, now: number): void {
    this.#options.emit({ kind: 'close', socket: socket.id, reason })
    this.#lost(socket, reason, null, now)
  }

  opened(socket: UpstreamSocket, now: number): void {
    socket.opened(now)
    this.#entrance(socket.endpoint.name).isGeoBlocked = false
    socket.pump(now)
  }

  refused(
    socket: UpstreamSocket,
    { status, retryAfterMs, reason }: FeedInput & { kind: 'refused' },
    now: number,
  ): void {
    this.#entrance(socket.endpoint.name).isGeoBlocked = status !== null && GEO_BLOCK_STATUS.has(status)
    this.#lost(socket, reason, retryAfterMs, now)
  }

  closed(socket: UpstreamSocket, reason: string, now: number): void {
    this.#lost(socket, reason, null, now)
  }

  acked(socket: UpstreamSocket, requestId: number | null, names: readonly string[] | null, now: number): void {
    const answered = names === null || requestId !== null ? socket.answered(requestId) : names
    for (const stream of socket.streams) {
      if (stream.state !== 'requested' || !(names ?? answered).includes(stream.name)) continue
      stream.state = 'live'
      stream.pace.restart(now)
      for (const topic of stream.topics) topic.subscribed(socket.id, now)
    }
  }

  /** One stream that is refused costs only itself: where the exchange does not say which, halves are tried. */
  rejected(socket: UpstreamSocket, { requestId, streams, reason, undone }: Rejection, now: number): void {
    const asked = streams === null || undone === true ? socket.answered(requestId) : []
    const names = streams ?? asked
    if (streams === null && names.length > 1) {
      const middle = names.length >> 1
      socket.subscribe(names.slice(0, middle))
      socket.subscribe(names.slice(middle))
      return
    }
    const undoneNames = asked.filter((name) => !names.includes(name))
    if (undoneNames.length > 0) socket.subscribe(undoneNames)
    for (const stream of [...socket.streams]) {
      if (!names.includes(stream.name)) continue
      stream.state = 'rejected'
      stream.rejection = reason
      stream.rejectedAt = now
      stream.socket = stream.successor = null
      socket.streams.delete(stream)
      for (const topic of stream.topics) topic.rejected(reason, now)
    }
  }

  /** The exchange says that it will end the socket, or its age says so. */
  rotate(socket: UpstreamSocket, now: number): void {
    if (socket.replacement !== null || socket.replaces !== null || !this.#mayConnect(socket.endpoint.name, now)) return
    const replacement = this.#connect(socket.endpoint.name, now)
    replacement.replaces = socket
    socket.replacement = replacement
    for (const stream of socket.streams) {
      stream.successor = replacement
      replacement.streams.add(stream)
    }
    replacement.subscribe([...socket.streams].map(({ name }) => name))
  }

  tick(now: number): void {
    for (const stream of this.streams.values()) {
      if (stream.state === 'rejected' && now - stream.rejectedAt > REJECTED_RETRY_MS) this.#seekHome(stream)
    }
    const { maxAgeMs } = this.#options.api.limits
    for (const socket of [...this.sockets.values()]) {
      if (socket.isDead(now)) {
        this.abandon(socket, 'heartbeats are not answered', now)
        continue
      }
      const { openedAt } = socket
      if (openedAt === null) continue
      const entrance = this.#entrance(socket.endpoint.name)
      if (now - openedAt > SOUND_MS && socket.lastDataAt !== null) entrance.failures = 0
      if (maxAgeMs !== null && now - openedAt > maxAgeMs - Math.min(ROTATION_LEAD_MS, maxAgeMs / 2))
        this.rotate(socket, now)
      this.#finishRotation(socket, now)
    }
    this.#house(now)
    for (const socket of this.sockets.values()) socket.pump(now)
  }

  /** Closes every socket; what they carried waits for `tick` to go on. */
  stop(now: number): void {
    for (const socket of [...this.sockets.values()]) {
      this.#close(socket, 'stopped')
      for (const stream of socket.streams) for (const topic of stream.topics) topic.lost(socket.id, now)
    }
    for (const stream of this.streams.values()) {
      stream.socket = stream.successor = null
      this.#seekHome(stream)
    }
  }

  get isGeoBlocked(): boolean {
    return [...this.#entrances.values()].some((entrance) => entrance.isGeoBlocked)
  }

  /** Whether every stream is on an open socket. */
  get isConnected(): boolean {
    if (this.#homeless.size > 0) return false
    for (const socket of this.sockets.values()) if (socket.openedAt === null && socket.replaces === null) return false
    return true
  }

  status(now: number): SocketStatus[] {
    const sockets = [...this.sockets.values()].map(
      (socket): SocketStatus => ({
        endpoint: socket.endpoint.name,
        state: socket.openedAt === null ? 'connecting' : 'open',
        topics: socket.streams.size,
        connectedAt: socket.openedAt,
        dataAgeMs: socket.lastDataAt === null ? null : now - socket.lastDataAt,
        retryAt: null,
      }),
    )
    for (const [name, { retryAt }] of this.#entrances) {
      const waiting = [...this.#homeless].filter(({ endpoint }) => endpoint === name).length
      if (waiting === 0) continue
      sockets.push({ endpoint: name, state: 'waiting', topics: waiting, connectedAt: null, dataAgeMs: null, retryAt })
    }
    return sockets
  }

  /** Finds every homeless stream a socket with room, or opens one. */
  #house(now: number): void {
    for (const name of new Set([...this.#homeless].map(({ endpoint }) => endpoint))) {
      const streams = [...this.#homeless].filter(({ endpoint }) => endpoint === name)
      const most = Math.min(MOST_STREAMS_PER_SOCKET, this.#options.api.limits.topicsPerSocket)
      const open = [...this.sockets.values()].filter(
        ({ endpoint, replacement, replaces }) => endpoint.name === name && replacement === null && replaces === null,
      )
      while (streams.length > 0) {
        let socket = open.find(({ streams: { size } }) => size < most)
        if (socket === undefined) {
          if (!this.#mayConnect(name, now)) break
          socket = this.#connect(name, now)
          open.push(socket)
        }
        const moving = streams.splice(0, most - socket.streams.size)
        for (const stream of moving) {
          this.#homeless.delete(stream)
          stream.socket = socket
          stream.state = 'requested'
          stream.pace.restart(now)
          socket.streams.add(stream)
        }
        socket.subscribe(moving.map((stream) => stream.name))
      }
    }
  }

  #finishRotation(socket: UpstreamSocket, now: number): void {
    const old = socket.replaces
    if (old === null || socket.openedAt === null) return
    if (now - socket.openedAt > HANDOVER_MS) {
      for (const stream of [...old.streams]) if (stream.successor === socket) stream.moveTo(socket)
    }
    if (old.streams.size > 0) return
    socket.replaces = null
    old.replacement = null
    this.#close(old, 'replaced by a younger one')
    for (const stream of socket.streams) for (const topic of stream.topics) topic.lost(old.id, now)
  }

  #mayConnect(name: string, now: number): boolean {
    const { retryAt, connects } = this.#entrance(name)
    const { limit, windowMs } = this.#options.api.limits.connects
    const oldest = connects[connects.length - limit]
    return now >= retryAt && (oldest === undefined || now - oldest >= windowMs)
  }

  #connect(name: string, now: number): UpstreamSocket {
    const { endpoint, baseUrl, connects } = this.#entrance(name)
    const { api, emit } = this.#options
    const socket = new UpstreamSocket(this.#nextSocketId++, endpoint, api, emit, now)
    this.sockets.set(socket.id, socket)
    connects.push(now)
    if (connects.length > api.limits.connects.limit) connects.shift()
    emit({ kind: 'connect', socket: socket.id, url: baseUrl + endpoint.path })
    return socket
  }

  #lost(socket: UpstreamSocket, reason: string, retryAfterMs: number | null, now: number): void {
    if (!this.sockets.delete(socket.id)) return
    this.reconnects += 1
    this.lastError = `${socket.endpoint.name}: ${reason}`
    const entrance = this.#entrance(socket.endpoint.name)
    const wait = backoffMs(entrance.failures++, this.#options.random, retryAfterMs)
    entrance.retryAt = now + (entrance.isGeoBlocked ? Math.max(GEO_BLOCK_RETRY_MS, wait) : wait)
    const { replaces, replacement } = socket
    if (replaces !== null) replaces.replacement = null
    if (replacement !== null) replacement.replaces = null
    for (const stream of socket.streams) {
      if (stream.successor === socket) {
        stream.successor = null
        continue
      }
      if (stream.successor !== null) {
        stream.socket = null
        stream.moveTo(stream.successor)
      } else {
        stream.socket = null
        this.#seekHome(stream)
      }
      for (const topic of stream.topics) topic.lost(socket.id, now)
    }
  }

  #seekHome(stream: UpstreamStream): void {
    stream.state = 'wanted'
    stream.rejection = null
    this.#homeless.add(stream)
  }

  #close(socket: UpstreamSocket, reason: string): void {
    this.sockets.delete(socket.id)
    this.#options.emit({ kind: 'close', socket: socket.id, reason })
  }

  #entrance(name: string): Entrance {
    const entrance = this.#entrances.get(name)
    if (entrance === undefined) throw new RangeError(`no endpoint ${name}`)
    return entrance
  }
}
