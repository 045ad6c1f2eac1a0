import type { InstrumentKind } from '../domain/instrument.ts'
import { countSlots, floorToInterval, type Interval, shiftOpenTime, type Window } from '../domain/interval.ts'
import type { ExchangeConnector, RestCall, RestOutcome } from './connector.ts'
import { allSound } from './decode.ts'
import { okxDecoders } from './okx-decode.ts'
import { okxIntervals } from './okx-frames.ts'
import { okxStream } from './okx-stream.ts'
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
 * OKX: https://www.okx.com/docs-v5/en/
 *
 * Pages go from new to old: `after` asks for what is older than a time, `before` for what is newer, both exclusive. Bars
 * from 6 hours up open in UTC+8 unless their name ends in `utc`. Some regions have hosts of their own (`my.okx.com`).
 */
const BASE_URL = 'https://www.okx.com'

/** Requests by address, each path for itself; the path's section of the documentation has its limit. */
const rateLimits = [
  // https://www.okx.com/docs-v5/en/#public-data-rest-api-get-instruments
  { name: 'instruments', limit: 20, windowMs: 2_000 },
  // https://www.okx.com/docs-v5/en/#order-book-trading-market-data-get-candlesticks
  { name: 'candles', limit: 40, windowMs: 2_000 },
  // https://www.okx.com/docs-v5/en/#order-book-trading-market-data-get-candlesticks-history
  { name: 'history-candles', limit: 20, windowMs: 2_000 },
  // https://www.okx.com/docs-v5/en/#order-book-trading-market-data-get-trades
  { name: 'trades', limit: 100, windowMs: 2_000 },
  // https://www.okx.com/docs-v5/en/#order-book-trading-market-data-get-trades-history
  { name: 'history-trades', limit: 20, windowMs: 2_000 },
  // https://www.okx.com/docs-v5/en/#order-book-trading-market-data-get-order-book
  { name: 'books', limit: 40, windowMs: 2_000 },
  // https://www.okx.com/docs-v5/en/#public-data-rest-api-get-funding-rate-history
  { name: 'funding-rate-history', limit: 10, windowMs: 2_000 },
] as const

type LimitName = (typeof rateLimits)[number]['name']

/** Of both paths: https://www.okx.com/docs-v5/en/#order-book-trading-market-data-get-candlesticks-history */
const MAX_CANDLES = 300

/**
 * `candles` knows the newest 1,440 of an interval only, the unfinished one among them; two fewer, so that a clock that
 * is a little off never asks it for one that has just left. https://www.okx.com/docs-v5/en/#order-book-trading-market-data-get-candlesticks
 */
const RECENT_CANDLES = 1_440 - 2

/** https://www.okx.com/docs-v5/en/#order-book-trading-market-data-get-trades */
const MAX_TRADES = 500
/** https://www.okx.com/docs-v5/en/#order-book-trading-market-data-get-trades-history */
const TRADE_HISTORY_PAGE = 100
/** https://www.okx.com/docs-v5/en/#order-book-trading-market-data-get-order-book */
const MAX_DEPTH = 400
/** https://www.okx.com/docs-v5/en/#public-data-rest-api-get-funding-rate-history */
const MAX_FUNDING_RATES = 100

const instrumentTypes = { spot: 'SPOT', perpetual: 'SWAP' } as const satisfies Record<InstrumentKind, string>

export const okx = {
  exchange: 'okx',
  name: 'OKX',
  regions: ['apac', 'weur', 'eeur'],
  rest: {
    baseUrl: { spot: BASE_URL, perpetual: BASE_URL },
    rateLimits,
    intervals: okxIntervals,
    maxCandles: { spot: MAX_CANDLES, perpetual: MAX_CANDLES },
    settleMs: 5_000,
    emptySlots: 'flat',
    firstCandle: { by: 'listed' },
    headers: {},

    instruments: (kind) =>
      call(kind, 'public/instruments', { instType: instrumentTypes[kind] }, 'instruments', okxDecoders.instruments),

    candles({ kind, exchangeSymbol }, interval, window, now) {
      const path = isRecent(window, interval, now) ? 'candles' : 'history-candles'
      const query = {
        instId: exchangeSymbol,
        bar: nativeInterval(okxIntervals, interval, 'okx'),
        before: window.start - 1,
        after: window.end,
        limit: countSlots(window, interval),
      }
      return call(kind, `market/${path}`, query, path, (body) => okxDecoders.candles(body, kind))
    },

    trades({ kind, exchangeSymbol }, limit) {
      const query = { instId: exchangeSymbol, limit: Math.min(limit, MAX_TRADES) }
      return call(kind, 'market/trades', query, 'trades', (body) => allSound(okxDecoders.trades(body), 'okx trades'))
    },

    /** Of the last three months, single fills; `after` asks for the ids before it. */
    tradeHistory: {
      from: 'newest',
      pageSize: TRADE_HISTORY_PAGE,
      page({ kind, exchangeSymbol }, id) {
        const query = { instId: exchangeSymbol, after: id ?? undefined, limit: TRADE_HISTORY_PAGE }
        return call(kind, 'market/history-trades', query, 'history-trades', (body) =>
          allSound(okxDecoders.trades(body), 'okx history trades'),
        )
      },
    },

    orderBook({ kind, exchangeSymbol }, depth) {
      const query = { instId: exchangeSymbol, sz: Math.min(depth, MAX_DEPTH) }
      return call(kind, 'market/books', query, 'books', (body) => ({ ...okxDecoders.orderBook(body), exchangeSymbol }))
    },

    maxFundingRates: MAX_FUNDING_RATES,
    fundingRates({ kind, exchangeSymbol }, window) {
      const query = { instId: exchangeSymbol, before: window.start - 1, after: window.end, limit: MAX_FUNDING_RATES }
      return call(kind, 'public/funding-rate-history', query, 'funding-rate-history', (body) =>
        allSound(okxDecoders.fundingRates(body), 'okx funding rates'),
      )
    },

    classify,
  },
  stream: okxStream,
} as const satisfies ExchangeConnector

function call<T>(
  kind: InstrumentKind,
  path: string,
  query: Query,
  limit: LimitName,
  decode: (body: string) => T,
): RestCall<T> {
  return { kind, path: withQuery(`/api/v5/${path}`, query), limit, weight: 1, decode }
}

function isRecent(window: Window, interval: Interval, now: number): boolean {
  return window.start > shiftOpenTime(floorToInterval(now, interval), interval, -RECENT_CANDLES)
}

/** Overloaded, limited, restarting: https://www.okx.com/docs-v5/en/#error-code-rest-api-public */
const TEMPORARY_CODES: readonly string[] = ['50001', '50004', '50011', '50013', '50026', '50040', '50061']
/** 51001: no such instrument; 51000: a parameter is wrong, which its message names. */
const UNKNOWN_INSTRUMENT = /^(?:51001 |51000 .*inst)/i

/** `{"code":"51001","msg":"Instrument ID doesn't exist","data":[]}`, mostly with status 200. */
function classify(status: number, headers: Headers, body: string): RestOutcome {
  const fields = errorFields(body)
  const code = fields === undefined ? '' : textField(fields, 'code')
  const message = fields === undefined ? '' : textField(fields, 'msg')
  if (code === '' || code === '0' || isAboutAddress(status)) {
    return outcomeOfStatus(status, headers, body, shorten(message))
  }
  const reason = shorten(`${code} ${message}`)
  if (isTemporary(status) || TEMPORARY_CODES.includes(code)) return retryAfter(reason, headers)
  return rejected(code, reason, UNKNOWN_INSTRUMENT.test(reason))
}
