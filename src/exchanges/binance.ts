import type { Instrument, InstrumentKind } from '../domain/instrument.ts'
import { countSlots, type Interval } from '../domain/interval.ts'
import type { Trade } from '../domain/trade.ts'
import { binanceDecoders } from './binance-decode.ts'
import { binanceStream } from './binance-stream.ts'
import type { CandlePage, ExchangeConnector, RestCall, RestOutcome } from './connector.ts'
import { allSound } from './decode.ts'
import {
  bannedUntil,
  errorFields,
  isAboutAddress,
  isTemporary,
  outcomeOfStatus,
  rejected,
  retryAfter,
  retryAfterMs,
  shorten,
  textField,
} from './outcome.ts'
import { nativeInterval, type Query, withQuery } from './request.ts'

/**
 * Binance: spot from the market-data-only host, which is not geo-blocked, and USD-M perpetuals.
 * https://developers.binance.com/docs/binance-spot-api-docs/faqs/market_data_only
 * https://developers.binance.com/docs/derivatives/usds-margined-futures/general-info
 *
 * Windows are by open time and inclusive at both ends. Weights differ between the two hosts and by the limit asked for.
 */
const hosts = {
  spot: { baseUrl: 'https://data-api.binance.vision', prefix: '/api/v3', limit: 'spot' },
  perpetual: { baseUrl: 'https://fapi.binance.com', prefix: '/fapi/v1', limit: 'usdm' },
} as const

/**
 * https://developers.binance.com/docs/binance-spot-api-docs/rest-api/limits
 * https://developers.binance.com/docs/derivatives/usds-margined-futures/general-info#ip-limits
 * https://developers.binance.com/docs/derivatives/usds-margined-futures/market-data/rest-api/Get-Funding-Rate-History
 */
const rateLimits = [
  { name: 'spot', limit: 6_000, windowMs: 60_000 },
  { name: 'usdm', limit: 2_400, windowMs: 60_000 },
  { name: 'usdm-funding', limit: 500, windowMs: 300_000 },
] as const

/** https://developers.binance.com/docs/binance-spot-api-docs/rest-api/market-data-endpoints#klinecandlestick-data */
const intervals = {
  '1m': '1m',
  '3m': '3m',
  '5m': '5m',
  '15m': '15m',
  '30m': '30m',
  '1h': '1h',
  '2h': '2h',
  '4h': '4h',
  '6h': '6h',
  '12h': '12h',
  '1d': '1d',
  '1w': '1w',
  '1M': '1M',
} as const satisfies Record<Interval, string>

/**
 * Spot costs 2 whatever the limit, up to 1,000. USD-M takes up to 1,500 but weighs them: 1 below 100, 2 below 500, 5 up
 * to 1,000, 10 beyond, so that pages of 499 are the most candles that a minute's weight can buy.
 * https://developers.binance.com/docs/binance-spot-api-docs/rest-api/market-data-endpoints#klinecandlestick-data
 * https://developers.binance.com/docs/derivatives/usds-margined-futures/market-data/rest-api/Kline-Candlestick-Data
 */
const maxCandles = { spot: 1_000, perpetual: 499 } as const

function candlesWeight(kind: InstrumentKind, limit: number): number {
  return kind === 'spot' || limit >= 100 ? 2 : 1
}

/**
 * https://developers.binance.com/docs/binance-spot-api-docs/rest-api/market-data-endpoints
 * https://developers.binance.com/docs/derivatives/usds-margined-futures/market-data/rest-api
 */
const weights = {
  spot: { instruments: 20, trades: 4 },
  perpetual: { instruments: 1, trades: 20 },
} as const
const MAX_TRADES = 1_000
const MAX_FUNDING_RATES = 1_000

/**
 * What a depth weighs. Spot takes any depth up to the last, USD-M these alone.
 * https://developers.binance.com/docs/binance-spot-api-docs/rest-api/market-data-endpoints#order-book
 * https://developers.binance.com/docs/derivatives/usds-margined-futures/market-data/rest-api/Order-Book
 */
const depthSteps = {
  spot: [
    { limit: 100, weight: 5 },
    { limit: 500, weight: 25 },
    { limit: 1_000, weight: 50 },
  ],
  perpetual: [
    { limit: 5, weight: 2 },
    { limit: 10, weight: 2 },
    { limit: 20, weight: 2 },
    { limit: 50, weight: 2 },
    { limit: 100, weight: 5 },
    { limit: 500, weight: 10 },
  ],
} as const
const deepest = { spot: { limit: 5_000, weight: 250 }, perpetual: { limit: 1_000, weight: 20 } } as const

