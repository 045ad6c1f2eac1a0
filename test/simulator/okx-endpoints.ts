/**
 * The market data endpoints of OKX, spot and swaps.
 * https://www.okx.com/docs-v5/en/#order-book-trading-market-data and https://www.okx.com/docs-v5/en/#public-data-rest-api
 *
 * Rows come newest first; `after` asks for older ones, `before` for newer ones, both without the named row itself;
 * `before` alone gives the newest of the newer. Errors have HTTP status 200 and a code, but for the rate limit.
 */

import { readPage, type SpellRow } from './candle-page.ts'
import type { Instrument, Kind } from './catalogue.ts'
import { decimalText, spell, wideDigits } from './decimal-text.ts'
import type { ExchangeState } from './exchange-state.ts'
import { readSnapshot } from './fault-reply.ts'
import { fundingPage, fundingRate, fundingTimeAfter, fundingTimeBefore } from './funding.ts'
import { type CandleInterval, HONG_KONG_INTERVALS, INTERVALS } from './intervals.ts'
import { CLOSE, HIGH, LOW, OPEN, QUOTE_HIGH, QUOTE_LOW, VOLUME } from './market.ts'
import { okxRecord, otherOkxRecords } from './okx-records.ts'
import { bookSequenceAt } from './order-book.ts'
import { json, Refusal, type Reply, type Target } from './protocol.ts'
import { bookNumber } from './stream-books.ts'
import { dayOpen, readSummary } from './summary.ts'
import type { Trade } from './trade-tape.ts'

/** `market/candles` reaches back so many rows; older ones are in `market/history-candles`. */
const RECENT_CANDLES = 1440

export const INTERVAL_OF_BAR: Readonly<Record<string, CandleInterval | undefined>> = {
  '1m': INTERVALS['1m'],
  '3m': INTERVALS['3m'],
  '5m': INTERVALS['5m'],
  '15m': INTERVALS['15m'],
  '30m': INTERVALS['30m'],
  '1H': INTERVALS['1h'],
  '2H': INTERVALS['2h'],
  '4H': INTERVALS['4h'],
  ...Object.fromEntries(Object.entries(HONG_KONG_INTERVALS).map(([name, known]) => [barOf(name), known])),
  '6Hutc': INTERVALS['6h'],
  '12Hutc': INTERVALS['12h'],
  '1Dutc': INTERVALS['1d'],
  '2Dutc': INTERVALS['2d'],
  '3Dutc': INTERVALS['3d'],
  '1Wutc': INTERVALS['1w'],
  '1Mutc': INTERVALS['1M'],
  '3Mutc': INTERVALS['3M'],
}

function barOf(name: string): string {
  return name.replace(/[hdw]$/, (unit) => unit.toUpperCase())
}

const okxError = (code: string, msg: string): Refusal => new Refusal(json({ code, data: [], msg }))
const data = (rows: readonly unknown[]): Reply => json({ code: '0', msg: '', data: rows })

export interface Call {
  readonly state: ExchangeState
  readonly query: URLSearchParams
  readonly target: Target
}

const wholeNumber = (query: URLSearchParams, name: string): number | undefined => {
  const text = query.get(name)
  if (text === null || text === '') return undefined
  if (!/^\d{1,16}$/.test(text)) throw okxError('51000', `Parameter ${name} error`)
  return Number(text)
}

/** Asking for more than the maximum gives the maximum. */
const limitOf = (query: URLSearchParams, fallback: number, maximum: number, name = 'limit'): number => {
  const limit = wholeNumber(query, name) ?? fallback
  if (limit === 0) throw okxError('51000', `Parameter ${name} error`)
  return Math.min(limit, maximum)
}

export const kindOf = (instId: string): Kind => (instId.endsWith('-SWAP') ? 'perpetual' : 'spot')

