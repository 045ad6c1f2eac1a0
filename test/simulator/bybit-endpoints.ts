/**
 * The market data endpoints of Bybit v5, spot and linear.
 * https://bybit-exchange.github.io/docs/v5/market/kline and its neighbours
 *
 * Rows come newest first; errors have HTTP status 200 and a retCode.
 */

import { type BybitRecord, bybitLinearRecord, bybitSpotRecord, otherBybitRecords } from './bybit-records.ts'
import { readPage, type SpellRow } from './candle-page.ts'
import type { Instrument, Kind } from './catalogue.ts'
import { decimalText, spell, wideDigits } from './decimal-text.ts'
import type { ExchangeState } from './exchange-state.ts'
import { readSnapshot } from './fault-reply.ts'
import { fundingHours, fundingPage, fundingRate, fundingTimeAfter } from './funding.ts'
import { type CandleInterval, INTERVALS } from './intervals.ts'
import { CLOSE, HIGH, LOW, OPEN, QUOTE_HIGH, QUOTE_LOW, VOLUME } from './market.ts'
import { bookSequenceAt } from './order-book.ts'
import { json, Refusal, type Reply, type Target } from './protocol.ts'
import { bookNumber } from './stream-books.ts'
import { readSummary } from './summary.ts'
import { exchangeTradeId } from './trade-id.ts'

export const BYBIT_INTERVALS: Readonly<Record<string, CandleInterval | undefined>> = {
  '1': INTERVALS['1m'],
  '3': INTERVALS['3m'],
  '5': INTERVALS['5m'],
  '15': INTERVALS['15m'],
  '30': INTERVALS['30m'],
  '60': INTERVALS['1h'],
  '120': INTERVALS['2h'],
  '240': INTERVALS['4h'],
  '360': INTERVALS['6h'],
  '720': INTERVALS['12h'],
  D: INTERVALS['1d'],
  W: INTERVALS['1w'],
  M: INTERVALS['1M'],
}

export interface Call {
  readonly state: ExchangeState
  readonly query: URLSearchParams
  readonly target: Target
}

export const bybitError = (state: ExchangeState, retCode: number, retMsg: string): Refusal =>
  new Refusal(json({ retCode, retMsg, result: {}, retExtInfo: {}, time: state.now() }))
const ok = (state: ExchangeState, result: unknown): Reply =>
  json({ retCode: 0, retMsg: 'OK', result, retExtInfo: {}, time: state.now() })

const CATEGORIES = ['spot', 'linear', 'inverse', 'option'] as const
type Category = (typeof CATEGORIES)[number]

/** Where a category may be left out, it is linear. */
const categoryOf = ({ state, query }: Call, fallback?: Category): Category => {
  const text = query.get('category') ?? fallback
  const category = CATEGORIES.find((known) => known === text)
  if (!category) throw bybitError(state, 10001, 'params error: Category is invalid')
  return category
}

const wholeNumber = ({ state, query }: Call, name: string): number | undefined => {
  const text = query.get(name)
  if (text === null || text === '') return undefined
  if (!/^\d{1,16}$/.test(text)) throw bybitError(state, 10001, `params error: ${name} is invalid`)
  return Number(text)
}

/** What is out of the bounds is brought back into them. */
const limitOf = (call: Call, fallback: number, maximum: number): number =>
  Math.min(Math.max(wholeNumber(call, 'limit') ?? fallback, 1), maximum)

const kindOf = (category: Category): Kind | undefined =>
  category === 'spot' ? 'spot' : category === 'linear' ? 'perpetual' : undefined

/** A delisted spot symbol is unknown; a closed contract can still be asked about. */
const findInstrument = ({ state, query }: Call, category: Category): Instrument | undefined => {
  const kind = kindOf(category)
  const instrument = kind && state.listings.find(kind, query.get('symbol') ?? '', state.now())
  return instrument && kind === 'spot' && state.listings.isDelisted(instrument, state.now()) ? undefined : instrument
}

const instrumentOf = (call: Call, category: Category, complaint: string): Instrument => {
  const instrument = findInstrument(call, category)
  if (!instrument) throw bybitError(call.state, 10001, complaint)
  return instrument
}

const SYMBOL_INVALID = 'params error: symbol invalid'
export const price = (instrument: Instrument, ticks: number): string => decimalText(ticks, instrument.priceScale)
export const size = (instrument: Instrument, lots: number): string => decimalText(lots, instrument.sizeScale)

/** [startTime, open, high, low, close, volume in base units, turnover in quote units] */
const spellKline: SpellRow = (instrument, rows, at, openTime) => {
  const ticks = (column: number) => decimalText(rows[at + column] ?? 0, instrument.priceScale)
  const turnover = wideDigits(rows[at + QUOTE_HIGH] ?? 0, rows[at + QUOTE_LOW] ?? 0)
  return `["${openTime}","${ticks(OPEN)}","${ticks(HIGH)}","${ticks(LOW)}","${ticks(CLOSE)}","${size(instrument, rows[at + VOLUME] ?? 0)}","${spell(turnover, instrument.priceScale + instrument.sizeScale)}"]`
}

