import { z } from 'zod'
import type { Candle } from '../domain/candle.ts'
import type { Decimal } from '../domain/decimal.ts'
import type { FundingRate } from '../domain/funding.ts'
import type { BookSnapshot, Level } from '../domain/order-book.ts'
import type { Ticker } from '../domain/ticker.ts'
import type { Trade } from '../domain/trade.ts'
import {
  decimalField,
  flagField,
  idField,
  isRecord,
  malformed,
  optional,
  parseJson,
  type RestDecoders,
  readRows,
  readTime,
  timeField,
  validate,
} from './decode.ts'
import { readLevels } from './decode-book.ts'
import { type CandleLayout, readCandles } from './decode-candles.ts'
import { type InstrumentRead, leftOut, readAs, readInstruments } from './decode-instruments.ts'

/**
 * The bodies of Binance spot and USD-M.
 * Spot: https://github.com/binance/binance-spot-api-docs/blob/master/rest-api.md
 * USD-M: https://developers.binance.com/docs/derivatives/usds-margined-futures/market-data/rest-api
 *
 * Prices are text, ids and times are numbers; lists ascend. Both sides of the house send the same shapes, USD-M with a
 * few fields more.
 */
export const binanceDecoders = {
  instruments(body) {
    const value = parseJson(body, 'binance exchangeInfo')
    const records = isRecord(value) && Array.isArray(value['symbols']) ? value['symbols'] : listOf(value, 'symbol')
    if (records === undefined) throw malformed('binance exchangeInfo', 'no list of symbols')
    return readInstruments(records, null, (record) => isRecord(record) && record['symbol'], readInstrument)
  },
  candles(body) {
    return readCandles(candleLayout, body, 'binance klines')
  },
  trades(body) {
    const records = listIn(body, 'binance trades', 'price', 'p')
    return readRows(records, (record) => (isRecord(record) && 'p' in record ? aggregateTrade : trade))
  },
  tickers(body) {
    const records = listIn(body, 'binance ticker', 'symbol')
    return readRows(records, () => ticker)
  },
  orderBook(body) {
    const what = 'binance depth'
    const { lastUpdateId, E, bids, asks } = validate(depth, parseJson(body, what), what)
    return {
      exchangeSymbol: null,
      exchangeTime: E,
      sequence: lastUpdateId,
      bids: readLevels(bids, 'bids', what),
      asks: readLevels(asks, 'asks', what),
    } satisfies BookSnapshot
  },
  fundingRates(body) {
    const records = listIn(body, 'binance fundingRate', 'symbol')
    return readRows(records, (record) => (isRecord(record) && 'nextFundingTime' in record ? premiumIndex : fundingRate))
  },
  spell: (base, quote) => `${base}${quote}`,
} satisfies RestDecoders

/** A list, or one record of its kind: asked for one symbol, some paths answer with the bare record. */
function listOf(value: unknown, ...fields: readonly string[]): readonly unknown[] | undefined {
  if (Array.isArray(value)) return value
  return isRecord(value) && fields.some((field) => field in value) ? [value] : undefined
}

function listIn(body: string, what: string, ...fields: readonly string[]): readonly unknown[] {
  const records = listOf(parseJson(body, what), ...fields)
  if (records === undefined) throw malformed(what, 'neither a list nor a record')
  return records
}

/**
 * `[1499040000000,"0.0163","0.8000","0.0157","0.0158","148976.1",1499644799999,"2434.1",308,"1756.8","28.4","0"]`:
 * open time, open, high, low, close, base volume, close time, quote volume, trades, and two of the taker's.
 * https://developers.binance.com/docs/binance-spot-api-docs/rest-api/market-data-endpoints#klinecandlestick-data
 */
const candleLayout: CandleLayout<Candle> = {
  order: 'oldest-first',
  prices: 'text',
  rows: (body) => (Array.isArray(body) ? body : undefined),
  openTime: readTime,
  candle(row, openTime, readPrice) {
    const open = readPrice(row[1])
    const high = readPrice(row[2])
    const low = readPrice(row[3])
    const close = readPrice(row[4])
    const volume = readPrice(row[5])
    const quoteVolume = readPrice(row[7])
    const tradeCount = readTime(row[8])
    if (open === undefined || high === undefined || low === undefined || close === undefined) return undefined
    if (volume === undefined || quoteVolume === undefined || tradeCount === undefined) return undefined
    return { openTime, open, high, low, close, volume, quoteVolume, tradeCount, closed: null }
  },
}

/** `{"id":28457,"price":"4.00000100","qty":"12.00000000","time":1499865549590,"isBuyerMaker":true}` */
const trade = z
  .object({
    id: idField,
    price: decimalField,
    qty: decimalField,
    time: timeField,
    isBuyerMaker: optional(flagField),
  })
  .transform(
    (record): Trade => ({
      id: record.id,
      price: record.price,
      size: record.qty,
      side: takerSide(record.isBuyerMaker),
      exchangeTime: record.time,
      exchangeSymbol: null,
    }),
  )

/** `{"a":26129,"p":"0.01633102","q":"4.70443515","f":27781,"l":27781,"T":1498793709153,"m":true}`: `a` is its own id. */
const aggregateTrade = z
  .object({ a: idField, p: decimalField, q: decimalField, T: timeField, m: optional(flagField) })
  .transform(
    (record): Trade => ({
      id: record.a,
      price: record.p,
      size: record.q,
      side: takerSide(record.m),
      exchangeTime: record.T,
      exchangeSymbol: null,
    }),
  )

