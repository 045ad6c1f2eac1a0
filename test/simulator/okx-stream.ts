/**
 * Simulated streams of OKX: `/ws/v5/public` and, for candles and single fills, `/ws/v5/business`.
 * https://www.okx.com/docs-v5/en/#overview-websocket-overview
 */

import { z } from 'zod'
import type { Kind } from './catalogue.ts'
import type { ExchangeState } from './exchange-state.ts'
import type { CandleInterval } from './intervals.ts'
import { INTERVAL_OF_BAR, kindOf } from './okx-endpoints.ts'
import { bookTopic, topBookTopic } from './okx-stream-books.ts'
import {
  allTradesTopic,
  candleTopic,
  fundingTopic,
  indexTopic,
  liquidationTopic,
  markTopic,
  type OkxArg,
  type OkxSubject,
  openInterestTopic,
  tickerTopic,
  tradesTopic,
} from './okx-stream-topics.ts'
import type { StreamChannel } from './protocol.ts'
import { mix } from './random.ts'
import { SlidingBudget } from './rate-limits.ts'
import type { StreamEndpoint, StreamSession, StreamSocket, StreamTarget, StreamTopic } from './ws/protocol.ts'

/** Connections of an address in a second, and requests to subscribe, unsubscribe or log in of a connection in an hour. */
const CONNECTS = { limit: 3, windowMs: 1000 }
const REQUESTS = { limit: 480, windowMs: 3_600_000 }

/** A client that has sent nothing for so long is cut off: https://www.okx.com/docs-v5/en/#error-code-websocket-public */
const SILENCE_MS = 30_000
const NO_DATA_RECEIVED = 4004

const ENDPOINTS = ['public', 'business'] as const
type EndpointName = (typeof ENDPOINTS)[number]

/** The endpoints of OKX. */
export const okxStreams = (state: ExchangeState): StreamEndpoint[] => {
  let opened = 0
  return ENDPOINTS.map((name) => ({
    name,
    host: 'all',
    accepts: (path) => path === `/ws/v5/${name}`,
    connects: CONNECTS,
    maxAgeMs: null,
    open: (socket) => new OkxSession(state, name, socket, mix(opened++, socket.openedAt).toString(16).padStart(8, '0')),
  }))
}

/** Ids: up to 32 letters and digits. */
const requestSchema = z.object({
  id: z
    .string()
    .regex(/^[A-Za-z0-9]{1,32}$/)
    .optional(),
  op: z.string(),
  args: z
    .array(
      z.looseObject({ channel: z.string(), instId: z.string().exactOptional(), instType: z.string().exactOptional() }),
    )
    .default([]),
})
type Request = z.infer<typeof requestSchema>

class OkxSession implements StreamSession {
  readonly #state: ExchangeState
  readonly #endpoint: EndpointName
  readonly #socket: StreamSocket
  readonly #connId: string
  readonly #requests = new SlidingBudget(REQUESTS.limit, REQUESTS.windowMs)
  #heardAt: number
  /** When it was first seen that too long has passed, ms UTC. */
  #overdueAt: number | undefined

  constructor(state: ExchangeState, endpoint: EndpointName, socket: StreamSocket, connId: string) {
    this.#state = state
    this.#endpoint = endpoint
    this.#socket = socket
    this.#connId = connId
    this.#heardAt = socket.openedAt
  }

  receive(text: string, now: number): void {
    this.#heardAt = now
    const request = text === 'ping' ? text : parse(text)
    if (request === 'ping') this.#socket.reply('pong')
    else if (request) this.#handle(request, now)
    else this.#refuse(undefined, '60012', `Invalid request: ${text}`)
  }

