/**
 * What the streams of Binance carry.
 * Spot: https://developers.binance.com/docs/binance-spot-api-docs/web-socket-streams
 * USD-M: https://developers.binance.com/docs/derivatives/usds-margined-futures/websocket-market-streams
 */

import { updateIdsOf } from './binance-book-ids.ts'
import { AGGREGATES_BEHIND } from './binance-history.ts'
import { BINANCE_INTERVALS, priceText, quoteText, sizeText } from './binance-query.ts'
import { premiumOf, summaryOf } from './binance-tickers.ts'
import type { Instrument } from './catalogue.ts'
import type { ExchangeState } from './exchange-state.ts'
import { readUpdate } from './fault-reply.ts'
import { type CandleInterval, INTERVALS } from './intervals.ts'
import { isLiquidation } from './liquidations.ts'
import {
  BOUGHT,
  BOUGHT_QUOTE_HIGH,
  BOUGHT_QUOTE_LOW,
  CLOSE,
  COLUMNS,
  COUNT,
  HIGH,
  LOW,
  OPEN,
  QUOTE_HIGH,
  QUOTE_LOW,
  VOLUME,
} from './market.ts'
import { BOOK_DEPTH, bookSequenceAt, type Level, readBook } from './order-book.ts'
import type { StreamChannel } from './protocol.ts'
import type { Trade } from './trade-tape.ts'
import type { StreamTarget, StreamTopic } from './ws/protocol.ts'
import { topicOfSeconds, topicOfTrades } from './ws/topics.ts'

interface Subject {
  readonly state: ExchangeState
  readonly instrument: Instrument
  /** The name of the stream. */
  readonly key: string
  readonly target: StreamTarget
}

interface StreamKind {
  readonly channel: StreamChannel
  readonly interval?: string
  readonly topic: (subject: Subject) => StreamTopic
}

const isPerpetual = ({ instrument }: Subject): boolean => instrument.kind === 'perpetual'

/** USD-M says at the end of which pair and of which market a symbol is, since the host carries COIN-M as well. */
const market = ({ instrument }: Subject) =>
  instrument.kind === 'perpetual' ? { ps: instrument.exchangeSymbol, st: 1 } : {}

const tradeFields = (subject: Subject, { time, price, size, takerBuys }: Trade) => ({
  p: priceText(subject.instrument, price),
  q: sizeText(subject.instrument, size),
  T: time,
  m: !takerBuys,
  ...(isPerpetual(subject) ? market(subject) : { M: true }),
})

const head = ({ instrument }: Subject, name: string, time: number) => ({
  e: name,
  E: time,
  s: instrument.exchangeSymbol,
})

const tradeTopic = (subject: Subject): StreamTopic =>
  topicOfTrades(subject, (trade) =>
    JSON.stringify({ ...head(subject, 'trade', trade.time), t: trade.id, ...tradeFields(subject, trade) }),
  )

/** Each aggregate holds one trade, as over REST. */
const aggTradeTopic = (subject: Subject): StreamTopic =>
  topicOfTrades(subject, (trade) =>
    JSON.stringify({
      ...head(subject, 'aggTrade', trade.time),
      a: trade.id - AGGREGATES_BEHIND,
      f: trade.id,
      l: trade.id,
      ...tradeFields(subject, trade),
    }),
  )

const klineTopic =
  (name: string, interval: CandleInterval) =>
  (subject: Subject): StreamTopic => {
    const { state, instrument } = subject
    const row = new Float64Array(COLUMNS)
    const value = (column: number) => row[column] ?? 0
    return topicOfSeconds(subject, (time) => {
      const openTime = interval.floor(time - 1)
      const closeTime = interval.step(openTime, 1)
      if (!state.market.candle(instrument, openTime, closeTime, time, row)) return undefined
      const tape = state.market.tape(instrument)
      const count = value(COUNT)
      const lastId = tape.lastId(time)
      return JSON.stringify({
        ...head(subject, 'kline', time),
        k: {
          t: openTime,
          T: closeTime - 1,
          s: instrument.exchangeSymbol,
          i: name,
          f: count === 0 ? -1 : lastId - count + 1,
          L: count === 0 ? -1 : lastId,
          o: priceText(instrument, value(OPEN)),
          c: priceText(instrument, value(CLOSE)),
          h: priceText(instrument, value(HIGH)),
          l: priceText(instrument, value(LOW)),
          v: sizeText(instrument, value(VOLUME)),
          n: count,
          x: time === closeTime,
          q: quoteText(instrument, value(QUOTE_HIGH), value(QUOTE_LOW)),
          V: sizeText(instrument, value(BOUGHT)),
          Q: quoteText(instrument, value(BOUGHT_QUOTE_HIGH), value(BOUGHT_QUOTE_LOW)),
          B: '0',
        },
      })
    })
  }

