import { type Decimal, decimal, multiplyDecimals, shiftDecimal } from '../domain/decimal.ts'
import type { BboEvent, MarketEvent } from '../domain/event.ts'
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

/**
 * The event with its sizes in base units: the same object where they are so already. Candles, 24 h volumes and open
 * interest always are: where an exchange counts contracts it sends base units beside, and those are decoded.
 * @param instrument the one that the event names
 */
export function resolveEvent(event: MarketEvent, { contractSize, inverse }: Instrument): MarketEvent {
  if (contractSize === null || contractSize === '1' || inverse) return event
  switch (event.channel) {
    case 'trades':
    case 'liquidations':
      return { ...event, size: toBase(event.size, contractOf(contractSize)) }
    case 'book': {
      const contract = contractOf(contractSize)
      return { ...event, bids: levelsToBase(event.bids, contract), asks: levelsToBase(event.asks, contract) }
    }
    case 'bbo':
      return bboToBase(event, contractOf(contractSize))
    case 'candles':
    case 'ticker':
    case 'funding':
    case 'open-interest':
      return event
  }
}

/** Whether sizes of this instrument stay in contracts once resolved. */
export function staysInContracts(instrument: Instrument): boolean {
  return instrument.inverse && instrument.contractSize !== null
}

function scaleSize<T extends Trade | BookLevel>(record: T, { contractSize, inverse }: Instrument): T {
  if (contractSize === null || inverse) return record
  return { ...record, size: toBase(record.size, contractOf(contractSize)) }
}

function scaleLevel(level: Level, instrument: Instrument): Level {
  return level.size === null ? level : scaleSize({ price: level.price, size: level.size }, instrument)
}

function levelsToBase(levels: readonly BookLevel[], contract: Contract): readonly BookLevel[] {
  return levels.map(({ price, size }) => ({ price, size: toBase(size, contract) }))
}

/** A side that is absent stays absent: it is unchanged. */
function bboToBase(event: BboEvent, contract: Contract): BboEvent {
  const { bid, ask } = event
  if (bid === undefined) return ask === undefined ? event : { ...event, ask: bestToBase(ask, contract) }
  if (ask === undefined) return { ...event, bid: bestToBase(bid, contract) }
  return { ...event, bid: bestToBase(bid, contract), ask: bestToBase(ask, contract) }
}

function bestToBase(level: Level | null, contract: Contract): Level | null {
  if (level === null || level.size === null) return level
  return { price: level.price, size: toBase(level.size, contract) }
}

/** The size of a contract as `mantissa × 10^exponent`, the mantissa an integer without zeros at its end. */
interface Contract {
  readonly size: Decimal
  readonly mantissa: number
  readonly exponent: number
}

/** By their texts: a dozen sizes make do for the thousands of instruments of an exchange. */
const contracts = new Map<Decimal, Contract>()

function contractOf(size: Decimal): Contract {
  const known = contracts.get(size)
  if (known !== undefined) return known
  const { digits, scale } = readDigits(size)
  const mantissa = digits.replace(/0+$/, '')
  const contract = { size, mantissa: Number(mantissa), exponent: digits.length - mantissa.length - scale }
  contracts.set(size, contract)
  return contract
}

function readDigits(value: Decimal): { readonly digits: string; readonly scale: number } {
  const point = value.indexOf('.')
  if (point < 0) return { digits: value, scale: 0 }
  return { digits: value.slice(0, point) + value.slice(point + 1), scale: value.length - point - 1 }
}

/**
 * The exact product: by moving the point where the contract is a power of ten, as nearly all are, or by way of a double
 * where that holds it. BigInt takes several times as long.
 */
function toBase(size: Decimal, contract: Contract): Decimal {
  if (contract.mantissa === 1) return shiftDecimal(size, contract.exponent)
  const { digits, scale } = readDigits(size)
  const product = Number(digits) * contract.mantissa
  if (!Number.isSafeInteger(product)) return multiplyDecimals(size, contract.size)
  return shiftDecimal(decimal(String(product)), contract.exponent - scale)
}
