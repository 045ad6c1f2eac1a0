import type { StreamApi, StreamName } from '../exchanges/stream.ts'
import { Entrance, Host } from './entrance.ts'
import type { FeedEffect, FeedInput } from './feed-io.ts'
import { beginRotation, endRotation, inherit, isRotated, needsRotation, stay } from './rotation.ts'
import type { SocketStatus } from './status.ts'
import { UpstreamSocket } from './upstream-socket.ts'
import { streamKey, topicsOn, UpstreamStream } from './upstream-stream.ts'

/** Fewer than any exchange allows: what one lost socket takes along stays small. */
const MOST_STREAMS_PER_SOCKET = 200
/** A stream is not given to a socket that must wait longer than this before it may ask for it ... */
const PROMPT_MS = 5_000
/** ... as long as there are not so many sockets more than the streams fill. */
const MOST_SPARE_SOCKETS = 8
/** Whoever opens sockets gives up far sooner: this is for one of which nothing is heard. */
const CONNECT_MS = 2 * 60_000
/** A request for a stream that is not answered by then is made once more, by itself. */
const ANSWER_MS = 30_000
const MOST_REQUESTS = 2
/** A rejected stream is asked for again, later and later: symbols are listed anew, and some errors pass. */
const FIRST_REJECTED_RETRY_MS = 60_000
const LONGEST_REJECTED_RETRY_MS = 60 * 60_000

export interface UpstreamOptions {
  readonly api: StreamApi
  /** Origins that replace those of endpoints, by name. */
  readonly hosts: Readonly<Record<string, string>>
  /** In [0, 1). */
  readonly random: () => number
  readonly emit: (effect: FeedEffect) => void
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
    const { api, hosts } = options
    const known = new Map<string, Host>()
    this.#entrances = new Map(
      api.endpoints.map((endpoint) => {
        const baseUrl = hosts[endpoint.name] ?? endpoint.baseUrl
        const host = known.get(baseUrl) ?? new Host(baseUrl, api.limits)
        known.set(baseUrl, host)
        return [endpoint.name, new Entrance(endpoint, host)]
      }),
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
  drop(stream: UpstreamStream, now: number): void {
    this.streams.delete(stream.key)
    this.#homeless.delete(stream)
    for (const socket of [stream.socket, stream.successor]) socket?.unsubscribe([stream.name])
    stream.leave(now)
  }

  /** Asks for a stream anew on the socket that carries it. */
  resubscribe(stream: UpstreamStream, now: number): void {
    if (stream.socket === null) return
    stream.restart(now)
    stream.socket.unsubscribe([stream.name])
    stream.socket.subscribe([stream.name])
  }

  /** As `resubscribe`, on another socket: those that share this one have what they need. */
  rehome(stream: UpstreamStream, now: number): void {
    const { socket } = stream
    if (socket === null || stream.successor !== null) {
      // Another one is about to carry it as it is.
      this.resubscribe(stream, now)
      return
    }
    socket.unsubscribe([stream.name])
    stream.leave(now)
    stream.shunned = socket
    this.#seekHome(stream)
    for (const topic of topicsOn(stream)) topic.lost(socket.id, now, null, stream)
  }

