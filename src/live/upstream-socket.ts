import type { StreamApi, StreamEndpoint, StreamRequest } from '../exchanges/stream.ts'
import type { FeedEffect } from './feed-io.ts'
import { MessageMeter } from './message-meter.ts'
import { TopicPace } from './topic-pace.ts'
import type { UpstreamStream } from './upstream-stream.ts'

/** A socket that asks for a heartbeat is dead when nothing at all has come for so many of them. */
const MISSED_HEARTBEATS = 2.5
/** One that brings signs of life each second is dead without any for so long. */
const SIGNS_OF_LIFE_MS = 30_000
/** A socket that sends more unreadable frames than this within the time is given up. */
const MOST_UNREADABLE = 5
const UNREADABLE_MS = 10_000

/**
 * Of the messages that all sockets share so many are kept for the first one of each: Coinbase ends a socket that has not
 * asked for anything within 5 s. https://docs.cdp.coinbase.com/exchange/websocket-feed/overview
 */
const FIRST_MESSAGES = 20

type Verb = 'subscribe' | 'unsubscribe'

/** What the exchange was asked, as far as it has not answered. */
export interface Asked {
  readonly verb: Verb
  readonly names: readonly string[]
}

/** What a socket needs of its surroundings. */
export interface SocketOptions {
  readonly api: StreamApi
  /** Those that the exchange counts over all sockets to its address. */
  readonly messages: MessageMeter
  readonly emit: (effect: FeedEffect) => void
}

/** One connection to the exchange: what it carries, and what may be sent over it when. */
export class UpstreamSocket {
  readonly id: number
  readonly endpoint: StreamEndpoint
  /** The socket whose streams this one takes over, while it is rotated. */
  replaces: UpstreamSocket | null = null
  replacement: UpstreamSocket | null = null
  /** The exchange has said that it will end it. */
  isClosing = false
  /** Since when it has been replaced but for what its replacement did not get; `null` where it has not. */
  leftBehindAt: number | null = null
  /** By name. */
  readonly streams = new Map<string, UpstreamStream>()
  openedAt: number | null = null
  lastFrameAt: number
  lastDataAt: number | null = null
  /** Of all its data together. */
  readonly pace: TopicPace
  /** Questions to REST about its silence that were not answered, in a row. */
  unanswered = 0
  /** When one of its streams was last asked for anew though REST did not say that it is dead. */
  renewedBlindlyAt = Number.NEGATIVE_INFINITY
  readonly #api: StreamApi
  readonly #emit: (effect: FeedEffect) => void
  /** Not yet made into messages, so that what is wanted meanwhile shares one. */
  readonly #wishes: { readonly verb: Verb; readonly names: string[] }[] = []
  /** By request id. */
  readonly #outbox: { readonly verb: Verb; readonly request: StreamRequest }[] = []
  /** Sent and not answered, oldest first. */
  readonly #asked = new Map<number, Asked>()
  #nextRequestId = 1
  /** Until then the exchange wants to hear no more requests. */
  #pausedUntil = Number.NEGATIVE_INFINITY
  readonly #messages: MessageMeter
  readonly #allMessages: MessageMeter
  #hasSent = false
  #heartbeatAt: number | null = null
  #unreadableAt: number[] = []

  constructor(id: number, endpoint: StreamEndpoint, { api, messages, emit }: SocketOptions, now: number) {
    this.id = id
    this.endpoint = endpoint
    this.lastFrameAt = now
    this.pace = new TopicPace(now)
    this.#api = api
    this.#messages = new MessageMeter(api.limits.messages.filter(({ per }) => per === 'socket'))
    this.#allMessages = messages
    this.#emit = emit
  }

