import type { BboEvent, BookEvent, MarketEvent, TickerEvent, TradeEvent } from '../domain/event.ts'
import type { BookLevel, Level } from '../domain/order-book.ts'
import { malformed } from './decode.ts'
import { bestFirst } from './decode-book.ts'
import {
  type Cells,
  data,
  decodeFrame,
  ignored,
  needAmount,
  needCounter,
  needLevels,
  needList,
  needRecord,
  needSide,
  needText,
  optionalAmount,
  optionalCounter,
  textOrNone,
} from './decode-frame.ts'
import { FrameScanner } from './frame-scanner.ts'
import { readIsoTime } from './iso-time.ts'
import { NO_REASON, shorten, textField } from './outcome.ts'
import type { Heard, StreamFrame } from './stream.ts'

/**
 * The frames of Coinbase Exchange: https://docs.cdp.coinbase.com/exchange/websocket-feed/channels
 *
 * Every frame is one record that says its `type`; prices are text, ids and sequences are numbers, times are ISO 8601
 * down to microseconds. `sequence` counts all that happens to a product, most of which these channels do not carry.
 */
export function decodeCoinbaseFrame(frame: string): StreamFrame {
  return scanUpdate(frame) ?? decodeFrame(frame, readFrame, streamOf)
}

/** By the type of its frames. */
const channels: Readonly<Record<string, string>> = {
  l2update: 'level2_batch',
  snapshot: 'level2_batch',
  match: 'matches',
  last_match: 'matches',
  ticker: 'ticker',
}

function streamOf({ type, product_id }: Cells): string | undefined {
  const [channel, product] = [channels[textOrNone(type) ?? ''], textOrNone(product_id)]
  return channel === undefined || product === undefined ? undefined : `${channel}:${product}`
}

function readFrame(value: unknown): StreamFrame {
  const record = needRecord(value, 'frame')
  const type = record['type']
  switch (type) {
    case 'l2update':
      return about('level2_batch', [readUpdate(record)])
    case 'snapshot':
      return about('level2_batch', [readSnapshot(record)])
    case 'match':
    case 'last_match':
      return about('matches', [readMatch(record)])
    case 'ticker':
      return about('ticker', readTicker(record))
    case 'heartbeat':
      return { kind: 'heartbeat', reply: null, ...readHeartbeat(record) }
    case 'subscriptions':
      return { kind: 'ack', requestId: null, streams: readSubscriptions(record) }
    case 'error':
      return readError(record)
    default:
      return ignored(`no channel of ours: ${shorten(needText(type, 'type'))}`)
  }
}

/**
 * `{"type":"heartbeat","last_trade_id":17157,"product_id":"BTC-USD","sequence":37475248783,"time":"…"}`: sent in order with
 * the matches, each second, so that none from before its time is to come. 0, as ETH-EUR was recorded with in 2019,
 * is no trade's id: it says nothing of them.
 * https://docs.cdp.coinbase.com/exchange/websocket-feed/channels#heartbeat-channel
 */
function readHeartbeat(record: Cells): { readonly heard?: Heard } {
  const exchangeTime = needIsoTime(record['time'], 'time')
  const exchangeSymbol = needText(record['product_id'], 'product_id')
  const lastTradeId = needCounter(record['last_trade_id'], 'last_trade_id')
  return lastTradeId === 0 ? {} : { heard: { exchangeSymbol, exchangeTime, lastTradeId: String(lastTradeId) } }
}

/** What a frame says of the product that its events name, under the name by which it was subscribed. */
function about(channel: string, events: readonly [MarketEvent, ...MarketEvent[]]): StreamFrame {
  return data(`${channel}:${events[0].exchangeSymbol}`, events)
}

/**
 * `{"type":"match","trade_id":10,"side":"sell","size":"5.23512","price":"400.23","product_id":"BTC-USD","time":"…",…}`;
 * `last_match` is the newest trade at the time of subscribing. The side is that of the order which rested in the book.
 * https://docs.cdp.coinbase.com/exchange/websocket-feed/channels#match
 */
