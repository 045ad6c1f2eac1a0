/** One socket of a client: the exchange's session behind it, the faults of frames in front of it. */

import type { Duplex } from 'node:stream'
import type { WebSocket } from 'ws'
import type { ExchangeState } from '../exchange-state.ts'
import type { FaultType } from '../faults.ts'
import type { StreamHub } from './hub.ts'
import type { StreamEndpoint, StreamSession, StreamSocket, StreamTarget, StreamTopic } from './protocol.ts'

/** What a client may leave unread before the exchange gives it up. */
const MAX_UNREAD_BYTES = 64_000_000
/** The frame of the garbage fault: not JSON. */
const GARBAGE = '{"e":"trade",\u0000<<< \u0007 garbage'

/** A socket that has just been opened. */
export interface Arrival {
  readonly socket: WebSocket
  /** What it runs over. */
  readonly wire: Duplex
  /** For faults of the socket as a whole. */
  readonly target: StreamTarget
  readonly client: string
}

interface Subscription {
  readonly topic: StreamTopic
  /** The fault board's when it began. */
  readonly mark: number
  /** A frame that goes after the next one. */
  held: string | undefined
  isSilent: boolean
}

export class StreamConnection implements StreamSocket {
  readonly endpoint: StreamEndpoint
  readonly client: string
  readonly openedAt: number
  readonly #state: ExchangeState
  readonly #hub: StreamHub
  readonly #socket: WebSocket
  readonly #wire: Duplex
  readonly #target: StreamTarget
  readonly #mark: number
  readonly #subscriptions = new Map<string, Subscription>()
  readonly #topics = new Map<string, StreamTopic>()
  #session: StreamSession | undefined
  /** Half open: nothing is sent any more. */
  #isSilent = false
  /** It has been said that it will end at this time. */
  #announced: { readonly at: number; readonly code: number } | undefined

  constructor(hub: StreamHub, state: ExchangeState, endpoint: StreamEndpoint, arrival: Arrival) {
    const { socket, wire, target, client } = arrival
    this.#hub = hub
    this.#state = state
    this.#socket = socket
    this.#wire = wire
    this.#target = target
    this.#mark = state.faults.mark
    this.endpoint = endpoint
    this.client = client
    this.openedAt = state.now()
  }

  get isLimited(): boolean {
    return this.#state.limitsEnabled
  }

  get topics(): ReadonlyMap<string, StreamTopic> {
    return this.#topics
  }

  /** From now on the session answers. */
  begin(session: StreamSession): void {
    this.#session = session
  }

  receive(text: string): void {
    this.#session?.receive(text, this.#state.now())
  }

  second(now: number): void {
    this.#session?.second?.(now)
  }

