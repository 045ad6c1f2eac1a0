import type {
  BboEvent,
  CandleEvent,
  FundingValues,
  LiquidationEvent,
  MarketEvent,
  OpenInterestValues,
  TickerValues,
  TradeEvent,
} from '../domain/event.ts'
import type { InstrumentKind } from '../domain/instrument.ts'
import { type Interval, intervals } from '../domain/interval.ts'
import type { Level } from '../domain/order-book.ts'
import { readBybitReply } from './bybit-replies.ts'
import { scanUpdate } from './bybit-updates.ts'
import { malformed } from './decode.ts'
import { bestFirst } from './decode-book.ts'
import {
  type Cells,
  data,
  decodeFrame,
  ignored,
  needAmount,
  needCounter,
  needFlag,
  needLevels,
  needList,
  needRecord,
  needSide,
  needText,
  needTime,
  optionalAmount,
  optionalDecimal,
  optionalTime,
  textOrNone,
} from './decode-frame.ts'
import { shorten } from './outcome.ts'
import type { StreamFrame } from './stream.ts'

/**
 * The frames of Bybit v5: https://bybit-exchange.github.io/docs/v5/ws/connect
 *
 * Data is `{"topic":"orderbook.50.BTCUSDT","type":"snapshot","ts":1672304484978,"data":…}`; all else has an `op`. Prices
 * are text, times and counters numbers. Sizes are in base units.
 * @param kind of the endpoint: the same symbol may be spot and perpetual
 */
export function decodeBybitFrame(frame: string, kind: InstrumentKind): StreamFrame {
  const read = (value: unknown) => readFrame(value, kind)
  return scanUpdate(frame) ?? decodeFrame(frame, read, ({ topic }) => textOrNone(topic))
}

function readFrame(value: unknown, kind: InstrumentKind): StreamFrame {
  const message = needRecord(value, 'frame')
  if (message['topic'] === undefined) return readBybitReply(message)
  const topic = needText(message['topic'], 'topic')
  const [channel, second = '', third = ''] = topic.split('.')
  switch (channel) {
    case 'orderbook':
      return readOrderbook(message, topic, second)
    case 'publicTrade':
      return readList(message, topic, readTrade)
    case 'tickers':
      return readTicker(message, topic, kind)
    case 'kline':
      return readCandles(message, topic, second, third, kind)
    case 'allLiquidation':
      return readList(message, topic, readLiquidation)
    case 'liquidation':
      return data(topic, [readOldLiquidation(needRecord(message['data'], 'data'))])
    default:
      return ignored(shorten(topic))
  }
}

function readList(message: Cells, topic: string, read: (record: Cells) => MarketEvent): StreamFrame {
  const records = needList(message['data'], 'data')
  const events: MarketEvent[] = []
  for (const record of records) events.push(read(needRecord(record, 'data')))
  return data(topic, events)
}

/**
 * `{"T":1672304486865,"s":"BTCUSDT","S":"Buy","v":"0.001","p":"16578.50","L":"PlusTick","i":"20f43950-d8dd-…","BT":false,
 * "seq":1783284617}`; a frame may have 1,024. `S` is the taker's side.
 * https://bybit-exchange.github.io/docs/v5/websocket/public/trade
 */
function readTrade(record: Cells): TradeEvent {
  return {
    channel: 'trades',
    exchangeSymbol: needText(record['s'], 's'),
    exchangeTime: needTime(record['T'], 'T'),
    id: needText(record['i'], 'i'),
    price: needAmount(record['p'], 'p'),
    size: needAmount(record['v'], 'v'),
    side: needSide(record['S'], 'S'),
  }
}

/** By depth. The one of `orderbook.rpi` has other columns: orders that not everybody can meet stand apart. */
function readOrderbook(message: Cells, topic: string, depth: string): StreamFrame {
  if (!/^\d+$/.test(depth)) return ignored(shorten(topic))
  return depth === '1' ? readBbo(message, topic) : readBook(message, topic)
}

