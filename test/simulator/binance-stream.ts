/**
 * Simulated streams of Binance: spot at `/stream` and `/ws`, USD-M at `/public` and `/market`, each with its own streams.
 * The unrouted paths of USD-M are not served. A stream that does not exist is acknowledged and stays silent.
 * https://developers.binance.com/docs/binance-spot-api-docs/web-socket-streams
 * https://developers.binance.com/docs/derivatives/usds-margined-futures/websocket-market-streams/Connect
 */

import { type BinanceEndpointName, binanceTopic } from './binance-stream-topics.ts'
import type { ExchangeState } from './exchange-state.ts'
import { SlidingBudget } from './rate-limits.ts'
import type { StreamEndpoint, StreamRequest, StreamSession, StreamSocket, StreamTopic } from './ws/protocol.ts'

/** 300 connections in 5 minutes an address, closed after 24 hours, at most 1,024 streams each. */
const CONNECTS = { limit: 300, windowMs: 300_000 }
const MAX_AGE_MS = 86_400_000
const MAX_STREAMS = 1024

interface Rules {
  readonly name: BinanceEndpointName
  readonly host: 'spot' | 'perpetual'
  /** Before `/stream` and `/ws`. */
  readonly prefix: string
  readonly messagesPerSecond: number
  readonly pingEveryMs: number
}

const ENDPOINTS: readonly Rules[] = [
  { name: 'spot', host: 'spot', prefix: '', messagesPerSecond: 5, pingEveryMs: 20_000 },
  { name: 'usdm-public', host: 'perpetual', prefix: '/public', messagesPerSecond: 10, pingEveryMs: 180_000 },
  { name: 'usdm-market', host: 'perpetual', prefix: '/market', messagesPerSecond: 10, pingEveryMs: 180_000 },
]

/** The endpoints of Binance. */
export const binanceStreams = (state: ExchangeState): StreamEndpoint[] =>
  ENDPOINTS.map((rules) => ({
    name: rules.name,
    host: rules.host,
    accepts: (path) =>
      [`${rules.prefix}/stream`, `${rules.prefix}/ws`].some((root) => `${path}/`.startsWith(`${root}/`)),
    connects: CONNECTS,
    maxAgeMs: MAX_AGE_MS,
    open: (socket, request) => new BinanceSession(state, rules, socket, request),
  }))

class BinanceSession implements StreamSession {
  readonly #state: ExchangeState
  readonly #rules: Rules
  readonly #socket: StreamSocket
  readonly #messages: SlidingBudget
  readonly #isCombined: boolean
  /** All that were asked for, also those that do not exist. */
  readonly #names = new Set<string>()

  constructor(state: ExchangeState, rules: Rules, socket: StreamSocket, { path, query }: StreamRequest) {
    this.#state = state
    this.#rules = rules
    this.#socket = socket
    this.#messages = new SlidingBudget(rules.messagesPerSecond, 1000)
    this.#isCombined = path.startsWith(`${rules.prefix}/stream`)
    const named = this.#isCombined ? (query.get('streams') ?? '') : path.slice(`${rules.prefix}/ws/`.length)
    for (const name of named.split('/').filter((text) => text !== '')) {
      this.#names.add(name)
      this.#begin(name)
    }
  }

  receive(text: string, now: number): void {
    const { isLimited } = this.#socket
    if (isLimited && !this.#messages.spend('', now).allowed) {
      this.#socket.close(1008, 'Too many requests')
      return
    }
    const answer = this.#answer(parse(text))
    this.#socket.reply(JSON.stringify(answer))
    // What is subscribed begins after its acknowledgement.
    for (const name of this.#names) this.#begin(name)
    if (isLimited && this.#names.size > MAX_STREAMS) this.#socket.close(1008, 'Too many streams')
  }

  second(now: number): void {
    const age = now - Math.floor(this.#socket.openedAt / 1000) * 1000
    if (age > 0 && age % this.#rules.pingEveryMs === 0) this.#socket.ping(String(now))
  }

  closingNotice(now: number): string {
    const notice = { e: 'serverShutdown', E: now }
    return JSON.stringify(this.#isCombined ? { stream: '!serverShutdown', data: notice } : notice)
  }

  wrap(topic: StreamTopic, text: string): string {
    return this.#isCombined ? `{"stream":${JSON.stringify(topic.key)},"data":${text}}` : text
  }

  #answer(request: Request | string): unknown {
    if (typeof request === 'string') return error(3, request, null)
    const { id, method, params } = request
    if (id !== null && typeof id !== 'string' && !(Number.isSafeInteger(id) && Number(id) >= 0)) {
      return error(2, 'Invalid request: request ID must be an unsigned integer', null)
    }
    if (method === 'LIST_SUBSCRIPTIONS') return { result: [...this.#names], id }
    if (method !== 'SUBSCRIBE' && method !== 'UNSUBSCRIBE') {
      const known = 'SUBSCRIBE, UNSUBSCRIBE, LIST_SUBSCRIPTIONS, SET_PROPERTY, GET_PROPERTY'
      return error(2, `Invalid request: unknown variant ${JSON.stringify(method)}, expected one of ${known}`, id)
    }
    if (!params) return error(2, 'Invalid request: params must be an array of strings', id)
    if (method === 'SUBSCRIBE' && params.some((name) => this.#isRejected(name))) {
      return error(2, 'Invalid request: invalid stream', id)
    }
    for (const name of params) {
      if (method === 'SUBSCRIBE') this.#names.add(name)
      else this.#end(name)
    }
    return { result: null, id }
  }

  #begin(name: string): void {
    if (this.#socket.topics.has(name)) return
    const topic = binanceTopic(this.#state, this.#rules.name, name)
    if (topic) this.#socket.subscribe(topic)
  }

  #end(name: string): void {
    this.#names.delete(name)
    this.#socket.unsubscribe(name)
  }

  #isRejected(name: string): boolean {
    const topic = binanceTopic(this.#state, this.#rules.name, name)
    return topic !== undefined && this.#socket.isRejected(topic.target)
  }
}

/** The errors of live subscribing come in an envelope with the request's id. */
const error = (code: number, msg: string, id: unknown) => ({ error: { code, msg }, id })

interface Request {
  readonly id: unknown
  readonly method: unknown
  /** Undefined where they are no list of texts. */
  readonly params: readonly string[] | undefined
}

/** @returns what is wrong, where it is no request */
const parse = (text: string): Request | string => {
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch {
    return 'Invalid JSON: expected value at line 1 column 1'
  }
  if (typeof value !== 'object' || value === null) return 'Invalid JSON: expected an object at line 1 column 1'
  const { id = null, method, params }: { id?: unknown; method?: unknown; params?: unknown } = value
  const isListOfTexts = Array.isArray(params) && params.every((name) => typeof name === 'string')
  return { id, method, params: isListOfTexts ? params : undefined }
}
