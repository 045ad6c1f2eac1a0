import type { Decimal } from '../decimal.ts'
import type { Window } from '../interval.ts'

/**
 * What a check can find:
 * - `price_jump`: a price, or a few candles, apart from their neighbours on both sides;
 * - `volume_outlier`: a volume far above its neighbours';
 * - `flat_run`: a price that stands still in a market that moves;
 * - `live_rest`: what the stream said, or the first answer, is not what the exchange says later. What was said first stays
 *   on record, so this one lasts, unless the exchange goes back to it; of what users send there is none;
 * - `cross_exchange`: a price apart from that of the same symbol elsewhere.
 */
export const findingKinds = ['price_jump', 'volume_outlier', 'flat_run', 'live_rest', 'cross_exchange'] as const
export type FindingKind = (typeof findingKinds)[number]

/** By how many times the threshold is exceeded: `warning` from 2 times on, `critical` from 5. */
export const severities = ['info', 'warning', 'critical'] as const
export type Severity = (typeof severities)[number]

/** `resolved`: a later check of the same candles did not find it any more. */
export const findingStates = ['open', 'resolved'] as const
export type FindingState = (typeof findingStates)[number]

export const measures = ['open', 'high', 'low', 'close', 'volume'] as const
export type Measure = (typeof measures)[number]

/** What was seen, and against what. */
export interface Evidence {
  /** Which member of the candle; of a range of candles, of the one that deviates most. */
  readonly measure: Measure
  /** That candle's open time, ms UTC. */
  readonly openTime: number
  readonly value: Decimal
  /** What it is held against: the nearer neighbour, the neighbours' 95th percentile, the later answer, the median. */
  readonly reference: Decimal
  /** How far the value is from the reference, and how far it could be; both in `unit`. */
  readonly deviation: number
  readonly threshold: number
  readonly unit: 'percent' | 'times' | 'slots'
  /** The same measure of the candles around. */
  readonly neighbours: readonly { readonly openTime: number; readonly value: Decimal }[]
  /** What each exchange says, this one included; empty for other kinds. */
  readonly sources: readonly { readonly exchange: string; readonly value: Decimal }[]
}

/** What one check says of some candles, `[start, end)`. */
export interface Fault extends Window {
  readonly kind: FindingKind
  readonly severity: Severity
  readonly evidence: Evidence
}

const [WARNING, CRITICAL] = [2, 5]

/** @param size how many times the threshold */
export function severityOf(size: number): Severity {
  if (size >= CRITICAL) return 'critical'
  return size >= WARNING ? 'warning' : 'info'
}

/** Four digits after the point: evidence is read by people. */
export function rounded(value: number): number {
  return Math.round(value * 1e4) / 1e4
}

/** By how many percent two prices differ, of the second; finite even where that is 0. */
export function percentApart(value: number, reference: number): number {
  if (value === reference) return 0
  if (reference === 0) return 100
  // A billionth of a percent is what doubles leave of no difference: 101 is 1 % above 100, not more.
  return Math.round(Math.abs(value / reference - 1) * 1e11) / 1e9
}
