import { type ClientTopic, topicKey } from '../domain/topic.ts'
import type { SubscribeRequest } from './hub-client.ts'

/** What the feed cannot say now, it is asked again after this. */
const RETRY_MS = 5_000

interface Waiting {
  readonly request: SubscribeRequest
  /** `Infinity` for a client who had the topic before the link was lost. */
  readonly deadline: number
}

/** A `subscribe` for one or more clients, until the feed has answered it. */
export interface Ask {
  readonly id: number
  readonly topic: ClientTopic
  waiting: Waiting[]
  isSent: boolean
  /** Not before, where it is not sent. */
  retryAt: number
}

/** What a relay has asked of a feed, or is going to: once a topic, whoever waits for the answer. Times are ms. */
export class RelayAsks {
  readonly #byId = new Map<number, Ask>()
  readonly #byKey = new Map<string, Ask>()
  #nextId = 1

  get size(): number {
    return this.#byId.size
  }

  /** Whether a topic is asked for and not answered, or may be: its symbol has other names, which only the feed knows. */
  mayMean({ channel, interval, depth }: ClientTopic): boolean {
    return [...this.#byId.values()].some(
      ({ topic }) => topic.channel === channel && topic.interval === interval && topic.depth === depth,
    )
  }

  /** Those that are to be sent now. */
  due(now: number): Ask[] {
    return [...this.#byId.values()].filter(({ isSent, retryAt }) => !isSent && now >= retryAt)
  }

  /** Clients that come while a topic is asked for share the answer; how long each waits is its own affair. */
  add(topic: ClientTopic, requests: readonly SubscribeRequest[], deadline: number): Ask {
    const key = topicKey(topic)
    const known = this.#byKey.get(key)
    const ask = known ?? { id: this.#nextId++, topic, waiting: [], isSent: false, retryAt: 0 }
    for (const request of requests) ask.waiting.push({ request, deadline })
    ask.retryAt = 0
    this.#byId.set(ask.id, ask)
    this.#byKey.set(key, ask)
    return ask
  }

  /** @returns who waits for the answer that has come */
  settle(id: number): readonly SubscribeRequest[] {
    const ask = this.#byId.get(id)
    if (ask === undefined) return []
    this.#drop(ask)
    return ask.waiting.map(({ request }) => request)
  }

  /** The feed cannot say: it is asked again for those who wait on. @returns who does not */
  putOff(id: number, now: number): readonly SubscribeRequest[] {
    const ask = this.#byId.get(id)
    if (ask === undefined) return []
    ask.isSent = false
    ask.retryAt = now + RETRY_MS
    return this.#take(ask, ({ deadline }) => deadline !== Number.POSITIVE_INFINITY)
  }

  /** @returns who has waited for too long; those who are gone are forgotten */
  takeLate(now: number): SubscribeRequest[] {
    return [...this.#byId.values()].flatMap((ask) => {
      this.#take(ask, ({ request }) => !request.client.requests.has(request))
      return this.#take(ask, ({ deadline }) => now >= deadline)
    })
  }

  /** What was sent has gone with its socket. */
  unsend(): void {
    for (const ask of this.#byId.values()) {
      ask.isSent = false
      ask.retryAt = 0
    }
  }

  #take(ask: Ask, isTaken: (waiting: Waiting) => boolean): SubscribeRequest[] {
    const taken = ask.waiting.filter(isTaken)
    ask.waiting = ask.waiting.filter((each) => !isTaken(each))
    if (ask.waiting.length === 0) this.#drop(ask)
    return taken.map(({ request }) => request)
  }

  #drop(ask: Ask): void {
    this.#byId.delete(ask.id)
    this.#byKey.delete(topicKey(ask.topic))
  }
}
