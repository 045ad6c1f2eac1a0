import type { MarketChannel } from '../domain/event.ts'
import { decodeCoinbaseFrame } from './coinbase-frames.ts'
import { coinbaseIntervals } from './coinbase-intervals.ts'
import type { StreamApi, StreamName, StreamRequest, StreamTopic } from './stream.ts'

/**
 * The streams of Coinbase Exchange: https://docs.cdp.coinbase.com/exchange/websocket-feed/overview
 *
 * Names here are `channel:product`. There is no channel for candles: they are built from the matches, in the intervals
 * of the REST API only, which has what a lost socket missed. Requests have no ids, each answer lists all that is
 * subscribed, and one unknown product fails the whole message that names it.
 */
const ENDPOINT = 'feed'

/**
 * A socket that has not subscribed to anything after 5 seconds is closed. An address may connect 8 times a second and
 * send 100 messages a second over all its sockets: a fifth is left, for they may arrive closer together than they were
 * sent. How many channels one may carry is not published, only that they should be spread: one product's book can fill a
 * socket.
 * https://docs.cdp.coinbase.com/exchange/websocket-feed/rate-limits
 * https://docs.cdp.coinbase.com/exchange/websocket-feed/best-practices
 */
const limits = {
  topicsPerSocket: 100,
  topicsPerRequest: 20,
  messages: [{ limit: 80, windowMs: 1_000, per: 'address' }],
  connects: { limit: 8, windowMs: 1_000 },
  maxAgeMs: null,
} as const

/**
 * `level2_batch` is the only book that needs no login; it is acknowledged as `level2_50`, for its 50 ms.
 * https://docs.cdp.coinbase.com/exchange/websocket-feed/channels
 */
const channels: Readonly<Partial<Record<MarketChannel, string>>> = {
  trades: 'matches',
  candles: 'matches',
  ticker: 'ticker',
  bbo: 'ticker',
  book: 'level2_batch',
}

export const coinbaseStream = {
  endpoints: [{ name: ENDPOINT, baseUrl: 'https://ws-feed.exchange.coinbase.com', path: '', kinds: ['spot'] }],
  limits,
  bookRule: { spot: 'connection' },
  tradeRecovery: { spot: 'byId' },
  candles: 'from-trades',
  heartbeat: null,

  /** Each topic brings the product's heartbeat, once a second: a quiet market keeps its socket busy. */
  streamsOf({ channel, instrument, interval }: StreamTopic): readonly StreamName[] {
    const name = channels[channel]
    if (name === undefined) return []
    if (channel === 'candles' && (interval === null || !(interval in coinbaseIntervals))) return []
    const product = instrument.exchangeSymbol
    return [
      { endpoint: ENDPOINT, name: `${name}:${product}` },
      { endpoint: ENDPOINT, name: `heartbeat:${product}`, isSignOfLife: true },
    ]
  },

  subscribe: (names, requestId) => requests('subscribe', names, requestId),
  unsubscribe: (names, requestId) => requests('unsubscribe', names, requestId),
  decode: (frame) => decodeCoinbaseFrame(frame),
} as const satisfies StreamApi

/**
 * `{"type":"subscribe","channels":[{"name":"matches","product_ids":["BTC-USD"]}]}`: a message a product, so that one
 * that is refused takes no other with it.
 */
function requests(type: string, names: readonly string[], requestId: number): readonly StreamRequest[] {
  const byProduct = Map.groupBy(names, (name) => name.slice(name.indexOf(':') + 1))
  return [...byProduct].map(([product, ofProduct], index) => ({
    requestId: requestId + index,
    frame: JSON.stringify({
      type,
      channels: ofProduct.map((name) => ({ name: name.slice(0, name.indexOf(':')), product_ids: [product] })),
    }),
    names: ofProduct,
  }))
}
