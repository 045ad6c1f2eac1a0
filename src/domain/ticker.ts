import type { Decimal } from './decimal.ts'
import type { Level } from './order-book.ts'

/** Rolling 24 h summary with the best bid and offer where the exchange sends them together. Base units once resolved. */
export interface Ticker {
  readonly exchangeSymbol: string | null
  /** ms UTC; `null` where the answer carries no time. */
  readonly exchangeTime: number | null
  readonly last: Decimal | null
  readonly open: Decimal | null
  readonly high: Decimal | null
  readonly low: Decimal | null
  readonly volume: Decimal | null
  readonly quoteVolume: Decimal | null
  readonly bid: Level | null
  readonly ask: Level | null
}
