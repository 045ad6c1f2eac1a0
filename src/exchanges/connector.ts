import type { BadCandle, Candle } from '../domain/candle.ts'
import type { FundingRate } from '../domain/funding.ts'
import type { Instrument, InstrumentKind, RejectedRecord } from '../domain/instrument.ts'
import type { Interval, Window } from '../domain/interval.ts'
import type { BookSnapshot } from '../domain/order-book.ts'
import type { Trade } from '../domain/trade.ts'
import type { StreamApi } from './stream.ts'

export type { RejectedRecord }

/**
 * One exchange as data and pure functions: it says what to send and decodes what comes back. It never fetches, sleeps
 * or reads a clock, so the whole of it is tested with text in and values out.
 */
export interface ExchangeConnector {
  /** `okx`: the name in URLs and in the database. */
  readonly exchange: string
  /** `OKX`: the name for people. */
  readonly name: string
  /** Where its API answers, best first: Cloudflare location hints. */
  readonly regions: readonly RegionHint[]
  readonly rest: RestApi
  readonly stream: StreamApi
}

/** https://developers.cloudflare.com/durable-objects/reference/data-location/#provide-a-location-hint */
export const regionHints = ['wnam', 'enam', 'sam', 'weur', 'eeur', 'apac', 'oc', 'afr', 'me'] as const
export type RegionHint = (typeof regionHints)[number]

export interface RestApi {
  /** One host a kind; budgets, bans and blocks are kept per host. Overridable by configuration. No trailing slash. */
  readonly baseUrl: Readonly<Partial<Record<InstrumentKind, string>>>
  /** As the exchange publishes them. Limits of one name on two hosts are two budgets. */
  readonly rateLimits: readonly RateLimit[]
  /** How the exchange spells the intervals that it serves; an absent one is not native, we derive it. */
  readonly intervals: Readonly<Partial<Record<Interval, string>>>
  /** The most candles that one request may ask for, over all kinds and endpoints. */
  readonly maxCandles: Readonly<Record<InstrumentKind, number>>
  /** How long after a slot's end its candle may still change, ms. */
  readonly settleMs: number
  /** Whether a slot without trades has a (flat) candle or none at all. */
  readonly emptySlots: 'flat' | 'absent'
  /** How the first candle of an instrument is found. */
  readonly firstCandle: FirstCandleRule
  /** Sent with each request: Coinbase refuses one without a `User-Agent`. */
  readonly headers: Readonly<Record<string, string>>

  instruments(kind: InstrumentKind, cursor?: string): RestCall<InstrumentPage>
  /**
   * The candles that open in `window` (aligned, at most `maxCandles` slots), in any order, the unfinished one included.
   * @param now ms UTC on the exchange's clock: some serve recent and old candles at different paths
   */
  candles(instrument: Instrument, interval: Interval, window: Window, now: number): RestCall<CandlePage>
  /** The most recent trades, newest last. */
  trades(instrument: Instrument, limit: number): RestCall<readonly Trade[]>
  /** How old trades are asked for by their ids, page by page; absent where only the most recent ones can be. */
  readonly tradeHistory?: TradeHistory
  orderBook(instrument: Instrument, depth: number): RestCall<BookSnapshot>
  /** Past funding rates, ascending; absent where the exchange has no perpetuals here. */
  fundingRates?(instrument: Instrument, window: Window): RestCall<readonly FundingRate[]>
  /** The most rates of one answer: one with so many may lack some of those in its window, at either end. */
  readonly maxFundingRates?: number
  /** What an answer means, before its body is decoded. */
  classify(status: number, headers: Headers, body: string): RestOutcome
}

/**
 * - `listed`: the instrument's `listedAt` is it; where an instrument has none, it is searched;
 * - `oldest`: a request for candles from time 0 answers with the first ones;
 * - `search`: neither is there: found by halving the time since 2009.
 */
export type FirstCandleRule =
  | { readonly by: 'listed' }
  | { readonly by: 'oldest'; call(instrument: Instrument, interval: Interval): RestCall<CandlePage> }
  | { readonly by: 'search' }

/**
 * Pages of past trades, each ascending by id.
 * - `oldest`: `page` gives those that follow the trade `id` (not included), the oldest ones first;
 * - `newest`: `page` gives those that precede the trade `id` (not included), the newest ones first; `null`: the newest.
 * A page shorter than `pageSize` is the last in its direction.
 */
export type TradeHistory =
  | {
      readonly from: 'oldest'
      readonly pageSize: number
      page(instrument: Instrument, id: string): RestCall<readonly Trade[]>
    }
  | {
      readonly from: 'newest'
      readonly pageSize: number
      page(instrument: Instrument, id: string | null): RestCall<readonly Trade[]>
    }

export interface RateLimit {
  /** Referred to by `RestCall.limit`. */
  readonly name: string
  /** Weight (or requests) per window. */
  readonly limit: number
  readonly windowMs: number
}

/** One request, ready to be sent, and how to read its answer. */
export interface RestCall<T> {
  readonly kind: InstrumentKind
  /** Path and query, to be appended to the base URL of the kind. */
  readonly path: string
  /** The name of the rate limit that it counts against, and by how much. */
  readonly limit: string
  readonly weight: number
  /** @throws AppError `malformed_response` where the body is not what was asked for */
  decode(body: string): T
}

export interface InstrumentPage {
  readonly instruments: readonly Instrument[]
  /** Records that cannot be named or read: kept apart, they never fail the list. */
  readonly rejected: readonly RejectedRecord[]
  readonly nextCursor: string | null
}

/** Rows that are not candles at all stand in `bad`; whether the others are sound is judged by `checkCandles`. */
export interface CandlePage {
  readonly candles: readonly Candle[]
  readonly bad: readonly BadCandle[]
}

export type RestOutcome =
  | { readonly kind: 'ok' }
  /** Overloaded, limited or failing: the same request may succeed later. `null`: the exchange does not say when. */
  | { readonly kind: 'retry-after'; readonly retryAfterMs: number | null; readonly reason: string }
  /** The address is banned: nothing may be sent until then. */
  | { readonly kind: 'banned-until'; readonly banMs: number | null; readonly reason: string }
  /** The exchange does not serve this region. */
  | { readonly kind: 'geo-blocked'; readonly reason: string }
  /** The request itself is wrong, or its instrument is unknown: repeating it is useless. */
  | { readonly kind: 'rejected'; readonly code: string; readonly reason: string; readonly unknownInstrument: boolean }
