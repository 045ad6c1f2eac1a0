import type {
  BboEvent,
  BookEvent,
  CandleEvent,
  FundingEvent,
  LiquidationEvent,
  MarketEvent,
  TickerEvent,
  TradeEvent,
} from '../domain/event.ts'
import { isInterval } from '../domain/interval.ts'
import type { Level } from '../domain/order-book.ts'
import type { Side } from '../domain/trade.ts'
import { isOtherStream, PARTIAL_DEPTH, scanDepth } from './binance-updates.ts'
import { isRecord, malformed } from './decode.ts'
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
  needRecord,
  needText,
  needTime,
  optionalAmount,
  optionalCounter,
  optionalDecimal,
  optionalTime,
  textOrNone,
} from './decode-frame.ts'
import { NO_REASON, shorten, textField } from './outcome.ts'
import type { StreamFrame } from './stream.ts'

/**
 * The frames of Binance spot and USD-M: `{"stream":"btcusdt@aggTrade","data":{…}}`, or the bare payload at the paths
 * that combine no streams. `E` is when the event was sent, `T` when the trade was made. Symbols are in capitals in
 * payloads and in small letters in stream names.
 * https://developers.binance.com/docs/binance-spot-api-docs/web-socket-streams
 * https://developers.binance.com/docs/derivatives/usds-margined-futures/websocket-market-streams
 */
export function decodeBinanceFrame(frame: string): StreamFrame {
  return scanDepth(frame) ?? decodeFrame(frame, readFrame, ({ stream }) => textOrNone(stream))
}

function readFrame(value: unknown): StreamFrame {
  if (!isRecord(value)) return readPayload(value, null)
  const stream = value['stream']
  if (stream !== undefined) return readPayload(value['data'], needText(stream, 'stream'))
  const isReply = 'result' in value || 'error' in value || 'code' in value
  return isReply ? readReply(value) : readPayload(value, null)
}

/** @param stream its name, `null` where the frame carries none */
function readPayload(payload: unknown, stream: string | null): StreamFrame {
  const isShutdown = isRecord(payload) && payload['e'] === 'serverShutdown'
  if (isShutdown) return { kind: 'ignored', reason: 'serverShutdown', closing: true }
  if (stream !== null && isOtherStream(stream)) return ignored(`no channel of ours: ${shorten(stream)}`)
  if (Array.isArray(payload)) return readList(payload, stream)
  const record = needRecord(payload, 'data')
  const event = readEvent(record, stream)
  return typeof event === 'string' ? ignored(event) : data(stream, [event])
}

/** `!markPrice@arr` and its like: one payload an instrument. Those that say nothing here are left out. */
function readList(payloads: readonly unknown[], stream: string | null): StreamFrame {
  const events: MarketEvent[] = []
  let reason: string | undefined
  for (const payload of payloads) {
    const event = readEvent(needRecord(payload, 'data'), stream)
    if (typeof event === 'string') reason ??= event
    else events.push(event)
  }
  return events.length === 0 && reason !== undefined ? ignored(reason) : data(stream, events)
}

/** USD-M, in the field `st`. COIN-M is 2: its sizes are contracts. */
const USD_MARGINED = 1

/** What a payload says, or why it says nothing to this system. Best prices and partial books of spot name no event. */
function readEvent(payload: Cells, stream: string | null): MarketEvent | string {
  const name = payload['e']
  const order = payload['o']
  const market = payload['st'] ?? (isRecord(order) ? order['st'] : undefined)
  if (typeof market === 'number' && market !== USD_MARGINED) return `of another market: st ${market}`
  switch (name) {
    case 'depthUpdate':
      return readDepth(payload, stream)
    case 'bookTicker':
      return readBookTicker(payload)
    case 'aggTrade':
      return readTrade(payload, payload['a'], 'a')
    case 'trade':
      return isOfMarket(payload) ? readTrade(payload, payload['t'], 't') : 'an execution that is no market trade'
    case '24hrTicker':
      return readTicker(payload)
    case 'kline':
      return readCandle(payload)
    case 'markPriceUpdate':
      return readMarkPrice(payload)
    case 'forceOrder':
      return readForceOrder(needRecord(payload['o'], 'o'))
    case undefined:
      if ('lastUpdateId' in payload) return readPartialDepth(payload, stream)
      if ('B' in payload) return readBookTicker(payload)
      throw malformed('data', 'no known payload')
    default:
      return `no channel of ours: ${shorten(needText(name, 'e'))}`
  }
}

