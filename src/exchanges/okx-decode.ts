import { z } from 'zod'
import type { Candle } from '../domain/candle.ts'
import { type Decimal, multiplyDecimals } from '../domain/decimal.ts'
import type { FundingRate } from '../domain/funding.ts'
import type { InstrumentKind } from '../domain/instrument.ts'
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
 * The bodies of OKX: https://www.okx.com/docs-v5/en/
 *
 * `{"code":"0","msg":"","data":[…]}`, newest first, numbers as text, `""` for what is not known. Sizes of swaps are in
 * contracts, also in books; candles and tickers carry the base volume beside (`volCcy`).
 */
export const okxDecoders = {
  instruments(body) {
    const records = dataIn(body, 'okx instruments', 'instId')
    return readInstruments(records, null, (record) => isRecord(record) && record['instId'], readInstrument)
  },
  candles(body, kind) {
    return readCandles(candleLayouts[kind], body, 'okx candles')
  },
  priceCandles(body) {
    return readCandles(priceCandleLayout, body, 'okx price candles')
  },
  trades(body) {
    return readRows(dataIn(body, 'okx trades', 'tradeId').toReversed(), () => trade)
  },
  tickers(body) {
    return readRows(dataIn(body, 'okx ticker', 'instId'), () => ticker)
  },
  orderBook(body) {
    const what = 'okx books'
    const [record, ...others] = dataIn(body, what, 'bids')
    if (record === undefined || others.length > 0) throw malformed(what, 'not one book')
    const { instId, ts, seqId, bids, asks } = validate(book, record, what)
    return {
      exchangeSymbol: instId,
      exchangeTime: ts,
      sequence: seqId,
      bids: readLevels(bids, 'bids', what),
      asks: readLevels(asks, 'asks', what),
    } satisfies BookSnapshot
  },
  fundingRates(body) {
    return readRows(dataIn(body, 'okx funding rates', 'fundingRate').toReversed(), () => fundingRate)
  },
  countsContracts: (exchangeSymbol, kind) =>
    (exchangeSymbol === null ? kind : readSymbol(exchangeSymbol)?.kind) !== 'spot',
  spell: (base, quote, kind) => (kind === 'spot' ? `${base}-${quote}` : `${base}-${quote}-SWAP`),
  readSymbol,
} satisfies RestDecoders

/** `BTC-USDT` is spot, `BTC-USDT-SWAP` perpetual; what has another third part is neither. */
function readSymbol(exchangeSymbol: string): { base: string; quote: string; kind: InstrumentKind } | undefined {
  const [base, quote, type, ...rest] = exchangeSymbol.split('-')
  if (!base || !quote || rest.length > 0 || (type !== undefined && type !== 'SWAP')) return undefined
  return { base, quote, kind: type === 'SWAP' ? 'perpetual' : 'spot' }
}

/** The list in the envelope; also a bare record with `field`, as record lists keep them. */
function dataIn(body: string, what: string, field: string): readonly unknown[] {
  const value = parseJson(body, what)
  const rows = rowsIn(value)
  if (rows !== undefined) return rows
  if (isRecord(value) && field in value) return [value]
  throw malformed(what, isRecord(value) ? shorten(`no data, code ${textField(value, 'code')}`) : 'no data')
}

function rowsIn(body: unknown): readonly unknown[] | undefined {
  if (!isRecord(body) || !Array.isArray(body['data'])) return undefined
  return body['code'] === undefined || textField(body, 'code') === '0' ? body['data'] : undefined
}

/**
 * `["1597026383085","3.721","3.743","3.677","3.708","8422410","22698348.04","12698348.04","0"]`: time, open, high, low,
 * close, `vol`, `volCcy`, `volCcyQuote`, confirm. `vol` counts base units on spot and contracts on swaps, `volCcy` quote
 * units on spot and base units on swaps; the last is the quote volume on both.
 * https://www.okx.com/docs-v5/en/#order-book-trading-market-data-get-candlesticks
 */
const candleLayouts = {
  spot: candleLayout(5),
  perpetual: candleLayout(6),
} as const satisfies Record<InstrumentKind, CandleLayout<Candle>>

function candleLayout(volumeColumn: number): CandleLayout<Candle> {
  return {
    order: 'newest-first',
    prices: 'text',
    rows: rowsIn,
    openTime: readTime,
    candle(row, openTime, readPrice) {
      const open = readPrice(row[1])
      const high = readPrice(row[2])
      const low = readPrice(row[3])
      const close = readPrice(row[4])
      const volume = readPrice(row[volumeColumn])
      const quoteVolume = readPrice(row[7])
      const closed = readConfirm(row[8])
      if (open === undefined || high === undefined || low === undefined || close === undefined) return undefined
      if (volume === undefined || quoteVolume === undefined || closed === undefined) return undefined
      return { openTime, open, high, low, close, volume, quoteVolume, tradeCount: null, closed }
    },
  }
}

/**
 * `["1597026383085","3.721","3.743","3.677","3.708","0"]`: time, open, high, low, close, confirm.
 * https://www.okx.com/docs-v5/en/#public-data-rest-api-get-mark-price-candlesticks
 */
const priceCandleLayout: CandleLayout<PriceCandle> = {
  order: 'newest-first',
  prices: 'text',
  rows: rowsIn,
  openTime: readTime,
  candle(row, openTime, readPrice) {
    const open = readPrice(row[1])
    const high = readPrice(row[2])
    const low = readPrice(row[3])
    const close = readPrice(row[4])
    const closed = readConfirm(row[5])
    if (open === undefined || high === undefined || low === undefined || close === undefined) return undefined
    if (row.length > 6 || closed === undefined) return undefined
    return { openTime, open, high, low, close, volume: null, quoteVolume: null, tradeCount: null, closed }
  },
}

