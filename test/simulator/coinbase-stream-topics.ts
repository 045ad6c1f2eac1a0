/**
 * What the channels of Coinbase Exchange carry.
 * https://docs.cdp.coinbase.com/exchange/websocket-feed/channels
 */

import type { Instrument } from './catalogue.ts'
import { currencyRecords, iso, price, productRecord, size } from './coinbase.ts'
import { decimalText } from './decimal-text.ts'
import type { ExchangeState } from './exchange-state.ts'
import { readSnapshot, readUpdate } from './fault-reply.ts'
import { HIGH, LOW, OPEN, VOLUME } from './market.ts'
import { BOOK_DEPTH, bookSequenceAt, type Level } from './order-book.ts'
import type { StreamChannel } from './protocol.ts'
import { uuidOf } from './random.ts'
import { readSummary } from './summary.ts'
import type { Trade } from './trade-tape.ts'
import type { StreamTarget, StreamTopic } from './ws/protocol.ts'
import { SECOND_MS, topicOfSeconds, topicOfTrades } from './ws/topics.ts'

interface Subject {
  readonly state: ExchangeState
  readonly instrument: Instrument
  readonly key: string
  readonly target: StreamTarget
}

/** The product's counter of all events of its order book: other events lie between the trades. */
const sequenceOf = (tradeId: number): number => tradeId * 16

/** `side` is the maker's. */
const matchRecord = ({ instrument }: Subject, type: 'match' | 'last_match', trade: Trade) => ({
  type,
  trade_id: trade.id,
  maker_order_id: uuidOf(instrument.index, trade.id),
  taker_order_id: uuidOf(instrument.index + 1, trade.id),
  side: trade.takerBuys ? 'sell' : 'buy',
  size: size(instrument, trade.size),
  price: price(instrument, trade.price),
  product_id: instrument.exchangeSymbol,
  sequence: sequenceOf(trade.id),
  time: iso(trade.time),
})

/** Begins with the last trade that there was. */
const matchesTopic = (subject: Subject): StreamTopic => {
  const { state, instrument } = subject
  const first = (at: number): string[] => {
    const tape = state.market.tape(instrument)
    const last = tape.from(tape.lastId(at), 1, at)
    return last.map((trade) => JSON.stringify(matchRecord(subject, 'last_match', trade)))
  }
  return topicOfTrades({ ...subject, first }, (trade) => JSON.stringify(matchRecord(subject, 'match', trade)))
}

/** As of `state.now()`. `side` is the taker's. */
const tickerText = ({ state, instrument }: Subject): string | undefined => {
  const summary = readSummary(state, instrument)
  if (!summary) return undefined
  const { row, last, book } = summary
  const [bid, ask] = [book.bids[0], book.asks[0]]
  return JSON.stringify({
    type: 'ticker',
    sequence: sequenceOf(last.id),
    product_id: instrument.exchangeSymbol,
    price: price(instrument, last.price),
    open_24h: price(instrument, row[OPEN] ?? 0),
    volume_24h: size(instrument, row[VOLUME] ?? 0),
    low_24h: price(instrument, row[LOW] ?? 0),
    high_24h: price(instrument, row[HIGH] ?? 0),
    volume_30d: size(instrument, (row[VOLUME] ?? 0) * 30),
    best_bid: price(instrument, bid?.price ?? 0),
    best_bid_size: size(instrument, bid?.size ?? 0),
    best_ask: price(instrument, ask?.price ?? 0),
    best_ask_size: size(instrument, ask?.size ?? 0),
    side: last.takerBuys ? 'buy' : 'sell',
    time: iso(last.time),
    trade_id: last.id,
    last_size: size(instrument, last.size),
  })
}

const present = (text: string | undefined): string[] => (text === undefined ? [] : [text])

/** With each match, and once at first. */
const tickerTopic = (subject: Subject): StreamTopic =>
  topicOfTrades({ ...subject, first: () => present(tickerText(subject)) }, ({ time }) =>
    subject.state.atMoment(time + 1, () => tickerText(subject)),
  )

const TICKER_BATCH_SECONDS = 5
const tickerBatchTopic = (subject: Subject): StreamTopic =>
  topicOfSeconds(
    { ...subject, first: () => present(tickerText(subject)) },
    () => tickerText(subject),
    TICKER_BATCH_SECONDS,
  )

