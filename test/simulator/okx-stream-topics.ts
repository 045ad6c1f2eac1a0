/**
 * What the channels of OKX carry, but for the order books.
 * https://www.okx.com/docs-v5/en/#order-book-trading-market-data-ws-tickers-channel and its neighbours,
 * https://www.okx.com/docs-v5/en/#public-data-websocket
 */

import type { Instrument } from './catalogue.ts'
import { decimalText, spell, wideDigits } from './decimal-text.ts'
import type { ExchangeState } from './exchange-state.ts'
import type { CandleInterval } from './intervals.ts'
import { isLiquidation } from './liquidations.ts'
import { COLUMNS, QUOTE_HIGH, QUOTE_LOW, VOLUME } from './market.ts'
import { fundingRecord, markRecord, price, size, spellCandle, tickerRecord, tradeRecord } from './okx-endpoints.ts'
import { readSummary } from './summary.ts'
import type { Trade } from './trade-tape.ts'
import type { StreamTarget, StreamTopic } from './ws/protocol.ts'
import { topicOfSeconds, topicOfTrades } from './ws/topics.ts'

/** The argument of a subscription as acknowledgements and pushes repeat it. */
export interface OkxArg {
  readonly channel: string
  readonly instId?: string
  readonly instType?: string
}

/** What a topic of one instrument is made of. */
export interface OkxSubject {
  readonly state: ExchangeState
  readonly instrument: Instrument
  readonly arg: OkxArg
  readonly key: string
  readonly target: StreamTarget
}

/** A push. @param action only where a channel sends changes */
export const push = (arg: OkxArg, data: readonly unknown[], action?: 'snapshot' | 'update'): string =>
  JSON.stringify({ arg, action, data })

/**
 * `trades` joins the fills of one taker at one price and says how many; here each is alone.
 * https://www.okx.com/docs-v5/en/#order-book-trading-market-data-ws-trades-channel
 */
export const tradesTopic = (subject: OkxSubject): StreamTopic =>
  topicOfTrades(subject, (trade) =>
    push(subject.arg, [{ ...tradeRecord(subject.instrument)(trade), count: '1', seqId: trade.id }]),
  )

/** Each fill for itself. https://www.okx.com/docs-v5/en/#order-book-trading-market-data-ws-all-trades-channel */
export const allTradesTopic = (subject: OkxSubject): StreamTopic =>
  topicOfTrades(subject, (trade) => push(subject.arg, [tradeRecord(subject.instrument)(trade)]))

/** Every second while it is open, and in the second of its end with `confirm` 1. */
export const candleTopic = (subject: OkxSubject, interval: CandleInterval): StreamTopic => {
  const { state, instrument, arg } = subject
  const row = new Float64Array(COLUMNS)
  return topicOfSeconds(subject, (time) => {
    const openTime = interval.floor(time - 1)
    const closeTime = interval.step(openTime, 1)
    if (!state.market.candle(instrument, openTime, closeTime, state.until(instrument), row)) return undefined
    const candle = spellCandle(instrument, row, 0, openTime, closeTime, closeTime <= time)
    return `{"arg":${JSON.stringify(arg)},"data":[${candle}]}`
  })
}

/** A record at once and then every so many seconds, each time as of that second. */
const recordTopic = (subject: OkxSubject, record: () => unknown, everySeconds = 1): StreamTopic => {
  const frames = (): string[] => {
    const found = record()
    return found === undefined ? [] : [push(subject.arg, [found])]
  }
  return topicOfSeconds({ ...subject, first: frames }, () => frames()[0], everySeconds)
}

export const tickerTopic = (subject: OkxSubject): StreamTopic =>
  recordTopic(subject, () => tickerRecord(subject.state, subject.instrument))

/** Every 30 to 90 seconds: https://www.okx.com/docs-v5/en/#public-data-websocket-funding-rate-channel */
const FUNDING_EVERY_SECONDS = 60

export const fundingTopic = (subject: OkxSubject): StreamTopic =>
  recordTopic(subject, () => fundingRecord(subject.state, subject.instrument), FUNDING_EVERY_SECONDS)

export const markTopic = (subject: OkxSubject): StreamTopic =>
  recordTopic(subject, () => markRecord(subject.state, subject.instrument, 'SWAP'))

/** The index of a pair is the middle of its spot market here. */
export const indexTopic = (subject: OkxSubject): StreamTopic =>
  recordTopic(subject, () => {
    const ticker = tickerRecord(subject.state, subject.instrument)
    if (!ticker) return undefined
    const { instId, open24h, high24h, low24h, sodUtc0, sodUtc8, ts } = ticker
    const { markPx: idxPx } = markRecord(subject.state, subject.instrument, null)
    return { instId, idxPx, open24h, high24h, low24h, sodUtc0, sodUtc8, ts }
  })

/** https://www.okx.com/docs-v5/en/#public-data-websocket-open-interest-channel */
const OPEN_INTEREST_EVERY_SECONDS = 3

/** The market has no positions: as in Bybit's tickers, the volume of 24 hours stands for the open interest. */
export const openInterestTopic = (subject: OkxSubject): StreamTopic =>
  recordTopic(
    subject,
    () => {
      const { state, instrument } = subject
      const summary = readSummary(state, instrument)
      if (!summary) return undefined
      const { row, end } = summary
      const quote = wideDigits(row[QUOTE_HIGH] ?? 0, row[QUOTE_LOW] ?? 0)
      return {
        instId: instrument.exchangeSymbol,
        instType: 'SWAP',
        oi: size(instrument, row[VOLUME] ?? 0),
        oiCcy: decimalText(row[VOLUME] ?? 0, instrument.baseScale),
        oiUsd: spell(quote, instrument.priceScale + instrument.baseScale),
        ts: String(end),
      }
    },
    OPEN_INTEREST_EVERY_SECONDS,
  )

/**
 * The liquidations of all swaps, in contracts, at the price of bankruptcy.
 * https://www.okx.com/docs-v5/en/#public-data-websocket-liquidation-orders-channel
 */
export const liquidationTopic = ({ state, arg, key, target }: Omit<OkxSubject, 'instrument'>): StreamTopic => ({
  key,
  target,
  first: () => [],
  due: (after, until) =>
    state.listings
      .all('perpetual', until)
      .flatMap((instrument) => {
        const spellOne = (trade: Trade) =>
          isLiquidation(instrument, trade) ? push(arg, [liquidationRecord(instrument, trade)]) : undefined
        return topicOfTrades({ state, instrument, key, target }, spellOne).due(after, until)
      })
      .sort((a, b) => a.time - b.time),
})

const liquidationRecord = (instrument: Instrument, trade: Trade) => {
  const family = `${instrument.base}-${instrument.quote}`
  const detail = {
    bkLoss: '0',
    bkPx: price(instrument, trade.price),
    ccy: '',
    posSide: trade.takerBuys ? 'short' : 'long',
    side: trade.takerBuys ? 'buy' : 'sell',
    sz: size(instrument, trade.size),
    ts: String(trade.time),
  }
  return { details: [detail], instFamily: family, instId: instrument.exchangeSymbol, instType: 'SWAP', uly: family }
}
