import type { Decimal } from './decimal.ts'

/** The funding rate of a perpetual at one settlement, past or announced. */
export interface FundingRate {
  readonly exchangeSymbol: string
  /** ms UTC at which the record was made; `null` where it carries no time of its own. */
  readonly exchangeTime: number | null
  /** ms UTC of the settlement. */
  readonly fundingTime: number
  /** Whether it has been paid; `false` while it is only announced and may still move. */
  readonly settled: boolean
  /** A fraction, not a percentage: `0.0001` is one basis point. */
  readonly rate: Decimal
  readonly markPrice: Decimal | null
  readonly indexPrice: Decimal | null
}
