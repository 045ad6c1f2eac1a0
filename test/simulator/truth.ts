/** `GET /_truth...`: what really happened on a simulated exchange, in our own normalised form, for tests to compare with. */

import { bookSequenceOf } from './binance-book-ids.ts'
import { fundingMark } from './binance-tickers.ts'
import type { Instrument, Kind } from './catalogue.ts'
import { decimalText, spell, wideDigits } from './decimal-text.ts'
import type { ExchangeState } from './exchange-state.ts'
import { fundingRate, fundingTimes } from './funding.ts'
import { type CandleInterval, intervalNamed } from './intervals.ts'
import { CLOSE, COLUMNS, COUNT, HIGH, LOW, OPEN, QUOTE_HIGH, QUOTE_LOW, VOLUME } from './market.ts'
import { bookSequenceAt, readBook } from './order-book.ts'
import { json, Refusal, type Reply } from './protocol.ts'
import { exchangeTradeId } from './trade-id.ts'
import type { Trade } from './trade-tape.ts'

/** [openTime, open, high, low, close, volume, quoteVolume, tradeCount]: canonical decimals, base units. */
export type TrueCandle = [number, string, string, string, string, string, string | null, number | null]

export interface TrueCandles {
  readonly candles: TrueCandle[]
  /** Slots in which nothing was traded, or that are missing for ever: the exchange sends no candle for them. */
  readonly empty: number[]
}

const complaint = (detail: string): Refusal => new Refusal(json({ error: detail }, 400))

const integer = (query: URLSearchParams, name: string, fallback?: number): number => {
  const text = query.get(name)
  if (text === null && fallback !== undefined) return fallback
  if (text === null || !/^\d{1,16}$/.test(text)) throw complaint(`${name} must be a whole number`)
  return Number(text)
}

/** Answers one of the truth's paths. @throws {Refusal} with 400 or 404 and what is wrong */
export const answerTruth = (state: ExchangeState, path: string, query: URLSearchParams): Reply => {
  const symbol = query.get('symbol') ?? ''
  const kind: Kind = query.get('kind') === 'perpetual' ? 'perpetual' : 'spot'
  const instrument = state.listings.find(kind, symbol, state.now())
  if (!instrument) throw new Refusal(json({ error: `no ${kind} instrument ${symbol} on ${state.exchange}` }, 404))
  if (path === '/_truth/trades') return json(trueTrades(state, instrument, query))
  if (path === '/_truth/funding') return json(trueFunding(state, instrument, query))
  if (path === '/_truth/order-book') return json(trueOrderBook(state, instrument, query))
  if (path !== '/_truth') throw new Refusal(json({ error: 'not found' }, 404))
  const interval = intervalNamed(query.get('interval') ?? '1m')
  if (!interval) throw complaint('interval must be one of 1m, 3m, 5m, ... 1M')
  return json(trueCandles(state, instrument, interval, integer(query, 'start'), integer(query, 'end')))
}

/** The closed candles with open times in [start, end), as they are now: revised where revised. */
export const trueCandles = (
  state: ExchangeState,
  instrument: Instrument,
  interval: CandleInterval,
  start: number,
  end: number,
): TrueCandles => {
  const now = state.now()
  const until = state.until(instrument)
  const gone = state.faults
    .matching(
      'missing',
      { path: '', host: instrument.kind, symbol: instrument.exchangeSymbol, interval: interval.name },
      now,
    )
    .filter(({ fault }) => fault.permanent)
  const candles: TrueCandle[] = []
  const empty: number[] = []
  const row = new Float64Array(COLUMNS)
  const aligned = interval.floor(start)
  const first = Math.max(aligned < start ? interval.step(aligned, 1) : aligned, interval.floor(instrument.listedAt))
  for (let openTime = first; openTime < end && openTime < until; openTime = interval.step(openTime, 1)) {
    const closeTime = interval.step(openTime, 1)
    if (closeTime > now) break
    const isGone = gone.some(({ fault }) => openTime >= fault.start && openTime < fault.end)
    const exists = state.market.candle(instrument, openTime, closeTime, until, row)
    if (isGone || !exists || (state.exchange === 'coinbase' && row[COUNT] === 0)) empty.push(openTime)
    else candles.push(trueCandle(state, instrument, openTime, row))
  }
  return { candles, empty }
}

const trueCandle = (state: ExchangeState, instrument: Instrument, openTime: number, row: Float64Array): TrueCandle => {
  const price = (column: number): string => decimalText(row[column] ?? 0, instrument.priceScale)
  const quote = wideDigits(row[QUOTE_HIGH] ?? 0, row[QUOTE_LOW] ?? 0)
  return [
    openTime,
    price(OPEN),
    price(HIGH),
    price(LOW),
    price(CLOSE),
    decimalText(row[VOLUME] ?? 0, instrument.baseScale),
    state.exchange === 'coinbase' ? null : spell(quote, instrument.priceScale + instrument.baseScale),
    state.exchange === 'binance' ? (row[COUNT] ?? 0) : null,
  ]
}

/** What was settled in [start, end): time, rate, mark price where the exchange tells it. */
const trueFunding = (state: ExchangeState, instrument: Instrument, query: URLSearchParams) => {
  const times = fundingTimes(state, instrument, integer(query, 'start'), integer(query, 'end') - 1)
  return {
    rates: times.map((time) => [
      time,
      decimalText(fundingRate(state.market.seed, instrument, time), 8),
      state.exchange === 'binance' ? fundingMark(state, instrument, time) : null,
    ]),
  }
}

/** Trades from `fromId` (the tape's count) on, or of [start, end), or the newest; at most `limit`, ascending. */
const trueTrades = (state: ExchangeState, instrument: Instrument, query: URLSearchParams) => {
  const until = state.until(instrument)
  const tape = state.market.tape(instrument)
  const limit = integer(query, 'limit', 500)
  const end = Math.min(integer(query, 'end', until), until)
  const start = query.has('start') ? tape.lastId(integer(query, 'start')) + 1 : undefined
  const fromId = query.has('fromId') ? integer(query, 'fromId') : (start ?? tape.lastId(end) - limit + 1)
  const spelt = ({ id, time, price, size, takerBuys }: Trade) => ({
    id: exchangeTradeId(instrument, id),
    time,
    price: decimalText(price, instrument.priceScale),
    size: decimalText(size, instrument.baseScale),
    side: takerBuys ? 'buy' : 'sell',
  })
  return { trades: tape.from(fromId, limit, end).map(spelt) }
}

/**
 * The book of `sequence` (the exchange's own number), of `time` (ms UTC) or of now: `depth` levels a side, sizes in base
 * units. The answer's `sequence` is the simulator's plain count of books.
 */
const trueOrderBook = (state: ExchangeState, instrument: Instrument, query: URLSearchParams) => {
  const given = query.has('sequence') ? integer(query, 'sequence') : undefined
  const ofTime = bookSequenceAt(integer(query, 'time', state.until(instrument)))
  const sequence = given === undefined ? ofTime : state.exchange === 'binance' ? bookSequenceOf(given) : given
  const book = readBook(state.market, instrument, sequence, integer(query, 'depth', 20))
  const levels = (side: typeof book.bids) =>
    side.map(({ price, size }) => [decimalText(price, instrument.priceScale), decimalText(size, instrument.baseScale)])
  return { sequence, time: book.time, bids: levels(book.bids), asks: levels(book.asks) }
}