export const binance = {
  exchange: 'binance',
  name: 'Binance',
  regions: ['apac', 'weur', 'eeur'],
  rest: {
    baseUrl: { spot: hosts.spot.baseUrl, perpetual: hosts.perpetual.baseUrl },
    rateLimits,
    intervals,
    maxCandles,
    settleMs: 5_000,
    emptySlots: 'flat',
    firstCandle: {
      by: 'oldest',
      call: (instrument, interval) => candles(instrument, interval, { startTime: 0, limit: 1 }),
    },
    headers: {},

    instruments: (kind) => call(kind, 'exchangeInfo', {}, weights[kind].instruments, binanceDecoders.instruments),

    candles: (instrument, interval, window) =>
      candles(instrument, interval, {
        startTime: window.start,
        endTime: window.end - 1,
        limit: countSlots(window, interval),
      }),

    trades: (instrument, limit) => trades(instrument, { limit: Math.min(limit, MAX_TRADES) }),

    tradeHistory: {
      from: 'oldest',
      pageSize: MAX_TRADES,
      page: (instrument, id) => trades(instrument, { fromId: String(BigInt(id) + 1n), limit: MAX_TRADES }),
    },

    orderBook({ kind, exchangeSymbol }, depth) {
      const step = depthSteps[kind].find(({ limit }) => limit >= depth) ?? deepest[kind]
      const limit = kind === 'spot' ? Math.min(depth, step.limit) : step.limit
      return call(kind, 'depth', { symbol: exchangeSymbol, limit }, step.weight, (body) => ({
        ...binanceDecoders.orderBook(body),
        exchangeSymbol,
      }))
    },

    maxFundingRates: MAX_FUNDING_RATES,
    fundingRates({ kind, exchangeSymbol }, window) {
      const [startTime, endTime] = [window.start, window.end - 1]
      const query = { symbol: exchangeSymbol, startTime, endTime, limit: MAX_FUNDING_RATES }
      const decode = (body: string) => allSound(binanceDecoders.fundingRates(body), 'binance fundingRate')
      return { ...call(kind, 'fundingRate', query, 1, decode), limit: 'usdm-funding' }
    },

    classify,
  },
  stream: binanceStream,
} as const satisfies ExchangeConnector

function call<T>(
  kind: InstrumentKind,
  path: string,
  query: Query,
  weight: number,
  decode: (body: string) => T,
): RestCall<T> {
  const { prefix, limit } = hosts[kind]
  return { kind, path: withQuery(`${prefix}/${path}`, query), limit, weight, decode }
}

function candles(
  { kind, exchangeSymbol }: Instrument,
  interval: Interval,
  window: { readonly startTime: number; readonly endTime?: number; readonly limit: number },
): RestCall<CandlePage> {
  const query = { symbol: exchangeSymbol, interval: nativeInterval(intervals, interval, 'binance'), ...window }
  return call(kind, 'klines', query, candlesWeight(kind, window.limit), binanceDecoders.candles)
}

/**
 * Aggregate trades: what the streams carry, and what can be asked for by id without a key. `fromId` is inclusive.
 * https://developers.binance.com/docs/binance-spot-api-docs/rest-api/market-data-endpoints#compressedaggregate-trades-list
 * https://developers.binance.com/docs/derivatives/usds-margined-futures/market-data/rest-api/Compressed-Aggregate-Trades-List
 */
function trades(
  { kind, exchangeSymbol }: Instrument,
  page: { readonly fromId?: string; readonly limit: number },
): RestCall<readonly Trade[]> {
  return call(kind, 'aggTrades', { symbol: exchangeSymbol, ...page }, weights[kind].trades, (body) =>
    allSound(binanceDecoders.trades(body), 'binance aggTrades'),
  )
}

/**
 * Codes that say that the same request may succeed later: the exchange is overloaded, restarting or cut off inside.
 * https://developers.binance.com/docs/binance-spot-api-docs/errors#10xx---general-server-or-network-issues
 */
const TEMPORARY_CODES: readonly string[] = ['-1000', '-1001', '-1003', '-1006', '-1007', '-1008', '-1015', '-1016']
const UNKNOWN_SYMBOL_CODES: readonly string[] = ['-1121']

/**
 * `{"code":-1121,"msg":"Invalid symbol."}`. 429 asks for patience, 418 is a ban that follows when it is not heard, 403
 * comes from the firewall (a page: the region is not served), 451 is the law's.
 * https://developers.binance.com/docs/binance-spot-api-docs/rest-api/general-api-information#http-return-codes
 */
function classify(status: number, headers: Headers, body: string): RestOutcome {
  const fields = errorFields(body)
  const code = fields === undefined ? '' : textField(fields, 'code')
  const message = fields === undefined ? '' : textField(fields, 'msg')
  // 451 carries code 0; the codes that mean something are negative.
  if (!code.startsWith('-') || isAboutAddress(status)) {
    return outcomeOfStatus(status, headers, body, shorten(message))
  }
  const reason = shorten(`${code} ${message}`)
  if (code === '-1003' && /banned/i.test(message)) return bannedUntil(reason, retryAfterMs(headers))
  if (isTemporary(status) || TEMPORARY_CODES.includes(code)) return retryAfter(reason, headers)
  return rejected(code, reason, UNKNOWN_SYMBOL_CODES.includes(code))
}