  reply(text: string): void {
    const delay = this.#state.faults.take('delay', this.#target, this.#state.now())
    if (delay) setTimeout(() => this.#send(text), this.#state.clock.realMs(delay.ms))
    else this.#send(text)
  }

  subscribe(wanted: StreamTopic): void {
    if (this.#subscriptions.has(wanted.key)) return
    const topic = this.#hub.join(this, wanted)
    this.#topics.set(topic.key, topic)
    this.#subscriptions.set(topic.key, { topic, mark: this.#state.faults.mark, held: undefined, isSilent: false })
    for (const text of topic.first(this.#hub.at)) this.deliver(topic, text)
  }

  unsubscribe(key: string): void {
    if (!this.#subscriptions.delete(key)) return
    this.#topics.delete(key)
    this.#hub.leave(this, key)
  }

  isRejected(target: StreamTarget): boolean {
    return this.#state.faults.take('reject', target, this.#state.now()) !== undefined
  }

  ping(payload: string): void {
    if (!this.#isSilent) this.#socket.ping(payload)
  }

  close(code: number, reason: string): void {
    this.#socket.close(code, reason)
    this.#hub.forget(this)
  }

  terminate(): void {
    this.#socket.terminate()
    this.#hub.forget(this)
  }

  /** Keeps frames back, so that many go in one write, until `uncork`. */
  cork(): void {
    this.#wire.cork()
  }

  uncork(): void {
    this.#wire.uncork()
  }

  /** A frame of a topic on its way to the client, through the faults that meet it. */
  deliver(topic: StreamTopic, text: string): void {
    const subscription = this.#subscriptions.get(topic.key)
    // What would not be sent anyway uses up no fault.
    if (!subscription || subscription.isSilent || !this.#isHeard) return
    const frame = this.#session?.wrap?.(topic, text) ?? text
    if (this.#state.faults.isEmpty && subscription.held === undefined) this.#send(frame)
    else this.#deliverThroughFaults(subscription, frame)
  }

  #deliverThroughFaults(subscription: Subscription, frame: string): void {
    const { faults } = this.#state
    const { topic } = subscription
    const take = <Type extends FaultType>(type: Type) => faults.take(type, topic.target, this.#state.now())
    const end = faults.takeEnd(topic.target, this.#state.now())
    if (end) {
      if (end.type === 'drop') this.terminate()
      else this.close(end.code, end.reason)
      return
    }
    if (take('skip')) return
    if (take('reorder') && subscription.held === undefined) {
      subscription.held = frame
      return
    }
    const truncate = take('truncate')
    if (take('garbage')) this.#send(GARBAGE)
    else if (truncate) this.#send(frame.slice(0, Math.floor(frame.length * truncate.share)))
    else this.#send(frame)
    if (take('duplicate')) this.#send(frame)
    if (subscription.held !== undefined) this.#send(subscription.held)
    subscription.held = undefined
  }

  /** Ends it where that was announced for now. */
  meetAnnounced(now: number): void {
    if (this.#announced !== undefined && now >= this.#announced.at) this.close(this.#announced.code, '')
  }

  /** Meets the faults that last: a socket destroyed, closed (at once or soon) or silent, a topic silent. */
  meetFaults(now: number): void {
    const { faults } = this.#state
    const drop = this.#standing('drop', now)
    const close = this.#standing('close', now)
    const silence = faults.standing('silence', this.#target, now, this.#mark)
    if (silence && !this.#isSilent && !isOfTopics(silence.fault)) {
      silence.spend()
      this.#isSilent = true
    }
    for (const subscription of this.#subscriptions.values()) {
      const { topic, mark, isSilent } = subscription
      const found = isSilent ? undefined : faults.standing('silence', topic.target, now, mark)
      if (!found || !isOfTopics(found.fault)) continue
      found.spend()
      subscription.isSilent = true
    }
    const announced = this.#announced === undefined ? this.#standing('announce-close', now) : undefined
    const notice = this.#session?.closingNotice?.(now)
    if (announced && notice !== undefined) {
      announced.spend()
      this.#announced = { at: now + announced.fault.afterMs, code: announced.fault.code }
      this.#send(notice)
    }
    if (drop) {
      drop.spend()
      this.terminate()
    } else if (close) {
      close.spend()
      this.close(close.fault.code, close.fault.reason)
    }
  }

  #standing<Type extends 'drop' | 'close' | 'announce-close'>(type: Type, now: number) {
    const { faults } = this.#state
    const ofSocket = faults.standing(type, this.#target, now, this.#mark)
    if (ofSocket) return ofSocket
    for (const { topic, mark } of this.#subscriptions.values()) {
      const ofTopic = faults.standing(type, topic.target, now, mark)
      if (ofTopic && isOfTopics(ofTopic.fault)) return ofTopic
    }
    return undefined
  }

  get #isHeard(): boolean {
    return !this.#isSilent && this.#socket.readyState === this.#socket.OPEN
  }

  #send(text: string): void {
    if (!this.#isHeard) return
    this.#socket.send(text)
    if (this.#socket.bufferedAmount > MAX_UNREAD_BYTES) this.terminate()
  }
}

const isOfTopics = (fault: { symbol?: unknown; channel?: unknown; interval?: unknown }): boolean =>
  fault.symbol !== undefined || fault.channel !== undefined || fault.interval !== undefined