/**
 * `{"s":"BTCUSDT","b":[["16493.50","0.006"]],"a":[["16611.00","0.029"]],"u":18521288,"seq":7961638724}`: `u` rises by
 * one; after a restart of the service it is 1, in a snapshot. The `cts` beside it is the time of the matching engine,
 * `ts` that of the frame. https://bybit-exchange.github.io/docs/v5/websocket/public/orderbook
 */
function readBook(message: Cells, topic: string): StreamFrame {
  const isSnapshot = readType(message) === 'snapshot'
  const book = needRecord(message['data'], 'data')
  const bids = needLevels(book['b'], 'b')
  const asks = needLevels(book['a'], 'a')
  return data(topic, [
    {
      channel: 'book',
      exchangeSymbol: needText(book['s'], 's'),
      exchangeTime: needTime(message['ts'], 'ts'),
      kind: isSnapshot ? 'snapshot' : 'update',
      firstSequence: null,
      prevSequence: null,
      sequence: needCounter(book['u'], 'u'),
      bids: isSnapshot ? bestFirst(bids, 'bids') : bids,
      asks: isSnapshot ? bestFirst(asks, 'asks') : asks,
    },
  ])
}

/**
 * The book of depth 1. Today each frame is a snapshot, and the last is repeated after 3 s without a change; until 2025
 * there were updates, in which a side without levels is unchanged.
 */
function readBbo(message: Cells, topic: string): StreamFrame {
  const isSnapshot = readType(message) === 'snapshot'
  const book = needRecord(message['data'], 'data')
  const bid = bestOf(book['b'], 'b', isSnapshot)
  const ask = bestOf(book['a'], 'a', isSnapshot)
  return newest(topic, isSnapshot, [
    {
      channel: 'bbo',
      exchangeSymbol: needText(book['s'], 's'),
      exchangeTime: needTime(message['ts'], 'ts'),
      sequence: needCounter(book['u'], 'u'),
      ...(bid === undefined ? {} : { bid }),
      ...(ask === undefined ? {} : { ask }),
    },
  ])
}

function newest(topic: string, isSnapshot: boolean, events: readonly MarketEvent[]): StreamFrame {
  return isSnapshot ? data(topic, events) : { kind: 'data', stream: topic, events, isPartial: true }
}

/** The one level that is not a removal; `null`: there is none, `undefined`: nothing is said of this side. */
function bestOf(rows: unknown, field: string, isSnapshot: boolean): Level | null | undefined {
  const levels = needLevels(rows, field)
  if (levels.length === 0 && !isSnapshot) return undefined
  return levels.find(({ size }) => size !== '0') ?? null
}

function readType(message: Cells): 'snapshot' | 'delta' {
  const type = message['type']
  if (type !== 'snapshot' && type !== 'delta') throw malformed('type', 'neither snapshot nor delta')
  return type
}

/**
 * `{"symbol":"BTCUSDT","lastPrice":"17216.00","prevPrice24h":"16926.50","highPrice24h":"17281.50",…,"markPrice":…,
 * "indexPrice":…,"openInterest":…,"openInterestValue":…,"turnover24h":…,"volume24h":…,"nextFundingTime":…,
 * "fundingRate":…,"bid1Price":…,"bid1Size":…,"ask1Price":…,"ask1Size":…}`: all of it in a snapshot, what has changed in
 * a delta. On spot only the prices and volumes of the day, and only snapshots.
 * https://bybit-exchange.github.io/docs/v5/websocket/public/ticker
 */