const tickerTopic = (subject: Subject): StreamTopic =>
  topicOfSeconds(subject, (time) => {
    const [summary] = summaryOf(subject.state, subject.instrument)
    if (!summary) return undefined
    const { ticker, best, prevClosePrice } = summary
    return JSON.stringify({
      ...head(subject, '24hrTicker', time),
      p: ticker.priceChange,
      P: ticker.priceChangePercent,
      w: ticker.weightedAvgPrice,
      ...(isPerpetual(subject) ? {} : { x: prevClosePrice }),
      c: ticker.lastPrice,
      Q: ticker.lastQty,
      ...(isPerpetual(subject) ? {} : { b: best.bidPrice, B: best.bidQty, a: best.askPrice, A: best.askQty }),
      o: ticker.openPrice,
      h: ticker.highPrice,
      l: ticker.lowPrice,
      v: ticker.volume,
      q: ticker.quoteVolume,
      O: ticker.openTime,
      C: ticker.closeTime,
      F: ticker.firstId,
      L: ticker.lastId,
      n: ticker.count,
      ...market(subject),
    })
  })

const miniTickerTopic = (subject: Subject): StreamTopic =>
  topicOfSeconds(subject, (time) => {
    const [summary] = summaryOf(subject.state, subject.instrument)
    if (!summary) return undefined
    const { lastPrice, openPrice, highPrice, lowPrice, volume, quoteVolume } = summary.ticker
    return JSON.stringify({
      ...head(subject, '24hrMiniTicker', time),
      c: lastPrice,
      o: openPrice,
      h: highPrice,
      l: lowPrice,
      v: volume,
      q: quoteVolume,
    })
  })

/** Spot says neither what it is nor when. */
const bookTickerTopic = (subject: Subject): StreamTopic =>
  topicOfSeconds(subject, (time) => {
    const { state, instrument } = subject
    const { sequence, bids, asks } = readBook(state.market, instrument, bookSequenceAt(time), 1)
    const best = {
      u: updateIdsOf(instrument.kind, sequence).last,
      s: instrument.exchangeSymbol,
      b: priceText(instrument, bids[0]?.price ?? 0),
      B: sizeText(instrument, bids[0]?.size ?? 0),
      a: priceText(instrument, asks[0]?.price ?? 0),
      A: sizeText(instrument, asks[0]?.size ?? 0),
    }
    return JSON.stringify(
      isPerpetual(subject) ? { e: 'bookTicker', ...best, T: time, E: time, ...market(subject) } : best,
    )
  })

const levelsOf = (instrument: Instrument, side: readonly Level[]): string[][] =>
  side.map(({ price, size }) => [priceText(instrument, price), sizeText(instrument, size)])

const depthTopic = (subject: Subject): StreamTopic =>
  topicOfSeconds(subject, (time) => {
    const { state, instrument, target } = subject
    const sequence = bookSequenceAt(time)
    const { bids, asks } = readUpdate(state, target, instrument, sequence, BOOK_DEPTH)
    const { first, last, previous } = updateIdsOf(instrument.kind, sequence)
    return JSON.stringify({
      e: 'depthUpdate',
      E: time,
      ...(isPerpetual(subject) ? { T: time } : {}),
      s: instrument.exchangeSymbol,
      U: first,
      u: last,
      ...(isPerpetual(subject) ? { pu: previous } : {}),
      b: levelsOf(instrument, bids),
      a: levelsOf(instrument, asks),
      ...market(subject),
    })
  })

/** The best levels only, whole each time. */
const partialDepthTopic =
  (depth: number) =>
  (subject: Subject): StreamTopic =>
    topicOfSeconds(subject, (time) => {
      const { state, instrument } = subject
      const { sequence, ...book } = readBook(state.market, instrument, bookSequenceAt(time), depth)
      const [bids, asks] = [levelsOf(instrument, book.bids), levelsOf(instrument, book.asks)]
      const { first, last, previous } = updateIdsOf(instrument.kind, sequence)
      if (!isPerpetual(subject)) return JSON.stringify({ lastUpdateId: last, bids, asks })
      const rest = { U: first, u: last, pu: previous, b: bids, a: asks, ...market(subject) }
      return JSON.stringify({ ...head(subject, 'depthUpdate', time), T: time, ...rest })
    })

