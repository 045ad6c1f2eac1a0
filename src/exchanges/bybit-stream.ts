import type { InstrumentKind } from '../domain/instrument.ts'
import { bybitIntervals, decodeBybitFrame } from './bybit-frames.ts'
import { requestsOf } from './request.ts'
import type { StreamApi, StreamEndpoint, StreamLimits, StreamName, StreamRequest, StreamTopic } from './stream.ts'

/**
 * The streams of Bybit v5: https://bybit-exchange.github.io/docs/v5/ws/connect
 *
 * One path for spot and one for linear perpetuals; inverse ones would be a third. The streams are Bybit's topics.
 */
const BASE_URL = 'https://stream.bybit.com'

const endpointNames = { spot: 'spot', perpetual: 'linear' } as const satisfies Record<InstrumentKind, string>

const endpoints = [
  { name: endpointNames.spot, baseUrl: BASE_URL, path: '/v5/public/spot', kinds: ['spot'] },
  { name: endpointNames.perpetual, baseUrl: BASE_URL, path: '/v5/public/linear', kinds: ['perpetual'] },
] as const satisfies readonly StreamEndpoint[]

/** https://bybit-exchange.github.io/docs/v5/ws/connect */
const limits: StreamLimits = {
  // The topics of a connection may have 21,000 characters; with its quotes one has 40 at most.
  topicsPerSocket: 500,
  // Spot refuses more (`args size >10`); linear does not, but one rule is enough.
  topicsPerRequest: 10,
  // None is published.
  messages: [],
  connects: { limit: 500, windowMs: 300_000 },
  maxAgeMs: null,
}

/** As recommended: https://bybit-exchange.github.io/docs/v5/ws/connect#how-to-send-the-heartbeat-packet */
const HEARTBEAT_MS = 20_000

/**
 * The deepest book of both kinds, every 200 ms: clients may ask for 1,000 levels.
 * https://bybit-exchange.github.io/docs/v5/websocket/public/orderbook
 */
const BOOK_DEPTH = 1_000

export const bybitStream: StreamApi = {
  endpoints,
  limits,
  bookRule: { spot: 'counted', perpetual: 'counted' },
  tradeRecovery: { spot: 'recentOnly', perpetual: 'recentOnly' },
  candles: 'streamed',
  bbo: 'streamed',
  heartbeat: { everyMs: HEARTBEAT_MS, frame: '{"op":"ping"}' },
  streamsOf(topic) {
    if (topic.instrument.inverse) return []
    const endpoint = endpointNames[topic.instrument.kind]
    return topicsOf(topic).map((name): StreamName => ({ endpoint, name }))
  },
  subscribe: (names, requestId) => requests('subscribe', names, requestId),
  unsubscribe: (names, requestId) => requests('unsubscribe', names, requestId),
  decode: decodeBybitFrame,
}

function topicsOf({ channel, instrument: { exchangeSymbol, kind }, interval }: StreamTopic): readonly string[] {
  switch (channel) {
    case 'trades':
      return [`publicTrade.${exchangeSymbol}`]
    case 'candles':
      return interval === null ? [] : [`kline.${bybitIntervals[interval]}.${exchangeSymbol}`]
    case 'ticker':
      return [`tickers.${exchangeSymbol}`]
    case 'bbo':
      return [`orderbook.1.${exchangeSymbol}`]
    case 'book':
      return [`orderbook.${BOOK_DEPTH}.${exchangeSymbol}`]
    case 'funding':
    case 'open-interest':
      return kind === 'spot' ? [] : [`tickers.${exchangeSymbol}`]
    case 'liquidations':
      return kind === 'spot' ? [] : [`allLiquidation.${exchangeSymbol}`]
  }
}

/** `{"req_id":"1","op":"subscribe","args":["orderbook.1.BTCUSDT"]}`, answered once: all of `args` or none. */
function requests(
  op: 'subscribe' | 'unsubscribe',
  names: readonly string[],
  firstId: number,
): readonly StreamRequest[] {
  return requestsOf(names, { names: limits.topicsPerRequest }, firstId, (id, args) => ({
    req_id: String(id),
    op,
    args,
  }))
}
