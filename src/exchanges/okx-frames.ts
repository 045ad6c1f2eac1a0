import type {
  BboEvent,
  BookEvent,
  CandleEvent,
  FundingEvent,
  FundingValues,
  LiquidationEvent,
  MarketEvent,
  OpenInterestEvent,
  TickerEvent,
  TradeEvent,
} from '../domain/event.ts'
import { type Interval, intervals } from '../domain/interval.ts'
import type { Level } from '../domain/order-book.ts'
import { malformed } from './decode.ts'
import { bestFirst } from './decode-book.ts'
import {
  type Cells,
  type DataFrame,
  data,
  decodeFrame,
  ignored,
  needAmount,
  needLevels,
  needList,
  needRecord,
  needSide,
  needText,
  needTime,
  optionalAmount,
  optionalCounter,
  optionalDecimal,
  optionalTime,
} from './decode-frame.ts'
import { readOkxEvent, streamName } from './okx-events.ts'
import { swapsOn } from './okx-index.ts'
import { scanUpdate } from './okx-updates.ts'
import { shorten } from './outcome.ts'
import type { StreamFrame } from './stream.ts'

/**
 * The frames of OKX: https://www.okx.com/docs-v5/en/#overview-websocket
 *
 * Data is `{"arg":{"channel":"…","instId":"…"},"data":[…]}`; all else has an `event`, or is the text `pong`. Numbers are
 * text, `""` is what is not known. Trades and books of swaps count contracts. What an instrument is, its name says.
 */
export function decodeOkxFrame(frame: string): StreamFrame {
  if (frame === 'pong') return { kind: 'heartbeat', reply: null }
  return scanUpdate(frame) ?? decodeFrame(frame, readFrame, ({ arg }) => streamName(needRecord(arg, 'arg')))
}

function readFrame(value: unknown): StreamFrame {
  const message = needRecord(value, 'frame')
  if (message['event'] !== undefined) return readOkxEvent(message)
  const arg = needRecord(message['arg'], 'arg')
  const channel = needText(arg['channel'], 'arg.channel')
  switch (channel) {
    case 'books':
    case 'books5':
    case 'books50-l2-tbt':
    case 'books-l2-tbt':
      return readRecords(message, (record, events) => events.push(readBook(record, arg, message['action'])))
    case 'bbo-tbt':
      return readRecords(message, (record, events) => events.push(readBbo(record, arg)))
    case 'trades-all':
    case 'trades':
      return readRecords(message, (record, events) => events.push(readTrade(record)))
    case 'tickers':
      return readRecords(message, (record, events) => events.push(readTicker(record), readTickerBbo(record)))
    case 'mark-price':
      return readRecords(message, (record, events) => events.push(readMarkPrice(record)))
    case 'index-tickers':
      return { ...readRecords(message, readIndexPrice), isOfIndex: true }
    case 'funding-rate':
      return readRecords(message, (record, events) => events.push(readFundingRate(record)))
    case 'open-interest':
      return readRecords(message, (record, events) => events.push(readOpenInterest(record)))
    case 'liquidation-orders':
      return readRecords(message, readLiquidations)
    default:
      return channel.startsWith('candle') ? readCandles(message, arg, channel) : ignored(shorten(channel))
  }
}

function readRecords(message: Cells, read: (record: Cells, events: MarketEvent[]) => void): DataFrame {
  const records = needList(message['data'], 'data')
  const events: MarketEvent[] = []
  for (const record of records) read(needRecord(record, 'data'), events)
  return data(streamName(needRecord(message['arg'], 'arg')), events)
}

/**
 * `{"instId":"BTC-USDT","tradeId":"130639474","px":"42219.9","sz":"0.12060306","side":"buy","ts":"1630048897897"}`. In
 * `trades` a record joins the fills of one order at one price: `count` of them, of which `tradeId` is the last.
 * https://www.okx.com/docs-v5/en/#order-book-trading-market-data-ws-all-trades-channel
 */
