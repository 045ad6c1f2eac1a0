import type { MarketChannel } from '../domain/event.ts'
import type { Instrument } from '../domain/instrument.ts'
import { decodeBinanceFrame } from './binance-frames.ts'
import { requestsOf } from './request.ts'
import type { StreamApi, StreamName, StreamRequest, StreamTopic } from './stream.ts'

/**
 * The streams of Binance spot and USD-M.
 * Spot: https://developers.binance.com/docs/binance-spot-api-docs/web-socket-streams
 * USD-M: https://developers.binance.com/docs/derivatives/usds-margined-futures/websocket-market-streams
 *
 * A stream that does not exist is acknowledged like any other and stays silent.
 */

/**
 * Spot from the host for market data alone. USD-M serves the fast streams and the others at two paths; a socket at
 * neither receives nothing of the second kind.
 * https://developers.binance.com/docs/binance-spot-api-docs/faqs/market_data_only
 * https://developers.binance.com/docs/derivatives/usds-margined-futures/websocket-market-streams
 */
const endpoints = [
  { name: 'spot', baseUrl: 'https://data-stream.binance.vision', path: '/stream', kinds: ['spot'] },
  { name: 'usdm-public', baseUrl: 'https://fstream.binance.com', path: '/public/stream', kinds: ['perpetual'] },
  { name: 'usdm-market', baseUrl: 'https://fstream.binance.com', path: '/market/stream', kinds: ['perpetual'] },
] as const

/**
 * Spot allows 1,024 streams a socket and 5 messages a second, USD-M 200 (for long 1,024) and 10: the stricter of each
 * serves both. Pongs count as messages, and the runtime sends them by itself: one message is left to them.
 * How many streams one request may name is not published.
 * https://developers.binance.com/docs/binance-spot-api-docs/web-socket-streams#websocket-limits
 * https://developers.binance.com/docs/derivatives/usds-margined-futures/websocket-market-streams
 */
const limits = {
  topicsPerSocket: 200,
  topicsPerRequest: 100,
  messages: [{ limit: 4, windowMs: 1_000, per: 'socket' }],
  connects: { limit: 300, windowMs: 300_000 },
  maxAgeMs: 86_400_000,
} as const

export const binanceStream = {
  endpoints,
  limits,
  bookRule: { spot: 'contiguous', perpetual: 'bridged' },
  tradeRecovery: { spot: 'byId', perpetual: 'byId' },
  candles: 'streamed',
  // Each update of them, and none at first: https://developers.binance.com/docs/binance-spot-api-docs/web-socket-streams#individual-symbol-book-ticker-streams
  bbo: 'streamed-changes',
  heartbeat: null,

  streamsOf({ channel, instrument, interval }: StreamTopic): readonly StreamName[] {
    const stream = streams[instrument.kind][channel]
    if (stream === undefined) return []
    const [endpoint, suffix] = stream
    const name = `${instrument.exchangeSymbol.toLowerCase()}@${suffix}`
    if (channel !== 'candles') return [{ endpoint, name }]
    return interval === null ? [] : [{ endpoint, name: `${name}_${interval}` }]
  },

  subscribe: (names, requestId) => requests('SUBSCRIBE', names, requestId),
  unsubscribe: (names, requestId) => requests('UNSUBSCRIBE', names, requestId),
  decode: (frame) => decodeBinanceFrame(frame),
} as const satisfies StreamApi

/**
 * Aggregate trades on both sides: USD-M documents no others, and of single trades the market-data host of spot can only
 * be asked for the most recent ones, so that a hole in them could not be filled.
 * https://developers.binance.com/docs/binance-spot-api-docs/faqs/market_data_only
 */
const streams: Readonly<
  Record<Instrument['kind'], Readonly<Partial<Record<MarketChannel, readonly [endpoint: string, suffix: string]>>>>
> = {
  spot: {
    trades: ['spot', 'aggTrade'],
    candles: ['spot', 'kline'],
    ticker: ['spot', 'ticker'],
    bbo: ['spot', 'bookTicker'],
    book: ['spot', 'depth@100ms'],
  },
  perpetual: {
    trades: ['usdm-market', 'aggTrade'],
    candles: ['usdm-market', 'kline'],
    ticker: ['usdm-market', 'ticker'],
    bbo: ['usdm-public', 'bookTicker'],
    book: ['usdm-public', 'depth@100ms'],
    funding: ['usdm-market', 'markPrice@1s'],
    liquidations: ['usdm-market', 'forceOrder'],
  },
}

/**
 * Binance falls silent over a message of more than 4,088 bytes: what its server reads at once, without the frame's head.
 * https://github.com/binance/binance-connector-rust/issues/27
 */
const MAX_NAMES_BYTES = 3_900

/** `{"method":"SUBSCRIBE","params":["btcusdt@aggTrade"],"id":1}` */
function requests(method: string, names: readonly string[], requestId: number): readonly StreamRequest[] {
  const most = { names: limits.topicsPerRequest, bytes: MAX_NAMES_BYTES }
  return requestsOf(names, most, requestId, (id, params) => ({ method, params, id }))
}
