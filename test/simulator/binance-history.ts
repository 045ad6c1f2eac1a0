/**
 * Klines, trades and depth of Binance spot and USD-M futures.
 * https://developers.binance.com/docs/binance-spot-api-docs/rest-api/market-data-endpoints
 * https://developers.binance.com/docs/derivatives/usds-margined-futures/market-data/rest-api
 */

import { bookSequenceOf, updateIdAt, updateIdsOf } from './binance-book-ids.ts'
import {
  BINANCE_INTERVALS,
  binanceError,
  type Call,
  decimalsOf,
  instrumentOf,
  limitOf,
  priceText,
  required,
  sizeText,
  wholeNumber,
} from './binance-query.ts'
import { readPage, type SpellRow } from './candle-page.ts'
import type { Instrument } from './catalogue.ts'
import { decimalText, spell, wideDigits } from './decimal-text.ts'
import { readSnapshot } from './fault-reply.ts'
import { INTERVALS } from './intervals.ts'
import {
  BOUGHT,
  BOUGHT_QUOTE_HIGH,
  BOUGHT_QUOTE_LOW,
  CLOSE,
  COUNT,
  HIGH,
  LOW,
  OPEN,
  QUOTE_HIGH,
  QUOTE_LOW,
  VOLUME,
} from './market.ts'
import { json, type Reply } from './protocol.ts'
import type { Trade } from './trade-tape.ts'

/** Ids of aggregated trades run behind those of trades; here each aggregate holds one trade. */
export const AGGREGATES_BEHIND = 1_000_000

const spellKline: SpellRow = (instrument, rows, at, openTime, closeTime) => {
  const { price, size, quote } = decimalsOf(instrument)
  const { priceScale, sizeScale } = instrument
  const ticks = (column: number) => decimalText(rows[at + column] ?? 0, priceScale, price)
  const lots = (column: number) => decimalText(rows[at + column] ?? 0, sizeScale, size)
  const money = (high: number, low: number) =>
    spell(wideDigits(rows[at + high] ?? 0, rows[at + low] ?? 0), priceScale + sizeScale, quote)
  return `[${openTime},"${ticks(OPEN)}","${ticks(HIGH)}","${ticks(LOW)}","${ticks(CLOSE)}","${lots(VOLUME)}",${closeTime - 1},"${money(QUOTE_HIGH, QUOTE_LOW)}",${rows[at + COUNT]},"${lots(BOUGHT)}","${money(BOUGHT_QUOTE_HIGH, BOUGHT_QUOTE_LOW)}","0"]`
}

/** Ascending; start and end are inclusive on the open time; without a start the newest, with one the oldest from there. */
export const klines = (call: Call): Reply => {
  const { state, kind, query, target } = call
  const instrument = instrumentOf(call)
  const name = required(query, 'interval')
  const known = BINANCE_INTERVALS.find((interval) => interval === name)
  if (!known) throw binanceError(-1120, 'Invalid interval.')
  const start = wholeNumber(query, 'startTime')
  const end = wholeNumber(query, 'endTime')
  const limit = limitOf(call, 500, kind === 'spot' ? 1000 : 1500)
  if (kind === 'perpetual' && start !== undefined && end !== undefined && start > end) {
    throw binanceError(-1023, 'Start time is greater than end time.')
  }
  const rows = readPage(
    state,
    target,
    {
      instrument,
      interval: INTERVALS[known],
      from: start ?? 0,
      to: end ?? state.now(),
      limit,
      take: start === undefined ? 'newest' : 'oldest',
      order: 'ascending',
    },
    spellKline,
  )
  return { status: 200, body: `[${rows}]` }
}

/** Newest trades; `fromId` (historicalTrades) from an id on; `startTime` and `endTime` (aggTrades) inclusive. */
const readTrades = (call: Call, instrument: Instrument, maximum: number, idOffset = 0): Trade[] => {
  const { state, query } = call
  const until = state.until(instrument)
  const limit = limitOf(call, 500, maximum)
  const tape = state.market.tape(instrument)
  const fromId = wholeNumber(query, 'fromId')
  const start = wholeNumber(query, 'startTime')
  const end = wholeNumber(query, 'endTime')
  if (fromId !== undefined && (start ?? end) !== undefined) {
    throw binanceError(-1128, 'Combination of optional parameters invalid.')
  }
  if (fromId !== undefined) return tape.from(fromId + idOffset, limit, until)
  const before = end === undefined ? until : Math.min(end + 1, until)
  if (start !== undefined) return tape.from(tape.lastId(Math.max(start, instrument.listedAt)) + 1, limit, before)
  return tape.from(tape.lastId(before) - limit + 1, limit, before)
}

export const trades = (call: Call): Reply => {
  const instrument = instrumentOf(call)
  const spelt = readTrades(call, instrument, 1000).map(({ id, time, price, size, takerBuys }) => {
    const quote = price * size
    const scale = instrument.priceScale + instrument.sizeScale
    const trade = {
      id,
      price: priceText(instrument, price),
      qty: sizeText(instrument, size),
      // USD-M cuts the quote quantity off after two decimals, as recorded.
      quoteQty:
        call.kind === 'spot' ? decimalText(quote, scale, 8) : decimalText(Math.floor(quote / 10 ** (scale - 2)), 2, 2),
      time,
      isBuyerMaker: !takerBuys,
    }
    return call.kind === 'spot' ? { ...trade, isBestMatch: true } : trade
  })
  return json(spelt)
}

export const aggTrades = (call: Call): Reply => {
  const instrument = instrumentOf(call)
  return json(
    readTrades(call, instrument, 1000, AGGREGATES_BEHIND).map(({ id, time, price, size, takerBuys }) => ({
      a: id - AGGREGATES_BEHIND,
      p: priceText(instrument, price),
      q: sizeText(instrument, size),
      f: id,
      l: id,
      T: time,
      m: !takerBuys,
      ...(call.kind === 'spot' ? { M: true } : {}),
    })),
  )
}

export const depth = (call: Call): Reply => {
  const { state, kind, query, target } = call
  const instrument = instrumentOf(call)
  const limit = wholeNumber(query, 'limit') ?? (kind === 'spot' ? 100 : 500)
  if (kind === 'perpetual' && ![5, 10, 20, 50, 100, 500, 1000].includes(limit)) {
    throw binanceError(-4021, `'${limit}' is not valid depth limit.`)
  }
  const until = state.until(instrument)
  const updateId = updateIdAt(kind, until)
  const sequence = bookSequenceOf(updateId)
  const book = readSnapshot(state, target, instrument, sequence, limit)
  const levels = (side: typeof book.bids) =>
    side.map(({ price, size }) => [priceText(instrument, price), sizeText(instrument, size)])
  const times = kind === 'perpetual' ? { E: until, T: book.time } : {}
  return json({
    lastUpdateId: book.sequence === sequence ? updateId : updateIdsOf(kind, book.sequence).last,
    ...times,
    bids: levels(book.bids),
    asks: levels(book.asks),
  })
}