function readConfirm(cell: unknown): boolean | undefined {
  if (cell === '1' || cell === 1) return true
  return cell === '0' || cell === 0 ? false : undefined
}

/** `{"instId":"BTC-USDT","side":"sell","sz":"0.00001","px":"29963.2","tradeId":"242720720","ts":"1654161646974"}` */
const trade = z
  .object({
    instId: optional(z.string()),
    tradeId: idField,
    px: decimalField,
    sz: decimalField,
    // The taker's: https://www.okx.com/docs-v5/en/#order-book-trading-market-data-get-trades
    side: optional(sideField),
    ts: timeField,
  })
  .transform(
    (record): Trade => ({
      id: record.tradeId,
      price: record.px,
      size: record.sz,
      side: record.side,
      exchangeTime: record.ts,
      exchangeSymbol: record.instId,
    }),
  )

/**
 * `{"instType":"SPOT","instId":"ETH-USDT","last":"2088","askPx":"2088.01","askSz":"0.23","vol24h":"433517.4",
 * "volCcy24h":"891480576.6",…}`: `vol24h` counts base units on spot and contracts elsewhere, `volCcy24h` quote units on
 * spot and base units elsewhere. https://www.okx.com/docs-v5/en/#order-book-trading-market-data-get-ticker
 */
const ticker = z
  .object({
    instType: optional(z.string()),
    instId: z.string().min(1),
    last: optional(decimalField),
    open24h: optional(decimalField),
    high24h: optional(decimalField),
    low24h: optional(decimalField),
    vol24h: optional(decimalField),
    volCcy24h: optional(decimalField),
    bidPx: optional(decimalField),
    bidSz: optional(decimalField),
    askPx: optional(decimalField),
    askSz: optional(decimalField),
    ts: optional(timeField),
  })
  .transform((record): Ticker => {
    const isSpot = record.instType === null ? readSymbol(record.instId)?.kind === 'spot' : record.instType === 'SPOT'
    return {
      exchangeSymbol: record.instId,
      exchangeTime: record.ts,
      last: record.last,
      open: record.open24h,
      high: record.high24h,
      low: record.low24h,
      volume: isSpot ? record.vol24h : record.volCcy24h,
      quoteVolume: isSpot ? record.volCcy24h : null,
      bid: level(record.bidPx, record.bidSz),
      ask: level(record.askPx, record.askSz),
    }
  })

function level(price: Decimal | null, size: Decimal | null): Level | null {
  return price === null ? null : { price, size }
}

/** `{"asks":[["41006.8","0.60","0","1"]],"bids":[…],"ts":"1629966436396"}`: price, size, a retired column, orders. */
const book = z.object({
  instId: optional(z.string()),
  ts: optional(timeField),
  seqId: optional(idField),
  bids: z.unknown(),
  asks: z.unknown(),
})

/**
 * History: `{"instId":"BTC-USDT-SWAP","fundingRate":"0.00008","realizedRate":"0.00008","fundingTime":"1703088000000"}`.
 * The current one has `ts` and no realized rate, and its `fundingTime` lies ahead.
 * https://www.okx.com/docs-v5/en/#public-data-rest-api-get-funding-rate-history
 */
const fundingRate = z
  .object({
    instId: z.string().min(1),
    fundingRate: decimalField,
    realizedRate: optional(decimalField),
    fundingTime: timeField,
    ts: optional(timeField),
  })
  .transform(
    (record): FundingRate => ({
      exchangeSymbol: record.instId,
      exchangeTime: record.ts,
      fundingTime: record.fundingTime,
      settled: record.realizedRate !== null,
      rate: record.realizedRate ?? record.fundingRate,
      markPrice: null,
      indexPrice: null,
    }),
  )

/** `{"instType":"SWAP","instId":"BTC-USDT-SWAP","instFamily":"BTC-USDT","ctVal":"0.01","ctMult":"1","state":"live",…}` */
const instrument = z.object({
  instId: z.string().min(1),
  state: z.string(),
  tickSz: optional(decimalField),
  lotSz: optional(decimalField),
  listTime: optional(timeField),
})
const spotInstrument = instrument.extend({ baseCcy: z.string(), quoteCcy: z.string() })
const swapInstrument = instrument.extend({
  ctType: z.enum(['linear', 'inverse']),
  ctVal: decimalField,
  ctMult: optional(decimalField),
  settleCcy: z.string(),
})

function readInstrument(value: unknown): InstrumentRead {
  const fields = isRecord(value) ? value : {}
  const type = fields['instType']
  // A listing before its auction may lack everything but its name.
  if (fields['state'] === 'preopen' || fields['ruleType'] === 'pre_market') return leftOut
  if (type === 'SWAP') {
    return readAs(swapInstrument, value, (record) => ({
      ...described(record),
      kind: 'perpetual',
      base: readSymbol(record.instId)?.base ?? '',
      quote: readSymbol(record.instId)?.quote ?? '',
      settle: record.settleCcy,
      inverse: record.ctType === 'inverse',
      contractSize: record.ctMult === null ? record.ctVal : multiplyDecimals(record.ctVal, record.ctMult),
    }))
  }
  if (type !== 'SPOT' && type !== undefined) return leftOut
  return readAs(spotInstrument, value, (record) => ({
    ...described(record),
    kind: 'spot',
    base: record.baseCcy,
    quote: record.quoteCcy,
    settle: null,
    inverse: false,
    contractSize: null,
  }))
}

function described(record: z.infer<typeof instrument>) {
  return {
    exchange: 'okx',
    exchangeSymbol: record.instId,
    tickSize: record.tickSz,
    lotSize: record.lotSz,
    active: record.state === 'live',
    listedAt: record.listTime,
  }
}