/**
 * Start and end are inclusive, and a start in the middle of a candle includes that candle. With a start alone, the
 * oldest from there; with an end, the newest up to it.
 * https://github.com/ccxt/ccxt/issues/26736
 */
const kline = (call: Call): Reply => {
  const { state, query, target } = call
  const category = categoryOf(call, 'linear')
  const instrument = instrumentOf(call, category, 'Not supported symbols')
  const interval = BYBIT_INTERVALS[query.get('interval') ?? '']
  if (!interval) throw bybitError(state, 10001, 'Invalid period!')
  const start = wholeNumber(call, 'start')
  const end = wholeNumber(call, 'end')
  if (start !== undefined && end !== undefined && start > end) {
    throw bybitError(state, 10001, 'params error: start time should be less than end time')
  }
  const rows = readPage(
    state,
    target,
    {
      instrument,
      interval,
      from: start === undefined ? 0 : interval.floor(start),
      to: end ?? state.now(),
      limit: limitOf(call, 200, 1000),
      take: start !== undefined && end === undefined ? 'oldest' : 'newest',
      order: 'descending',
    },
    spellKline,
  )
  const { exchangeSymbol } = instrument
  return {
    status: 200,
    body: `{"retCode":0,"retMsg":"OK","result":{"category":"${category}","symbol":"${exchangeSymbol}","list":[${rows}]},"retExtInfo":{},"time":${state.now()}}`,
  }
}

const recentTrade = (call: Call): Reply => {
  const category = categoryOf(call)
  const instrument = instrumentOf(call, category, SYMBOL_INVALID)
  const until = call.state.until(instrument)
  const tape = call.state.market.tape(instrument)
  const limit = category === 'spot' ? limitOf(call, 60, 60) : limitOf(call, 500, 1000)
  const list = tape
    .from(tape.lastId(until) - limit + 1, limit, until)
    .reverse()
    .map((trade) => ({
      execId: exchangeTradeId(instrument, trade.id),
      symbol: instrument.exchangeSymbol,
      price: price(instrument, trade.price),
      size: size(instrument, trade.size),
      side: trade.takerBuys ? 'Buy' : 'Sell',
      time: String(trade.time),
      isBlockTrade: false,
      isRPITrade: false,
      seq: String(trade.id),
    }))
  return ok(call.state, { category, list })
}

/** The ticker as REST gives it; the stream takes its fields from here. Undefined before the first trade. */
export const tickerRecord = (
  state: ExchangeState,
  instrument: Instrument,
): Readonly<Record<string, string>> | undefined => {
  const summary = readSummary(state, instrument)
  if (!summary) return undefined
  const { row, last, book, end } = summary
  const open = row[OPEN] ?? 0
  const [bid, ask] = [book.bids[0], book.asks[0]]
  const turnover = wideDigits(row[QUOTE_HIGH] ?? 0, row[QUOTE_LOW] ?? 0)
  const ticker = {
    symbol: instrument.exchangeSymbol,
    bid1Price: price(instrument, bid?.price ?? 0),
    bid1Size: size(instrument, bid?.size ?? 0),
    ask1Price: price(instrument, ask?.price ?? 0),
    ask1Size: size(instrument, ask?.size ?? 0),
    lastPrice: price(instrument, last.price),
    prevPrice24h: price(instrument, open),
    price24hPcnt: ((last.price - open) / open).toFixed(4),
    highPrice24h: price(instrument, row[HIGH] ?? 0),
    lowPrice24h: price(instrument, row[LOW] ?? 0),
    turnover24h: spell(turnover, instrument.priceScale + instrument.sizeScale),
    volume24h: size(instrument, row[VOLUME] ?? 0),
  }
  const middle = price(instrument, Math.round(state.market.middle(instrument, end)))
  if (instrument.kind === 'spot') return { ...ticker, usdIndexPrice: middle }
  return {
    ...ticker,
    indexPrice: middle,
    markPrice: middle,
    prevPrice1h: price(instrument, Math.round(state.market.middle(instrument, end - 3_600_000))),
    openInterest: size(instrument, row[VOLUME] ?? 0),
    openInterestValue: spell(turnover, instrument.priceScale + instrument.sizeScale),
    fundingRate: decimalText(fundingRate(state.market.seed, instrument, fundingTimeAfter(instrument, end)), 8),
    nextFundingTime: String(fundingTimeAfter(instrument, end)),
    fundingIntervalHour: String(fundingHours(instrument)),
    predictedDeliveryPrice: '',
    basisRate: '',
    deliveryFeeRate: '',
    deliveryTime: '0',
  }
}