function readMatch(record: Cells): TradeEvent {
  return {
    channel: 'trades',
    exchangeSymbol: needText(record['product_id'], 'product_id'),
    exchangeTime: needIsoTime(record['time'], 'time'),
    id: String(needCounter(record['trade_id'], 'trade_id')),
    price: needAmount(record['price'], 'price'),
    size: needAmount(record['size'], 'size'),
    side: needSide(record['side'], 'side') === 'buy' ? 'sell' : 'buy',
  }
}

/**
 * `{"type":"ticker","sequence":37475248783,"product_id":"ETH-USD","price":"1285.22","open_24h":"1310.79","volume_24h":
 * "245532.79269678","low_24h":"1280.52","high_24h":"1313.8","best_bid":"1285.04","best_bid_size":"0.46688654",…}`
 */
function readTicker(record: Cells): readonly [TickerEvent, BboEvent] {
  const exchangeSymbol = needText(record['product_id'], 'product_id')
  const exchangeTime = optionalIsoTime(record['time'], 'time')
  const ticker: TickerEvent = {
    channel: 'ticker',
    exchangeSymbol,
    exchangeTime,
    values: {
      last: optionalAmount(record['price'], 'price'),
      open: optionalAmount(record['open_24h'], 'open_24h'),
      high: optionalAmount(record['high_24h'], 'high_24h'),
      low: optionalAmount(record['low_24h'], 'low_24h'),
      volume: optionalAmount(record['volume_24h'], 'volume_24h'),
      quoteVolume: null,
    },
  }
  // The sizes came later: frames recorded before have none.
  const bbo: BboEvent = {
    channel: 'bbo',
    exchangeSymbol,
    exchangeTime,
    sequence: optionalCounter(record['sequence'], 'sequence'),
    bid: readLevel(record['best_bid'], record['best_bid_size'], 'best_bid'),
    ask: readLevel(record['best_ask'], record['best_ask_size'], 'best_ask'),
  }
  return [ticker, bbo]
}

/** A price of zero, or none, where nobody is there. */
function readLevel(priceCell: unknown, sizeCell: unknown, field: string): Level | null {
  const price = optionalAmount(priceCell, field)
  if (price === null || price === '0') return null
  return { price, size: optionalAmount(sizeCell, field) }
}

/** `{"type":"snapshot","product_id":"BTC-USD","asks":[["10102.55","0.57753524"]],"bids":[…]}` */
function readSnapshot(record: Cells): BookEvent {
  const bids = bestFirst(needLevels(record['bids'], 'bids'), 'bids')
  return book(record, 'snapshot', bids, bestFirst(needLevels(record['asks'], 'asks'), 'asks'))
}

/** `{"type":"l2update","product_id":"BTC-USD","changes":[["buy","22356.27","0.00000000"]],"time":"2022-08-04T15:25:05Z"}` */
function readUpdate(record: Cells): BookEvent {
  const bids: BookLevel[] = []
  const asks: BookLevel[] = []
  for (const change of needList(record['changes'], 'changes')) {
    if (!Array.isArray(change)) throw malformed('changes', 'not a change')
    const side = needSide(change[0], 'changes') === 'buy' ? bids : asks
    side.push({ price: needAmount(change[1], 'changes'), size: needAmount(change[2], 'changes') })
  }
  return book(record, 'update', bids, asks)
}