const markPriceTopic =
  (everySeconds: number) =>
  (subject: Subject): StreamTopic =>
    topicOfSeconds(
      subject,
      (time) => {
        const premium = premiumOf(subject.state, subject.instrument)
        return JSON.stringify({
          ...head(subject, 'markPriceUpdate', time),
          p: premium.markPrice,
          P: premium.estimatedSettlePrice,
          i: premium.indexPrice,
          r: premium.lastFundingRate,
          T: premium.nextFundingTime,
          ...market(subject),
        })
      },
      everySeconds,
    )

const forceOrderTopic = (subject: Subject): StreamTopic =>
  topicOfTrades(subject, (trade) => {
    const { instrument } = subject
    if (!isLiquidation(instrument, trade)) return undefined
    const [price, size] = [priceText(instrument, trade.price), sizeText(instrument, trade.size)]
    return JSON.stringify({
      e: 'forceOrder',
      E: trade.time,
      o: {
        s: instrument.exchangeSymbol,
        S: trade.takerBuys ? 'BUY' : 'SELL',
        o: 'LIMIT',
        f: 'IOC',
        q: size,
        p: price,
        ap: price,
        X: 'FILLED',
        l: size,
        z: size,
        T: trade.time,
        ...market(subject),
      },
    })
  })

const books: Readonly<Record<string, StreamKind>> = Object.fromEntries(
  ['', '@100ms', '@250ms', '@500ms'].flatMap((speed) => [
    [`depth${speed}`, { channel: 'book', topic: depthTopic }],
    ...[5, 10, 20].map((depth) => [`depth${depth}${speed}`, { channel: 'book', topic: partialDepthTopic(depth) }]),
  ]),
)
const klines: Readonly<Record<string, StreamKind>> = Object.fromEntries(
  BINANCE_INTERVALS.map((name) => [
    `kline_${name}`,
    { channel: 'candles', interval: name, topic: klineTopic(name, INTERVALS[name]) },
  ]),
)
const trade: StreamKind = { channel: 'trades', topic: tradeTopic }
const aggTrade: StreamKind = { channel: 'trades', topic: aggTradeTopic }
const bookTicker: StreamKind = { channel: 'bbo', topic: bookTickerTopic }
const tickers: Readonly<Record<string, StreamKind>> = {
  ticker: { channel: 'ticker', topic: tickerTopic },
  miniTicker: { channel: 'ticker', topic: miniTickerTopic },
}

export type BinanceEndpointName = 'spot' | 'usdm-public' | 'usdm-market'

/** The streams of an endpoint by what stands behind the symbol: `btcusdt@kline_1m`. */
const KINDS: Readonly<Record<BinanceEndpointName, Readonly<Record<string, StreamKind>>>> = {
  spot: { trade, aggTrade, bookTicker, ...books, ...klines, ...tickers },
  'usdm-public': { trade, bookTicker, ...books },
  'usdm-market': {
    aggTrade,
    ...klines,
    ...tickers,
    markPrice: { channel: 'funding', topic: markPriceTopic(3) },
    'markPrice@1s': { channel: 'funding', topic: markPriceTopic(1) },
    forceOrder: { channel: 'liquidations', topic: forceOrderTopic },
  },
}

/** The topic of a stream's name; undefined where the endpoint has none of that name. */
export const binanceTopic = (
  state: ExchangeState,
  endpoint: BinanceEndpointName,
  key: string,
): StreamTopic | undefined => {
  const [, symbol = '', name = ''] = /^([^@]+)@(.+)$/.exec(key) ?? []
  const kind = KINDS[endpoint][name]
  // Names of streams are in small letters; others are other streams, which do not exist.
  if (!kind || symbol !== symbol.toLowerCase()) return undefined
  const market = endpoint === 'spot' ? 'spot' : 'perpetual'
  const instrument = state.listings.find(market, symbol.toUpperCase(), state.now())
  if (!instrument) return undefined
  const { channel, interval } = kind
  const target = { path: key, host: market, symbol: instrument.exchangeSymbol, interval, channel } as const
  return kind.topic({ state, instrument, key, target })
}
