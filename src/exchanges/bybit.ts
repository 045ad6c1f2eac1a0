import type { InstrumentKind } from '../domain/instrument.ts'
import { countSlots } from '../domain/interval.ts'
import { bybitDecoders } from './bybit-decode.ts'
import { bybitIntervals } from './bybit-frames.ts'
import { bybitStream } from './bybit-stream.ts'
import type { ExchangeConnector, RestCall, RestOutcome } from './connector.ts'
import { allSound } from './decode.ts'
import {
  bannedUntil,
  errorFields,
  geoBlocked,
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
 * Bybit v5: https://bybit-exchange.github.io/docs/v5/intro
 *
 * One host for spot and linear (USDT and USDC) perpetuals, told apart by `category`. Windows are inclusive at both ends.
 */
const BASE_URL = 'https://api.bybit.com'

const categories = { spot: 'spot', perpetual: 'linear' } as const satisfies Record<InstrumentKind, string>

/** All paths together, by address: https://bybit-exchange.github.io/docs/v5/rate-limit#ip-limit */
const rateLimits = [{ name: 'address', limit: 600, windowMs: 5_000 }] as const

/** How long an address is shut out that asked faster: https://bybit-exchange.github.io/docs/v5/rate-limit#ip-limit */
const BAN_MS = 600_000

/** https://bybit-exchange.github.io/docs/v5/market/kline */
const MAX_CANDLES = 1_000
/** https://bybit-exchange.github.io/docs/v5/market/recent-trade */
const maxTrades = { spot: 60, perpetual: 1_000 } as const
/** https://bybit-exchange.github.io/docs/v5/market/orderbook */
const maxDepth = { spot: 200, perpetual: 500 } as const
/** https://bybit-exchange.github.io/docs/v5/market/history-fund-rate */
const MAX_FUNDING_RATES = 200
/** Spot comes in one piece: https://bybit-exchange.github.io/docs/v5/market/instrument */
const instrumentsPage = { spot: undefined, perpetual: 1_000 } as const

export const bybit = {
  exchange: 'bybit',
  name: 'Bybit',
  regions: ['apac', 'weur', 'eeur'],
  rest: {
    baseUrl: { spot: BASE_URL, perpetual: BASE_URL },
    rateLimits,
    intervals: bybitIntervals,
    maxCandles: { spot: MAX_CANDLES, perpetual: MAX_CANDLES },
    settleMs: 5_000,
    emptySlots: 'flat',
    // Perpetuals carry their launch time, spot instruments do not: those are searched.
    firstCandle: { by: 'listed' },
    headers: {},

    instruments: (kind: InstrumentKind, cursor?: string) =>
      call(kind, 'instruments-info', { limit: instrumentsPage[kind], cursor }, bybitDecoders.instruments),

    candles({ kind, exchangeSymbol }, interval, window) {
      const query = {
        symbol: exchangeSymbol,
        interval: nativeInterval(bybitIntervals, interval, 'bybit'),
        start: window.start,
        end: window.end - 1,
        limit: countSlots(window, interval),
      }
      return call(kind, 'kline', query, bybitDecoders.candles)
    },

    trades({ kind, exchangeSymbol }, limit) {
      const query = { symbol: exchangeSymbol, limit: Math.min(limit, maxTrades[kind]) }
      return call(kind, 'recent-trade', query, (body) => allSound(bybitDecoders.trades(body), 'bybit trades'))
    },

    orderBook({ kind, exchangeSymbol }, depth) {
      const query = { symbol: exchangeSymbol, limit: Math.min(depth, maxDepth[kind]) }
      return call(kind, 'orderbook', query, (body) => ({ ...bybitDecoders.orderBook(body), exchangeSymbol }))
    },

    maxFundingRates: MAX_FUNDING_RATES,
    fundingRates({ kind, exchangeSymbol }, window) {
      const [startTime, endTime] = [window.start, window.end - 1]
      const query = { symbol: exchangeSymbol, startTime, endTime, limit: MAX_FUNDING_RATES }
      return call(kind, 'funding/history', query, (body) =>
        allSound(bybitDecoders.fundingRates(body), 'bybit funding history'),
      )
    },

    classify,
  },
  stream: bybitStream,
} as const satisfies ExchangeConnector

function call<T>(kind: InstrumentKind, path: string, query: Query, decode: (body: string) => T): RestCall<T> {
  const fullPath = withQuery(`/v5/market/${path}`, { category: categories[kind], ...query })
  return { kind, path: fullPath, limit: 'address', weight: 1, decode }
}

/** https://bybit-exchange.github.io/docs/v5/error */
const TEMPORARY_CODES: readonly string[] = ['10000', '10006', '10016', '10018', '10429']
const BANNED_CODES: readonly string[] = ['10008', '10009']
/** Compliance rules: the caller's region is not served. */
const REGION_CODES: readonly string[] = ['10024']
/** 10001 is any wrong parameter; its message names the symbol where that is the one. */
const UNKNOWN_SYMBOL = /^10001 .*symbol/i

/**
 * `{"retCode":10006,"retMsg":"Too many visits!",…}` with status 200. Status 403 is either the ban of an address that
 * asked too fast or the gateway's refusal of a region: only the text tells.
 * https://bybit-exchange.github.io/docs/v5/rate-limit#ip-limit
 */
function classify(status: number, headers: Headers, body: string): RestOutcome {
  if (status === 403 && /too frequent/i.test(body)) return bannedUntil('access too frequent', BAN_MS)
  const fields = errorFields(body)
  const code = fields === undefined ? '' : textField(fields, 'retCode')
  const message = fields === undefined ? '' : textField(fields, 'retMsg')
  const reason = shorten(`${code} ${message}`)
  if (REGION_CODES.includes(code)) return geoBlocked(reason)
  if (code === '' || code === '0' || isAboutAddress(status)) {
    return outcomeOfStatus(status, headers, body, shorten(message))
  }
  if (BANNED_CODES.includes(code)) return bannedUntil(reason, null)
  if (isTemporary(status) || TEMPORARY_CODES.includes(code)) return retryAfter(reason, headers)
  return rejected(code, reason, UNKNOWN_SYMBOL.test(reason))
}
