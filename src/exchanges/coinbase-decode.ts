import { z } from 'zod'
import type { Candle } from '../domain/candle.ts'
import { addDecimals } from '../domain/decimal.ts'
import type { BookLevel, BookSnapshot } from '../domain/order-book.ts'
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
  sideField,
  validate,
} from './decode.ts'
import { readLevels } from './decode-book.ts'
import { type CandleLayout, readCandles } from './decode-candles.ts'
import { type InstrumentRead, readAs, readInstruments } from './decode-instruments.ts'
import { shorten, textField } from './outcome.ts'

/**
 * The bodies of Coinbase Exchange: https://docs.cdp.coinbase.com/exchange/introduction/welcome
 *
 * No envelope; lists are newest first. Candles are JSON numbers, everything else is text, small increments with an
 * exponent (`"1e-08"`). Times are ISO 8601, down to nanoseconds.
 */
export const coinbaseDecoders = {
  instruments(body) {
    const records = listIn(body, 'coinbase products', 'base_currency')
    return readInstruments(records, null, (record) => isRecord(record) && record['id'], readInstrument)
  },
  candles(body) {
    return readCandles(candleLayout, body, 'coinbase candles')
  },
  trades(body) {
    return readRows(listIn(body, 'coinbase trades', 'trade_id').toReversed(), () => trade)
  },
  tickers(body) {
    return readRows(listIn(body, 'coinbase ticker', 'price'), () => ticker)
  },
  orderBook(body) {
    const what = 'coinbase book'
    const { sequence, time, bids, asks } = validate(book, parseJson(body, what), what)
    return {
      exchangeSymbol: null,
      exchangeTime: time,
      sequence,
      bids: mergeLevels(readLevels(bids, 'bids', what)),
      asks: mergeLevels(readLevels(asks, 'asks', what)),
    } satisfies BookSnapshot
  },
  spell: (base, quote) => `${base}-${quote}`,
  readSymbol(exchangeSymbol) {
    const [base, quote, ...rest] = exchangeSymbol.split('-')
    return base && quote && rest.length === 0 ? { base, quote, kind: 'spot' } : undefined
  },
} satisfies RestDecoders

function listIn(body: string, what: string, field: string): readonly unknown[] {
  const value = parseJson(body, what)
  if (Array.isArray(value)) return value
  if (isRecord(value) && field in value) return [value]
  throw malformed(what, isRecord(value) ? shorten(`not a list: ${textField(value, 'message')}`) : 'not a list')
}

/**
 * `[1755496620, 115703.97, 115743.7, 115733.6, 115739.93, 0.61798602]`: time in seconds, low, high, open, close, volume.
 * https://docs.cdp.coinbase.com/api-reference/exchange-api/rest-api/products/get-product-candles
 */
const candleLayout: CandleLayout<Candle> = {
  order: 'newest-first',
  prices: 'number',
  rows: (body) => (Array.isArray(body) ? body : undefined),
  openTime(cell) {
    const seconds = readTime(cell)
    return seconds === undefined ? undefined : readTime(seconds * 1_000)
  },
  candle(row, openTime, readPrice) {
    const low = readPrice(row[1])
    const high = readPrice(row[2])
    const open = readPrice(row[3])
    const close = readPrice(row[4])
    const volume = readPrice(row[5])
    if (low === undefined || high === undefined || open === undefined || close === undefined) return undefined
    if (volume === undefined) return undefined
    return { openTime, open, high, low, close, volume, quoteVolume: null, tradeCount: null, closed: null }
  },
}

/** `2025-08-18T05:57:37.258019509Z`: what is finer than a millisecond is cut off. */
const isoTime = z.iso.datetime({ offset: true }).transform((text) => Date.parse(text))

/** `{"time":"2020-02-17T07:23:16.353Z","trade_id":24169717,"price":"9042.88","size":"0.00846511","side":"sell"}` */
const trade = z
  .object({
    trade_id: idField,
    price: decimalField,
    size: decimalField,
    side: optional(sideField),
    time: isoTime,
    product_id: optional(z.string()),
  })
  .transform(
    (record): Trade => ({
      id: record.trade_id,
      price: record.price,
      size: record.size,
      side: takerSide(record.side),
      exchangeTime: record.time,
      exchangeSymbol: record.product_id,
    }),
  )

/**
 * The side is that of the order which rested in the book.
 * https://docs.cdp.coinbase.com/api-reference/exchange-api/rest-api/products/get-product-trades
 */
function takerSide(makerSide: Trade['side']): Trade['side'] {
  if (makerSide === null) return null
  return makerSide === 'buy' ? 'sell' : 'buy'
}

/**
 * `{"ask":"115740.12","bid":"115740.11","volume":"3406.39","trade_id":1,"price":"115743.68","size":"0.004","time":"…"}`:
 * the last trade, with the best prices but not their sizes (`size` is the trade's), and no open, high or low.
 * https://docs.cdp.coinbase.com/api-reference/exchange-api/rest-api/products/get-product-ticker
 */
const ticker = z
  .object({
    price: optional(decimalField),
    volume: optional(decimalField),
    bid: optional(decimalField),
    ask: optional(decimalField),
    time: optional(isoTime),
    product_id: optional(z.string()),
  })
  .transform(
    (record): Ticker => ({
      exchangeSymbol: record.product_id,
      exchangeTime: record.time,
      last: record.price,
      open: null,
      high: null,
      low: null,
      volume: record.volume,
      quoteVolume: null,
      bid: record.bid === null ? null : { price: record.bid, size: null },
      ask: record.ask === null ? null : { price: record.ask, size: null },
    }),
  )

/**
 * `{"sequence":12259075,"time":"…","bids":[["8966.04","3009.994",1]],"asks":[…]}`: price, size and the number of orders,
 * or at level 3 one row an order with its id.
 * https://docs.cdp.coinbase.com/api-reference/exchange-api/rest-api/products/get-product-book
 */
const book = z.object({ sequence: optional(idField), time: optional(isoTime), bids: z.unknown(), asks: z.unknown() })

/** One level a price: at level 3 the orders of one price stand in rows of their own. */
function mergeLevels(levels: readonly BookLevel[]): BookLevel[] {
  const merged: BookLevel[] = []
  for (const level of levels) {
    const last = merged.at(-1)
    if (last?.price === level.price) {
      merged[merged.length - 1] = { price: level.price, size: addDecimals(last.size, level.size) }
    } else merged.push(level)
  }
  return merged
}

/** https://docs.cdp.coinbase.com/api-reference/exchange-api/rest-api/products/get-all-known-trading-pairs */
const product = z.object({
  id: z.string().min(1),
  base_currency: z.string(),
  quote_currency: z.string(),
  quote_increment: optional(decimalField),
  base_increment: optional(decimalField),
  status: z.string(),
  trading_disabled: optional(flagField),
})

function readInstrument(value: unknown): InstrumentRead {
  return readAs(product, value, (record) => ({
    exchange: 'coinbase',
    kind: 'spot',
    exchangeSymbol: record.id,
    base: record.base_currency,
    quote: record.quote_currency,
    settle: null,
    inverse: false,
    contractSize: null,
    tickSize: record.quote_increment,
    lotSize: record.base_increment,
    active: record.status === 'online' && record.trading_disabled !== true,
    listedAt: null,
  }))
}