function readTrade(record: Cells): TradeEvent {
  return {
    channel: 'trades',
    exchangeSymbol: needText(record['instId'], 'instId'),
    exchangeTime: needTime(record['ts'], 'ts'),
    id: needText(record['tradeId'], 'tradeId'),
    price: needAmount(record['px'], 'px'),
    size: needAmount(record['sz'], 'sz'),
    side: needSide(record['side'], 'side'),
  }
}

/**
 * `{"asks":[["8476.98","415","0","13"]],"bids":[…],"ts":"1597026383085","prevSeqId":-1,"seqId":123456}`: price, size, a
 * retired column, orders. `checksum` is 0 since 2026. The first message has `action` `snapshot` and -1 before it, those
 * that follow are updates; `books5` has neither, for each is whole.
 * https://www.okx.com/docs-v5/en/#order-book-trading-market-data-ws-order-book-channel
 */
function readBook(record: Cells, arg: Cells, action: unknown): BookEvent {
  const isSnapshot = readAction(record, arg, action) === 'snapshot'
  const bids = needLevels(record['bids'], 'bids')
  const asks = needLevels(record['asks'], 'asks')
  return {
    channel: 'book',
    exchangeSymbol: needText(arg['instId'], 'arg.instId'),
    exchangeTime: needTime(record['ts'], 'ts'),
    kind: isSnapshot ? 'snapshot' : 'update',
    firstSequence: null,
    prevSequence: isSnapshot ? null : optionalCounter(record['prevSeqId'], 'prevSeqId'),
    sequence: optionalCounter(record['seqId'], 'seqId'),
    bids: isSnapshot ? bestFirst(bids, 'bids') : bids,
    asks: isSnapshot ? bestFirst(asks, 'asks') : asks,
  }
}

function readAction(record: Cells, arg: Cells, action: unknown): 'snapshot' | 'update' {
  if (action === 'snapshot' || action === 'update') return action
  if (action === undefined && (arg['channel'] === 'books5' || record['prevSeqId'] === -1)) return 'snapshot'
  throw malformed('action', 'neither snapshot nor update')
}

/** `{"asks":[["8476.98","415","0","13"]],"bids":[],"ts":"1597026383085","seqId":363996337}`: an empty side is empty. */
function readBbo(record: Cells, arg: Cells): BboEvent {
  return {
    channel: 'bbo',
    exchangeSymbol: needText(arg['instId'], 'arg.instId'),
    exchangeTime: needTime(record['ts'], 'ts'),
    sequence: optionalCounter(record['seqId'], 'seqId'),
    bid: needLevels(record['bids'], 'bids')[0] ?? null,
    ask: needLevels(record['asks'], 'asks')[0] ?? null,
  }
}

/**
 * `{"instType":"SWAP","instId":"BTC-USDT-SWAP","last":"9999.99","lastSz":"0.1","askPx":"9999.99","askSz":"11",
 * "bidPx":"8888.88","bidSz":"5","open24h":"9000","high24h":"10000","low24h":"8888.88","volCcy24h":"2222","vol24h":"2222",
 * "sodUtc0":"2222","sodUtc8":"2222","ts":"1597026383085"}`: `vol24h` counts base units on spot and contracts elsewhere,
 * `volCcy24h` quote units on spot and base units elsewhere.
 * https://www.okx.com/docs-v5/en/#order-book-trading-market-data-ws-tickers-channel
 */
function readTicker(record: Cells): TickerEvent {
  const exchangeSymbol = needText(record['instId'], 'instId')
  const volumes = [
    optionalAmount(record['vol24h'], 'vol24h'),
    optionalAmount(record['volCcy24h'], 'volCcy24h'),
  ] as const
  const [volume, quoteVolume] = isContract(exchangeSymbol) ? [volumes[1], null] : volumes
  return {
    channel: 'ticker',
    exchangeSymbol,
    exchangeTime: needTime(record['ts'], 'ts'),
    values: {
      last: optionalAmount(record['last'], 'last'),
      open: optionalAmount(record['open24h'], 'open24h'),
      high: optionalAmount(record['high24h'], 'high24h'),
      low: optionalAmount(record['low24h'], 'low24h'),
      volume,
      quoteVolume,
    },
  }
}

