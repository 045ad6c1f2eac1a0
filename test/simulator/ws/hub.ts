/**
 * The running market of one exchange: while anyone is connected, the simulated clock is looked at every few real
 * milliseconds, and all that happened since is sent in order. A topic is worked out once, whoever listens, and not at all
 * if nobody does.
 */

import type { ExchangeState } from '../exchange-state.ts'
import { SlidingBudget } from '../rate-limits.ts'
import { type Arrival, StreamConnection } from './connection.ts'
import type { StreamEndpoint, StreamRequest, StreamTopic } from './protocol.ts'
import { SECOND_MS } from './topics.ts'

/** Real ms between two looks at the clock: trades arrive at most so late. */
const LOOK_EVERY_MS = 10
/** Simulated ms that are worked out between two chances for requests, where the clock runs faster than they can be. */
const LONGEST_STEP_MS = 30_000
const NORMAL_CLOSURE_AT_MAXIMUM_AGE = 1001

interface SharedTopic {
  readonly topic: StreamTopic
  readonly listeners: Set<StreamConnection>
}

export class StreamHub {
  readonly endpoints: readonly StreamEndpoint[]
  readonly #state: ExchangeState
  readonly #connections = new Set<StreamConnection>()
  /** By endpoint and key. */
  readonly #topics = new Map<string, SharedTopic>()
  /** By host of the exchange: an address is counted over all endpoints there. */
  readonly #connects = new Map<StreamEndpoint['host'], SlidingBudget>()
  #timer: NodeJS.Timeout | undefined
  #at = 0
  /** Instead of those of the endpoints, simulated ms. */
  #maxAgeMs: number | undefined

  constructor(state: ExchangeState, endpoints: readonly StreamEndpoint[]) {
    this.#state = state
    this.endpoints = endpoints
    this.forgetLimits()
  }

  /** Everything that happened before this moment (ms UTC, never a whole second) has been sent. */
  get at(): number {
    return this.#at
  }

  /** Counts a connection of an address. @returns when there is room again (ms UTC), if there is none now */
  refusedUntil(endpoint: StreamEndpoint, client: string): number | undefined {
    if (!this.#state.limitsEnabled) return undefined
    const found = this.#connects.get(endpoint.host)?.spend(client, this.#state.now())
    return found && !found.allowed ? found.resetAt : undefined
  }

  /** Takes over a socket that has just been opened. */
  accept(endpoint: StreamEndpoint, arrival: Arrival, request: StreamRequest): void {
    const { socket } = arrival
    if (this.#connections.size === 0) this.#at = offSeconds(this.#state.clock.now())
    this.advance()
    this.#state.atMoment(this.#at, () => {
      const connection = new StreamConnection(this, this.#state, endpoint, arrival)
      this.#connections.add(connection)
      socket.on('message', (data) => {
        if (!this.#connections.has(connection)) return
        this.advance()
        this.#state.atMoment(this.#at, () => connection.receive(String(data)))
      })
      socket.on('close', () => this.forget(connection))
      // A client that vanishes, or sends what is no frame: its socket closes by itself.
      socket.on('error', () => socket.terminate())
      connection.begin(endpoint.open(connection, request))
    })
    this.#timer ??= setInterval(() => this.advance(LONGEST_STEP_MS), LOOK_EVERY_MS)
  }

  join(connection: StreamConnection, wanted: StreamTopic): StreamTopic {
    const key = keyOf(connection.endpoint, wanted.key)
    const known = this.#topics.get(key) ?? { topic: wanted, listeners: new Set() }
    this.#topics.set(key, known)
    known.listeners.add(connection)
    return known.topic
  }

  leave(connection: StreamConnection, topicKey: string): void {
    const key = keyOf(connection.endpoint, topicKey)
    const known = this.#topics.get(key)
    known?.listeners.delete(connection)
    if (known?.listeners.size === 0) this.#topics.delete(key)
  }

  forget(connection: StreamConnection): void {
    if (!this.#connections.delete(connection)) return
    for (const key of [...connection.topics.keys()]) connection.unsubscribe(key)
    if (this.#connections.size > 0) return
    clearInterval(this.#timer)
    this.#timer = undefined
  }

  forgetLimits(): void {
    for (const endpoint of this.endpoints) {
      this.#connects.set(endpoint.host, new SlidingBudget(endpoint.connects.limit, endpoint.connects.windowMs))
      endpoint.forgetLimits?.()
    }
  }

  /** Ends sockets at another age than the exchange does. @param maxAgeMs undefined: as the exchange does it */
  endAt(maxAgeMs: number | undefined): void {
    this.#maxAgeMs = maxAgeMs
  }

  /** How many sockets there are, and how many listeners each topic has, by endpoint and key. */
  describe(): { sockets: Record<string, number>; topics: Record<string, number> } {
    const sockets: Record<string, number> = {}
    for (const { endpoint } of this.#connections) sockets[endpoint.name] = (sockets[endpoint.name] ?? 0) + 1
    const topics = [...this.#topics].map(([key, { listeners }]) => [key, listeners.size] as const)
    return { sockets, topics: Object.fromEntries(topics) }
  }

  stop(): void {
    for (const connection of [...this.#connections]) connection.terminate()
  }

  /** Sends what has happened since the last time. @param longestStepMs stop after so much simulated time */
  advance(longestStepMs = Number.POSITIVE_INFINITY): void {
    const after = this.#at
    const until = offSeconds(Math.min(this.#state.clock.now(), after + longestStepMs))
    this.#at = until
    this.#state.atMoment(until, () => {
      this.#meetFaults(until)
      if (until <= after) return
      this.#sendDue(after, until)
      for (let second = Math.ceil(after / SECOND_MS) * SECOND_MS; second < until; second += SECOND_MS) {
        for (const connection of this.#connections) connection.second(second)
      }
      this.#endOld(until)
    })
  }

  #sendDue(after: number, until: number): void {
    const due: { time: number; text: string; from: SharedTopic }[] = []
    for (const from of this.#topics.values()) {
      for (const { time, text } of from.topic.due(after, until)) due.push({ time, text, from })
    }
    due.sort((a, b) => a.time - b.time)
    const listeners = new Set(due.flatMap(({ from }) => [...from.listeners]))
    for (const listener of listeners) listener.cork()
    for (const { text, from } of due) for (const listener of from.listeners) listener.deliver(from.topic, text)
    for (const listener of listeners) listener.uncork()
  }

  #meetFaults(now: number): void {
    if (this.#state.faults.isEmpty) return
    for (const connection of [...this.#connections]) connection.meetFaults(now)
  }

  #endOld(now: number): void {
    for (const connection of [...this.#connections]) {
      connection.meetAnnounced(now)
      const maxAgeMs = this.#maxAgeMs ?? connection.endpoint.maxAgeMs
      if (maxAgeMs !== null && now - connection.openedAt >= maxAgeMs) {
        connection.close(NORMAL_CLOSURE_AT_MAXIMUM_AGE, '')
      }
    }
  }
}

/** Never a whole second: what happens at one has been sent then, so that a snapshot contains it. */
const offSeconds = (now: number): number => (now % SECOND_MS === 0 ? now + 1 : now)

const keyOf = (endpoint: StreamEndpoint, topicKey: string): string => `${endpoint.name} ${topicKey}`