/** A delisted instrument is gone at once. */
const instrumentOf = ({ state, query }: Call): Instrument => {
  const instId = query.get('instId')
  if (!instId) throw okxError('50014', 'Parameter instId can not be empty')
  const instrument = state.listings.find(kindOf(instId), instId, state.now())
  if (!instrument || state.listings.isDelisted(instrument, state.now())) {
    throw okxError('51001', "Instrument ID, Instrument ID code, or Spread ID doesn't exist.")
  }
  return instrument
}

export const price = (instrument: Instrument, ticks: number): string => decimalText(ticks, instrument.priceScale)
export const size = (instrument: Instrument, lots: number): string => decimalText(lots, instrument.sizeScale)

/**
 * [ts, o, h, l, c, vol, volCcy, volCcyQuote, confirm]: `vol` counts base units on spot and contracts on swaps, `volCcy`
 * quote units on spot and base units on swaps.
 */
export const spellCandle: SpellRow = (instrument, rows, at, openTime, _closeTime, isClosed) => {
  const ticks = (column: number) => decimalText(rows[at + column] ?? 0, instrument.priceScale)
  const volume = rows[at + VOLUME] ?? 0
  const quote = spell(
    wideDigits(rows[at + QUOTE_HIGH] ?? 0, rows[at + QUOTE_LOW] ?? 0),
    instrument.priceScale + instrument.baseScale,
  )
  const volCcy = instrument.kind === 'spot' ? quote : decimalText(volume, instrument.baseScale)
  return `["${openTime}","${ticks(OPEN)}","${ticks(HIGH)}","${ticks(LOW)}","${ticks(CLOSE)}","${size(instrument, volume)}","${volCcy}","${quote}","${isClosed ? 1 : 0}"]`
}

const candlePage = (call: Call, reach: 'recent' | 'history'): Reply => {
  const { state, query, target } = call
  const instrument = instrumentOf(call)
  const interval = INTERVAL_OF_BAR[query.get('bar') ?? '1m']
  if (!interval) throw okxError('51000', 'Parameter bar error')
  const after = wholeNumber(query, 'after')
  const before = wholeNumber(query, 'before')
  const now = state.now()
  const oldest = reach === 'recent' ? interval.step(interval.floor(now), 1 - RECENT_CANDLES) : 0
  const rows = readPage(
    state,
    target,
    {
      instrument,
      interval,
      from: Math.max(oldest, before === undefined ? 0 : before + 1),
      to: after === undefined ? now : after - 1,
      limit: limitOf(query, 100, 300),
      take: 'newest',
      order: 'descending',
      closedOnly: reach === 'history',
    },
    spellCandle,
  )
  return { status: 200, body: `{"code":"0","msg":"","data":[${rows}]}` }
}

export const tradeRecord =
  (instrument: Instrument) =>
  ({ id, time, price: ticks, size: lots, takerBuys }: Trade) => ({
    instId: instrument.exchangeSymbol,
    side: takerBuys ? 'buy' : 'sell',
    sz: size(instrument, lots),
    px: price(instrument, ticks),
    source: '0',
    tradeId: String(id),
    ts: String(time),
  })

const trades = (call: Call): Reply => {
  const instrument = instrumentOf(call)
  const until = call.state.until(instrument)
  const tape = call.state.market.tape(instrument)
  const limit = limitOf(call.query, 100, 500)
  return data(
    tape
      .from(tape.lastId(until) - limit + 1, limit, until)
      .map(tradeRecord(instrument))
      .reverse(),
  )
}

/** Pages by trade id (type 1, the default) or by time (type 2, which knows `after` only). */
const historyTrades = (call: Call): Reply => {
  const { state, query } = call
  const instrument = instrumentOf(call)
  const until = state.until(instrument)
  const tape = state.market.tape(instrument)
  const limit = limitOf(query, 100, 100)
  const after = wholeNumber(query, 'after')
  const before = query.get('type') === '2' ? undefined : wholeNumber(query, 'before')
  const newest = tape.lastId(until)
  const olderThan = query.get('type') === '2' ? tape.lastId(Math.min(after ?? until, until)) : (after ?? newest + 1) - 1
  const to = Math.min(newest, olderThan)
  const from = Math.max(to - limit + 1, before === undefined ? 0 : before + 1)
  return data(
    from > to
      ? []
      : tape
          .from(from, to - from + 1, until)
          .map(tradeRecord(instrument))
          .reverse(),
  )
}

