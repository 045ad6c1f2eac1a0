import { compareDecimals, type Decimal, toNumber } from '../decimal.ts'
import { percentApart, rounded } from './finding.ts'

/** What a price is worth beside a stored candle: `no_data` where there is none. */
export const verdicts = ['agrees', 'deviates', 'no_data'] as const
export type Verdict = (typeof verdicts)[number]

export interface PriceRange {
  readonly low: Decimal
  readonly high: Decimal
}

export interface JudgedPrice {
  readonly verdict: Verdict
  /** How far beyond the nearer end of what the candle traded at, in percent of that; 0 between them. */
  readonly deviation: number | null
}

/** @param percent a price that is further off than this deviates */
export function judgePrice(price: Decimal, candle: PriceRange | undefined, percent: number): JudgedPrice {
  if (candle === undefined) return { verdict: 'no_data', deviation: null }
  const { low, high } = candle
  if (compareDecimals(price, low) >= 0 && compareDecimals(price, high) <= 0) return { verdict: 'agrees', deviation: 0 }
  const nearest = compareDecimals(price, low) < 0 ? low : high
  const deviation = percentApart(toNumber(price), toNumber(nearest))
  return { verdict: deviation > percent ? 'deviates' : 'agrees', deviation: rounded(deviation) }
}
