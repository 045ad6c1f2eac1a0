import type { StreamName } from '../exchanges/stream.ts'
import type { MarketTopic } from './market-topic.ts'
import { TopicPace } from './topic-pace.ts'
import { Unreadable } from './unreadable.ts'
import type { UpstreamSocket } from './upstream-socket.ts'

/** One of the exchange's own streams, as long as a topic needs it. */
export class UpstreamStream {
  readonly endpoint: string
  readonly name: string
  readonly isSignOfLife: boolean
  /** Its topics go on without it. */
  readonly isOptional: boolean
  readonly topics = new Set<MarketTopic>()
  readonly pace: TopicPace
  /** `requested` until the exchange acknowledges it or sends its data. */
  state: 'wanted' | 'requested' | 'live' | 'rejected' = 'wanted'
  /** Carries it now. */
  socket: UpstreamSocket | null = null
  /** Will carry it: while a socket is rotated both do. */
  successor: UpstreamSocket | null = null
  /** Did not bring what it should: another one is to carry it. */
  shunned: UpstreamSocket | null = null
  /** Whether the successor delivers it, and since when it was heard there. */
  isReady = false
  heardAt: number | null = null
  /** When it was last asked for; `null` before that was sent. How often, since it last was answered. */
  requestedAt: number | null = null
  requests = 0
  rejection: string | null = null
  /** Since when no socket delivers it, as far as is known; `null` where one does, or it was rejected. */
  lostAt: number | null
  /** When it last had data. */
  dataAt: number | null = null
  /** Everybody who needs it has heard why it was rejected. */
  isRejectionTold = false
  /** In a row, and when it is asked for again after them. */
  rejections = 0
  retryAt = 0
  /** How often something was done about its silence since it last gave data. */
  retries = 0
  /** How often REST was asked in vain about its silence since it last gave data, or REST last answered. */
  unanswered = 0
  readonly unreadable = new Unreadable()

  constructor({ endpoint, name, isSignOfLife, isOptional }: StreamName, now: number) {
    this.endpoint = endpoint
    this.name = name
    this.isSignOfLife = isSignOfLife === true
    this.isOptional = isOptional === true
    this.pace = new TopicPace(now)
    this.lostAt = now
  }

  /** Unique within the exchange. */
  get key(): string {
    return streamKey(this)
  }

  /** Whether data have come since it was last asked for: what it says first is over. */
  get hasBegun(): boolean {
    return this.dataAt !== null && this.dataAt >= (this.requestedAt ?? Number.POSITIVE_INFINITY)
  }

  /** Data has come on a socket. */
  data(now: number, socket: UpstreamSocket): void {
    this.pace.data(now)
    this.dataAt = now
    this.retries = this.unanswered = this.rejections = 0
    if (this.successor === socket) {
      this.isReady = true
      this.heardAt ??= now
    } else this.#begins()
  }

  /** The exchange has said on a socket that it delivers it there. */
  acknowledged(now: number, socket: UpstreamSocket): boolean {
    if (this.successor === socket) {
      const isNews = !this.isReady
      this.isReady = true
      return isNews
    }
    if (this.state !== 'requested') return false
    this.#begins()
    this.pace.restart(now)
    return true
  }

  /** A socket carries it from now on, as soon as the exchange does what it is asked. */
  moveTo(socket: UpstreamSocket, now: number): void {
    this.socket = socket
    this.shunned = null
    this.#request(now)
    socket.streams.set(this.name, this)
  }

  /** It is asked for anew where it is. */
  restart(now: number): void {
    this.#request(now)
  }

  follow(successor: UpstreamSocket): void {
    this.successor = successor
    this.isReady = false
    this.heardAt = null
    successor.streams.set(this.name, this)
  }

  /** The successor will not carry it. */
  stay(): void {
    this.successor?.streams.delete(this.name)
    this.successor = null
  }

  /** The successor carries it from now on. @returns whether it has delivered it already */
  inherit(now: number): boolean {
    this.socket?.streams.delete(this.name)
    this.socket = this.successor
    this.successor = null
    if (!this.isReady) {
      this.#request(now)
      this.lostAt = now
    }
    // What waited to be asked for over the former socket is not asked for any more: from now on it can be late.
    this.requestedAt ??= now
    return this.isReady
  }

  /** No socket carries it any more. */
  leave(now: number): void {
    this.lostAt ??= now
    this.socket?.streams.delete(this.name)
    this.successor?.streams.delete(this.name)
    this.socket = this.successor = null
  }

  /** The socket that carries it delivers it. */
  #begins(): void {
    this.state = 'live'
    this.requests = 0
    this.lostAt = null
  }

  #request(now: number): void {
    this.state = 'requested'
    this.requestedAt = null
    this.requests += 1
    this.pace.restart(now)
  }
}

/** Its topics, where it means something to them. */
export function topicsOn({ isSignOfLife, topics }: UpstreamStream): readonly MarketTopic[] {
  return isSignOfLife ? [] : [...topics]
}

export function streamKey({ endpoint, name }: Pick<StreamName, 'endpoint' | 'name'>): string {
  return `${endpoint}/${name}`
}