  /** As `resubscribe`, in a request of its own: it may be the one for which a whole request was not answered. */
  #askApart(stream: UpstreamStream, socket: UpstreamSocket, now: number): void {
    stream.restart(now)
    socket.unsubscribe([stream.name])
    socket.subscribeApart([stream.name])
  }

  /** The exchange refuses a stream on a socket: while that is rotated the other one may get it all the same. */
  refuse(stream: UpstreamStream, socket: UpstreamSocket, reason: string, now: number): void {
    if (stream.successor === socket) stay(stream, socket, now)
    else if (stream.successor !== null) inherit(stream, socket, now)
    else this.reject(stream, reason, now)
  }

  /** A socket does not bring streams as it should: they alone end there. */
  giveUp(streams: readonly UpstreamStream[], socket: UpstreamSocket, reason: string, now: number): void {
    for (const stream of streams) {
      socket.unsubscribe([stream.name])
      this.refuse(stream, socket, reason, now)
    }
  }

  /** The exchange does not have it: its topics are told, once for all who need it. */
  reject(stream: UpstreamStream, reason: string, now: number): void {
    const { socket, successor } = stream
    stream.leave(now)
    stream.lostAt = null
    this.#homeless.delete(stream)
    stream.state = 'rejected'
    stream.rejection = reason
    stream.retryAt = now + Math.min(LONGEST_REJECTED_RETRY_MS, FIRST_REJECTED_RETRY_MS * 2 ** stream.rejections)
    stream.rejections += 1
    if (stream.rejections === 1) stream.isRejectionTold = false
    for (const topic of topicsOn(stream)) {
      // What it has brought is no longer kept right by anybody.
      if (successor !== null) topic.lost(successor.id, now, socket?.id ?? null, stream)
      if (socket !== null) topic.lost(socket.id, now, null, stream)
      if (!stream.isRejectionTold && !stream.isOptional) topic.rejected(reason, now)
    }
    stream.isRejectionTold = true
  }

  /** Gives a socket up. Its streams go to a new one. */
  abandon(socket: UpstreamSocket, reason: string, now: number): void {
    this.#options.emit({ kind: 'close', socket: socket.id, reason })
    this.closed(socket, reason, now)
  }

  opened(socket: UpstreamSocket, now: number): void {
    socket.opened(now)
    this.#entrance(socket.endpoint.name).opened()
    socket.pump(now)
  }

  refused(
    socket: UpstreamSocket,
    { status, retryAfterMs, reason }: FeedInput & { kind: 'refused' },
    now: number,
  ): void {
    const entrance = this.#entrance(socket.endpoint.name)
    entrance.refused(status, retryAfterMs, now)
    this.#lost(socket, entrance.isBanned ? `${reason}: too many connections` : reason, retryAfterMs, now)
  }

  closed(socket: UpstreamSocket, reason: string, now: number): void {
    this.#lost(socket, reason, null, now)
  }

  /** Another socket takes over, because the exchange says that it will end this one, or its age says so. */
  rotate(socket: UpstreamSocket, now: number): void {
    const { name } = socket.endpoint
    if (socket.replacement !== null || socket.replaces !== null || !this.#entrance(name).mayConnect(now)) return
    beginRotation(socket, this.#connect(name, now))
  }

  tick(now: number): void {
    for (const stream of this.streams.values()) {
      if (stream.state === 'rejected' && now >= stream.retryAt) this.#seekHome(stream)
    }
    for (const socket of [...this.sockets.values()]) this.#look(socket, now)
    this.#house(now)
    for (const socket of this.sockets.values()) socket.pump(now)
  }

  /** Closes every socket; what they carried waits for `tick` to go on. */
  stop(now: number): void {
    for (const socket of [...this.sockets.values()]) {
      this.#close(socket, 'stopped')
      for (const stream of socket.streams.values())
        for (const topic of topicsOn(stream)) topic.lost(socket.id, now, null, stream)
    }
    for (const stream of this.streams.values()) {
      stream.leave(now)
      this.#seekHome(stream)
    }
  }

  /** Whether the endpoint of a stream does not serve this region. */
  isBlocked({ endpoint }: UpstreamStream): boolean {
    return this.#entrance(endpoint).isGeoBlocked
  }

  /** Whether something is wanted of an endpoint that does not serve this region. */
  get isGeoBlocked(): boolean {
    const blocked = [...this.#entrances.values()].filter(({ isGeoBlocked }) => isGeoBlocked)
    return blocked.some(({ endpoint: { name } }) =>
      [...this.streams.values()].some(({ endpoint }) => endpoint === name),
    )
  }

  /** Whether every stream is on an open socket, and none waits for an answer for longer than usual. */
  get isConnected(): boolean {
    if (this.#homeless.size > 0) return false
    for (const socket of this.sockets.values()) if (socket.openedAt === null && socket.replaces === null) return false
    for (const { state, requests } of this.streams.values()) if (state === 'requested' && requests > 1) return false
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
    const homeless = Map.groupBy(this.#homeless, ({ endpoint }) => endpoint)
    for (const [endpoint, { length: topics }] of homeless) {
      const retryAt = Math.max(now, this.#entrance(endpoint).retryAt)
      sockets.push({ endpoint, state: 'waiting', topics, connectedAt: null, dataAgeMs: null, retryAt })
    }
    return sockets
  }

  /** One socket, about once a second. */
  #look(socket: UpstreamSocket, now: number): void {
    const unanswered = [...socket.streams.values()].filter((stream) => isGivenUp(stream, socket, now))
    if (socket.isEmpty) this.#close(socket, 'nothing left to carry')
    else if (socket.openedAt === null && now - socket.connectedAt > CONNECT_MS)
      this.abandon(socket, 'the connection was neither opened nor refused', now)
    else if (socket.isDead(now)) this.abandon(socket, 'not even heartbeats come', now)
    else if (unanswered.length > 0) this.#unanswered(unanswered, socket, now)
    else if (socket.openedAt !== null) this.#keep(socket, socket.openedAt, now)
  }

  /** A stream that is not answered where others are is as good as rejected; where none is, another socket is tried. */
  #unanswered(streams: readonly UpstreamStream[], socket: UpstreamSocket, now: number): void {
    const answersOthers = [...socket.streams.values()].some(({ state }) => state === 'live')
    if (!answersOthers) {
      this.abandon(socket, `${streams[0]?.name ?? 'what was asked'} is not answered`, now)
      return
    }
    this.giveUp(streams, socket, 'the exchange does not answer', now)
  }

  #keep(socket: UpstreamSocket, openedAt: number, now: number): void {
    if (socket.lastDataAt !== null) this.#entrance(socket.endpoint.name).works(openedAt, now)
    for (const stream of socket.streams.values())
      if (isUnanswered(stream, socket, now)) this.#askApart(stream, socket, now)
    if (needsRotation(socket, this.#options.api.limits, now)) this.rotate(socket, now)
    const { replaces: old } = socket
    const canGo = old !== null && isRotated(socket, now) && endRotation(old, socket, now)
    if (canGo) this.#close(old, 'replaced by a younger one')
  }

  /** Finds every homeless stream a socket with room, or opens one. */
  #house(now: number): void {
    const most = Math.min(MOST_STREAMS_PER_SOCKET, this.#options.api.limits.topicsPerSocket)
    for (const streams of Map.groupBy(this.#homeless, placeOf).values()) {
      for (let [first] = streams; first !== undefined; [first] = streams) {
        const socket = this.#homeFor(first, most, now)
        if (socket === undefined) break
        const moving = streams.splice(0, most - socket.streams.size)
        for (const stream of moving) {
          this.#homeless.delete(stream)
          stream.moveTo(socket, now)
        }
        socket.subscribe(moving.map((stream) => stream.name))
      }
    }
  }

  /** One that may ask for it soon, else a new one within reason, else whichever has room. */
  #homeFor({ endpoint: name, shunned }: UpstreamStream, most: number, now: number): UpstreamSocket | undefined {
    const sockets = [...this.sockets.values()].filter(({ endpoint }) => endpoint.name === name)
    const roomy = sockets.filter((socket) => socket.isStaying && socket !== shunned && socket.streams.size < most)
    const prompt = roomy.find((socket) => socket.requestDelayMs(now) < PROMPT_MS)
    if (prompt !== undefined) return prompt
    const isCrowded = roomy.length > 0 && sockets.length - Math.floor(this.streams.size / most) > MOST_SPARE_SOCKETS
    if (!isCrowded && this.#entrance(name).mayConnect(now)) return this.#connect(name, now)
    return roomy[0]
  }

  #connect(name: string, now: number): UpstreamSocket {
    const entrance = this.#entrance(name)
    const { api, emit } = this.#options
    const { endpoint, messages } = entrance
    const socket = new UpstreamSocket(this.#nextSocketId++, endpoint, { api, messages, emit }, now)
    this.sockets.set(socket.id, socket)
    entrance.connecting(now)
    emit({ kind: 'connect', socket: socket.id, url: entrance.url })
    return socket
  }

  #lost(socket: UpstreamSocket, reason: string, retryAfterMs: number | null, now: number): void {
    if (!this.sockets.delete(socket.id)) return
    this.reconnects += 1
    this.lastError = `${socket.endpoint.name}: ${reason}`
    this.#entrance(socket.endpoint.name).failed(socket.connectedAt, now, retryAfterMs, this.#options.random)
    if (socket.replaces !== null) socket.replaces.replacement = null
    if (socket.replacement !== null) socket.replacement.replaces = null
    for (const stream of [...socket.streams.values()]) {
      if (stream.successor === socket) stay(stream, socket, now)
      else if (stream.successor !== null) inherit(stream, socket, now)
      else {
        stream.leave(now)
        this.#seekHome(stream)
        for (const topic of topicsOn(stream)) topic.lost(socket.id, now, null, stream)
      }
    }
  }

  #seekHome(stream: UpstreamStream): void {
    stream.state = 'wanted'
    stream.rejection = null
    stream.requests = 0
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

/** What goes for one stream in search of a socket goes for all of the same place. */
function placeOf({ endpoint, shunned }: UpstreamStream): string {
  return `${endpoint} ${shunned?.id}`
}

function isUnanswered(stream: UpstreamStream, socket: UpstreamSocket, now: number): boolean {
  const { state, requestedAt } = stream
  return state === 'requested' && stream.socket === socket && requestedAt !== null && now - requestedAt > ANSWER_MS
}

/** Whether asking once more on the same socket did not help either. */
function isGivenUp(stream: UpstreamStream, socket: UpstreamSocket, now: number): boolean {
  return stream.requests >= MOST_REQUESTS && isUnanswered(stream, socket, now)
}
