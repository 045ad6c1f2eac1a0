import type { MarketChannel } from '../domain/event.ts'
import type { Interval } from '../domain/interval.ts'
import { decodeOkxFrame, okxIntervals } from './okx-frames.ts'
import { requestsOf } from './request.ts'
import type { StreamApi, StreamEndpoint, StreamLimits, StreamName, StreamRequest, StreamTopic } from './stream.ts'

/**
 * The streams of OKX: https://www.okx.com/docs-v5/en/#overview-websocket
 *
 * Candles and single trades are at `/business`, all else at `/public`. A stream of ours is named by its channel and what
 * it is about: `trades-all:BTC-USDT`.
 */
const BASE_URL = 'https://ws.okx.com:8443'

const endpoints = [
  { name: 'public', baseUrl: BASE_URL, path: '/ws/v5/public', kinds: ['spot', 'perpetual'] },
  { name: 'business', baseUrl: BASE_URL, path: '/ws/v5/business', kinds: ['spot', 'perpetual'] },
] as const satisfies readonly StreamEndpoint[]

type EndpointName = (typeof endpoints)[number]['name']

/** https://www.okx.com/docs-v5/en/#overview-websocket-connect */
const limits: StreamLimits = {
  // Half of the 480 requests an hour: were each stream asked for by itself, all could be asked for twice.
  topicsPerSocket: 240,
  // A request may have 64 kB; a stream takes less than 100 bytes of it.
  topicsPerRequest: 100,
  // Of `subscribe`, `unsubscribe` and `login`, over one socket.
  messages: [{ limit: 480, windowMs: 3_600_000, per: 'socket' }],
  connects: { limit: 3, windowMs: 1_000 },
  maxAgeMs: null,
}

/**
 * A socket that carries nothing for 30 s is ended; a machine under load is late by seconds.
 * https://www.okx.com/docs-v5/en/#overview-websocket-connect
 */
const HEARTBEAT_MS = 20_000

/** Of all swaps at once: https://www.okx.com/docs-v5/en/#public-data-websocket-liquidation-orders-channel */
const LIQUIDATIONS = 'liquidation-orders'
const ALL_SWAPS = 'SWAP'

export const okxStream: StreamApi = {
  endpoints,
  limits,
  bookRule: { spot: 'linked', perpetual: 'linked' },
  tradeRecovery: { spot: 'byId', perpetual: 'byId' },
  candles: 'streamed',
  heartbeat: { everyMs: HEARTBEAT_MS, frame: 'ping' },
  streamsOf,
  subscribe: (names, requestId) => requests('subscribe', names, requestId),
  unsubscribe: (names, requestId) => requests('unsubscribe', names, requestId),
  decode: decodeOkxFrame,
}

function streamsOf({ channel, instrument, interval }: StreamTopic): readonly StreamName[] {
  const { exchangeSymbol, kind } = instrument
  if (kind === 'spot' && perpetualChannels.includes(channel)) return []
  switch (channel) {
    case 'trades':
      return [stream('business', 'trades-all', exchangeSymbol)]
    case 'candles':
      return interval === null ? [] : [stream('business', candleChannel(interval), exchangeSymbol)]
    case 'ticker':
      return [stream('public', 'tickers', exchangeSymbol)]
    case 'bbo':
      return [stream('public', 'bbo-tbt', exchangeSymbol)]
    case 'book':
      return [stream('public', 'books', exchangeSymbol)]
    case 'funding':
      return fundingStreams(exchangeSymbol)
    case 'open-interest':
      return [stream('public', 'open-interest', exchangeSymbol)]
    case 'liquidations':
      return [stream('public', LIQUIDATIONS, ALL_SWAPS)]
  }
}

const perpetualChannels: readonly MarketChannel[] = ['funding', 'open-interest', 'liquidations']

/**
 * The index of a swap is that of its assets (`uly`), but for those in USDC, which follow the one in US dollars: their
 * index price is left unsaid. https://www.okx.com/docs-v5/en/#public-data-rest-api-get-instruments
 */
function fundingStreams(exchangeSymbol: string): readonly StreamName[] {
  const own = [stream('public', 'funding-rate', exchangeSymbol), stream('public', 'mark-price', exchangeSymbol)]
  const index = exchangeSymbol.replace(/-SWAP$/, '')
  return index.endsWith('-USDC') ? own : [...own, stream('public', 'index-tickers', index)]
}

function candleChannel(interval: Interval): string {
  return `candle${okxIntervals[interval]}`
}

function stream(endpoint: EndpointName, channel: string, subject: string): StreamName {
  return { endpoint, name: `${channel}:${subject}` }
}

/** `{"id":"1512","op":"subscribe","args":[{"channel":"tickers","instId":"BTC-USDT"}]}`, answered for each of `args`. */
function requests(
  op: 'subscribe' | 'unsubscribe',
  names: readonly string[],
  firstId: number,
): readonly StreamRequest[] {
  return requestsOf(names, limits.topicsPerRequest, firstId, (id, some) => ({
    id: String(id),
    op,
    args: some.map(argOf),
  }))
}

function argOf(name: string): { readonly channel: string; readonly instId?: string; readonly instType?: string } {
  const colon = name.indexOf(':')
  const [channel, subject] = [name.slice(0, colon), name.slice(colon + 1)]
  return channel === LIQUIDATIONS ? { channel, instType: subject } : { channel, instId: subject }
}
