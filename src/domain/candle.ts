import { compareDecimals, type Decimal, isNegative } from './decimal.ts'
import { type Interval, isAligned, type Window } from './interval.ts'

/** One OHLCV record. Prices in quote units, `volume` in base units; what the exchange does not send is `null`. */
export interface Candle {
  /** Inclusive start, ms UTC. */
  readonly openTime: number
  readonly open: Decimal
  readonly high: Decimal
  readonly low: Decimal
  readonly close: Decimal
  readonly volume: Decimal
  readonly quoteVolume: Decimal | null
  readonly tradeCount: number | null
  /** The exchange's own word on whether the candle is final; `null` where it sends none. */
  readonly closed: boolean | null
}

/** Why a record was not stored. Kept with the raw record in quarantine. */
export type CandleFault =
  | 'malformed'
  | 'high_below_body'
  | 'low_above_body'
  | 'negative_value'
  | 'misaligned'
  | 'outside_window'
  | 'conflicting_duplicate'

export interface BadCandle {
  /** `null` where not even the time could be read. */
  readonly openTime: number | null
  readonly reason: CandleFault
  /** The record as the exchange sent it, or as decoded. */
  readonly raw: string
}

export interface CheckedCandles {
  /** Ascending, unique, closed, valid. */
  readonly candles: readonly Candle[]
  readonly bad: readonly BadCandle[]
}

/** The first rule that a candle breaks, or `undefined` for a sound one. */
export function candleFault(candle: Candle, interval: Interval, window: Window): CandleFault | undefined {
  if (candle.openTime < window.start || candle.openTime >= window.end) return 'outside_window'
  if (!isAligned(candle.openTime, interval)) return 'misaligned'
  const { open, high, low, close, volume, quoteVolume, tradeCount } = candle
  if (isNegative(low) || isNegative(volume) || (quoteVolume !== null && isNegative(quoteVolume)))
    return 'negative_value'
  if (tradeCount !== null && tradeCount < 0) return 'negative_value'
  if (compareDecimals(high, open) < 0 || compareDecimals(high, close) < 0) return 'high_below_body'
  if (compareDecimals(low, open) > 0 || compareDecimals(low, close) > 0) return 'low_above_body'
  return undefined
}

/**
 * Judges one page of candles: those that are still open (opened at or after `closedTo`, or flagged so by the exchange)
 * are left out, bad ones are set apart with their reason, order is restored and repeated rows are dropped. Two
 * different rows for one slot are both bad: nothing says which is right.
 *
 * @param closedTo ms UTC, the end of the last slot known to be closed on the exchange's clock
 */
export function checkCandles(
  page: readonly Candle[],
  interval: Interval,
  window: Window,
  closedTo: number,
): CheckedCandles {
  const bad: BadCandle[] = []
  const bySlot = new Map<number, Candle>()
  const conflicting = new Set<number>()
  for (const candle of page) {
    if (candle.openTime >= closedTo || candle.closed === false) continue
    const fault = candleFault(candle, interval, window)
    if (fault !== undefined) {
      bad.push({ openTime: candle.openTime, reason: fault, raw: JSON.stringify(candle) })
      continue
    }
    const twin = bySlot.get(candle.openTime)
    if (twin === undefined) bySlot.set(candle.openTime, candle)
    else if (!isSameCandle(twin, candle)) {
      conflicting.add(candle.openTime)
      bad.push({ openTime: candle.openTime, reason: 'conflicting_duplicate', raw: JSON.stringify([twin, candle]) })
    }
  }
  for (const openTime of conflicting) bySlot.delete(openTime)
  const candles = [...bySlot.values()]
  if (!isAscending(candles)) candles.sort((a, b) => a.openTime - b.openTime)
  return { candles, bad }
}

export function isSameCandle(a: Candle, b: Candle): boolean {
  return (
    a.open === b.open &&
    a.high === b.high &&
    a.low === b.low &&
    a.close === b.close &&
    a.volume === b.volume &&
    a.quoteVolume === b.quoteVolume &&
    a.tradeCount === b.tradeCount
  )
}

function isAscending(candles: readonly Candle[]): boolean {
  let previous = Number.NEGATIVE_INFINITY
  for (const { openTime } of candles) {
    if (openTime <= previous) return false
    previous = openTime
  }
  return true
}