/** The best prices of a ticker, as they were when it was made: `bbo-tbt` has them sooner. */
function readTickerBbo(record: Cells): BboEvent {
  return {
    channel: 'bbo',
    exchangeSymbol: needText(record['instId'], 'instId'),
    exchangeTime: needTime(record['ts'], 'ts'),
    sequence: null,
    bid: readLevel(record['bidPx'], record['bidSz'], 'bid'),
    ask: readLevel(record['askPx'], record['askSz'], 'ask'),
  }
}

function readLevel(price: unknown, size: unknown, side: string): Level | null {
  const value = optionalAmount(price, `${side}Px`)
  return value === null ? null : { price: value, size: optionalAmount(size, `${side}Sz`) }
}

/** Everything but spot names a third part, its delivery: `BTC-USDT-SWAP`, `BTC-USD-220624`. */
function isContract(instId: string): boolean {
  return instId.includes('-', instId.indexOf('-') + 1)
}

/** How OKX spells intervals: https://www.okx.com/docs-v5/en/#order-book-trading-market-data-get-candlesticks */
export const okxIntervals = {
  '1m': '1m',
  '3m': '3m',
  '5m': '5m',
  '15m': '15m',
  '30m': '30m',
  '1h': '1H',
  '2h': '2H',
  '4h': '4H',
  '6h': '6Hutc',
  '12h': '12Hutc',
  '1d': '1Dutc',
  '1w': '1Wutc',
  '1M': '1Mutc',
} as const satisfies Record<Interval, string>

const intervalsOfBars: ReadonlyMap<string, Interval> = new Map(
  intervals.map((interval) => [okxIntervals[interval], interval]),
)

/** From 6 hours up, bars without `utc` open by Hong Kong time: nobody here asks for them, recordings have them. */
const hongKongBars: ReadonlySet<string> = new Set(
  Object.values(okxIntervals).flatMap((bar) => (bar.endsWith('utc') ? [bar.slice(0, -'utc'.length)] : [])),
)

/**
 * `["1629993600000","42500","48199.9","41006.1","41006.1","3587.41204591","166741046.22583129","166741046.22583129","0"]`:
 * the columns of a candle over REST, see `okxDecoders.candles`. Until 2022 the last two were missing.
 * https://www.okx.com/docs-v5/en/#order-book-trading-market-data-ws-candlesticks-channel
 */
function readCandles(message: Cells, arg: Cells, channel: string): StreamFrame {
  const bar = channel.slice('candle'.length)
  const interval = intervalsOfBars.get(bar)
  if (interval === undefined && !hongKongBars.has(bar)) return ignored(shorten(channel))
  const slots = interval === undefined ? { interval: null, exchangeInterval: bar } : { interval }
  const exchangeSymbol = needText(arg['instId'], 'arg.instId')
  const [volume, quoteVolume] = isContract(exchangeSymbol) ? [6, 7] : [5, 6]
  const rows = needList(message['data'], 'data')
  return data(
    streamName(arg),
    rows.map((cells): CandleEvent => {
      const row = needList(cells, 'data')
      return {
        channel: 'candles',
        exchangeSymbol,
        exchangeTime: null,
        ...slots,
        candle: {
          openTime: needTime(row[0], 'openTime'),
          open: needAmount(row[1], 'open'),
          high: needAmount(row[2], 'high'),
          low: needAmount(row[3], 'low'),
          close: needAmount(row[4], 'close'),
          volume: needAmount(row[volume], 'volume'),
          quoteVolume: optionalAmount(row[quoteVolume], 'quoteVolume'),
          tradeCount: null,
          closed: readConfirm(row[8]),
        },
      }
    }),
  )
}