/** `{"e":"aggTrade","s":"BTCUSDT","a":26129,"p":"0.001","q":"100","f":100,"l":105,"T":1672515782136,"m":true}` */
function readTrade(payload: Cells, id: unknown, idField: string): TradeEvent {
  return {
    channel: 'trades',
    exchangeSymbol: needText(payload['s'], 's'),
    exchangeTime: needTime(payload['T'], 'T'),
    id: String(needCounter(id, idField)),
    price: needAmount(payload['p'], 'p'),
    size: needAmount(payload['q'], 'q'),
    // The flag is about the maker: where the buyer rested in the book, the taker sold.
    side: needFlag(payload['m'], 'm') ? 'sell' : 'buy',
  }
}

/**
 * `{"e":"trade","s":"ETHUSDT","t":73701056,"p":"2366.55","q":"0.070","X":"INSURANCE_FUND","m":true,…}`: USD-M, which does
 * not document that stream, has executions in it that were made outside the book, of price 0 among them. Spot has no `X`.
 */
function isOfMarket({ X: kind }: Cells): boolean {
  return kind === undefined || kind === 'MARKET'
}

/**
 * `{"e":"depthUpdate","E":1571889248277,"s":"BTCUSDT","U":157,"u":160,"pu":149,"b":[["0.0024","10"]],"a":[…]}`; only
 * USD-M sends `pu` (and `T`, `ps`, `st`), and there partial books (`…@depth5`) have the same shape.
 */
function readDepth(payload: Cells, stream: string | null): BookEvent {
  const isPartial = stream !== null && PARTIAL_DEPTH.test(stream)
  const bids = needLevels(payload['b'], 'b')
  const asks = needLevels(payload['a'], 'a')
  return {
    channel: 'book',
    exchangeSymbol: needText(payload['s'], 's'),
    exchangeTime: needTime(payload['E'], 'E'),
    kind: isPartial ? 'snapshot' : 'update',
    firstSequence: needCounter(payload['U'], 'U'),
    prevSequence: optionalCounter(payload['pu'], 'pu'),
    sequence: needCounter(payload['u'], 'u'),
    bids: isPartial ? bestFirst(bids, 'bids') : bids,
    asks: isPartial ? bestFirst(asks, 'asks') : asks,
  }
}

/** `{"lastUpdateId":160,"bids":[["0.0024","10"]],"asks":[…]}`: only the stream's name tells whose book it is. */
function readPartialDepth(payload: Cells, stream: string | null): BookEvent | string {
  if (stream === null) return 'a partial book that names no symbol'
  const at = stream.indexOf('@')
  if (at < 1) throw malformed('stream', 'names no symbol')
  return {
    channel: 'book',
    exchangeSymbol: stream.slice(0, at).toUpperCase(),
    exchangeTime: null,
    kind: 'snapshot',
    firstSequence: null,
    prevSequence: null,
    sequence: needCounter(payload['lastUpdateId'], 'lastUpdateId'),
    bids: bestFirst(needLevels(payload['bids'], 'bids'), 'bids'),
    asks: bestFirst(needLevels(payload['asks'], 'asks'), 'asks'),
  }
}

/** `{"u":400900217,"s":"BNBUSDT","b":"25.3519","B":"31.21","a":"25.3652","A":"40.66"}`; USD-M adds `e`, `E` and `T`. */
function readBookTicker(payload: Cells): BboEvent {
  return {
    channel: 'bbo',
    exchangeSymbol: needText(payload['s'], 's'),
    exchangeTime: optionalTime(payload['E'], 'E'),
    sequence: needCounter(payload['u'], 'u'),
    bid: readLevel(payload['b'], payload['B'], 'b'),
    ask: readLevel(payload['a'], payload['A'], 'a'),
  }
}

/** A price of zero is how Binance says that nobody is there. */
function readLevel(priceCell: unknown, sizeCell: unknown, field: string): Level | null {
  const price = needAmount(priceCell, field)
  const size = needAmount(sizeCell, field)
  return price === '0' ? null : { price, size }
}

/**
 * `{"e":"24hrTicker","E":1672515782136,"s":"BNBBTC","c":"0.0025","o":"0.0010","h":"…","l":"…","v":"10000","q":"18",…}`.
 * Spot adds the best bid and offer, once a second: they would fall behind those of `bookTicker`.
 */