  /** Cut off when the socket has been looked into once more: what a client sent may wait there while time leaps. */
  second(now: number): void {
    if (now - this.#heardAt < SILENCE_MS) this.#overdueAt = undefined
    else if (this.#overdueAt === undefined) this.#overdueAt = this.#state.now()
    else if (this.#overdueAt < this.#state.now()) this.#socket.close(NO_DATA_RECEIVED, 'No data received in 30s')
  }

  /** https://www.okx.com/docs-v5/en/#overview-websocket-notification */
  closingNotice(): string {
    const msg = 'The connection will soon be closed for a service upgrade. Please reconnect.'
    return JSON.stringify({ event: 'notice', code: '64008', msg, connId: this.#connId })
  }

  #handle({ id, op, args }: Request, now: number): void {
    if (op !== 'subscribe' && op !== 'unsubscribe') this.#refuse(id, '60019', `Invalid op: ${op}`)
    else if (args.length === 0) this.#refuse(id, '60013', 'Invalid args')
    else if (this.#socket.isLimited && !this.#requests.spend('', now).allowed) {
      this.#refuse(id, '60014', 'Requests too frequent')
    } else for (const arg of args) this.#perform(id, op, arg)
  }

  /** Each argument has an answer of its own. */
  #perform(id: string | undefined, event: 'subscribe' | 'unsubscribe', asked: Request['args'][number]): void {
    const topic = topicOf(this.#state, this.#endpoint, asked)
    const isSubscribe = event === 'subscribe'
    if (topic && !(isSubscribe && this.#socket.isRejected(topic.target))) {
      this.#answer({ id, event, arg: argOf(asked) })
      if (isSubscribe) this.#socket.subscribe(topic)
      else this.#socket.unsubscribe(topic.key)
    } else {
      const named = Object.entries(asked).map(([name, value]) => `${name}:${value}`)
      const advice = 'Please use the correct URL, channel and parameters referring to API document.'
      this.#refuse(id, '60018', `Wrong URL or ${named.join(',')} doesn't exist. ${advice}`)
    }
  }

  #refuse(id: string | undefined, code: string, msg: string): void {
    this.#answer({ id, event: 'error', msg, code })
  }

  #answer(value: Readonly<Record<string, unknown>>): void {
    this.#socket.reply(JSON.stringify({ ...value, connId: this.#connId }))
  }
}

const parse = (text: string): Request | undefined => {
  try {
    return requestSchema.safeParse(JSON.parse(text)).data
  } catch {
    return undefined
  }
}

interface OkxChannel {
  readonly endpoint: EndpointName
  readonly channel: StreamChannel
  /** Our name. */
  readonly interval?: string | undefined
  /** Which instruments it has; both kinds without it. An index is named like the spot market. */
  readonly kind?: Kind
  readonly topic: (subject: OkxSubject) => StreamTopic
}

const candleChannel = (interval: CandleInterval): OkxChannel => ({
  endpoint: 'business',
  channel: 'candles',
  interval: interval.name,
  topic: (subject) => candleTopic(subject, interval),
})

const CHANNELS: Readonly<Record<string, OkxChannel | undefined>> = {
  trades: { endpoint: 'public', channel: 'trades', topic: tradesTopic },
  tickers: { endpoint: 'public', channel: 'ticker', topic: tickerTopic },
  'bbo-tbt': { endpoint: 'public', channel: 'bbo', topic: (subject) => topBookTopic(subject, 1) },
  books5: { endpoint: 'public', channel: 'book', topic: (subject) => topBookTopic(subject, 5) },
  books: { endpoint: 'public', channel: 'book', topic: bookTopic },
  'funding-rate': { endpoint: 'public', channel: 'funding', kind: 'perpetual', topic: fundingTopic },
  'mark-price': { endpoint: 'public', channel: 'funding', kind: 'perpetual', topic: markTopic },
  'index-tickers': { endpoint: 'public', channel: 'funding', kind: 'spot', topic: indexTopic },
  'open-interest': { endpoint: 'public', channel: 'open-interest', kind: 'perpetual', topic: openInterestTopic },
  'trades-all': { endpoint: 'business', channel: 'trades', topic: allTradesTopic },
  ...Object.fromEntries(
    Object.entries(INTERVAL_OF_BAR).map(([bar, interval]) => [`candle${bar}`, interval && candleChannel(interval)]),
  ),
}

/** The topic that an argument asks for; undefined where this endpoint has none. Its key: `trades-all:BTC-USDT`. */
const topicOf = (state: ExchangeState, endpoint: EndpointName, asked: OkxArg): StreamTopic | undefined => {
  const arg = argOf(asked)
  const key = `${arg.channel}:${arg.instId ?? arg.instType}`
  if (arg.channel === 'liquidation-orders') {
    if (endpoint !== 'public' || arg.instType !== 'SWAP') return undefined
    const target: StreamTarget = {
      path: key,
      host: 'perpetual',
      symbol: undefined,
      interval: undefined,
      channel: 'liquidations',
    }
    return liquidationTopic({ state, arg, key, target })
  }
  const found = CHANNELS[arg.channel]
  const { instId = '' } = arg
  const kind = kindOf(instId)
  if (found?.endpoint !== endpoint || (found.kind ?? kind) !== kind) return undefined
  const instrument = state.listings.find(kind, instId, state.now())
  if (!instrument || state.listings.isDelisted(instrument, state.now())) return undefined
  const { channel, interval } = found
  return found.topic({
    state,
    instrument,
    arg,
    key,
    target: { path: key, host: kind, symbol: instId, interval, channel },
  })
}

/** What OKX keeps of an argument: the liquidations of a type are those of all its instruments. */
const argOf = ({ channel, instId, instType }: OkxArg): OkxArg =>
  instId === undefined || channel === 'liquidation-orders'
    ? { channel, ...(instType === undefined ? {} : { instType }) }
    : { channel, instId }