function readTicker(message: Cells, topic: string, kind: InstrumentKind): StreamFrame {
  const isSnapshot = readType(message) === 'snapshot'
  const record = needRecord(message['data'], 'data')
  const exchangeSymbol = needText(record['symbol'], 'symbol')
  const base = { exchangeSymbol, exchangeTime: needTime(message['ts'], 'ts') }
  const events: MarketEvent[] = []
  const isSwapped = countsDollars(exchangeSymbol, kind)
  const values = readSummary(record, isSwapped)
  if (values !== undefined) events.push({ channel: 'ticker', ...base, values })
  const bbo = readTickerBbo(record)
  if (bbo !== undefined) events.push({ channel: 'bbo', ...base, sequence: null, ...bbo })
  const funding = readFunding(record)
  if (funding !== undefined) events.push({ channel: 'funding', ...base, values: funding })
  const interest = readOpenInterest(record, isSwapped)
  if (interest !== undefined) events.push({ channel: 'open-interest', ...base, values: interest })
  return newest(topic, isSnapshot, events)
}

type Mutable<T> = { -readonly [Key in keyof T]: T[Key] }

function readSummary(record: Cells, isSwapped: boolean): Partial<TickerValues> | undefined {
  const { lastPrice, prevPrice24h, highPrice24h, lowPrice24h, volume24h, turnover24h } = record
  const [volume, quoteVolume] = isSwapped ? [turnover24h, volume24h] : [volume24h, turnover24h]
  const values: Mutable<Partial<TickerValues>> = {}
  if (lastPrice !== undefined) values.last = optionalAmount(lastPrice, 'lastPrice')
  if (prevPrice24h !== undefined) values.open = optionalAmount(prevPrice24h, 'prevPrice24h')
  if (highPrice24h !== undefined) values.high = optionalAmount(highPrice24h, 'highPrice24h')
  if (lowPrice24h !== undefined) values.low = optionalAmount(lowPrice24h, 'lowPrice24h')
  if (volume !== undefined) values.volume = optionalAmount(volume, 'volume24h')
  if (quoteVolume !== undefined) values.quoteVolume = optionalAmount(quoteVolume, 'turnover24h')
  return isEmpty(values) ? undefined : values
}

/** Price and size of a side come together; half a level says nothing. */
function readTickerBbo({ bid1Price, bid1Size, ask1Price, ask1Size }: Cells): Pick<BboEvent, 'bid' | 'ask'> | undefined {
  const bbo: { bid?: Level | null; ask?: Level | null } = {}
  if (bid1Price !== undefined && bid1Size !== undefined) bbo.bid = readLevel(bid1Price, bid1Size, 'bid1')
  if (ask1Price !== undefined && ask1Size !== undefined) bbo.ask = readLevel(ask1Price, ask1Size, 'ask1')
  return isEmpty(bbo) ? undefined : bbo
}

function readLevel(price: unknown, size: unknown, side: string): Level | null {
  const value = optionalAmount(price, `${side}Price`)
  return value === null ? null : { price: value, size: optionalAmount(size, `${side}Size`) }
}

function readFunding({
  fundingRate,
  nextFundingTime,
  markPrice,
  indexPrice,
}: Cells): Partial<FundingValues> | undefined {
  const values: Mutable<Partial<FundingValues>> = {}
  if (fundingRate !== undefined) values.rate = optionalDecimal(fundingRate, 'fundingRate')
  // `"0"` where there is none.
  if (nextFundingTime !== undefined) values.nextFundingTime = optionalTime(nextFundingTime, 'nextFundingTime') || null
  if (markPrice !== undefined) values.markPrice = optionalAmount(markPrice, 'markPrice')
  if (indexPrice !== undefined) values.indexPrice = optionalAmount(indexPrice, 'indexPrice')
  return isEmpty(values) ? undefined : values
}

function readOpenInterest(record: Cells, isSwapped: boolean): Partial<OpenInterestValues> | undefined {
  const [size, worth] = isSwapped
    ? [record['openInterestValue'], record['openInterest']]
    : [record['openInterest'], record['openInterestValue']]
  const values: Mutable<Partial<OpenInterestValues>> = {}
  if (size !== undefined) values.openInterest = optionalAmount(size, 'openInterest')
  if (worth !== undefined) values.value = optionalAmount(worth, 'openInterestValue')
  return isEmpty(values) ? undefined : values
}

