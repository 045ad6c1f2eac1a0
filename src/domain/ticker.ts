import type { TickerValues } from './event.ts'
import type { Level } from './order-book.ts'

/** Rolling 24 h summary with the best bid and offer where the exchange sends them together. Base units once resolved. */
export interface Ticker extends TickerValues {
  readonly exchangeSymbol: string | null
  /** ms UTC; `null` where the answer carries no time. */
  readonly exchangeTime: number | null
  readonly bid: Level | null
  readonly ask: Level | null
}
