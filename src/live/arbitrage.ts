import {
  addDecimals,
  compareDecimals,
  type Decimal,
  decimal,
  multiplyDecimals,
  subtractDecimals,
} from '../domain/decimal.ts'
import type { InstrumentKind } from '../domain/instrument.ts'
import { percentOf } from '../domain/percent.ts'
import { publishedFees } from '../exchanges/fees.ts'
import type { ExchangeBbo } from './consolidated.ts'

/** One side of an arbitrage: what is bought, or sold, where. Times are ms UTC. */
export interface ArbitrageLeg {
  readonly exchange: string
  readonly symbol: string
  readonly exchangeSymbol: string | null
  readonly price: Decimal
  /** Offered at this price, in base units. */
  readonly size: Decimal
  /** A fraction: `0.001` is 0.1 %. */
  readonly takerFee: Decimal
  readonly exchangeTime: number | null
  readonly receivedTime: number
  readonly ageMs: number
}

/** Buying on one exchange and selling on another. Percentages are of the price bought at, rounded down. */
export interface Arbitrage {
  readonly buy: ArbitrageLeg
  readonly sell: ArbitrageLeg
  /** The lesser of both sizes, in base units: so much can be had at these prices. */
  readonly size: Decimal
  /** `sell.price - buy.price`, exact: often negative. */
  readonly spread: Decimal
  readonly spreadPercent: Decimal
  /** What is left of one base unit after the taker fees of both, exact: `sell.price × (1 - fee) - buy.price × (1 + fee)`. */
  readonly netSpread: Decimal
  readonly netPercent: Decimal
}

/** The taker fee of an exchange as a fraction; `null` where none is known: what is sold there is no bargain then. */
export type TakerFee = (exchange: string) => Decimal | null

/** @param own those that a caller pays, by exchange, instead of the published ones */
export function takerFeeOf(kind: InstrumentKind, own: ReadonlyMap<string, Decimal> = NO_FEES): TakerFee {
  return (exchange) => own.get(exchange) ?? publishedFees(exchange, kind)?.taker ?? null
}

const NO_FEES: ReadonlyMap<string, Decimal> = new Map()

/**
 * What pays best, of every pair of exchanges: by the net spread in percent, then by size. With equal fees it buys at the
 * lowest ask and sells at the highest bid. `null` where there are no two exchanges with an ask and a bid.
 *
 * @param books fresh ones in sync, uncrossed each
 */
export function bestArbitrage(books: readonly ExchangeBbo[], takerFee: TakerFee): Arbitrage | null {
  const buys = books.flatMap((book) => legOf(book, 'ask', takerFee))
  const sells = books.flatMap((book) => legOf(book, 'bid', takerFee))
  let found: Arbitrage | null = null
  for (const buy of buys) {
    for (const sell of sells) {
      if (buy.exchange === sell.exchange) continue
      const arbitrage = arbitrageOf(buy, sell)
      if (found === null || compareArbitrages(arbitrage, found) > 0) found = arbitrage
    }
  }
  return found
}

/** Positive where `a` pays better than `b`. */
export function compareArbitrages(a: Arbitrage, b: Arbitrage): number {
  return compareDecimals(a.netPercent, b.netPercent) || compareDecimals(a.size, b.size)
}

function legOf(book: ExchangeBbo, side: 'bid' | 'ask', takerFee: TakerFee): ArbitrageLeg[] {
  const { exchange, symbol, exchangeSymbol, exchangeTime, receivedTime, ageMs, [side]: level } = book
  const fee = takerFee(exchange)
  if (level === null || fee === null) return []
  return [{ exchange, symbol, exchangeSymbol, ...level, takerFee: fee, exchangeTime, receivedTime, ageMs }]
}

const ONE = decimal('1')

function arbitrageOf(buy: ArbitrageLeg, sell: ArbitrageLeg): Arbitrage {
  const paid = multiplyDecimals(buy.price, addDecimals(ONE, buy.takerFee))
  const gained = multiplyDecimals(sell.price, subtractDecimals(ONE, sell.takerFee))
  const [spread, netSpread] = [subtractDecimals(sell.price, buy.price), subtractDecimals(gained, paid)]
  return {
    buy,
    sell,
    size: compareDecimals(buy.size, sell.size) <= 0 ? buy.size : sell.size,
    spread,
    spreadPercent: percentOf(spread, buy.price),
    netSpread,
    netPercent: percentOf(netSpread, buy.price),
  }
}