const heartbeatTopic = (subject: Subject): StreamTopic =>
  topicOfSeconds(subject, (time) => {
    const { state, instrument } = subject
    const lastId = state.market.tape(instrument).lastId(time)
    return JSON.stringify({
      type: 'heartbeat',
      last_trade_id: lastId,
      product_id: instrument.exchangeSymbol,
      sequence: sequenceOf(lastId),
      time: iso(time),
    })
  })

/** Padded: sizes to eight decimals. */
const levels = ({ priceScale, sizeScale }: Instrument, side: readonly Level[]): string[][] =>
  side.map((level) => [decimalText(level.price, priceScale, priceScale), decimalText(level.size, sizeScale, 8)])

const level2Topic = (subject: Subject): StreamTopic => {
  const { state, instrument, target } = subject
  const first = (at: number): string[] => {
    const book = readSnapshot(state, target, instrument, bookSequenceAt(at), BOOK_DEPTH)
    const [asks, bids] = [levels(instrument, book.asks), levels(instrument, book.bids)]
    const product_id = instrument.exchangeSymbol
    return [JSON.stringify({ type: 'snapshot', product_id, asks, bids, time: iso(book.time) })]
  }
  return topicOfSeconds({ ...subject, first }, (time) => {
    const { bids, asks } = readUpdate(state, target, instrument, bookSequenceAt(time), BOOK_DEPTH)
    const changes = [
      ...levels(instrument, bids).map((level) => ['buy', ...level]),
      ...levels(instrument, asks).map((level) => ['sell', ...level]),
    ]
    return JSON.stringify({ type: 'l2update', product_id: instrument.exchangeSymbol, changes, time: iso(time) })
  })
}

const STATUS_SECONDS = 5

/** Of all products, at first and every five seconds. */
const statusTopic = (state: ExchangeState): StreamTopic => {
  const text = (): string =>
    JSON.stringify({
      type: 'status',
      products: state.listings.all('spot', state.now()).map((instrument) => ({
        ...productRecord(state, instrument),
        type: 'spot',
      })),
      currencies: currencyRecords(state),
    })
  return {
    key: 'status',
    target: { path: 'status', host: 'spot', symbol: undefined, interval: undefined, channel: 'control' },
    first: (at) => [state.atMoment(at, text)],
    due: (after, until) => {
      const step = STATUS_SECONDS * SECOND_MS
      const time = Math.floor((until - 1) / step) * step
      return time >= after ? [{ time, text: state.atMoment(time, text) }] : []
    },
  }
}

interface Channel {
  readonly channel: StreamChannel
  /** Acknowledgements name it so. */
  readonly name: string
  readonly topic: (subject: Subject) => StreamTopic
}

/** The channels of products, as requests name them. */
const CHANNELS: Readonly<Record<string, Channel>> = {
  matches: { channel: 'trades', name: 'matches', topic: matchesTopic },
  ticker: { channel: 'ticker', name: 'ticker', topic: tickerTopic },
  ticker_batch: { channel: 'ticker', name: 'ticker_batch', topic: tickerBatchTopic },
  heartbeat: { channel: 'control', name: 'heartbeat', topic: heartbeatTopic },
  level2: { channel: 'book', name: 'level2', topic: level2Topic },
  // Recorded: it is acknowledged by the interval of its batches, 50 ms.
  level2_batch: { channel: 'book', name: 'level2_50', topic: level2Topic },
}

export const STATUS = 'status'

/** Of a channel by the name in a request: the name in acknowledgements; undefined where there is no such channel. */
export const ackNameOf = (channel: string): string | undefined =>
  channel === STATUS ? STATUS : CHANNELS[channel]?.name

/** The topic of a channel and a product. @param product null: of all products (`status`) */
export const coinbaseTopic = (
  state: ExchangeState,
  channelName: string,
  product: Instrument | null,
): StreamTopic | undefined => {
  if (product === null) return channelName === STATUS ? statusTopic(state) : undefined
  const found = CHANNELS[channelName]
  if (!found) return undefined
  const key = topicKey(found.name, product.exchangeSymbol)
  const target = {
    path: key,
    host: 'spot',
    symbol: product.exchangeSymbol,
    interval: undefined,
    channel: found.channel,
  } as const
  return found.topic({ state, instrument: product, key, target })
}

/** @param name of the channel as acknowledged */
export const topicKey = (name: string, productId: string): string => `${name}:${productId}`
