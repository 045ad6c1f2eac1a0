/**
 * Simulated Coinbase Exchange: spot, one host.
 * https://docs.cdp.coinbase.com/exchange/reference/exchangerestapi_getproductcandles and its neighbours
 * Limits: https://docs.cdp.coinbase.com/exchange/rest-api/rate-limits
 *
 * Rows come newest first. Candles are JSON numbers, in the order time, low, high, open, close, volume, and slots in
 * which nothing was traded are left out.
 */

import { readPage, type SpellRow } from './candle-page.ts'
import type { Instrument } from './catalogue.ts'
import { decimalText, exponentText } from './decimal-text.ts'
import type { ExchangeState } from './exchange-state.ts'
import { readSnapshot } from './fault-reply.ts'
import { type CandleInterval, INTERVALS } from './intervals.ts'
import { CLOSE, HIGH, LOW, OPEN, VOLUME } from './market.ts'
import { BOOK_DEPTH, bookSequenceAt } from './order-book.ts'
import {
  type Admission,
  cloudFrontPage,
  type ExchangeHost,
  type ExchangeRequest,
  json,
  proxyPage,
  Refusal,
  type Reply,
  type Target,
} from './protocol.ts'
import { BanList, TokenBucket } from './rate-limits.ts'
import { readSummary } from './summary.ts'
import type { Trade } from './trade-tape.ts'

/** Public endpoints: 10 requests a second of an address, up to 15 in bursts. */
const REQUESTS_PER_SECOND = 10
const BURST = 15
const MAX_CANDLES = 300

const INTERVAL_OF_GRANULARITY: Readonly<Record<string, CandleInterval | undefined>> = {
  '60': INTERVALS['1m'],
  '300': INTERVALS['5m'],
  '900': INTERVALS['15m'],
  '3600': INTERVALS['1h'],
  '21600': INTERVALS['6h'],
  '86400': INTERVALS['1d'],
}

const refusal = (status: number, message: string): Refusal => new Refusal(json({ message }, status))

interface Call {
  readonly state: ExchangeState
  readonly query: URLSearchParams
  readonly target: Target
}

const instrumentOf = ({ state, target }: Call): Instrument => {
  const instrument = state.listings.find('spot', target.symbol ?? '', state.now())
  if (!instrument) throw refusal(404, 'NotFound')
  return instrument
}

export const price = (instrument: Instrument, ticks: number): string => decimalText(ticks, instrument.priceScale)
export const size = (instrument: Instrument, lots: number): string => decimalText(lots, instrument.sizeScale)
/** With microseconds, as the exchange writes times. */
export const iso = (time: number): string => new Date(time).toISOString().replace('Z', '000Z')

const spellCandle: SpellRow = (instrument, rows, at, openTime) => {
  const number = (column: number, scale: number) => exponentText(decimalText(rows[at + column] ?? 0, scale))
  const { priceScale, sizeScale } = instrument
  return `[${openTime / 1000},${number(LOW, priceScale)},${number(HIGH, priceScale)},${number(OPEN, priceScale)},${number(CLOSE, priceScale)},${number(VOLUME, sizeScale)}]`
}

/** ISO 8601 or Unix seconds, as ms UTC. */
const timeOf = (query: URLSearchParams, name: string): number | undefined => {
  const text = query.get(name)
  if (text === null || text === '') return undefined
  const time = /^\d+(\.\d+)?$/.test(text) ? Math.floor(Number(text) * 1000) : Date.parse(text)
  if (!Number.isFinite(time)) throw refusal(400, `Invalid ${name}`)
  return time
}

/** Start and end are inclusive; without both of them the newest are sent. */
const candles = (call: Call): Reply => {
  const { state, query, target } = call
  const instrument = instrumentOf(call)
  const interval = INTERVAL_OF_GRANULARITY[query.get('granularity') ?? '60']
  if (!interval) throw refusal(400, 'Unsupported granularity')
  const start = timeOf(query, 'start')
  const end = timeOf(query, 'end')
  const isWindow = start !== undefined && end !== undefined
  if (isWindow && end < start) throw refusal(400, 'End is required to be after start')
  if (isWindow && interval.floor(end) > interval.step(interval.floor(start + 1), MAX_CANDLES - 1)) {
    throw refusal(
      400,
      `granularity too small for the requested time range. Count of aggregations requested exceeds ${MAX_CANDLES}`,
    )
  }
  const rows = readPage(
    state,
    target,
    {
      instrument,
      interval,
      from: isWindow ? start : interval.step(interval.floor(state.now()), 1 - MAX_CANDLES),
      to: isWindow ? end : state.now(),
      limit: MAX_CANDLES,
      take: 'newest',
      order: 'descending',
      omitEmpty: true,
    },
    spellCandle,
  )
  return { status: 200, body: `[${rows}]` }
}

