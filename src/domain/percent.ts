import { type Decimal, decimal, scaleOf, shiftDecimal } from './decimal.ts'

/** Digits after the point that percentages are told with. */
const PERCENT_PLACES = 6

/**
 * `part / whole` in percent, rounded down (towards minus infinity) to 6 places: a spread never looks better
 * than it is, and is at least a threshold of so many places exactly when what is told of it is.
 *
 * @param whole positive
 */
export function percentOf(part: Decimal, whole: Decimal): Decimal {
  const places = Math.max(scaleOf(part), scaleOf(whole))
  const [dividend, divisor] = [integerOf(part, places), integerOf(whole, places)]
  const scaled = dividend * 10n ** BigInt(PERCENT_PLACES + 2)
  const truncated = scaled / divisor
  const isBelow = scaled < 0n && truncated * divisor !== scaled
  return shiftDecimal(decimal(String(isBelow ? truncated - 1n : truncated)), -PERCENT_PLACES)
}

function integerOf(value: Decimal, places: number): bigint {
  return BigInt(shiftDecimal(value, places))
}
