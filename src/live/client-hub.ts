/**
 * Fans messages out to clients: the same for the feed of an exchange and for a relay, which own one hub each.
 *
 * What the owner does:
 * - `add` for each socket that it accepts, `remove` when one is closed, `receive` for each text that comes from one;
 * - settles every `SubscribeRequest` that `receive`, `subscribe`, `renew` and `takeDue` give, by `accept` or `refuse`, at
 *   once or later;
 * - `publish` for each message of a topic: it goes to the clients of the topic, and to nobody where there is none;
 * - `if (hub.isDue(now)) hub.flush(now)`, or else `hub.putOff()`, at the end of each of its handlers, because a timer starves
 *   while frames arrive back to back, and a timer for `wakeAt`: what waits for many clients goes out in slices, one a call;
 * - `takeDue` after each flush: subscriptions to books wait until there is room for what answers them;
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
import { FlushRounds } from './flush-rounds.ts'
import type { Acceptance, ClientAttachment, HubClient, SubscribeRequest } from './hub-client.ts'
import { MOST_HELD, relieve } from './relief.ts'
import { describeTopic, errorMessage, subscribedMessage, unsubscribedMessage } from './replies.ts'
import { StateRoom } from './state-room.ts'

/** How often it is looked whether there is room for what waits for it: real ms. */
const LOOK_MS = 100
/** With so much unacknowledged clients are asked more often what they have read, so that it is known before it is too much. */
const CROWDED = MOST_HELD / 2

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

export class ClientHub {
  readonly #options: HubOptions
  readonly #queueContext: QueueContext
  readonly #clients = new Set<HubClient>()
  readonly #audiences = new Map<string, Set<HubClient>>()
  /** The key of a topic by the one under which it was asked for, where they differ. */
  readonly #aliases = new Map<string, string>()
  readonly #changed = new Set<HubClient>()
  readonly #rounds: FlushRounds<HubClient>
  readonly #room: StateRoom
  #isCrowded = false

  constructor(options: HubOptions) {
    this.#options = options
    const { timeScale, random, stateOf, merging } = options
    const pace = new FlushPace(timeScale)
    this.#rounds = new FlushRounds(this.#clients, pace)
    this.#room = new StateRoom(timeScale)
    this.#queueContext = { pace, timeScale, random, stateOf, merging }
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
    this.#rounds.wakeBy(queue.wakeAt)
    return client
  }

  /** The connection is gone. Once is enough, but more do no harm. */
  remove(client: HubClient): void {
    if (!this.#clients.delete(client)) return
    for (const key of [...client.topics.keys()]) this.#leave(client, key)
    for (const request of client.requests) request.settled?.({ code: 'cancelled', detail: 'the connection is gone' })
    client.requests.clear()
    this.#room.forget(client)
    this.#changed.delete(client)
  }

  /** Something that a client sent. What is no command, or too much, ends the connection. */
  receive(client: HubClient, data: string | ArrayBuffer, now: number): readonly SubscribeRequest[] {
    if (!client.queue.isOpen) return []
    this.#rounds.expect()
    const { exchanges, pathExchange } = this.#options
    const requests = answerCommand(this, client, data, { exchanges, pathExchange, now })
    if (client.queue.isOpen) return this.#admit(client, requests, now)
    this.remove(client)
    return []
  }

  /**
   * Asks for topics on behalf of a client: its `topic` parameters, or what it had before its object was restarted.
   * @returns those that there is room for now
   */
  subscribe(
    client: HubClient,
    topics: readonly ClientTopic[],
    now: number,
    settled?: SubscribeRequest['settled'],
  ): readonly SubscribeRequest[] {
    const requests = topics.map((topic) => this.request({ client, id: null, topic, arg: null, settled }))
    return this.#admit(client, requests, now)
  }

  /** Subscriptions that there is room for by now. Those that have waited for too long are refused. */
  takeDue(now: number): readonly SubscribeRequest[] {
    const { due, late } = this.#room.takeDue(now)
    for (const request of late) {
      this.refuse(request, 'rate_limited', 'what was sent before is not read yet: answer each ping, then ask again')
    }
    return due
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
      if (topic !== undefined) requests.push(this.request({ client, id: null, topic, arg: null }))
    }
    return requests
  }