const tradeRecord =
  (instrument: Instrument) =>
  ({ id, time, price: ticks, size: lots, takerBuys }: Trade) => ({
    trade_id: id,
    // The side of the maker's order: https://docs.cdp.coinbase.com/exchange/reference/exchangerestapi_getproducttrades
    side: takerBuys ? 'sell' : 'buy',
    size: decimalText(lots, instrument.sizeScale, 8),
    price: decimalText(ticks, instrument.priceScale, 8),
    time: iso(time),
  })

/** `after` gives older trades than an id, `before` the newest of the newer ones; the cursors of a page are headers. */
const trades = (call: Call): Reply => {
  const { state, query } = call
  const instrument = instrumentOf(call)
  const until = state.until(instrument)
  const tape = state.market.tape(instrument)
  const [limit = 1000, after, before] = ['limit', 'after', 'before'].map((name) => {
    const text = query.get(name)
    if (text !== null && !/^\d{1,15}$/.test(text)) throw refusal(400, `Invalid ${name}`)
    return text === null ? undefined : Number(text)
  })
  const to = Math.min(tape.lastId(until), (after ?? Number.MAX_SAFE_INTEGER) - 1)
  const from = Math.max(to - Math.min(limit, 1000) + 1, (before ?? -1) + 1)
  const found = from > to ? [] : tape.from(from, to - from + 1, until).reverse()
  const [newest, oldest] = [found[0], found.at(-1)]
  const cursors = newest && oldest ? { 'CB-BEFORE': String(newest.id), 'CB-AFTER': String(oldest.id) } : {}
  return json(found.map(tradeRecord(instrument)), 200, cursors)
}

const summaryOf = (call: Call) => {
  const instrument = instrumentOf(call)
  const summary = readSummary(call.state, instrument)
  if (!summary) throw refusal(404, 'NotFound')
  return { instrument, ...summary }
}

const ticker = (call: Call): Reply => {
  const { instrument, row, last, book } = summaryOf(call)
  return json({
    ask: price(instrument, book.asks[0]?.price ?? 0),
    bid: price(instrument, book.bids[0]?.price ?? 0),
    volume: size(instrument, row[VOLUME] ?? 0),
    trade_id: last.id,
    price: price(instrument, last.price),
    size: size(instrument, last.size),
    time: iso(last.time),
    rfq_volume: '0',
  })
}

const stats = (call: Call): Reply => {
  const { instrument, row, last } = summaryOf(call)
  return json({
    open: price(instrument, row[OPEN] ?? 0),
    high: price(instrument, row[HIGH] ?? 0),
    low: price(instrument, row[LOW] ?? 0),
    last: price(instrument, last.price),
    volume: size(instrument, row[VOLUME] ?? 0),
    volume_30day: size(instrument, (row[VOLUME] ?? 0) * 30),
  })
}

/** Level 1 is the best bid and ask, level 2 all levels; level 3 asks for a login. */
const book = (call: Call): Reply => {
  const level = call.query.get('level') ?? '1'
  if (level === '3') throw refusal(401, 'Unauthorized.')
  if (level !== '1' && level !== '2') throw refusal(400, 'Invalid level')
  const instrument = instrumentOf(call)
  const sequence = bookSequenceAt(call.state.until(instrument))
  const depth = level === '1' ? 1 : BOOK_DEPTH
  const { bids, asks, time } = readSnapshot(call.state, call.target, instrument, sequence, depth)
  const levels = (side: typeof bids) =>
    side.map((known) => [price(instrument, known.price), size(instrument, known.size), 1 + (known.size % 5)])
  return json({ bids: levels(bids), asks: levels(asks), sequence, auction_mode: false, auction: null, time: iso(time) })
}