  opened(now: number): void {
    this.openedAt = now
    this.lastFrameAt = now
    if (this.#api.heartbeat !== null) this.#heartbeatAt = now + this.#api.heartbeat.everyMs
  }

  subscribe(names: readonly string[]): void {
    this.#wish('subscribe', names)
  }

  /** As `subscribe`, not in one request with those that were asked for before. */
  subscribeApart(names: readonly string[]): void {
    this.#wishes.push({ verb: 'subscribe', names: [...names] })
  }

  unsubscribe(names: readonly string[]): void {
    this.#wish('unsubscribe', names)
  }

  reply(frame: string, now: number): void {
    this.#send(frame, now)
  }

  /**
   * The request that an answer is about: without an id the oldest, for the exchange answers one after the other.
   * @param only the names that the answer is about, where others of the same request follow; `null`: all
   * @returns `undefined` where nothing was asked
   */
  answered(requestId: number | null, only: readonly string[] | null): Asked | undefined {
    const id = requestId ?? this.#asked.keys().next().value
    const asked = id === undefined ? undefined : this.#asked.get(id)
    if (id === undefined || asked === undefined) return undefined
    const rest = only === null ? [] : asked.names.filter((name) => !only.includes(name))
    if (rest.length > 0) this.#asked.set(id, { verb: asked.verb, names: rest })
    else this.#asked.delete(id)
    return { verb: asked.verb, names: only ?? asked.names }
  }

  /** The exchange was asked too fast: the request is made once more, as it was, and none before that time. */
  askAgain(requestId: number | null, at: number): void {
    this.#pausedUntil = Math.max(this.#pausedUntil, at)
    const id = requestId ?? this.#asked.keys().next().value
    const asked = this.answered(requestId, null)
    if (id === undefined || asked === undefined) return
    const { verb } = asked
    const isWanted = (name: string) => verb === 'unsubscribe' || this.streams.has(name)
    const requests = this.#api[verb](asked.names.filter(isWanted), id).map((request) => ({ verb, request }))
    for (const name of asked.names) {
      const stream = this.streams.get(name)
      if (verb === 'subscribe' && stream?.socket === this) stream.requestedAt = null
    }
    // A later request may be about the same streams: their order counts.
    const later = this.#outbox.findIndex(({ request }) => request.requestId > id)
    this.#outbox.splice(later < 0 ? this.#outbox.length : later, 0, ...requests)
  }

  /** Sends what is due, no faster than the exchange allows. */
  pump(now: number): void {
    if (this.openedAt === null) return
    const { heartbeat } = this.#api
    // Never held back: a socket without it is ended.
    if (heartbeat !== null && this.#heartbeatAt !== null && now >= this.#heartbeatAt) {
      this.#send(heartbeat.frame, now)
      this.#heartbeatAt = now + heartbeat.everyMs
    }
    while (this.#maySend(now)) {
      const next = this.#nextRequest()
      if (next === undefined) return
      const { verb, request } = next
      this.#asked.set(request.requestId, { verb, names: request.names })
      this.#send(request.frame, now)
      if (verb === 'unsubscribe') continue
      for (const name of request.names) {
        const stream = this.streams.get(name)
        if (stream?.socket === this) stream.requestedAt = now
      }
    }
  }

  /** Whether not even what comes without any trade comes any more. */
  isDead(now: number): boolean {
    if (this.openedAt === null) return false
    const silence = now - this.lastFrameAt
    const { heartbeat } = this.#api
    if (heartbeat !== null) return silence > heartbeat.everyMs * MISSED_HEARTBEATS
    return silence > SIGNS_OF_LIFE_MS && [...this.streams.values()].some(isSigned)
  }

  /** Data of any of its streams have come. */
  data(now: number): void {
    this.lastDataAt = now
    this.pace.data(now)
  }

  /** A frame could not be read. @returns whether there have been too many lately */
  unreadable(now: number): boolean {
    this.#unreadableAt = [...this.#unreadableAt.filter((at) => now - at < UNREADABLE_MS), now]
    return this.#unreadableAt.length > MOST_UNREADABLE
  }

  /** Whether it can be closed without anything being missed. */
  get isEmpty(): boolean {
    return this.streams.size === 0 && this.replaces === null && this.replacement === null
  }

  #wish(verb: Verb, names: readonly string[]): void {
    if (names.length === 0) return
    const last = this.#wishes.at(-1)
    if (last?.verb === verb) last.names.push(...names)
    else this.#wishes.push({ verb, names: [...names] })
  }

  #nextRequest(): { readonly verb: Verb; readonly request: StreamRequest } | undefined {
    const [wish] = this.#wishes
    if (this.#outbox.length === 0 && wish !== undefined) {
      const names = wish.names.splice(0, this.#api.limits.topicsPerRequest)
      if (wish.names.length === 0) this.#wishes.shift()
      for (const request of this.#api[wish.verb](names, this.#nextRequestId)) {
        this.#outbox.push({ verb: wish.verb, request })
        this.#nextRequestId = request.requestId + 1
      }
    }
    return this.#outbox.shift()
  }

  #maySend(now: number): boolean {
    if (now < this.#pausedUntil) return false
    return this.#messages.maySend(now) && this.#allMessages.maySend(now, this.#hasSent ? FIRST_MESSAGES : 0)
  }

  #send(frame: string, now: number): void {
    this.#emit({ kind: 'send', socket: this.id, frame })
    this.#hasSent = true
    this.#messages.sent(now)
    this.#allMessages.sent(now)
  }
}

function isSigned({ isSignOfLife, state }: UpstreamStream): boolean {
  return isSignOfLife && state === 'live'
}