  /** From now on the client gets the topic. @returns whether it still wants it */
  accept(request: SubscribeRequest, { topic, epoch, seq, state, standing = null }: Acceptance): boolean {
    const { client, id } = request
    if (!this.#settle(request)) return false
    const key = topicKey(topic)
    const asked = topicKey(request.topic)
    if (asked !== key) this.#aliases.set(asked, key)
    client.queue.seal(key)
    const subscribed = subscribedMessage(id, topic, epoch, seq, state !== null)
    // In one frame: what follows the answer is for this client alone, and a relay knows it by where it stands.
    client.queue.append(subscribed, ...[state, standing].filter((message) => message !== null))
    this.#rounds.expect()
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
    if (!this.#settle(request)) return
    // It may have had the topic already: after an error it has not. A relay has: it asked for one more of its clients.
    if (!client.isInternal) this.#leave(client, this.#keyOf(topic))
    client.queue.append(errorMessage(id, code, detail, arg ?? describeTopic(topic)))
    this.#rounds.expect()
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
    this.#rounds.expect()
  }

  /** A message for one client. */
  sendTo(client: HubClient, message: string): void {
    client.queue.append(message)
    this.#rounds.expect()
  }

  /** The owner has something to publish with the next flush: differences, which it works out only then. */
  expect(): void {
    this.#rounds.expect()
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
  attachment(client: HubClient): ClientAttachment {
    const { isInternal, queue } = client
    return { isInternal, settings: queue.settings, topics: isInternal ? [] : [...this.topicsOf(client).keys()] }
  }

  /** What a client has, and what it waits for until there is room, by key. */
  topicsOf(client: HubClient): ReadonlyMap<string, ClientTopic> {
    const waiting = this.#room.waiting(client)
    if (waiting.length === 0) return client.topics
    const asked = waiting.map(({ topic }) => [this.#keyOf(topic), topic] as const)
    return new Map([...client.topics, ...asked.filter(([key]) => !client.topics.has(key))])
  }

  /** Whether anything waits to be sent, or for room. */
  get isWaiting(): boolean {
    return this.#rounds.isWaiting || this.#room.hasWaiting
  }

  isDue(now: number): boolean {
    return now >= this.wakeAt
  }

  /** What waits is not due yet. */
  putOff(): void {
    this.#rounds.putOff()
  }

  /** When {@link flush} is due; `Infinity` while there is nothing to do. */
  get wakeAt(): number {
    return this.#rounds.wakeAt
  }

  /** Whether a round has begun that the next {@link flush} goes on with. */
  get isMidRound(): boolean {
    return this.#rounds.isMidRound
  }

  /**
   * Sends what waits, pings, and ends the connections of clients that do not follow: for as many clients as a slice has
   * room for.
   */
  flush(now: number): void {
    const isCrowded = this.#isCrowded
    const hasEnded = this.#rounds.serve(now, (client) => {
      client.queue.flush(now, isCrowded)
      if (client.queue.isOpen) this.#rounds.wakeBy(client.queue.wakeAt)
      else this.remove(client)
    })
    // Not before: what has only waited for its slice is no sign of a slow client.
    if (hasEnded) this.#relieve(now)
  }

  /** As {@link flush}, for every client at once. */
  flushAll(now: number): void {
    do this.flush(now)
    while (this.isMidRound)
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

  /** Lets go of who holds too much, and counts what the others have on their way. */
  #relieve(now: number): void {
    const { unacknowledged, lost } = relieve(this.#clients, now)
    for (const client of lost) this.remove(client)
    this.#isCrowded = unacknowledged > CROWDED
    this.#room.count(unacknowledged)
    // A stream of events does not say when it is read.
    if (this.#room.hasWaiting) this.#rounds.wakeBy(now + LOOK_MS * this.#options.timeScale)
  }

  #admit(client: HubClient, requests: readonly SubscribeRequest[], now: number): readonly SubscribeRequest[] {
    const admitted = this.#room.admit(client, requests, now)
    if (this.#room.waiting(client).length > 0) {
      this.#changed.add(client)
      this.#rounds.expect()
    }
    return admitted
  }

  /** @returns whether it was still to be settled */
  #settle(request: SubscribeRequest): boolean {
    this.#room.settled(request)
    return request.client.requests.delete(request)
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
