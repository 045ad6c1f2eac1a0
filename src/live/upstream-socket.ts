import type { StreamApi, StreamEndpoint, StreamRequest } from '../exchanges/stream.ts'
import type { FeedEffect } from './feed-io.ts'
import type { UpstreamStream } from './upstream-stream.ts'

/** A socket that asks for a heartbeat is dead when nothing at all has come for so many of them. */
const MISSED_HEARTBEATS = 2.5

/** One connection to the exchange: what it carries, and what may be sent over it when. */
export class UpstreamSocket {
  readonly id: number
  readonly endpoint: StreamEndpoint
  /** The socket whose streams this one takes over, while it is rotated. */
  replaces: UpstreamSocket | null = null
  replacement: UpstreamSocket | null = null
  readonly streams = new Set<UpstreamStream>()
  openedAt: number | null = null
  lastFrameAt: number
  lastDataAt: number | null = null
  readonly #api: StreamApi
  readonly #emit: (effect: FeedEffect) => void
  readonly #outbox: StreamRequest[] = []
  /** Sent and not acknowledged, oldest first. */
  readonly #unanswered = new Map<number, readonly string[]>()
  #nextRequestId = 1
  readonly #sentAt: number[] = []
  #heartbeatAt: number | null = null

  constructor(id: number, endpoint: StreamEndpoint, api: StreamApi, emit: (effect: FeedEffect) => void, now: number) {
    this.id = id
    this.endpoint = endpoint
    this.lastFrameAt = now
    this.#api = api
    this.#emit = emit
  }

  opened(now: number): void {
    this.openedAt = now
    this.lastFrameAt = now
    if (this.#api.heartbeat !== null) this.#heartbeatAt = now + this.#api.heartbeat.everyMs
  }

  subscribe(names: readonly string[]): void {
    this.#enqueue(this.#api.subscribe(names, this.#nextRequestId))
  }

  unsubscribe(names: readonly string[]): void {
    this.#enqueue(this.#api.unsubscribe(names, this.#nextRequestId))
  }

  reply(frame: string, now: number): void {
    this.#send(frame, now)
  }

  /** The names of an acknowledged or refused request; without an id, of the oldest one that waits for an answer. */
  answered(requestId: number | null): readonly string[] {
    const id = requestId ?? this.#unanswered.keys().next().value
    if (id === undefined) return []
    const names = this.#unanswered.get(id) ?? []
    this.#unanswered.delete(id)
    return names
  }

  /** Sends what is due, no faster than the exchange allows. */
  pump(now: number): void {
    if (this.openedAt === null) return
    const { heartbeat } = this.#api
    if (heartbeat !== null && this.#heartbeatAt !== null && now >= this.#heartbeatAt && this.#maySend(now)) {
      this.#send(heartbeat.frame, now)
      this.#heartbeatAt = now + heartbeat.everyMs
    }
    for (let request = this.#outbox[0]; request !== undefined && this.#maySend(now); request = this.#outbox[0]) {
      this.#outbox.shift()
      this.#unanswered.set(request.requestId, request.names)
      this.#send(request.frame, now)
    }
  }

  /** Whether not even the answers to our heartbeats come any more. */
  isDead(now: number): boolean {
    const { heartbeat } = this.#api
    return (
      heartbeat !== null && this.openedAt !== null && now - this.lastFrameAt > heartbeat.everyMs * MISSED_HEARTBEATS
    )
  }

  #enqueue(requests: readonly StreamRequest[]): void {
    for (const request of requests) {
      this.#outbox.push(request)
      this.#nextRequestId = Math.max(this.#nextRequestId, request.requestId + 1)
    }
  }

  #maySend(now: number): boolean {
    return this.#api.limits.messages.every(({ limit, windowMs }) => {
      const oldest = this.#sentAt[this.#sentAt.length - limit]
      return oldest === undefined || now - oldest >= windowMs
    })
  }

  #send(frame: string, now: number): void {
    this.#emit({ kind: 'send', socket: this.id, frame })
    this.#sentAt.push(now)
    const most = Math.max(...this.#api.limits.messages.map(({ limit }) => limit))
    if (this.#sentAt.length > most) this.#sentAt.shift()
  }
}
