/**
 * Fans messages out to clients: the same for the feed of an exchange and for a relay, which own one hub each.
 *
 * What the owner does:
 * - `add` for each socket that it accepts, `remove` when one is closed, `receive` for each text that comes from one;
 * - settles every `SubscribeRequest` that `receive`, `subscribe` and `renew` give, by `accept` or `refuse`, at once or
 *   later;
 * - `publish` for each message of a topic: it goes to the clients of the topic, and to nobody where there is none;
 * - `if (hub.isDue(now)) hub.flush(now)` at the end of each of its handlers, because a timer starves while frames arrive back
 *   to back, and a timer for `wakeAt`: what waits for many clients goes out in slices, one a call;
 * - looks at `audience(key)` now and then: a topic that has none may end after a grace period;
 * - keeps `attachment(client)` with the socket of each client that `takeChanged` names; a socket that was restored is
 *   `add`ed with the settings, and its topics asked for anew with `subscribe`.
 *
 * Times are ms by the owner's clock; that clock runs `timeScale` times as fast as the real one.
 */

import type { RequestId, StreamErrorCode } from '../domain/stream-command.ts'
import { type ClientTopic, topicKey } from '../domain/topic.ts'
import { answerCommand } from './client-commands.ts'
import { ClientQueue, type ClientSettings, type ClientSocket, NO_LIMITS, type QueueContext } from './client-queue.ts'
import { CommandLimit } from './command-limit.ts'
import { FlushPace } from './flush-pace.ts'
import { describeTopic, errorMessage, subscribedMessage, unsubscribedMessage } from './replies.ts'

/** What slow clients may hold together of the 128 MB of an object: beyond, the slowest of them are given up. */
const MOST_HELD = 32 * 1_024 * 1_024

export interface HubOptions {
  /** Those that clients can ask for here, and the one that is meant where they name none. */
  readonly exchanges: readonly string[]
  readonly pathExchange: string | null
  readonly timeScale: number
  /** As `Math.random`. */
  readonly random: () => number
  /** The present state of a topic (`seq === prevSeq`), where the owner has it at hand; a relay has not. */
  readonly stateOf: (key: string) => string | undefined
  /** Updates of a book begin to wait for a client: should they outgrow the book, its state is asked for. */
  readonly merging?: ((key: string) => void) | undefined
}

/** One connection. Only the hub looks inside. */
export interface HubClient {
  readonly queue: ClientQueue
  /** A relay: no limits, no conflation. */
  readonly isInternal: boolean
  /** By key. */
  readonly topics: Map<string, ClientTopic>
  readonly requests: Set<SubscribeRequest>
  readonly limit: CommandLimit
}

/** A client wants a topic: to be accepted or refused. */
export interface SubscribeRequest {
  readonly client: HubClient
  /** The client's own; `null` where the hub asks on its behalf. */
  readonly id: RequestId
  /** `symbol` is ours, or an id of zvt (`cryptopair_binance_btcusdt`) which the owner resolves. */
  readonly topic: ClientTopic
  /** What was sent. */
  readonly arg: unknown
  /** Told once, when the request is settled. */
  readonly settled?: ((refusal: TopicRefusal | null) => void) | undefined
}

export interface TopicRefusal {
  readonly code: StreamErrorCode
  readonly detail: string
}

export interface Acceptance {
  /** As asked, with the symbol resolved. */
  readonly topic: ClientTopic
  readonly epoch: string
  /** Of the newest message of the topic, which is the one that `state` describes. */
  readonly seq: number
  /** A message with `seq === prevSeq`; `null` where there is nothing to tell yet, or never (trades). */
  readonly state: string | null
  /** That nothing newer can come, where that still holds: a notice with `seq === prevSeq`. */
  readonly standing?: string | null
}

/** What is kept of a client with its socket. */
export interface ClientAttachment {
  readonly isInternal: boolean
  readonly settings: ClientSettings
  /** Empty for a relay: it connects anew, and there is no limit to its topics. */
  readonly topics: readonly string[]
}

export class ClientHub {
  readonly #options: HubOptions
  readonly #pace: FlushPace
  readonly #queueContext: QueueContext
  readonly #clients = new Set<HubClient>()
  readonly #audiences = new Map<string, Set<HubClient>>()
  /** The key of a topic by the one under which it was asked for, where they differ. */
  readonly #aliases = new Map<string, string>()
  readonly #changed = new Set<HubClient>()
  #hasPending = false
  #sweepAt = Number.POSITIVE_INFINITY
  /** What waits was there before it was due. */
  #hasWaited = false
  /** Who is still to be served in the round under way; `null` between rounds. */
  #round: Iterator<HubClient> | null = null

  constructor(options: HubOptions) {
    this.#options = options
    const { timeScale, random, stateOf, merging } = options
    this.#pace = new FlushPace(timeScale)
    this.#queueContext = { pace: this.#pace, timeScale, random, stateOf, merging }
  }

