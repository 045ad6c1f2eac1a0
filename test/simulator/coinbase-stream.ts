/**
 * The simulated feed of Coinbase Exchange.
 * https://docs.cdp.coinbase.com/exchange/websocket-feed/overview
 * Limits: https://docs.cdp.coinbase.com/exchange/websocket-feed/rate-limits
 *
 * A request fails as a whole. `level2`, `level3` and `full` ask for a login, `level2_batch` does not; only `level2` is
 * simulated behind one.
 */

import type { Instrument } from './catalogue.ts'
import { ackNameOf, coinbaseTopic, STATUS, topicKey } from './coinbase-stream-topics.ts'
import type { ExchangeState } from './exchange-state.ts'
import { SlidingBudget } from './rate-limits.ts'
import type { StreamEndpoint, StreamSession, StreamSocket, StreamTopic } from './ws/protocol.ts'

/** 8 connections a second of an address, 20 in a burst. */
const CONNECTS = { limit: 20, windowMs: 2500 }
const MESSAGES_PER_SECOND = 100
/** Whoever has not subscribed by then is disconnected. */
const SUBSCRIBE_WITHIN_MS = 5000
const LOGIN_CHANNELS = ['level2', 'level3', 'full']

export const coinbaseStreams = (state: ExchangeState): StreamEndpoint[] => {
  // Counted by address, over all its connections.
  const messages = new SlidingBudget(MESSAGES_PER_SECOND, 1000)
  const feed: StreamEndpoint = {
    name: 'feed',
    host: 'all',
    accepts: (path) => path === '/',
    connects: CONNECTS,
    maxAgeMs: null,
    open: (socket) => new CoinbaseSession(state, socket, messages),
    forgetLimits: () => messages.clear(),
  }
  return [feed]
}

interface Wanted {
  /** As acknowledged. */
  readonly channel: string
  /** Undefined: all. */
  readonly product: string | undefined
  readonly topic: StreamTopic
}

class CoinbaseSession implements StreamSession {
  readonly #state: ExchangeState
  readonly #socket: StreamSocket
  readonly #messages: SlidingBudget
  /** Products by the acknowledged name of their channel. */
  readonly #channels = new Map<string, Set<string>>()
  #hasSubscribed = false

  constructor(state: ExchangeState, socket: StreamSocket, messages: SlidingBudget) {
    this.#state = state
    this.#socket = socket
    this.#messages = messages
  }

  receive(text: string, now: number): void {
    if (this.#socket.isLimited && !this.#messages.spend(this.#socket.client, now).allowed) {
      this.#fail('Rate limit exceeded')
      this.#socket.close(1008, 'rate limit exceeded')
      return
    }
    const request = parse(text)
    if (typeof request === 'string') this.#fail(request)
    else if (request.type === 'subscribe') this.#subscribe(request)
    else if (request.type === 'unsubscribe') this.#unsubscribe(request)
    else this.#fail('Type has to be either subscribe or unsubscribe')
  }

  second(now: number): void {
    if (this.#hasSubscribed || !this.#socket.isLimited) return
    if (now - this.#socket.openedAt >= SUBSCRIBE_WITHIN_MS) this.#socket.close(1008, 'no subscribe within 5 seconds')
  }

  #subscribe({ channels, hasLogin }: Request): void {
    const wanted: Wanted[] = []
    for (const { name, products } of channels) {
      const found = this.#wantedOf(name, products, hasLogin)
      if (typeof found === 'string') {
        this.#fail('Failed to subscribe', found)
        return
      }
      wanted.push(...found)
    }
    this.#hasSubscribed = true
    for (const { channel, product } of wanted) {
      const known = this.#channels.get(channel) ?? new Set()
      this.#channels.set(channel, known)
      if (product !== undefined) known.add(product)
    }
    this.#acknowledge()
    for (const { topic } of wanted) this.#socket.subscribe(topic)
  }

  /** What one channel of a request asks for, or why the request fails. */
  #wantedOf(name: string, products: readonly string[], hasLogin: boolean): Wanted[] | string {
    if (LOGIN_CHANNELS.includes(name) && !hasLogin) return NEEDS_LOGIN
    const channel = ackNameOf(name)
    if (channel === undefined) return `${name} is not a valid channel`
    if (name !== STATUS && products.length === 0) return `${name} channel requires product_ids`
    const wanted: Wanted[] = []
    for (const product of name === STATUS ? [undefined] : products) {
      const instrument = product === undefined ? null : this.#product(product)
      const topic = instrument === undefined ? undefined : coinbaseTopic(this.#state, name, instrument)
      if (!topic || this.#socket.isRejected(topic.target)) return `${product} is not a valid product`
      wanted.push({ channel, product, topic })
    }
    return wanted
  }

  /** Of the named channels the named products, or all. */
  #unsubscribe({ channels }: Request): void {
    for (const { name, products } of channels) {
      const ackName = ackNameOf(name) ?? name
      const known = this.#channels.get(ackName)
      for (const product of products.length === 0 ? [...(known ?? [])] : products) {
        known?.delete(product)
        this.#socket.unsubscribe(topicKey(ackName, product))
      }
      if (ackName === STATUS) this.#socket.unsubscribe(STATUS)
      if (known?.size === 0) this.#channels.delete(ackName)
    }
    this.#acknowledge()
  }

  #product(id: string): Instrument | undefined {
    const { listings } = this.#state
    const now = this.#state.now()
    const found = listings.find('spot', id, now)
    return found && !listings.isDelisted(found, now) ? found : undefined
  }

  /** All that is subscribed now, not only what was asked for last. */
  #acknowledge(): void {
    const channels = [...this.#channels].map(([name, products]) => ({
      name,
      product_ids: [...products],
      account_ids: null,
    }))
    this.#socket.reply(JSON.stringify({ type: 'subscriptions', channels }))
  }

  #fail(message: string, reason?: string): void {
    this.#socket.reply(JSON.stringify({ type: 'error', message, reason }))
  }
}

const NEEDS_LOGIN =
  'level2, level3, and full channels now require authentication. https://docs.cloud.coinbase.com/exchange/docs/websocket-auth'

interface Request {
  readonly type: unknown
  readonly channels: readonly { readonly name: string; readonly products: readonly string[] }[]
  /** Whether it is signed, as far as one can see. */
  readonly hasLogin: boolean
}

/** @returns what is wrong, where it is no request */
const parse = (text: string): Request | string => {
  const value = record(parsed(text))
  if (!value) return 'Malformed JSON'
  const { type, channels, product_ids, key, passphrase, signature, timestamp } = value
  const common = texts(product_ids)
  const isBase64 = typeof signature === 'string' && /^[A-Za-z0-9+/]{40,}={0,2}$/.test(signature)
  return {
    type,
    channels: (Array.isArray(channels) ? channels : []).map((channel: unknown) => {
      if (typeof channel === 'string') return { name: channel, products: common }
      const own = record(channel)
      return { name: String(own?.['name']), products: own?.['product_ids'] ? texts(own['product_ids']) : common }
    }),
    hasLogin: isBase64 && [key, passphrase, timestamp].every((part) => part !== undefined && part !== ''),
  }
}

const parsed = (text: string): unknown => {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}

const record = (value: unknown): Readonly<Record<string, unknown>> | undefined =>
  typeof value === 'object' && value !== null ? { ...value } : undefined

const texts = (value: unknown): string[] => (Array.isArray(value) ? value.map(String) : [])
