/** The endpoints of Binance spot and USD-M futures with their weights, as the pages in binance-history.ts publish them. */

import { aggTrades, depth, klines, trades } from './binance-history.ts'
import { type Call, instrumentOf } from './binance-query.ts'
import { datedFuture, futuresRecord, spotRecord } from './binance-records.ts'
import { bookTicker, fundingHistory, premiumIndex, ticker24hr, tickerPrice } from './binance-tickers.ts'
import type { Kind } from './catalogue.ts'
import { json, type Reply } from './protocol.ts'

/** Spot filters by `symbol`; USD-M has no parameters and ignores what it is sent. */
const exchangeInfo = (call: Call): Reply => {
  const { state, kind, query } = call
  const now = state.now()
  const record = kind === 'spot' ? spotRecord : futuresRecord
  const symbolNames = kind === 'spot' ? query.get('symbols') : null
  const listed = state.listings
    .all(kind, now)
    .filter((known) => symbolNames?.includes(`"${known.exchangeSymbol}"`) ?? true)
  const wanted = kind === 'spot' && query.has('symbol') ? [instrumentOf(call)] : listed
  const symbols: unknown[] = wanted.map((instrument) => record(instrument, !state.listings.isDelisted(instrument, now)))
  const bitcoin = wanted.find(({ base }) => base === 'BTC')
  if (kind === 'perpetual' && bitcoin) symbols.push(datedFuture(bitcoin, now))
  const limit = kind === 'spot' ? 6000 : 2400
  return json({
    timezone: 'UTC',
    serverTime: now,
    ...(kind === 'spot'
      ? {}
      : { futuresType: 'U_MARGINED', assets: [{ asset: 'USDT', marginAvailable: true, autoAssetExchange: '-10000' }] }),
    rateLimits: [
      { rateLimitType: 'REQUEST_WEIGHT', interval: 'MINUTE', intervalNum: 1, limit },
      {
        rateLimitType: 'ORDERS',
        interval: kind === 'spot' ? 'SECOND' : 'MINUTE',
        intervalNum: kind === 'spot' ? 10 : 1,
        limit: 100,
      },
    ],
    exchangeFilters: [],
    symbols,
  })
}

const ping = (): Reply => json({})
const time = ({ state }: Call): Reply => json({ serverTime: state.now() })

/** Weight of a request, and what answers it. */
interface Endpoint {
  readonly weight: (query: URLSearchParams) => number
  /** The parameters that the endpoint reads. */
  readonly reads: readonly string[]
  readonly answer: (call: Call) => Reply
}

const flat = (weight: number) => () => weight
const bySymbol = (one: number, all: number) => (query: URLSearchParams) => (query.has('symbol') ? one : all)
/** @param steps [largest limit of the step, weight], ascending */
const byLimit = (fallback: number, steps: readonly (readonly [number, number])[]) => (query: URLSearchParams) => {
  const limit = Number(query.get('limit') ?? fallback)
  return steps.find(([largest]) => limit <= largest)?.[1] ?? steps.at(-1)?.[1] ?? 1
}

const KLINES = ['symbol', 'interval', 'startTime', 'endTime', 'timeZone', 'limit']
const AGGREGATES = ['symbol', 'fromId', 'startTime', 'endTime', 'limit']
const TICKERS = ['symbol', 'symbols', 'type', 'symbolStatus']

export const BINANCE_ENDPOINTS: Readonly<Record<Kind, Readonly<Record<string, Endpoint>>>> = {
  spot: {
    '/api/v3/ping': { weight: flat(1), reads: [], answer: ping },
    '/api/v3/time': { weight: flat(1), reads: [], answer: time },
    '/api/v3/exchangeInfo': {
      weight: flat(20),
      reads: ['symbol', 'symbols', 'permissions', 'showPermissionSets', 'symbolStatus'],
      answer: exchangeInfo,
    },
    '/api/v3/klines': { weight: flat(2), reads: KLINES, answer: klines },
    '/api/v3/aggTrades': { weight: flat(4), reads: AGGREGATES, answer: aggTrades },
    '/api/v3/trades': { weight: flat(25), reads: ['symbol', 'limit'], answer: trades },
    '/api/v3/historicalTrades': { weight: flat(25), reads: ['symbol', 'limit', 'fromId'], answer: trades },
    '/api/v3/ticker/24hr': { weight: bySymbol(2, 80), reads: TICKERS, answer: ticker24hr },
    '/api/v3/ticker/price': { weight: bySymbol(2, 4), reads: TICKERS, answer: tickerPrice },
    '/api/v3/ticker/bookTicker': { weight: bySymbol(2, 4), reads: TICKERS, answer: bookTicker },
    '/api/v3/depth': {
      weight: byLimit(100, [
        [100, 5],
        [500, 25],
        [1000, 50],
        [5000, 250],
      ]),
      reads: ['symbol', 'limit', 'symbolStatus'],
      answer: depth,
    },
  },
  perpetual: {
    '/fapi/v1/ping': { weight: flat(1), reads: [], answer: ping },
    '/fapi/v1/time': { weight: flat(1), reads: [], answer: time },
    '/fapi/v1/exchangeInfo': { weight: flat(1), reads: [], answer: exchangeInfo },
    '/fapi/v1/klines': {
      weight: byLimit(500, [
        [99, 1],
        [499, 2],
        [1000, 5],
        [1500, 10],
      ]),
      reads: KLINES,
      answer: klines,
    },
    '/fapi/v1/aggTrades': { weight: flat(20), reads: AGGREGATES, answer: aggTrades },
    '/fapi/v1/trades': { weight: flat(5), reads: ['symbol', 'limit'], answer: trades },
    '/fapi/v1/ticker/24hr': { weight: bySymbol(1, 40), reads: TICKERS, answer: ticker24hr },
    '/fapi/v1/ticker/price': { weight: bySymbol(1, 2), reads: TICKERS, answer: tickerPrice },
    '/fapi/v1/ticker/bookTicker': { weight: bySymbol(2, 5), reads: TICKERS, answer: bookTicker },
    '/fapi/v1/depth': {
      weight: byLimit(500, [
        [50, 2],
        [100, 5],
        [500, 10],
        [1000, 20],
      ]),
      reads: ['symbol', 'limit'],
      answer: depth,
    },
    '/fapi/v1/premiumIndex': { weight: bySymbol(1, 10), reads: ['symbol'], answer: premiumIndex },
    '/fapi/v1/fundingRate': {
      weight: flat(0),
      reads: ['symbol', 'startTime', 'endTime', 'limit'],
      answer: fundingHistory,
    },
  },
}