/** An update as Coinbase writes it, read by {@link FrameScanner}; `undefined` for any other frame. */
function scanUpdate(frame: string): StreamFrame | undefined {
  const scanner = new FrameScanner(frame)
  if (!scanner.has('{"type":"l2update","product_id":"')) return undefined
  const exchangeSymbol = scanner.text()
  const bids: BookLevel[] = []
  const asks: BookLevel[] = []
  scanner.skip(',"changes":[')
  do {
    const side = scanner.has('["buy",') ? bids : asks
    if (side === asks) scanner.skip('["sell",')
    side.push(scanner.restOfLevel())
  } while (scanner.has(',') && scanner.isSound)
  scanner.skip('],"time":"')
  const exchangeTime = readIsoTime(scanner.text())
  scanner.skip('}')
  // The year 1 stands for no time.
  if (!scanner.isDone || exchangeTime === undefined || exchangeTime < 0) return undefined
  const rest = { kind: 'update', firstSequence: null, prevSequence: null, sequence: null, bids, asks } as const
  return about('level2_batch', [{ channel: 'book', exchangeSymbol, exchangeTime, ...rest }])
}

function book(record: Cells, kind: BookEvent['kind'], bids: BookLevel[], asks: BookLevel[]): BookEvent {
  return {
    channel: 'book',
    exchangeSymbol: needText(record['product_id'], 'product_id'),
    exchangeTime: optionalIsoTime(record['time'], 'time'),
    kind,
    firstSequence: null,
    prevSequence: null,
    sequence: null,
    bids,
    asks,
  }
}

/**
 * `{"type":"subscriptions","channels":[{"name":"level2_50","product_ids":["ETH-USD"],"account_ids":null}]}`: all that
 * the socket is subscribed to now.
 */
function readSubscriptions(record: Cells): readonly string[] {
  return needList(record['channels'], 'channels').flatMap((item) => {
    const channel = needRecord(item, 'channels')
    const name = needText(channel['name'], 'name')
    const ours = name === 'level2_50' ? 'level2_batch' : name
    const products = channel['product_ids'] ?? []
    return needList(products, 'product_ids').map((product) => `${ours}:${needText(product, 'product_ids')}`)
  })
}

/**
 * `{"type":"error","message":"Failed to subscribe","reason":"FOO-USD is not a valid product"}`: it may name a product,
 * and never says which of its channels were asked for.
 * https://docs.cdp.coinbase.com/exchange/websocket-feed/errors
 */
function readError(record: Cells): StreamFrame {
  const parts = [textField(record, 'message'), textField(record, 'reason')].filter((part) => part !== '')
  const reason = shorten(parts.join(': '))
  const product = UNKNOWN_PRODUCT.exec(reason)?.[1]
  const streams = product === undefined ? null : ALL_CHANNELS.map((channel) => `${channel}:${product}`)
  const isTooFast = product === undefined && TOO_FAST.test(reason)
  const wait = isTooFast ? { retryAfterMs: TOO_FAST_MS } : {}
  return { kind: 'rejected', requestId: null, streams, code: null, reason: reason || NO_REASON, ...wait }
}

/**
 * We send too many messages, or read too few; mostly the socket is ended then. Messages are counted by the second.
 * https://docs.cdp.coinbase.com/exchange/websocket-feed/errors
 */
const TOO_FAST = /rate limit|too many (?:requests|messages)|ErrSlow(?:Read|Consume)/i
const TOO_FAST_MS = 5_000

const UNKNOWN_PRODUCT = /(?:^|\s)(\S+-\S+) is not a valid product/
const ALL_CHANNELS = ['matches', 'ticker', 'level2_batch', 'heartbeat'] as const

function needIsoTime(cell: unknown, field: string): number {
  const time = typeof cell === 'string' ? readIsoTime(cell) : undefined
  if (time === undefined || time < 0) throw malformed(field, 'not a time')
  return time
}

/** `null` also for the year 1, which updates carry where nothing is known. */
function optionalIsoTime(cell: unknown, field: string): number | null {
  if (cell === undefined || cell === null || cell === '') return null
  const time = typeof cell === 'string' ? readIsoTime(cell) : undefined
  if (time === undefined) throw malformed(field, 'not a time')
  return time < 0 ? null : time
}