const tickers = (call: Call): Reply => {
  const { state, query } = call
  const category = categoryOf(call)
  const kind = kindOf(category)
  const now = state.now()
  const all = kind ? state.listings.all(kind, now).filter((known) => !state.listings.isDelisted(known, now)) : []
  const wanted = query.has('symbol') ? [instrumentOf(call, category, SYMBOL_INVALID)] : all
  const found = wanted.map((instrument) => tickerRecord(state, instrument))
  return ok(state, { category, list: found.filter((ticker) => ticker !== undefined) })
}

const orderbook = (call: Call): Reply => {
  const { state } = call
  const category = categoryOf(call)
  const instrument = instrumentOf(call, category, SYMBOL_INVALID)
  const until = state.until(instrument)
  const limit = category === 'spot' ? limitOf(call, 1, 200) : limitOf(call, 25, 500)
  const book = readSnapshot(state, call.target, instrument, bookSequenceAt(until), limit)
  const levels = (side: typeof book.bids) =>
    side.map((level) => [price(instrument, level.price), size(instrument, level.size)])
  return ok(state, {
    s: instrument.exchangeSymbol,
    b: levels(book.bids),
    a: levels(book.asks),
    ts: until,
    u: bookNumber(state, instrument, book.sequence),
    seq: book.sequence * 10,
    cts: book.time,
  })
}

/** By default those that trade; other states have to be asked for by name. Linear and inverse are paged by a cursor. */
const instrumentsInfo = (call: Call): Reply => {
  const { state, query } = call
  const category = categoryOf(call)
  const now = state.now()
  const kind = kindOf(category)
  const symbol = query.get('symbol')
  const status = query.get('status') ?? 'Trading'
  const listed = kind ? state.listings.all(kind, now) : []
  const ours = listed.flatMap((instrument): BybitRecord[] => {
    const isTrading = !state.listings.isDelisted(instrument, now)
    if (instrument.kind === 'spot') return isTrading ? [bybitSpotRecord(instrument)] : []
    return [bybitLinearRecord(instrument, isTrading)]
  })
  const bitcoin = state.listings.find('perpetual', 'BTCUSDT', now)
  const others = bitcoin ? otherBybitRecords(category, bitcoin, now) : []
  const found = [...ours, ...others].filter((record) => (symbol ? record.symbol === symbol : record.status === status))
  if (category === 'spot') return ok(state, { category, list: found })
  if (symbol && found.length === 0) throw bybitError(state, 10001, SYMBOL_INVALID)
  return ok(state, { category, ...page(call, found) })
}

const page = (
  call: Call,
  records: readonly BybitRecord[],
): { list: readonly BybitRecord[]; nextPageCursor: string } => {
  const sorted = records.toSorted((a, b) => (a.symbol < b.symbol ? -1 : 1))
  const cursor = call.query.get('cursor')
  const after = cursor ? /last=([^&]*)$/.exec(decodeURIComponent(cursor))?.[1] : ''
  if (after === undefined) throw bybitError(call.state, 10001, 'params error: cursor is invalid')
  const rest = sorted.filter(({ symbol }) => symbol > after)
  const list = rest.slice(0, limitOf(call, 500, 1000))
  const [first, last] = [list[0], list.at(-1)]
  const nextPageCursor = first && last && list.length < rest.length ? `first=${first.symbol}&last=${last.symbol}` : ''
  return { list, nextPageCursor: encodeURIComponent(nextPageCursor) }
}

/** A start without an end is an error: https://bybit-exchange.github.io/docs/v5/market/history-fund-rate */
const fundingHistory = (call: Call): Reply => {
  const { state } = call
  const category = categoryOf(call)
  const instrument = instrumentOf(call, category, SYMBOL_INVALID)
  const start = wholeNumber(call, 'startTime')
  const end = wholeNumber(call, 'endTime')
  if (start !== undefined && end === undefined) throw bybitError(state, 10001, 'params error: Time Is Invalid')
  const times = fundingPage(state, call.target, instrument, {
    from: start,
    to: Math.min(end ?? state.now(), state.until(instrument)),
    limit: limitOf(call, 200, 200),
    take: 'newest',
    order: 'descending',
  })
  const list = times.map((fundingTime) => ({
    symbol: instrument.exchangeSymbol,
    fundingRate: decimalText(fundingRate(state.market.seed, instrument, fundingTime), 8),
    fundingRateTimestamp: String(fundingTime),
  }))
  return ok(state, { category, list })
}

const time = ({ state }: Call): Reply => {
  const now = state.now()
  return ok(state, { timeSecond: String(Math.floor(now / 1000)), timeNano: `${now}000000` })
}

export const BYBIT_ENDPOINTS: Readonly<Record<string, (call: Call) => Reply>> = {
  '/v5/market/time': time,
  '/v5/market/instruments-info': instrumentsInfo,
  '/v5/market/kline': kline,
  '/v5/market/recent-trade': recentTrade,
  '/v5/market/tickers': tickers,
  '/v5/market/orderbook': orderbook,
  '/v5/market/funding/history': fundingHistory,
}
