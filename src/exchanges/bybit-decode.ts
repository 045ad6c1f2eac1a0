import { z } from 'zod'
import type { Candle } from '../domain/candle.ts'
import { type Decimal, decimal } from '../domain/decimal.ts'
import type { FundingRate } from '../domain/funding.ts'
import type { BookSnapshot, Level } from '../domain/order-book.ts'
import type { Ticker } from '../domain/ticker.ts'
import type { Trade } from '../domain/trade.ts'
import {
  decimalField,
  idField,
  isRecord,
  malformed,
  optional,
  parseJson,
  type RestDecoders,
  readRows,
  readTime,
  sideField,
  timeField,
  validate,
} from './decode.ts'
import { readLevels } from './decode-book.ts'
import { type CandleLayout, type PriceCandle, readCandles } from './decode-candles.ts'
import { type InstrumentRead, leftOut, readAs, readInstruments } from './decode-instruments.ts'
import { shorten, textField } from './outcome.ts'

/**
 * The bodies of Bybit v5: https://bybit-exchange.github.io/docs/v5/market/kline
 *
 * `{"retCode":0,"retMsg":"OK","result":{"category":"spot","list":[…]},"time":1672025956592}`, newest first, prices as
 * text, `""` for what is not known. Linear sizes are in base units; inverse ones are contracts of one US dollar.
 */
export const bybitDecoders = {
  instruments(body) {
    const { records, result } = listIn(body, 'bybit instruments', 'baseCoin')
    const cursor = textField(result, 'nextPageCursor')
    const symbolOf = (record: unknown) => isRecord(record) && record['symbol']
    return readInstruments(records, cursor === '' ? null : cursor, symbolOf, readInstrument)
  },
  candles(body) {
    const layout = INVERSE_CATEGORY.test(body.slice(0, HEAD_LENGTH)) ? inverseCandleLayout : candleLayout
    return readCandles(layout, body, 'bybit kline')
  },
  priceCandles(body) {
    return readCandles(priceCandleLayout, body, 'bybit price kline')
  },
  trades(body) {
    return readRows(listIn(body, 'bybit trades', 'execId').records.toReversed(), () => trade)
  },
  tickers(body) {
    const { records, result } = listIn(body, 'bybit tickers', 'lastPrice')
    return readRows(records, () => (result['category'] === 'inverse' ? inverseTicker : ticker))
  },
  orderBook(body) {
    const what = 'bybit orderbook'
    const value = parseJson(body, what)
    const { s, ts, u, b, a } = validate(book, resultOf(value) ?? value, what)
    return {
      exchangeSymbol: s,
      exchangeTime: ts,
      sequence: u,
      bids: readLevels(b, 'bids', what),
      asks: readLevels(a, 'asks', what),
    } satisfies BookSnapshot
  },
  fundingRates(body) {
    return readRows(listIn(body, 'bybit funding history', 'fundingRate').records.toReversed(), () => fundingRate)
  },
  /** Inverse perpetuals are those quoted in dollars; where only the kind is known it is a linear one. */
  countsContracts: (exchangeSymbol, kind) => kind === 'perpetual' && exchangeSymbol?.endsWith('USD') === true,
  /** USDC perpetuals are named after their base alone: `BTCPERP`. */
  spell: (base, quote, kind) => (kind === 'perpetual' && quote === 'USDC' ? `${base}PERP` : `${base}${quote}`),
} satisfies RestDecoders

function resultOf(body: unknown): Readonly<Record<string, unknown>> | undefined {
  if (!isRecord(body) || !isRecord(body['result'])) return undefined
  return textField(body, 'retCode') === '0' ? body['result'] : undefined
}

function rowsIn(body: unknown): readonly unknown[] | undefined {
  const list = resultOf(body)?.['list']
  return Array.isArray(list) ? list : undefined
}

function symbolIn(body: unknown): string | null {
  const symbol = resultOf(body)?.['symbol']
  return typeof symbol === 'string' ? symbol : null
}

