import type { ClientTopic } from '../domain/topic.ts'
import { parseTopicKey, topicKey } from '../domain/topic.ts'
import type { ClientHub } from './client-hub.ts'
import type { SubscribeRequest } from './hub-client.ts'
import { isStanding, keyOfMessage, linkGap, splitFrame, typeOfMessage } from './messages.ts'
import { type Ask, RelayAsks } from './relay-asks.ts'
import { RelayBooks } from './relay-books.ts'
import { describeTopic } from './replies.ts'

const MIN_BACKOFF_MS = 500
const MAX_BACKOFF_MS = 32_000
/** The feed pings each 5 s while it has data. One that is stopped has nothing to say: it is asked for a sign of life. */
const PING_MS = 10_000
/** A link that is silent for so long is dead. */
const SILENCE_MS = 20_000
/** How long a client waits for the answer to a subscription while the feed cannot be reached. */
const ANSWER_MS = 10_000
/** On a fast clock what the feed needs to answer takes no less time: this is a real one. */
const MIN_REAL_ANSWER_MS = 1_000
/** A topic that nobody wants any more, and a link without topics, stay for so long. */
const GRACE_MS = 10_000

/** Of a `subscribe` for the state alone, which nobody waits for: those of asks begin at 1. */
const BOOK_ID = 0

/** What the owner of a link is to do. */
export type LinkEffect = 'connect' | 'disconnect' | { readonly send: string }

/** What a feed answers to `subscribe`: `replies.ts` writes it. */
interface SubscribedReply extends Partial<ClientTopic> {
  readonly id: number
  readonly channel: ClientTopic['channel']
  readonly epoch: string
  readonly seq: number
  readonly state: boolean
}

interface ErrorReply {
  readonly id: number
  readonly code: Parameters<ClientHub['refuse']>[1]
  readonly detail: string
}

/**
 * The link of a relay to the feed of one exchange: a client of the feed that subscribes to all that the relay's
 * clients want, once each, and hands everything on to the hub as it comes. Inputs in, effects out; times are ms.
 *
 * When it is lost, the clients are told `gap` for each of their topics; after it is there again they get a new
 * `subscribed` and the state.
 */
export class RelayLink {
  /** Those that its clients may need whole. */
  readonly books = new RelayBooks()
  readonly #hub: ClientHub
  readonly #random: () => number
  /** How much longer than said all waits for the feed are. */
  readonly #stretch: number
  #state: 'idle' | 'connecting' | 'open' | 'waiting' = 'idle'
  readonly #asks = new RelayAsks()
  /** The topics that the feed sends, and since when nobody wants them. */
  readonly #topics = new Map<string, number | null>()
  /** Those that it sent when the link was lost. */
  readonly #lost = new Set<string>()
  #failures = 0
  #retryAt = Number.POSITIVE_INFINITY
  #heardAt = 0
  /** A sign of life was asked for since the feed was last heard. */
  #isPinged = false
  #neededAt = 0

  /**
   * @param random as `Math.random`
   * @param timeScale ms of `now` in a real one
   */
  constructor(hub: ClientHub, random: () => number, timeScale: number) {
    this.#hub = hub
    this.#random = random
    this.#stretch = Math.max(1, (MIN_REAL_ANSWER_MS * timeScale) / ANSWER_MS)
  }

