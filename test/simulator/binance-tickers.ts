/** Tickers, marks and funding of Binance spot and USD-M futures; the pages are those of binance-history.ts. */

import { updateIdsOf } from './binance-book-ids.ts'
import { type Call, instrumentOf, limitOf, priceText, quoteText, sizeText, wholeNumber } from './binance-query.ts'
import type { Instrument } from './catalogue.ts'
import { decimalText } from './decimal-text.ts'
import type { ExchangeState } from './exchange-state.ts'
import { fundingPage, fundingRate, fundingTimeAfter, fundingTimeBefore } from './funding.ts'
import { CLOSE, COUNT, HIGH, LOW, OPEN, QUOTE_HIGH, QUOTE_LOW, VOLUME } from './market.ts'
import { json, type Reply } from './protocol.ts'
import { readSummary } from './summary.ts'

/** The 24 hours of an instrument in the fields of REST; empty before its first trade. */
export const summaryOf = (state: ExchangeState, instrument: Instrument) => {
  const summary = readSummary(state, instrument)
  if (!summary) return []
  const { row, last, firstId, start, end } = summary
  const value = (column: number) => row[column] ?? 0
  const change = value(CLOSE) - value(OPEN)
  const quote = (value(QUOTE_HIGH) * 1e9 + value(QUOTE_LOW)) / Math.max(1, value(VOLUME))
  const [bid, ask] = [summary.book.bids[0], summary.book.asks[0]]
  const best = {
    bidPrice: priceText(instrument, bid?.price ?? 0),
    bidQty: sizeText(instrument, bid?.size ?? 0),
    askPrice: priceText(instrument, ask?.price ?? 0),
    askQty: sizeText(instrument, ask?.size ?? 0),
  }
  const ticker = {
    symbol: instrument.exchangeSymbol,
    priceChange: priceText(instrument, change),
    priceChangePercent: ((change / value(OPEN)) * 100).toFixed(3),
    weightedAvgPrice: priceText(instrument, Math.round(quote)),
    lastPrice: priceText(instrument, last.price),
    lastQty: sizeText(instrument, last.size),
    openPrice: priceText(instrument, value(OPEN)),
    highPrice: priceText(instrument, value(HIGH)),
    lowPrice: priceText(instrument, value(LOW)),
    volume: sizeText(instrument, value(VOLUME)),
    quoteVolume: quoteText(instrument, value(QUOTE_HIGH), value(QUOTE_LOW)),
    openTime: start,
    closeTime: end,
    firstId,
    lastId: last.id,
    count: value(COUNT),
  }
  return [{ ticker, best, prevClosePrice: priceText(instrument, value(OPEN)), book: summary.book }]
}

/** One object for `symbol`, a list for `symbols` or for all that trade. */
const oneOrMany = (call: Call, describe: (instrument: Instrument) => unknown[]): Reply => {
  const { state, kind, query } = call
  if (query.has('symbol')) return json(describe(instrumentOf(call))[0])
  const trading = state.listings
    .all(kind, state.now())
    .filter((known) => !state.listings.isDelisted(known, state.now()))
  const symbols = query.get('symbols')
  return json(trading.filter((known) => !symbols || symbols.includes(`"${known.exchangeSymbol}"`)).flatMap(describe))
}

export const ticker24hr = (call: Call): Reply =>
  oneOrMany(call, (instrument) =>
    summaryOf(call.state, instrument).map(({ ticker, best, prevClosePrice }) =>
      call.kind === 'spot' ? { ...ticker, prevClosePrice, ...best } : ticker,
    ),
  )

export const bookTicker = (call: Call): Reply =>
  oneOrMany(call, (instrument) =>
    summaryOf(call.state, instrument).map(({ best, book }) => ({
      symbol: instrument.exchangeSymbol,
      ...best,
      ...(call.kind === 'spot' ? {} : { time: book.time, lastUpdateId: updateIdsOf('perpetual', book.sequence).last }),
    })),
  )

export const tickerPrice = (call: Call): Reply =>
  oneOrMany(call, (instrument) =>
    summaryOf(call.state, instrument).map(({ ticker }) => ({
      symbol: ticker.symbol,
      price: ticker.lastPrice,
      ...(call.kind === 'spot' ? {} : { time: ticker.closeTime }),
    })),
  )

/** The mark price at a settlement, padded to `padding` decimals. */
export const fundingMark = (state: ExchangeState, instrument: Instrument, at: number, padding?: number): string =>
  decimalText(Math.round(state.market.middle(instrument, at) * 10 ** (8 - instrument.priceScale)), 8, padding)

/** Mark and index of a perpetual now: the middle of the book, the index a second behind. */
export const premiumOf = (state: ExchangeState, instrument: Instrument) => {
  const now = state.until(instrument)
  const middle = (shift: number) =>
    decimalText(Math.round(state.market.middle(instrument, now - shift) * 10 ** (8 - instrument.priceScale)), 8, 8)
  return {
    symbol: instrument.exchangeSymbol,
    markPrice: middle(0),
    indexPrice: middle(1000),
    estimatedSettlePrice: middle(2000),
    lastFundingRate: decimalText(fundingRate(state.market.seed, instrument, fundingTimeBefore(instrument, now)), 8, 8),
    interestRate: '0.00010000',
    nextFundingTime: fundingTimeAfter(instrument, now),
    time: now,
  }
}

export const premiumIndex = (call: Call): Reply => oneOrMany(call, (instrument) => [premiumOf(call.state, instrument)])

export const fundingHistory = (call: Call): Reply => {
  const { state, query, target } = call
  const instrument = instrumentOf(call)
  const times = fundingPage(state, target, instrument, {
    from: wholeNumber(query, 'startTime'),
    to: Math.min(wholeNumber(query, 'endTime') ?? state.now(), state.until(instrument)),
    limit: limitOf(call, 100, 1000),
    take: 'oldest',
    order: 'ascending',
  })
  return json(
    times.map((fundingTime) => ({
      symbol: instrument.exchangeSymbol,
      fundingTime,
      fundingRate: decimalText(fundingRate(state.market.seed, instrument, fundingTime), 8, 8),
      markPrice: fundingMark(state, instrument, fundingTime, 8),
    })),
  )
}