/** The list in the envelope; also a bare record with `field`, as record lists keep them. */
function listIn(body: string, what: string, field: string) {
  const value = parseJson(body, what)
  const records = rowsIn(value)
  if (records !== undefined) return { records, result: resultOf(value) ?? {} }
  if (isRecord(value) && field in value) return { records: [value], result: {} }
  throw malformed(what, isRecord(value) ? shorten(`no list, retCode ${textField(value, 'retCode')}`) : 'no list')
}

/**
 * `["1670608800000","17071","17073","17027","17055.5","207.404745","3540432.1"]`: start, open, high, low, close, volume,
 * turnover. The unfinished one comes first and is not marked. https://bybit-exchange.github.io/docs/v5/market/kline
 */
const candleLayout = candleLayoutOf(5, 6)
/** Volume in dollars, turnover in the base asset. The category stands before the rows. */
const inverseCandleLayout = candleLayoutOf(6, 5)
const INVERSE_CATEGORY = /"category"\s*:\s*"inverse"/
const HEAD_LENGTH = 300

function candleLayoutOf(volumeColumn: number, quoteVolumeColumn: number): CandleLayout<Candle> {
  return {
    order: 'newest-first',
    prices: 'text',
    rows: rowsIn,
    symbol: symbolIn,
    openTime: readTime,
    candle(row, openTime, readPrice) {
      const open = readPrice(row[1])
      const high = readPrice(row[2])
      const low = readPrice(row[3])
      const close = readPrice(row[4])
      const volume = readPrice(row[volumeColumn])
      const quoteVolume = readPrice(row[quoteVolumeColumn])
      if (open === undefined || high === undefined || low === undefined || close === undefined) return undefined
      if (volume === undefined || quoteVolume === undefined) return undefined
      return { openTime, open, high, low, close, volume, quoteVolume, tradeCount: null, closed: null }
    },
  }
}

/** The first five columns: https://bybit-exchange.github.io/docs/v5/market/mark-kline */
const priceCandleLayout: CandleLayout<PriceCandle> = {
  order: 'newest-first',
  prices: 'text',
  rows: rowsIn,
  symbol: symbolIn,
  openTime: readTime,
  candle(row, openTime, readPrice) {
    const open = readPrice(row[1])
    const high = readPrice(row[2])
    const low = readPrice(row[3])
    const close = readPrice(row[4])
    if (open === undefined || high === undefined || low === undefined || close === undefined) return undefined
    if (row.length > 5) return undefined
    return { openTime, open, high, low, close, volume: null, quoteVolume: null, tradeCount: null, closed: null }
  },
}

/** `{"execId":"2100000000007764263","symbol":"BTCUSDT","price":"16618.49","size":"0.00012","side":"Buy","time":"…"}` */
const trade = z
  .object({
    execId: idField,
    symbol: optional(z.string()),
    price: decimalField,
    size: decimalField,
    // The taker's: https://bybit-exchange.github.io/docs/v5/market/recent-trade
    side: optional(sideField),
    time: timeField,
  })
  .transform(
    (record): Trade => ({
      id: record.execId,
      price: record.price,
      size: record.size,
      side: record.side,
      exchangeTime: record.time,
      exchangeSymbol: record.symbol,
    }),
  )

/**
 * `{"symbol":"BTCUSDT","lastPrice":"69372.6","prevPrice24h":"69974.7","bid1Price":"69372.5","bid1Size":"0.24",…}`; the
 * record itself has no time. https://bybit-exchange.github.io/docs/v5/market/tickers
 */
const ticker = tickerOf('volume24h', 'turnover24h')
/** As in candles: volume in dollars, turnover in the base asset. */
const inverseTicker = tickerOf('turnover24h', 'volume24h')