  /** A client of the relay wants a topic of this exchange. */
  request(request: SubscribeRequest, now: number): LinkEffect[] {
    this.#neededAt = now
    const ask = this.#asks.add(request.topic, [request], now + ANSWER_MS * this.#stretch)
    if (this.#state === 'open') return this.#send([ask])
    if (this.#state !== 'idle') return []
    this.#state = 'connecting'
    this.#heardAt = now
    return ['connect']
  }

  opened(now: number): LinkEffect[] {
    this.#state = 'open'
    this.#heardAt = now
    this.#isPinged = false
    // Normally nothing is left of the socket before: its end was told.
    this.#lose('the link to the feed was replaced', now)
    for (const key of this.#lost) {
      const topic = parseTopicKey(key)
      const requests = this.#hub.renew(key)
      if (topic !== undefined && requests.length > 0) this.#asks.add(topic, requests, Number.POSITIVE_INFINITY)
    }
    this.#lost.clear()
    return this.#send(this.#asks.due(now))
  }

  /** It could not be opened, or has ended. */
  closed(reason: string, now: number): LinkEffect[] {
    if (this.#state === 'idle' || this.#state === 'waiting') return []
    this.#lose(reason, now)
    const backoffMs = Math.min(MAX_BACKOFF_MS, MIN_BACKOFF_MS * 2 ** this.#failures)
    this.#failures += 1
    // Half of it is chance, so that the relays of a feed that restarts do not all come at once.
    this.#retryAt = now + (backoffMs * (1 + this.#random())) / 2
    this.#state = 'waiting'
    return []
  }

  /** A frame of the feed: what belongs to a topic goes to its clients byte for byte. */
  received(frame: string, now: number): LinkEffect[] {
    this.#heardAt = now
    this.#isPinged = false
    this.#failures = 0
    const effects: LinkEffect[] = []
    const messages = splitFrame(frame)
    for (let index = 0; index < messages.length; index++) {
      const message = messages[index] ?? ''
      const key = keyOfMessage(message)
      if (key !== undefined) {
        this.books.receive(key, message)
        this.#hub.publish(key, message)
        continue
      }
      const type = typeOfMessage(message)
      if (type === 'subscribed') index += this.#accept(message, messages.slice(index + 1, index + 3))
      else if (type === 'error') this.#refuse(message, now)
      else if (type === 'ping') effects.push({ send: message.replace('"type":"ping"', '"op":"pong"') })
    }
    effects.push(...this.#askForBooks())
    return effects
  }

  /** Time has passed: at {@link wakeAt}, or whenever it suits. */
  tick(now: number): LinkEffect[] {
    this.#refuseLate(now)
    this.books.tick(now)
    if (this.#state === 'waiting') {
      if (this.#asks.size === 0 && ![...this.#lost].some((key) => this.#hub.audience(key) > 0)) {
        this.#state = 'idle'
        this.#lost.clear()
        return []
      }
      if (now < this.#retryAt) return []
      this.#state = 'connecting'
      this.#heardAt = now
      return ['connect']
    }
    if (this.#state === 'idle') return []
    if (now - this.#heardAt >= SILENCE_MS * this.#stretch) {
      this.closed('the feed is silent', now)
      return ['disconnect']
    }
    return this.#state === 'open' ? [...this.#send(this.#asks.due(now)), ...this.#ping(now), ...this.#release(now)] : []
  }

  /** When {@link tick} is due: a second's grain is fine for all that it does. */
  wakeAt(now: number): number {
    return this.#state === 'idle' ? Number.POSITIVE_INFINITY : now + 1_000
  }

  #askForBooks(): LinkEffect[] {
    return this.books.takeUnasked().flatMap((key) => {
      const topic = parseTopicKey(key)
      if (topic === undefined || !this.#topics.has(key)) return []
      return [{ send: JSON.stringify({ op: 'subscribe', id: BOOK_ID, args: [describeTopic(topic)] }) }]
    })
  }

  /** What the feed sent comes no more, and what it was asked for it does not answer. */
  #lose(reason: string, now: number): void {
    for (const key of this.#topics.keys()) {
      const topic = parseTopicKey(key)
      if (topic === undefined || this.#hub.audience(key) === 0) continue
      this.#hub.publish(key, linkGap(topic, now, reason))
      this.#lost.add(key)
    }
    this.#topics.clear()
    this.books.clear()
    this.#asks.unsend()
  }

  #ping(now: number): LinkEffect[] {
    if (this.#isPinged || now - this.#heardAt < PING_MS * this.#stretch) return []
    this.#isPinged = true
    return [{ send: '{"op":"ping"}' }]
  }

  #send(asks: readonly Ask[]): LinkEffect[] {
    return asks.flatMap((ask) => {
      if (ask.isSent) return []
      ask.isSent = true
      return [{ send: JSON.stringify({ op: 'subscribe', id: ask.id, args: [describeTopic(ask.topic)] }) }]
    })
  }

  /**
   * @param following what stands behind it in its frame
   * @returns how many of these belong to it: the state, and that nothing newer can come, where there is one
   */
  #accept(message: string, following: readonly string[]): number {
    const {
      id,
      channel,
      exchange = '',
      symbol = null,
      interval = null,
      depth = null,
      epoch,
      seq,
      state: hasState,
    } = readSubscribed(message)
    const topic = { channel, exchange, symbol, interval, depth }
    const key = topicKey(topic)
    const rest = [...following]
    const state = hasState ? (rest.shift() ?? null) : null
    const [next] = rest
    const standing = next !== undefined && isStanding(next) && keyOfMessage(next) === key ? next : null
    this.#topics.set(key, null)
    if (state !== null) this.books.begin(key, state)
    for (const request of this.#asks.settle(id)) this.#hub.accept(request, { topic, epoch, seq, state, standing })
    return [state, standing].filter((each) => each !== null).length
  }

  #refuse(message: string, now: number): void {
    const { id, code, detail } = readError(message)
    // Whoever had the topic does not lose it to a database that is away for a moment.
    const refused = code === 'storage_unavailable' ? this.#asks.putOff(id, now) : this.#asks.settle(id)
    for (const request of refused) this.#hub.refuse(request, code, detail)
  }

  #refuseLate(now: number): void {
    for (const request of this.#asks.takeLate(now)) {
      this.#hub.refuse(request, 'feed_unavailable', `the feed of ${request.topic.exchange} does not answer`)
    }
  }

  /** Ends the topics that nobody has wanted for a while, and then the link. */
  #release(now: number): LinkEffect[] {
    const effects: LinkEffect[] = []
    for (const [key, unwantedSince] of this.#topics) {
      if (this.#isWanted(key)) this.#topics.set(key, null)
      else if (unwantedSince === null) this.#topics.set(key, now)
      else if (now - unwantedSince >= GRACE_MS) {
        this.#topics.delete(key)
        this.books.drop(key)
        const topic = parseTopicKey(key)
        if (topic !== undefined)
          effects.push({ send: JSON.stringify({ op: 'unsubscribe', args: [describeTopic(topic)] }) })
      }
    }
    if (this.#topics.size > 0 || this.#asks.size > 0) this.#neededAt = now
    if (now - this.#neededAt < GRACE_MS) return effects
    this.#state = 'idle'
    return ['disconnect']
  }

  #isWanted(key: string): boolean {
    if (this.#hub.audience(key) > 0) return true
    const topic = parseTopicKey(key)
    return topic !== undefined && this.#asks.mayMean(topic)
  }
}

/** Our own text: the feed is of the same deployment. */
function readSubscribed(message: string): SubscribedReply {
  return JSON.parse(message)
}

function readError(message: string): ErrorReply {
  return JSON.parse(message)
}