/** Undefined before the first trade. */
export const tickerRecord = (state: ExchangeState, instrument: Instrument) => {
  const summary = readSummary(state, instrument)
  if (!summary) return undefined
  const { row, last, book, end } = summary
  const volume = row[VOLUME] ?? 0
  const [bid, ask] = [book.bids[0], book.asks[0]]
  const isSpot = instrument.kind === 'spot'
  const quote = spell(
    wideDigits(row[QUOTE_HIGH] ?? 0, row[QUOTE_LOW] ?? 0),
    instrument.priceScale + instrument.baseScale,
  )
  return {
    instType: isSpot ? 'SPOT' : 'SWAP',
    instId: instrument.exchangeSymbol,
    last: price(instrument, last.price),
    lastSz: size(instrument, last.size),
    askPx: price(instrument, ask?.price ?? 0),
    askSz: size(instrument, ask?.size ?? 0),
    bidPx: price(instrument, bid?.price ?? 0),
    bidSz: size(instrument, bid?.size ?? 0),
    open24h: price(instrument, row[OPEN] ?? 0),
    high24h: price(instrument, row[HIGH] ?? 0),
    low24h: price(instrument, row[LOW] ?? 0),
    // On spot the quote volume, on swaps the base volume.
    volCcy24h: isSpot ? quote : decimalText(volume, instrument.baseScale),
    vol24h: size(instrument, volume),
    ts: String(end),
    sodUtc0: price(instrument, dayOpen(state, instrument, 0)),
    sodUtc8: price(instrument, dayOpen(state, instrument, 8)),
  }
}

const tickers = ({ state }: Call, wanted: readonly Instrument[]): Reply =>
  data(wanted.flatMap((known) => tickerRecord(state, known) ?? []))

const typeOf = (query: URLSearchParams): Kind | undefined => {
  const type = query.get('instType')
  if (!type) throw okxError('50014', 'Parameter instType can not be empty')
  if (!['SPOT', 'SWAP', 'FUTURES', 'OPTION', 'MARGIN'].includes(type))
    throw okxError('51000', 'Parameter instType error')
  return type === 'SPOT' ? 'spot' : type === 'SWAP' ? 'perpetual' : undefined
}

const live = ({ state, query }: Call): Instrument[] => {
  const kind = typeOf(query)
  if (!kind) return []
  const now = state.now()
  return state.listings.all(kind, now).filter((instrument) => !state.listings.isDelisted(instrument, now))
}

const instruments = (call: Call): Reply => {
  const wanted = call.query.get('instId')
  const type = call.query.get('instType') ?? ''
  const records = [...live(call).map(okxRecord), ...otherOkxRecords(type, call.state.now())]
  const found = wanted ? records.filter(({ instId }) => instId === wanted) : records
  if (wanted && found.length === 0) {
    throw okxError('51001', "Instrument ID, Instrument ID code, or Spread ID doesn't exist.")
  }
  return data(found)
}

const books = (call: Call): Reply => {
  const instrument = instrumentOf(call)
  const until = call.state.until(instrument)
  const depth = limitOf(call.query, 1, 400, 'sz')
  const book = readSnapshot(call.state, call.target, instrument, bookSequenceAt(until), depth)
  const seqId = bookNumber(call.state, instrument, book.sequence)
  const levels = (side: typeof book.bids) =>
    side.map((level) => [price(instrument, level.price), size(instrument, level.size), '0', '1'])
  return data([{ asks: levels(book.asks), bids: levels(book.bids), ts: String(book.time), seqId }])
}

const swapOf = (call: Call): Instrument => {
  const instrument = instrumentOf(call)
  if (instrument.kind === 'spot') throw okxError('51000', 'Parameter instId error')
  return instrument
}

