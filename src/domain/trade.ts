import type { Decimal } from './decimal.ts'

/** The taker's side; `null` where the record does not say. */
export type Side = 'buy' | 'sell'

/** One public execution. `size` is in base units once resolved (see `resolveTrade`). */
export interface Trade {
  /** The exchange's id, unique within its instrument. */
  readonly id: string
  readonly price: Decimal
  readonly size: Decimal
  readonly side: Side | null
  /** ms UTC by the exchange's clock. */
  readonly exchangeTime: number
  /** As the record names its instrument; `null` where it does not. */
  readonly exchangeSymbol: string | null
}
