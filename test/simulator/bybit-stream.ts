/**
 * Simulated streams of Bybit: `/v5/public/spot` and `/v5/public/linear`.
 * https://bybit-exchange.github.io/docs/v5/ws/connect
 *
 * A request succeeds or fails as a whole. Bybit publishes no list of its refusals; those here are as clients report them:
 * https://github.com/sieblyio/bybit-api/issues/154, https://github.com/bybit-exchange/pybit/pull/373,
 * https://github.com/bybit-exchange/api-usage-examples/issues/34
 */

import { z } from 'zod'
import { BYBIT_INTERVALS } from './bybit-endpoints.ts'
import { BOOK_DEPTHS, bookTopic } from './bybit-stream-books.ts'
import { type BybitSubject, klineTopic, liquidationTopic, tickerTopic, tradeTopic } from './bybit-stream-topics.ts'
import type { Kind } from './catalogue.ts'
import type { ExchangeState } from './exchange-state.ts'
import type { CandleInterval } from './intervals.ts'
import type { StreamChannel } from './protocol.ts'
import type { StreamEndpoint, StreamSession, StreamSocket, StreamTopic } from './ws/protocol.ts'

/** Connections of an address in 5 minutes. */
const CONNECTS = { limit: 500, windowMs: 300_000 }
/** Args of one spot request; linear has no such limit. */
const SPOT_ARGS = 10
/** Characters in all the args of a connection; how Bybit says that there are more is not known. */
const ARGS_CHARACTERS = 21_000

interface Category {
  readonly name: 'spot' | 'linear'
  readonly kind: Kind
}
const CATEGORIES: readonly Category[] = [
  { name: 'spot', kind: 'spot' },
  { name: 'linear', kind: 'perpetual' },
]

/** The endpoints of Bybit. */
export const bybitStreams = (state: ExchangeState): StreamEndpoint[] => {
  let opened = 0
  return CATEGORIES.map((category) => ({
    name: category.name,
    host: 'all',
    accepts: (path) => path === `/v5/public/${category.name}`,
    connects: CONNECTS,
    maxAgeMs: null,
    open: (socket) => new BybitSession(state, category, socket, `${socket.openedAt.toString(36)}-${opened++}`),
  }))
}

/** Numbers are taken for texts (ccxt sends such a `req_id`), as the error of the decoder says. */
const fuzzyText = z.union([z.string(), z.number()]).transform(String)
const requestSchema = z.object({
  op: z.string().default(''),
  req_id: fuzzyText.optional(),
  args: z.array(fuzzyText).default([]),
})
type Request = z.infer<typeof requestSchema>

class BybitSession implements StreamSession {
  readonly #state: ExchangeState
  readonly #category: Category
  readonly #socket: StreamSocket
  readonly #connectionId: string

  constructor(state: ExchangeState, category: Category, socket: StreamSocket, connectionId: string) {
    this.#state = state
    this.#category = category
    this.#socket = socket
    this.#connectionId = connectionId
  }

  receive(text: string): void {
    const request = parse(text)
    if (request) this.#handle(request)
    else this.#answer({ op: '', req_id: undefined }, false, `Failed to decode incoming data:${text.slice(0, 100)}`)
  }

  #handle(request: Request): void {
    const { op, args } = request
    if (op === 'ping') this.#answer(request, true, 'pong')
    else if (op === 'subscribe') this.#subscribe(request)
    else if (op === 'unsubscribe') {
      for (const name of args) this.#socket.unsubscribe(name)
      this.#answer(request, true, '')
    } else this.#answer(request, false, 'error:invalid op')
  }

  #subscribe(request: Request): void {
    const topics = this.#topicsOf(request.args)
    if (typeof topics === 'string') this.#answer(request, false, topics)
    else {
      this.#answer(request, true, this.#category.name === 'spot' ? 'subscribe' : '')
      for (const topic of topics) this.#socket.subscribe(topic)
    }
  }

  /** The topics that a request names, or what is wrong with it. */
  #topicsOf(args: readonly string[]): StreamTopic[] | string {
    const { isLimited, topics } = this.#socket
    if (isLimited && this.#category.name === 'spot' && args.length > SPOT_ARGS) return `args size >${SPOT_ARGS}`
    if (isLimited && [...topics.keys(), ...args].join('').length > ARGS_CHARACTERS) return 'args size too large'
    const found: StreamTopic[] = []
    for (const [index, name] of args.entries()) {
      const topic = topicNamed(this.#state, this.#category, name)
      if (typeof topic === 'string') return topic
      if (this.#socket.isRejected(topic.target)) return notFound(name)
      if (topics.has(name) || args.indexOf(name) < index) return `error:already subscribed,topic:${name}`
      found.push(topic)
    }
    return found
  }

  /** Spot leaves out a `req_id` that was not given; linear sends an empty one. */
  #answer({ op, req_id }: Pick<Request, 'op' | 'req_id'>, success: boolean, ret_msg: string): void {
    const id = this.#category.name === 'spot' ? req_id : (req_id ?? '')
    this.#socket.reply(JSON.stringify({ success, ret_msg, conn_id: this.#connectionId, req_id: id, op }))
  }
}

const parse = (text: string): Request | undefined => {
  try {
    return requestSchema.safeParse(JSON.parse(text)).data
  } catch {
    return undefined
  }
}

const notFound = (name: string): string => `error:handler not found,topic:${name}`

/** The topic of that name, or what Bybit says instead. */
const topicNamed = (state: ExchangeState, { name: category, kind }: Category, key: string): StreamTopic | string => {
  const parts = key.split('.')
  const symbol = parts.at(-1) ?? ''
  const found = KINDS[parts.slice(0, -1).join('.')]
  if (!found || (found.isOfLinear && category === 'spot')) return notFound(key)
  const instrument = state.listings.find(kind, symbol, state.now())
  if (!instrument || state.listings.isDelisted(instrument, state.now())) {
    return category === 'spot' ? `Invalid symbol :[${key}]` : notFound(key)
  }
  const { channel, interval } = found
  return found.topic({ state, instrument, key, target: { path: key, host: kind, symbol, interval, channel } })
}

interface TopicKind {
  readonly channel: StreamChannel
  /** Our name. */
  readonly interval?: string | undefined
  readonly isOfLinear?: true
  readonly topic: (subject: BybitSubject) => StreamTopic
}

const bookKind = (depth: number): TopicKind => ({
  channel: depth === 1 ? 'bbo' : 'book',
  topic: (subject) => bookTopic(subject, depth),
})

const klineKind = (name: string, interval: CandleInterval): TopicKind => ({
  channel: 'candles',
  interval: interval.name,
  topic: (subject) => klineTopic(subject, name, interval),
})

/** By what stands before the symbol: `kline.1`. */
const KINDS: Readonly<Record<string, TopicKind | undefined>> = {
  publicTrade: { channel: 'trades', topic: tradeTopic },
  tickers: { channel: 'ticker', topic: tickerTopic },
  allLiquidation: { channel: 'liquidations', isOfLinear: true, topic: liquidationTopic },
  ...Object.fromEntries(BOOK_DEPTHS.map((depth) => [`orderbook.${depth}`, bookKind(depth)])),
  ...Object.fromEntries(
    Object.entries(BYBIT_INTERVALS).map(([name, interval]) => [`kline.${name}`, interval && klineKind(name, interval)]),
  ),
}
