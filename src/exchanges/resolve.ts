import { type Decimal, isNegative, multiplyDecimals, parseDecimal } from '../domain/decimal.ts'
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
  if (contractSize === null || inverse) return event
  switch (event.channel) {
    case 'trades':
    case 'liquidations':
      return { ...event, size: toBase(event.size, unscale(contractSize)) }
    case 'book': {
      const contract = unscale(contractSize)
      return { ...event, bids: levelsToBase(event.bids, contract), asks: levelsToBase(event.asks, contract) }
    }
    case 'bbo':
      return { ...event, ...sidesToBase(event, unscale(contractSize)) }
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
  return { ...record, size: multiplyDecimals(record.size, contractSize) }
}

function scaleLevel(level: Level, instrument: Instrument): Level {
  return level.size === null ? level : scaleSize({ price: level.price, size: level.size }, instrument)
}

function levelsToBase(levels: readonly BookLevel[], contract: Contract): readonly BookLevel[] {
  return levels.map(({ price, size }) => ({ price, size: toBase(size, contract) }))
}

/** A side that is absent stays absent: it is unchanged. */
function sidesToBase({ bid, ask }: BboEvent, contract: Contract): Pick<BboEvent, 'bid' | 'ask'> {
  return {
    ...(bid === undefined ? {} : { bid: bestToBase(bid, contract) }),
    ...(ask === undefined ? {} : { ask: bestToBase(ask, contract) }),
  }
}

function bestToBase(level: Level | null, contract: Contract): Level | null {
  if (level === null || level.size === null) return level
  return { price: level.price, size: toBase(level.size, contract) }
}

/** The size of a contract as an integer and the number of its decimal places. */
interface Contract {
  readonly size: Decimal
  readonly digits: number
  readonly scale: number
  /** Where it is a power of ten, as nearly all are, by how many places it moves the point to the right. */
  readonly shift: number | null
}

function unscale(size: Decimal): Contract {
  const { digits, scale } = readDigits(size)
  const exponent = Math.log10(digits)
  return { size, digits, scale, shift: Number.isInteger(exponent) ? exponent - scale : null }
}

function readDigits(value: Decimal): { digits: number; scale: number } {
  const point = value.indexOf('.')
  if (point < 0) return { digits: Number(value), scale: 0 }
  return { digits: Number(value.slice(0, point) + value.slice(point + 1)), scale: value.length - point - 1 }
}

/**
 * The exact product, by moving the point, or by way of a double where that holds it: a feed does this for every level of
 * every book, and BigInt takes several times as long.
 */
function toBase(size: Decimal, contract: Contract): Decimal {
  if (contract.shift !== null && !isNegative(size)) return shiftPoint(size, contract.shift) ?? scaled(size, contract)
  return scaled(size, contract)
}

function shiftPoint(size: Decimal, places: number): Decimal | undefined {
  if (places === 0) return size
  const point = size.indexOf('.')
  const whole = point < 0 ? size : size.slice(0, point)
  const fraction = point < 0 ? '' : size.slice(point + 1)
  if (places < 0) {
    const padded = whole.padStart(1 - places, '0')
    return parseDecimal(`${padded.slice(0, places)}.${padded.slice(places)}${fraction}`)
  }
  const padded = fraction.padEnd(places, '0')
  return parseDecimal(`${whole === '0' ? '' : whole}${padded.slice(0, places)}.${padded.slice(places)}`)
}

function scaled(size: Decimal, contract: Contract): Decimal {
  const { digits, scale } = readDigits(size)
  const product = digits * contract.digits
  if (!Number.isSafeInteger(product) || product < 0) return multiplyDecimals(size, contract.size)
  const text = String(product)
  const places = scale + contract.scale
  if (places === 0) return parseDecimal(text) ?? multiplyDecimals(size, contract.size)
  const padded = text.padStart(places + 1, '0')
  const point = padded.length - places
  return parseDecimal(`${padded.slice(0, point)}.${padded.slice(point)}`) ?? multiplyDecimals(size, contract.size)
}