function readConfirm(cell: unknown): boolean | null {
  if (cell === undefined) return null
  if (cell !== '0' && cell !== '1') throw malformed('confirm', 'neither 0 nor 1')
  return cell === '1'
}

/** `{"instType":"SWAP","instId":"BTC-USDT-SWAP","markPx":"83003.8","ts":"1790757203016"}` */
function readMarkPrice(record: Cells): FundingEvent {
  return funding(record, needText(record['instId'], 'instId'), { markPrice: needAmount(record['markPx'], 'markPx') })
}

/**
 * `{"instId":"BTC-USDT","idxPx":"83043.9","high24h":"84560.3",…,"ts":"1790757203066"}`: said of each swap that would follow it.
 * https://www.okx.com/docs-v5/en/#public-data-websocket-index-tickers-channel
 */
function readIndexPrice(record: Cells, events: MarketEvent[]): void {
  const index = needText(record['instId'], 'instId')
  const indexPrice = needAmount(record['idxPx'], 'idxPx')
  for (const swap of swapsOn(index)) events.push(funding(record, swap, { indexPrice }))
}

/**
 * `{"instId":"BTC-USDT-SWAP","fundingRate":"0.0000252378080097","fundingTime":"1790784000000","nextFundingRate":"",
 * "nextFundingTime":"1790812800000",…,"ts":"1790757122992"}`: the rate will be paid at `fundingTime`; what is called
 * `next` here is the one after that. https://www.okx.com/docs-v5/en/#public-data-websocket-funding-rate-channel
 */
function readFundingRate(record: Cells): FundingEvent {
  return funding(record, needText(record['instId'], 'instId'), {
    rate: optionalDecimal(record['fundingRate'], 'fundingRate'),
    nextFundingTime: optionalTime(record['fundingTime'], 'fundingTime'),
  })
}

function funding(record: Cells, exchangeSymbol: string, values: Partial<FundingValues>): FundingEvent {
  return { channel: 'funding', exchangeSymbol, exchangeTime: optionalTime(record['ts'], 'ts'), values }
}

/**
 * `{"instId":"BTC-USDT-SWAP","instType":"SWAP","oi":"2874486.99","oiCcy":"28744.8699","oiUsd":"2385812703.75","ts":"…"}`:
 * contracts, base units, US dollars, which are not the quote asset.
 * https://www.okx.com/docs-v5/en/#public-data-websocket-open-interest-channel
 */
function readOpenInterest(record: Cells): OpenInterestEvent {
  return {
    channel: 'open-interest',
    exchangeSymbol: needText(record['instId'], 'instId'),
    exchangeTime: needTime(record['ts'], 'ts'),
    values: { openInterest: needAmount(record['oiCcy'], 'oiCcy'), value: null },
  }
}

/**
 * `{"instId":"IOST-USDT-SWAP","instType":"SWAP","details":[{"side":"buy","posSide":"short","bkPx":"0.00831","sz":"13",
 * "ts":"1692266434010",…}],…}`: the side of the order, the bankruptcy price.
 * https://www.okx.com/docs-v5/en/#public-data-websocket-liquidation-orders-channel
 */
function readLiquidations(record: Cells, events: MarketEvent[]): void {
  const exchangeSymbol = needText(record['instId'], 'instId')
  for (const cell of needList(record['details'], 'details')) {
    const detail = needRecord(cell, 'details')
    events.push({
      channel: 'liquidations',
      exchangeSymbol,
      exchangeTime: needTime(detail['ts'], 'details.ts'),
      price: needAmount(detail['bkPx'], 'details.bkPx'),
      size: needAmount(detail['sz'], 'details.sz'),
      side: needSide(detail['side'], 'details.side'),
    } satisfies LiquidationEvent)
  }
}