function readTicker(payload: Cells): TickerEvent {
  return {
    channel: 'ticker',
    exchangeSymbol: needText(payload['s'], 's'),
    exchangeTime: needTime(payload['E'], 'E'),
    values: {
      last: needAmount(payload['c'], 'c'),
      open: needAmount(payload['o'], 'o'),
      high: needAmount(payload['h'], 'h'),
      low: needAmount(payload['l'], 'l'),
      volume: needAmount(payload['v'], 'v'),
      quoteVolume: needAmount(payload['q'], 'q'),
    },
  }
}

/**
 * `{"e":"kline","E":1672515782136,"s":"BNBBTC","k":{"t":1672515780000,"i":"1m","o":"0.0010","c":"0.0020","h":"0.0025",
 * "l":"0.0015","v":"1000","n":100,"x":false,"q":"1.0000",…}}`: `x` says that it is closed.
 */
function readCandle(payload: Cells): CandleEvent | string {
  const candle = needRecord(payload['k'], 'k')
  const interval = needText(candle['i'], 'k.i')
  if (!isInterval(interval)) return `no interval of ours: ${shorten(interval)}`
  return {
    channel: 'candles',
    exchangeSymbol: needText(payload['s'], 's'),
    exchangeTime: needTime(payload['E'], 'E'),
    interval,
    candle: {
      openTime: needTime(candle['t'], 'k.t'),
      open: needAmount(candle['o'], 'k.o'),
      high: needAmount(candle['h'], 'k.h'),
      low: needAmount(candle['l'], 'k.l'),
      close: needAmount(candle['c'], 'k.c'),
      volume: needAmount(candle['v'], 'k.v'),
      quoteVolume: needAmount(candle['q'], 'k.q'),
      tradeCount: needCounter(candle['n'], 'k.n'),
      closed: needFlag(candle['x'], 'k.x'),
    },
  }
}

/**
 * `{"e":"markPriceUpdate","E":1562305380000,"s":"BTCUSDT","p":"11794.15","i":"11784.62","r":"0.00038167",
 * "T":1562306400000,…}`: mark price, index price, rate and time of the next funding; `""` and 0 where there is none.
 */
function readMarkPrice(payload: Cells): FundingEvent {
  const nextFundingTime = optionalTime(payload['T'], 'T')
  return {
    channel: 'funding',
    exchangeSymbol: needText(payload['s'], 's'),
    exchangeTime: needTime(payload['E'], 'E'),
    values: {
      rate: optionalDecimal(payload['r'], 'r'),
      nextFundingTime: nextFundingTime === 0 ? null : nextFundingTime,
      markPrice: optionalAmount(payload['p'], 'p'),
      indexPrice: optionalAmount(payload['i'], 'i'),
    },
  }
}

/** `{"e":"forceOrder","o":{"s":"BTCUSDT","S":"SELL","q":"0.014","p":"9910","ap":"9910","T":1568014460893,…}}` */
function readForceOrder(order: Cells): LiquidationEvent {
  return {
    channel: 'liquidations',
    exchangeSymbol: needText(order['s'], 'o.s'),
    exchangeTime: needTime(order['T'], 'o.T'),
    price: needAmount(order['p'], 'o.p'),
    size: needAmount(order['q'], 'o.q'),
    side: readSide(order['S']),
  }
}

function readSide(cell: unknown): Side {
  if (cell === 'BUY') return 'buy'
  if (cell === 'SELL') return 'sell'
  throw malformed('o.S', 'neither BUY nor SELL')
}

/**
 * `{"result":null,"id":1}`; a list of the streams where that was asked for; `{"error":{"code":2,"msg":"…"},"id":1}`, or
 * without the envelope around the error.
 * https://developers.binance.com/docs/binance-spot-api-docs/web-socket-streams#live-subscribingunsubscribing-to-streams
 */
function readReply(reply: Cells): StreamFrame {
  const id = reply['id']
  const requestId = typeof id === 'number' ? id : null
  if ('result' in reply) {
    const result = reply['result']
    const streams = Array.isArray(result) ? result.map((name) => needText(name, 'result')) : null
    return { kind: 'ack', requestId, streams }
  }
  const error = 'error' in reply ? needRecord(reply['error'], 'error') : reply
  const [code, reason] = [textField(error, 'code'), shorten(textField(error, 'msg'))]
  return {
    ...{ kind: 'rejected', requestId, streams: null },
    code: code === '' ? null : code,
    reason: reason || NO_REASON,
  }
}