const currentFunding = (call: Call): Reply => data([fundingRecord(call.state, swapOf(call))])

/** The rate of the period that runs, to be settled at its end. */
export const fundingRecord = (state: ExchangeState, instrument: Instrument) => {
  const now = state.now()
  const last = fundingTimeBefore(instrument, now)
  const next = fundingTimeAfter(instrument, now)
  const rate = (time: number) => decimalText(fundingRate(state.market.seed, instrument, time), 8)
  return {
    formulaType: 'withRate',
    fundingRate: rate(next),
    fundingTime: String(next),
    instId: instrument.exchangeSymbol,
    instType: 'SWAP',
    interestRate: '0.0001',
    maxFundingRate: '0.00375',
    method: 'current_period',
    minFundingRate: '-0.00375',
    nextFundingRate: '',
    nextFundingTime: String(fundingTimeAfter(instrument, next)),
    prevFundingTime: String(last),
    settFundingRate: rate(last),
    settState: 'settled',
    ts: String(now),
  }
}

/** Of the last three months: https://www.okx.com/docs-v5/en/#public-data-rest-api-get-funding-rate-history */
const FUNDING_HISTORY_MS = 92 * 86_400_000

const fundingHistory = (call: Call): Reply => {
  const instrument = swapOf(call)
  const { state, query, target } = call
  const reach = state.now() - FUNDING_HISTORY_MS
  const before = wholeNumber(query, 'before')
  const times = fundingPage(state, target, instrument, {
    from: before === undefined ? undefined : Math.max(before + 1, reach),
    to: (wholeNumber(query, 'after') ?? state.now() + 1) - 1,
    limit: limitOf(query, 400, 400),
    take: 'newest',
    order: 'descending',
  })
  return data(
    times
      .filter((time) => time >= reach)
      .map((time) => {
        const rate = decimalText(fundingRate(state.market.seed, instrument, time), 8)
        return {
          formulaType: 'withRate',
          fundingRate: rate,
          fundingTime: String(time),
          instId: instrument.exchangeSymbol,
          instType: 'SWAP',
          method: 'current_period',
          realizedRate: rate,
        }
      }),
  )
}

const markPrice = (call: Call): Reply => {
  const { state, query } = call
  const wanted = query.get('instId')
  const found = live(call).filter(({ exchangeSymbol }) => !wanted || exchangeSymbol === wanted)
  return data(found.map((instrument) => markRecord(state, instrument, query.get('instType'))))
}

export const markRecord = (state: ExchangeState, instrument: Instrument, instType: string | null) => ({
  instType,
  instId: instrument.exchangeSymbol,
  markPx: price(instrument, Math.round(state.market.middle(instrument, state.now()))),
  ts: String(state.now()),
})

/** Requests per 2 s, the parameter that has a budget for each of its values, and what answers. */
export type Endpoint = readonly [limit: number, per: string | undefined, answer: (call: Call) => Reply]

export const OKX_ENDPOINTS: Readonly<Record<string, Endpoint>> = {
  '/api/v5/public/time': [10, undefined, ({ state }) => data([{ ts: String(state.now()) }])],
  '/api/v5/public/instruments': [20, 'instType', instruments],
  '/api/v5/market/candles': [40, undefined, (call) => candlePage(call, 'recent')],
  '/api/v5/market/history-candles': [20, undefined, (call) => candlePage(call, 'history')],
  '/api/v5/market/trades': [100, undefined, trades],
  '/api/v5/market/history-trades': [20, undefined, historyTrades],
  '/api/v5/market/ticker': [20, undefined, (call) => tickers(call, [instrumentOf(call)])],
  '/api/v5/market/tickers': [20, undefined, (call) => tickers(call, live(call))],
  '/api/v5/market/books': [40, undefined, books],
  '/api/v5/public/funding-rate': [10, 'instId', currentFunding],
  '/api/v5/public/funding-rate-history': [10, 'instId', fundingHistory],
  '/api/v5/public/mark-price': [10, 'instId', markPrice],
}
