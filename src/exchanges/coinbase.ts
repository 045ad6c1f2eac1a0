import type { Instrument } from '../domain/instrument.ts'
import { intervalLength } from '../domain/interval.ts'
import type { Trade } from '../domain/trade.ts'
import { coinbaseDecoders } from './coinbase-decode.ts'
import { coinbaseIntervals } from './coinbase-intervals.ts'
import { coinbaseStream } from './coinbase-stream.ts'
import type { ExchangeConnector, RestCall, RestOutcome } from './connector.ts'
import { allSound } from './decode.ts'
import {
  errorFields,
  isAboutAddress,
  isTemporary,
  outcomeOfStatus,
  rejected,
  retryAfter,
  shorten,
  textField,
} from './outcome.ts'
import { nativeInterval, type Query, withQuery } from './request.ts'

/**
 * Coinbase Exchange, spot: https://docs.cdp.coinbase.com/exchange/introduction/welcome
 *
 * A slot in which nothing traded has no candle. It refuses requests without a `User-Agent`, and a Worker sends none by
 * itself. https://docs.cdp.coinbase.com/exchange/rest-api/requests
 */
const BASE_URL = 'https://api.exchange.coinbase.com'

/** https://docs.cdp.coinbase.com/exchange/rest-api/rate-limits */
const rateLimits = [{ name: 'public', limit: 10, windowMs: 1_000 }] as const

/**
 * More points than these between start and end, both inclusive, are refused: a window's last point is the opening of its
 * last candle. https://docs.cdp.coinbase.com/api-reference/exchange-api/rest-api/products/get-product-candles
 */
const MAX_CANDLES = 300
/** https://docs.cdp.coinbase.com/api-reference/exchange-api/rest-api/products/get-product-trades */
const MAX_TRADES = 1_000

/** The best prices alone, or all of them. https://docs.cdp.coinbase.com/api-reference/exchange-api/rest-api/products/get-product-book */
const BEST_LEVEL = 1
const ALL_LEVELS = 2

export const coinbase = {
  exchange: 'coinbase',
  name: 'Coinbase Exchange',
  regions: ['enam', 'wnam', 'weur'],
  rest: {
    baseUrl: { spot: BASE_URL },
    rateLimits,
    intervals: coinbaseIntervals,
    maxCandles: { spot: MAX_CANDLES, perpetual: MAX_CANDLES },
    settleMs: 60_000,
    emptySlots: 'absent',
    firstCandle: { by: 'search' },
    headers: { 'User-Agent': 'zvt-crypto' },

    instruments: () => call('/products', {}, coinbaseDecoders.instruments),

    candles({ exchangeSymbol }, interval, window) {
      const query = {
        granularity: nativeInterval(coinbaseIntervals, interval, 'coinbase'),
        start: new Date(window.start).toISOString(),
        end: new Date(window.end - intervalLength(interval)).toISOString(),
      }
      return call(`/products/${encodeURIComponent(exchangeSymbol)}/candles`, query, coinbaseDecoders.candles)
    },

    trades: (instrument, limit) => trades(instrument, { limit: Math.min(limit, MAX_TRADES) }),

    /** `after` is exclusive and means older. */
    tradeHistory: {
      from: 'newest',
      pageSize: MAX_TRADES,
      page: (instrument, id) => trades(instrument, { limit: MAX_TRADES, after: id ?? undefined }),
    },

    orderBook({ exchangeSymbol }, depth) {
      const query = { level: depth === 1 ? BEST_LEVEL : ALL_LEVELS }
      return call(`/products/${encodeURIComponent(exchangeSymbol)}/book`, query, (body) => ({
        ...coinbaseDecoders.orderBook(body),
        exchangeSymbol,
      }))
    },

    classify,
  },
  stream: coinbaseStream,
} as const satisfies ExchangeConnector

function call<T>(path: string, query: Query, decode: (body: string) => T): RestCall<T> {
  return { kind: 'spot', path: withQuery(path, query), limit: 'public', weight: 1, decode }
}

/** https://docs.cdp.coinbase.com/exchange/rest-api/pagination */
function trades(
  { exchangeSymbol }: Instrument,
  page: { readonly limit: number; readonly after?: string | undefined },
): RestCall<readonly Trade[]> {
  return call(`/products/${encodeURIComponent(exchangeSymbol)}/trades`, page, (body) =>
    allSound(coinbaseDecoders.trades(body), 'coinbase trades'),
  )
}

/**
 * `{"message":"NotFound"}`: there are no codes, only statuses and messages.
 * https://docs.cdp.coinbase.com/exchange/rest-api/requests#errors
 */
function classify(status: number, headers: Headers, body: string): RestOutcome {
  const fields = errorFields(body)
  const message = fields === undefined ? '' : shorten(textField(fields, 'message'))
  if (message === '' || isAboutAddress(status)) return outcomeOfStatus(status, headers, body, message)
  if (isTemporary(status) || /rate limit/i.test(message)) return retryAfter(message, headers)
  return rejected(String(status), message, status === 404 || /not\s?found/i.test(message))
}