function tickerOf(volume: 'volume24h' | 'turnover24h', quoteVolume: 'volume24h' | 'turnover24h') {
  return z
    .object({
      symbol: z.string().min(1),
      lastPrice: optional(decimalField),
      prevPrice24h: optional(decimalField),
      highPrice24h: optional(decimalField),
      lowPrice24h: optional(decimalField),
      volume24h: optional(decimalField),
      turnover24h: optional(decimalField),
      bid1Price: optional(decimalField),
      bid1Size: optional(decimalField),
      ask1Price: optional(decimalField),
      ask1Size: optional(decimalField),
    })
    .transform(
      (record): Ticker => ({
        exchangeSymbol: record.symbol,
        exchangeTime: null,
        last: record.lastPrice,
        open: record.prevPrice24h,
        high: record.highPrice24h,
        low: record.lowPrice24h,
        volume: record[volume],
        quoteVolume: record[quoteVolume],
        bid: level(record.bid1Price, record.bid1Size),
        ask: level(record.ask1Price, record.ask1Size),
      }),
    )
}

function level(price: Decimal | null, size: Decimal | null): Level | null {
  return price === null ? null : { price, size }
}

/**
 * `{"s":"BTCUSDT","a":[["65557.7","16.606555"]],"b":[…],"ts":1716863719031,"u":230704,"seq":1432604333}`: `u` counts the
 * updates of this book, as on the stream. https://bybit-exchange.github.io/docs/v5/market/orderbook
 */
const book = z.object({
  s: optional(z.string()),
  ts: optional(timeField),
  u: optional(idField),
  b: z.unknown(),
  a: z.unknown(),
})

/** `{"symbol":"ETHPERP","fundingRate":"0.0001","fundingRateTimestamp":"1672041600000"}` */
const fundingRate = z
  .object({ symbol: z.string().min(1), fundingRate: decimalField, fundingRateTimestamp: timeField })
  .transform(
    (record): FundingRate => ({
      exchangeSymbol: record.symbol,
      exchangeTime: null,
      fundingTime: record.fundingRateTimestamp,
      settled: true,
      rate: record.fundingRate,
      markPrice: null,
      indexPrice: null,
    }),
  )

/** https://bybit-exchange.github.io/docs/v5/market/instrument */
const instrument = z.object({
  symbol: z.string().min(1),
  status: z.string(),
  baseCoin: z.string(),
  quoteCoin: z.string(),
  settleCoin: optional(z.string()),
  launchTime: optional(timeField),
  priceFilter: z.object({ tickSize: optional(decimalField) }),
  lotSizeFilter: z.object({ basePrecision: optional(decimalField), qtyStep: optional(decimalField) }),
})

/** An inverse contract is one unit of the quote asset: https://www.bybit.com/en/help-center/article/Contract-Specification-Inverse-Contract */
const INVERSE_CONTRACT_SIZE = decimal('1')

function readInstrument(value: unknown): InstrumentRead {
  const fields = isRecord(value) ? value : {}
  const type = fields['contractType']
  if (fields['optionsType'] !== undefined || fields['status'] === 'PreLaunch') return leftOut
  if (type !== undefined && type !== 'LinearPerpetual' && type !== 'InversePerpetual') return leftOut
  if (fields['isPreListing'] === true || fields['isPreListing'] === 'true') return leftOut
  const isInverse = type === 'InversePerpetual'
  return readAs(instrument, value, (record) => ({
    exchange: 'bybit',
    kind: type === undefined ? 'spot' : 'perpetual',
    exchangeSymbol: record.symbol,
    base: record.baseCoin,
    quote: record.quoteCoin,
    settle: type === undefined ? null : record.settleCoin,
    inverse: isInverse,
    contractSize: isInverse ? INVERSE_CONTRACT_SIZE : null,
    tickSize: record.priceFilter.tickSize,
    lotSize: record.lotSizeFilter.basePrecision ?? record.lotSizeFilter.qtyStep,
    active: record.status === 'Trading',
    // Zero stands for a launch that is not recorded.
    listedAt: record.launchTime === 0 ? null : record.launchTime,
  }))
}
