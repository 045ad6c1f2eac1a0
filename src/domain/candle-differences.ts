import type { Candle } from './candle.ts'
import {
  compareDecimals,
  type Decimal,
  decimal,
  divideDecimals,
  isNegative,
  subtractDecimals,
  ZERO,
} from './decimal.ts'
import type { Window } from './interval.ts'

/** What is compared. Quote volumes are not: exchanges round them, each in its own way. */
export const comparedFields = ['open', 'high', 'low', 'close', 'volume', 'tradeCount'] as const
export type ComparedField = (typeof comparedFields)[number]

/** Of a relative difference, in significant digits: enough to set a threshold. */
export const RELATIVE_DIGITS = 6

/** Where a candle that is built from trades is not the exchange's own. */
export interface CandleDifference {
  readonly openTime: number
  readonly field: ComparedField
  readonly trades: Decimal
  readonly exchange: Decimal
  /** The difference over the exchange's value, without sign; `null` where that is zero. */
  readonly relative: Decimal | null
}

/** Candles of some slots, and in which others nothing traded. */
export interface KnownSlots {
  readonly candles: readonly Candle[]
  /** Ascending, disjoint, aligned. */
  readonly empty: readonly Window[]
}

export interface CandleComparison {
  /** Of how many slots both sides know all, where at least one has a candle. */
  readonly compared: number
  /** In how many of them something differs. */
  readonly differing: number
  /** By time, in the order of {@link comparedFields}. */
  readonly differences: readonly CandleDifference[]
}

/** Compares candles that are built from trades with the exchange's own, slot by slot, where both are known. */
export function compareCandles(trades: KnownSlots, exchange: KnownSlots): CandleComparison {
  const built = new Map(trades.candles.map((candle) => [candle.openTime, candle]))
  const own = new Map(exchange.candles.map((candle) => [candle.openTime, candle]))
  const openTimes = [...new Set([...built.keys(), ...own.keys()])].sort((a, b) => a - b)
  const differences: CandleDifference[] = []
  let compared = 0
  let differing = 0
  for (const openTime of openTimes) {
    const ours = built.get(openTime) ?? emptyAt(openTime, trades)
    const theirs = own.get(openTime) ?? emptyAt(openTime, exchange)
    if (ours === undefined || theirs === undefined) continue
    const found = differencesOf(openTime, ours, theirs)
    differences.push(...found)
    compared += 1
    if (found.length > 0) differing += 1
  }
  return { compared, differing, differences }
}

/** What can be said of a slot without a trade; of prices, nothing. */
const NOTHING_TRADED = { volume: ZERO, tradeCount: null } as const

type Slot = Candle | typeof NOTHING_TRADED

function emptyAt(openTime: number, { empty }: KnownSlots): Slot | undefined {
  return empty.some(({ start, end }) => start <= openTime && openTime < end) ? NOTHING_TRADED : undefined
}

function differencesOf(openTime: number, trades: Slot, exchange: Slot): CandleDifference[] {
  return comparedFields.flatMap((field) => {
    const [ours, theirs] = [valueIn(trades, field), valueIn(exchange, field)]
    if (ours === undefined || theirs === undefined || ours === theirs) return []
    if (field === 'tradeCount' && compareDecimals(ours, theirs) < 0) return []
    return [{ openTime, field, trades: ours, exchange: theirs, relative: relativeDifference(ours, theirs) }]
  })
}

/**
 * `undefined` where there is nothing to compare. A flat candle, with which some exchanges fill a slot without trades,
 * has a price of an earlier one.
 *
 * Fewer trades than the exchange counts are no difference: streams join those that one order makes at one price, as
 * Binance's do. https://developers.binance.com/docs/derivatives/usds-margined-futures/websocket-market-streams/Aggregate-Trade-Streams
 */
function valueIn(slot: Slot, field: ComparedField): Decimal | undefined {
  if (field === 'volume') return slot.volume
  if (field === 'tradeCount') return slot.tradeCount === null ? undefined : decimal(String(slot.tradeCount))
  return 'openTime' in slot && slot.volume !== ZERO ? slot[field] : undefined
}

function relativeDifference(trades: Decimal, exchange: Decimal): Decimal | null {
  if (exchange === ZERO) return null
  const ratio = divideDecimals(subtractDecimals(trades, exchange), exchange, RELATIVE_DIGITS)
  return isNegative(ratio) ? subtractDecimals(ZERO, ratio) : ratio
}
