import { multiplyDecimals } from '../domain/decimal.ts'
import type { Instrument } from '../domain/instrument.ts'
import type { BookLevel, BookSnapshot, Level } from '../domain/order-book.ts'
import type { Ticker } from '../domain/ticker.ts'
import type { Trade } from '../domain/trade.ts'

/**
 * The one step between what an exchange sends and what leaves this system: the record gets its instrument's name, and
 * sizes in contracts become base units. Where a contract is worth quote units (inverse) sizes stay as sent: their worth
 * in base units depends on the price and has no exact decimal.
 */

export function resolveTrade(trade: Trade, instrument: Instrument): Trade {
  return { ...scaleSize(trade, instrument), exchangeSymbol: instrument.exchangeSymbol }
}

/** The 24 h volume is in base units already: only the sizes of the best bid and offer may be in contracts. */
export function resolveTicker(ticker: Ticker, instrument: Instrument): Ticker {
  return {
    ...ticker,
    exchangeSymbol: instrument.exchangeSymbol,
    bid: ticker.bid === null ? null : scaleLevel(ticker.bid, instrument),
    ask: ticker.ask === null ? null : scaleLevel(ticker.ask, instrument),
  }
}

export function resolveBookSnapshot(book: BookSnapshot, instrument: Instrument): BookSnapshot {
  return {
    ...book,
    exchangeSymbol: instrument.exchangeSymbol,
    bids: book.bids.map((level) => scaleSize(level, instrument)),
    asks: book.asks.map((level) => scaleSize(level, instrument)),
  }
}

/** Whether sizes of this instrument stay in contracts once resolved. */
export function staysInContracts(instrument: Instrument): boolean {
  return instrument.inverse && instrument.contractSize !== null
}

function scaleSize<T extends Trade | BookLevel>(record: T, { contractSize, inverse }: Instrument): T {
  if (contractSize === null || inverse) return record
  return { ...record, size: multiplyDecimals(record.size, contractSize) }
}

function scaleLevel(level: Level, instrument: Instrument): Level {
  return level.size === null ? level : scaleSize({ price: level.price, size: level.size }, instrument)
}