/** The flag is about the maker: where the buyer rested in the book, the taker sold. */
function takerSide(isBuyerMaker: boolean | null): Trade['side'] {
  if (isBuyerMaker === null) return null
  return isBuyerMaker ? 'sell' : 'buy'
}

/**
 * `{"symbol":"BTCUSDT","lastPrice":"69383.06","openPrice":"69978.2","bidPrice":"69383.05","bidQty":"0.83",…}`, and the
 * best bid and offer alone, whose `time` only USD-M sends. USD-M's summary has no best bid and offer.
 */
const ticker = z
  .object({
    symbol: z.string().min(1),
    lastPrice: optional(decimalField),
    openPrice: optional(decimalField),
    highPrice: optional(decimalField),
    lowPrice: optional(decimalField),
    volume: optional(decimalField),
    quoteVolume: optional(decimalField),
    bidPrice: optional(decimalField),
    bidQty: optional(decimalField),
    askPrice: optional(decimalField),
    askQty: optional(decimalField),
    closeTime: optional(timeField),
    time: optional(timeField),
  })
  .transform(
    (record): Ticker => ({
      exchangeSymbol: record.symbol,
      exchangeTime: record.closeTime ?? record.time,
      last: record.lastPrice,
      open: record.openPrice,
      high: record.highPrice,
      low: record.lowPrice,
      volume: record.volume,
      quoteVolume: record.quoteVolume,
      bid: level(record.bidPrice, record.bidQty),
      ask: level(record.askPrice, record.askQty),
    }),
  )

/** A price of zero is how Binance says that nobody is there. */
function level(price: Decimal | null, size: Decimal | null): Level | null {
  return price === null || price === '0' ? null : { price, size }
}

/** `{"lastUpdateId":1027024,"bids":[["4.00000000","431.00000000"]],"asks":[…]}`; USD-M adds `E`, the time of sending. */
const depth = z.object({ lastUpdateId: idField, E: optional(timeField), bids: z.unknown(), asks: z.unknown() })

/** `{"symbol":"BTCUSDT","fundingRate":"-0.03750000","fundingTime":1570608000000,"markPrice":"34287.54"}` */
const fundingRate = z
  .object({
    symbol: z.string().min(1),
    fundingRate: decimalField,
    fundingTime: timeField,
    markPrice: optional(decimalField),
  })
  .transform(
    (record): FundingRate => ({
      exchangeSymbol: record.symbol,
      exchangeTime: null,
      fundingTime: record.fundingTime,
      settled: true,
      rate: record.fundingRate,
      markPrice: record.markPrice,
      indexPrice: null,
    }),
  )

/** `{"symbol":"BTCUSDT","markPrice":"…","indexPrice":"…","lastFundingRate":"0.0003","nextFundingTime":1597392000000,…}` */
const premiumIndex = z
  .object({
    symbol: z.string().min(1),
    lastFundingRate: decimalField,
    nextFundingTime: timeField,
    markPrice: optional(decimalField),
    indexPrice: optional(decimalField),
    time: optional(timeField),
  })
  .transform(
    (record): FundingRate => ({
      exchangeSymbol: record.symbol,
      exchangeTime: record.time,
      fundingTime: record.nextFundingTime,
      settled: false,
      rate: record.lastFundingRate,
      markPrice: record.markPrice,
      indexPrice: record.indexPrice,
    }),
  )

/** `{"symbol":"ETHBTC","status":"TRADING","baseAsset":"ETH","quoteAsset":"BTC","filters":[…]}` */
const symbolRecord = z.object({
  symbol: z.string().min(1),
  status: z.string(),
  baseAsset: z.string(),
  quoteAsset: z.string(),
  marginAsset: optional(z.string()),
  onboardDate: optional(timeField),
  filters: z.array(
    z.object({ filterType: z.string(), tickSize: optional(decimalField), stepSize: optional(decimalField) }),
  ),
})

/** Perpetuals of coins, and of shares and metals. Only USD-M records say what contract they are. */
const PERPETUAL_TYPES: readonly unknown[] = ['PERPETUAL', 'TRADIFI_PERPETUAL']

function readInstrument(value: unknown): InstrumentRead {
  const type = isRecord(value) ? value['contractType'] : undefined
  if (type !== undefined && !PERPETUAL_TYPES.includes(type)) return leftOut
  if (isRecord(value) && value['underlyingType'] === 'PREMARKET') return leftOut
  const kind = type === undefined ? 'spot' : 'perpetual'
  return readAs(symbolRecord, value, (record) => ({
    exchange: 'binance',
    kind,
    exchangeSymbol: record.symbol,
    base: record.baseAsset,
    quote: record.quoteAsset,
    settle: record.marginAsset,
    inverse: false,
    contractSize: null,
    tickSize: record.filters.find((filter) => filter.filterType === 'PRICE_FILTER')?.tickSize ?? null,
    lotSize: record.filters.find((filter) => filter.filterType === 'LOT_SIZE')?.stepSize ?? null,
    active: record.status === 'TRADING',
    listedAt: record.onboardDate,
  }))
}