/** An entry of the list of products. */
export const productRecord = (state: ExchangeState, instrument: Instrument) => {
  const isOnline = !state.listings.isDelisted(instrument, state.now())
  return {
    id: instrument.exchangeSymbol,
    base_currency: instrument.base,
    quote_currency: instrument.quote,
    quote_increment: exponentText(decimalText(1, instrument.priceScale)),
    base_increment: exponentText(decimalText(1, instrument.sizeScale)),
    display_name: `${instrument.base}-${instrument.quote}`,
    min_market_funds: '1',
    margin_enabled: false,
    post_only: false,
    limit_only: false,
    cancel_only: false,
    status: isOnline ? 'online' : 'delisted',
    status_message: '',
    trading_disabled: !isOnline,
    fx_stablecoin: false,
    max_slippage_percentage: '0.02',
    auction_mode: false,
    high_bid_limit_percentage: '',
  }
}

const products = ({ state }: Call): Reply =>
  json(state.listings.all('spot', state.now()).map((instrument) => productRecord(state, instrument)))

export const currencyRecords = (state: ExchangeState) => {
  const all = state.listings.all('spot', state.now()).flatMap(({ base, quote }) => [base, quote])
  return [...new Set(all)].map((id) => ({
    id,
    name: id,
    min_size: '0.00000001',
    status: 'online',
    message: '',
    max_precision: '0.00000001',
    convertible_to: [],
    details: { type: id === 'USD' ? 'fiat' : 'crypto', symbol: null, sort_order: 0 },
    default_network: '',
    supported_networks: [],
  }))
}

const currencies = ({ state }: Call): Reply => json(currencyRecords(state))

const time = ({ state }: Call): Reply => json({ iso: new Date(state.now()).toISOString(), epoch: state.now() / 1000 })

const OF_ALL: Readonly<Record<string, (call: Call) => Reply>> = {
  '/products': products,
  '/currencies': currencies,
  '/time': time,
}
const OF_PRODUCT: Readonly<Record<string, (call: Call) => Reply>> = {
  '': (call) => json(productRecord(call.state, instrumentOf(call))),
  '/candles': candles,
  '/trades': trades,
  '/ticker': ticker,
  '/stats': stats,
  '/book': book,
}

export class CoinbaseHost implements ExchangeHost {
  readonly host = 'all'
  readonly #state: ExchangeState
  readonly #bucket = new TokenBucket(REQUESTS_PER_SECOND, BURST)
  readonly #bans = new BanList()

  constructor(state: ExchangeState) {
    this.#state = state
  }

  target({ path, query }: ExchangeRequest): Target {
    const symbol = /^\/products\/([^/]+)/.exec(path)?.[1]
    return { path, host: 'spot', symbol, interval: INTERVAL_OF_GRANULARITY[query.get('granularity') ?? '60']?.name }
  }

  admit({ client }: ExchangeRequest): Admission {
    const now = this.#state.now()
    if (this.#bans.bannedUntil(client, now) !== undefined) return { refusal: this.failure(403) }
    return this.#bucket.spend(client, now) ? {} : { refusal: this.failure(429) }
  }

  answer(request: ExchangeRequest): Reply {
    if (!request.userAgent) throw refusal(400, 'User-Agent header is required.')
    const product = /^\/products\/[^/]+(\/[a-z]+)?$/.exec(request.path)
    const endpoint = product ? OF_PRODUCT[product[1] ?? ''] : OF_ALL[request.path]
    if (!endpoint) throw refusal(404, 'Route not found')
    return endpoint({ state: this.#state, query: request.query, target: this.target(request) })
  }

  failure(status: number): Reply {
    if (status === 429) return json({ message: 'Public rate limit exceeded' }, 429)
    if (status === 403) return proxyPage(403, 'Forbidden')
    return status >= 500 ? proxyPage(status, 'Server Error') : json({ message: 'Bad Request' }, status)
  }

  geoBlock(): Reply {
    return cloudFrontPage(403, 'The Amazon CloudFront distribution is configured to block access from your country.')
  }

  ban(client: string, until: number): void {
    this.#bans.ban(client, until)
  }

  forgetLimits(): void {
    this.#bucket.clear()
    this.#bans.clear()
  }
}
