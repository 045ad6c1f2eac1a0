import type { FundingRate } from './funding.ts'
import type { Window } from './interval.ts'
import type { StoredInstrument } from './series.ts'

/** A rate that has been paid. */
export type SettledRate = Pick<FundingRate, 'fundingTime' | 'rate' | 'markPrice' | 'indexPrice'>

/**
 * Why a time is not proven to hold no other rates than those stored:
 * - `absent`: the exchange was asked, and rates are lacking that should be there;
 * - `out_of_reach`: the same, and it gave nothing that is older either: its history does not go back that far;
 * - `not_loaded`: not asked for yet; `load_failing`: the same, and the last attempts failed;
 * - `not_recorded`: nobody wants it: no series of the instrument is recorded since then.
 */
export const fundingMissingReasons = ['absent', 'out_of_reach', 'not_loaded', 'load_failing', 'not_recorded'] as const
export type FundingMissingReason = (typeof fundingMissingReasons)[number]

/** A time that was asked for in vain. */
export interface FundingGap extends Window {
  readonly reason: 'absent' | 'out_of_reach'
  readonly nextAttemptAt: number
}

/** What planning needs to know of the funding of one perpetual, as the database holds it. */
export interface FundingState {
  readonly instrument: StoredInstrument
  /** Since when the first of its series is recorded, ms UTC. */
  readonly recordedFrom: number
  /** Ascending, disjoint. */
  readonly covered: readonly Window[]
  /** Ascending. */
  readonly gaps: readonly FundingGap[]
  readonly failures: number
  readonly nextAttemptAt: number
}

/** What one answer says about the funding of a perpetual. */
export interface FundingChunk {
  readonly instrumentId: number
  /** What was asked for. */
  readonly window: Window
  /** Ascending, each time once; some may lie before the window. */
  readonly rates: readonly SettledRate[]
  /** Of these times `rates` holds every rate; ascending, disjoint. May begin before the window. */
  readonly proven: readonly Window[]
  /** Parts of the window of which the answer lacks rates. `bracketed`: it holds rates on both sides, so that their
   *  absence is evidence. */
  readonly absent: readonly (Window & { readonly reason: FundingGap['reason']; readonly bracketed: boolean })[]
  /** ms UTC by the exchange's clock. */
  readonly readAt: number
}