function isEmpty(values: object): boolean {
  for (const _ in values) return false
  return true
}

/**
 * Inverse contracts, those quoted in dollars: their volumes and open interest are in dollars, their turnovers and the
 * value of the open interest in base units.
 */
function countsDollars(exchangeSymbol: string, kind: InstrumentKind): boolean {
  return kind === 'perpetual' && exchangeSymbol.endsWith('USD')
}

/** How Bybit spells intervals: https://bybit-exchange.github.io/docs/v5/enum#interval */
export const bybitIntervals = {
  '1m': '1',
  '3m': '3',
  '5m': '5',
  '15m': '15',
  '30m': '30',
  '1h': '60',
  '2h': '120',
  '4h': '240',
  '6h': '360',
  '12h': '720',
  '1d': 'D',
  '1w': 'W',
  '1M': 'M',
} as const satisfies Record<Interval, string>

const intervalsBySpelling: ReadonlyMap<string, Interval> = new Map(
  intervals.map((interval) => [bybitIntervals[interval], interval]),
)

/**
 * `{"start":1672324800000,"end":1672325099999,"interval":"5","open":"16649.5","close":"16677","high":"16677",
 * "low":"16608","volume":"2.081","turnover":"34666.4005","confirm":false,"timestamp":1672324988882}`
 * https://bybit-exchange.github.io/docs/v5/websocket/public/kline
 */
function readCandles(
  message: Cells,
  topic: string,
  spelling: string,
  symbol: string,
  kind: InstrumentKind,
): StreamFrame {
  const interval = intervalsBySpelling.get(spelling)
  if (interval === undefined) return ignored(shorten(`kline.${spelling}`))
  const exchangeSymbol = needText(symbol, 'topic')
  const [volume, quoteVolume] = countsDollars(exchangeSymbol, kind) ? ['turnover', 'volume'] : ['volume', 'turnover']
  return readList(
    message,
    topic,
    (record): CandleEvent => ({
      channel: 'candles',
      exchangeSymbol,
      exchangeTime: needTime(record['timestamp'], 'timestamp'),
      interval,
      candle: {
        openTime: needTime(record['start'], 'start'),
        open: needAmount(record['open'], 'open'),
        high: needAmount(record['high'], 'high'),
        low: needAmount(record['low'], 'low'),
        close: needAmount(record['close'], 'close'),
        volume: needAmount(record[volume], volume),
        quoteVolume: optionalAmount(record[quoteVolume], quoteVolume),
        tradeCount: null,
        closed: needFlag(record['confirm'], 'confirm'),
      },
    }),
  )
}

/**
 * `{"T":1739502302929,"s":"ROSEUSDT","S":"Sell","v":"20000","p":"0.04499"}`: `S` is the side of the position (`Buy`: a
 * long one is liquidated, which sells), `p` the bankruptcy price.
 * https://bybit-exchange.github.io/docs/v5/websocket/public/all-liquidation
 */
function readLiquidation(record: Cells): LiquidationEvent {
  return {
    channel: 'liquidations',
    exchangeSymbol: needText(record['s'], 's'),
    exchangeTime: needTime(record['T'], 'T'),
    price: needAmount(record['p'], 'p'),
    size: needAmount(record['v'], 'v'),
    side: needSide(record['S'], 'S') === 'buy' ? 'sell' : 'buy',
  }
}

/**
 * `{"updatedTime":1673251091822,"symbol":"GALAUSDT","side":"Sell","size":"20000","price":"0.03803"}`: at most one a
 * second, the same otherwise. https://bybit-exchange.github.io/docs/v5/websocket/public/liquidation
 */
function readOldLiquidation(record: Cells): LiquidationEvent {
  return readLiquidation({
    T: record['updatedTime'],
    s: record['symbol'],
    S: record['side'],
    v: record['size'],
    p: record['price'],
  })
}