  /** How many are connected, relays included. */
  get size(): number {
    return this.#clients.size
  }

  /** How many are connected that are no relays. */
  get outsiders(): number {
    let count = 0
    for (const { isInternal } of this.#clients) if (!isInternal) count++
    return count
  }

  add(socket: ClientSocket, isInternal: boolean, now: number, settings: ClientSettings = NO_LIMITS): HubClient {
    const queue = new ClientQueue(socket, this.#queueContext, settings, isInternal, now)
    const client = {
      queue,
      isInternal,
      topics: new Map(),
      requests: new Set<SubscribeRequest>(),
      limit: new CommandLimit(now),
    }
    this.#clients.add(client)
    this.#sweepAt = Math.min(this.#sweepAt, queue.wakeAt)
    return client
  }

  /** The connection is gone. Once is enough, but more do no harm. */
  remove(client: HubClient): void {
    if (!this.#clients.delete(client)) return
    for (const key of [...client.topics.keys()]) this.#leave(client, key)
    for (const request of client.requests) request.settled?.({ code: 'cancelled', detail: 'the connection is gone' })
    client.requests.clear()
    this.#changed.delete(client)
  }

  /** Something that a client sent. What is no command, or too much, ends the connection. */
  receive(client: HubClient, data: string | ArrayBuffer, now: number): readonly SubscribeRequest[] {
    if (!client.queue.isOpen) return []
    this.#hasPending = true
    const { exchanges, pathExchange } = this.#options
    const requests = answerCommand(this, client, data, { exchanges, pathExchange, now })
    if (!client.queue.isOpen) this.remove(client)
    return requests
  }

  /** Asks for topics on behalf of a client: its `topic` parameters, or what it had before its object was restarted. */
  subscribe(
    client: HubClient,
    topics: readonly ClientTopic[],
    settled?: SubscribeRequest['settled'],
  ): SubscribeRequest[] {
    return topics.map((topic) => this.request({ client, id: null, topic, arg: null, settled }))
  }

  /** Notes that a request waits to be settled. */
  request(request: SubscribeRequest): SubscribeRequest {
    request.client.requests.add(request)
    return request
  }

  /** The clients of a topic ask for it anew, since its numbers may start anew. */
  renew(key: string): SubscribeRequest[] {
    const requests: SubscribeRequest[] = []
    for (const client of this.#audiences.get(key) ?? []) {
      const topic = client.topics.get(key)
      if (topic !== undefined) requests.push(...this.subscribe(client, [topic]))
    }
    return requests
  }

  /** From now on the client gets the topic. @returns whether it still wants it */
  accept(request: SubscribeRequest, { topic, epoch, seq, state, standing = null }: Acceptance): boolean {
    const { client, id } = request
    if (!client.requests.delete(request)) return false
    const key = topicKey(topic)
    const asked = topicKey(request.topic)
    if (asked !== key) this.#aliases.set(asked, key)
    client.queue.seal(key)
    const subscribed = subscribedMessage(id, topic, epoch, seq, state !== null)
    // In one frame: what follows the answer is for this client alone, and a relay knows it by where it stands.
    client.queue.append(subscribed, ...[state, standing].filter((message) => message !== null))
    this.#hasPending = true
    client.topics.set(key, topic)
    this.#changed.add(client)
    const audience = this.#audiences.get(key)
    if (audience === undefined) this.#audiences.set(key, new Set([client]))
    else audience.add(client)
    request.settled?.(null)
    return true
  }

  refuse(request: SubscribeRequest, code: StreamErrorCode, detail: string): void {
    const { client, id, topic, arg } = request
    if (!client.requests.delete(request)) return
    // It may have had the topic already: after an error it has not. A relay has: it asked for one more of its clients.
    if (!client.isInternal) this.#leave(client, this.#keyOf(topic))
    client.queue.append(errorMessage(id, code, detail, arg ?? describeTopic(topic)))
    this.#hasPending = true
    request.settled?.({ code, detail })
  }

  /** @returns whether the client had the topic, or had asked for it */
  unsubscribe(client: HubClient, id: RequestId, topic: ClientTopic): boolean {
    const asked = topicKey(topic)
    const waiting = [...client.requests].filter((request) => topicKey(request.topic) === asked)
    for (const request of waiting) this.refuse(request, 'cancelled', 'unsubscribed before it began')
    const left = this.#leave(client, this.#keyOf(topic))
    if (left === undefined && waiting.length === 0) return false
    client.queue.append(unsubscribedMessage(id, left ?? topic))
    return true
  }

  /** A message of a topic, for all its clients. */
  publish(key: string, message: string): void {
    const audience = this.#audiences.get(key)
    if (audience === undefined) return
    // V8 keeps a text that was put together as its pieces until it is looked into: better once than for each client.
    message.charCodeAt(0)
    for (const { queue } of audience) queue.push(message, key)
    this.#hasPending = true
  }

  /** A message for one client. */
  sendTo(client: HubClient, message: string): void {
    client.queue.append(message)
    this.#hasPending = true
  }

  /** The owner has something to publish with the next flush: differences, which it works out only then. */
  expect(): void {
    this.#hasPending = true
  }

  /** How many clients have a topic. */
  audience(key: string): number {
    return this.#audiences.get(key)?.size ?? 0
  }

  configure(client: HubClient, settings: ClientSettings): void {
    client.queue.configure(settings)
    this.#changed.add(client)
  }

  /** The clients whose attachment has changed since this was asked last. */
  takeChanged(): HubClient[] {
    const changed = [...this.#changed]
    this.#changed.clear()
    return changed
  }

  /** What has to be kept of a client, should the object be evicted. */
  attachment({ isInternal, queue, topics }: HubClient): ClientAttachment {
    return { isInternal, settings: queue.settings, topics: isInternal ? [] : [...topics.keys()] }
  }

  /** Whether anything waits to be sent. */
  get isWaiting(): boolean {
    return this.#hasPending || this.isMidRound
  }

  /** To be asked at the end of each handler, as said above: whoever is told to wait has waited. */
  isDue(now: number): boolean {
    const isDue = now >= this.wakeAt
    if (!isDue && this.#hasPending && !this.isMidRound) this.#hasWaited = true
    return isDue
  }

  /** When {@link flush} is due; `Infinity` while there is nothing to do. */
  get wakeAt(): number {
    if (this.isMidRound) return this.#pace.dueAt
    return this.#hasPending ? Math.min(this.#pace.dueAt, this.#sweepAt) : this.#sweepAt
  }

  /** Whether a round has begun that the next {@link flush} goes on with. */
  get isMidRound(): boolean {
    return this.#round !== null
  }

  /**
   * Sends what waits, pings, and ends the connections of clients that do not follow: for as many clients as a slice has
   * room for.
   */
  flush(now: number): void {
    this.#round ??= this.#beginRound(now)
    let next = this.#serveNext(this.#round, now)
    while (next !== undefined && !this.#pace.isSliceFull) next = this.#serveNext(this.#round, now)
    if (next !== undefined) {
      this.#pace.pause(now)
      return
    }
    this.#round = null
    // Not before: what has only waited for its slice is no sign of a slow client.
    this.#relieve()
    this.#pace.end()
  }

  /** As {@link flush}, for every client at once. */
  flushAll(now: number): void {
    do this.flush(now)
    while (this.isMidRound)
  }

  /** @returns the client that was served; `undefined` where the round has ended */
  #serveNext(round: Iterator<HubClient>, now: number): HubClient | undefined {
    const client: HubClient | undefined = round.next().value
    if (client === undefined) return undefined
    client.queue.flush(now)
    if (client.queue.isOpen) this.#sweepAt = Math.min(this.#sweepAt, client.queue.wakeAt)
    else this.remove(client)
    return client
  }

  #beginRound(now: number): Iterator<HubClient> {
    this.#hasPending = false
    this.#sweepAt = Number.POSITIVE_INFINITY
    this.#pace.begin(now, this.#hasWaited)
    this.#hasWaited = false
    return this.#clients.values()
  }

  /** Ends one connection. */
  close(client: HubClient, code: number, reason: string): void {
    client.queue.close(code, reason)
    this.remove(client)
  }

  /** Ends every connection: 1012 where the service restarts, so that clients come back. */
  closeAll(code: number, reason: string): void {
    for (const client of this.#clients) this.close(client, code, reason)
  }

  /**
   * Where clients together hold more than they may, the slowest of them are told to be slow, and given up where they
   * were already.
   */
  #relieve(): void {
    let total = 0
    for (const { isInternal, queue } of this.#clients) if (!isInternal && queue.isOpen) total += queue.held
    if (total <= MOST_HELD) return
    const slowest = [...this.#clients].filter((client) => !client.isInternal && client.queue.isOpen)
    slowest.sort((a, b) => b.queue.held - a.queue.held)
    for (const client of slowest) {
      total -= client.queue.held
      if (client.queue.isSlow) {
        client.queue.giveUp()
        this.remove(client)
      } else {
        client.queue.slowDown()
      }
      if (total <= MOST_HELD) return
    }
  }

  #keyOf(topic: ClientTopic): string {
    const asked = topicKey(topic)
    return this.#aliases.get(asked) ?? asked
  }

  #leave(client: HubClient, key: string): ClientTopic | undefined {
    const topic = client.topics.get(key)
    if (topic === undefined) return undefined
    client.topics.delete(key)
    client.queue.seal(key)
    this.#changed.add(client)
    const audience = this.#audiences.get(key)
    audience?.delete(client)
    if (audience?.size === 0) this.#audiences.delete(key)
    return topic
  }
}
