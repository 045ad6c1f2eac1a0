import type { Candle } from '../candle.ts'
import type { InstrumentKind } from '../instrument.ts'
import type { Interval, Window } from '../interval.ts'
import type { Peer } from './cross-exchange.ts'
import type { Fault, FindingKind } from './finding.ts'
import type { FirstVersion } from './live-rest.ts'

/** A series as the checks need to know it. */
export interface CheckedSeries {
  readonly id: number
  readonly exchange: string
  readonly kind: InstrumentKind
  readonly symbol: string
  readonly interval: Interval
  readonly source: string
}

/** How far the checks have come in a series. Times are ms UTC. */
export interface CheckProgress {
  readonly seriesId: number
  /** Counts the writes to the series. */
  readonly version: number
  /** What has been checked for good; `null` where nothing has. */
  readonly checked: (Window & { readonly at: number; readonly version: number }) | null
}

/** A series that users send, as far as planning its checks needs to know it. */
export interface SentSeries {
  readonly series: CheckedSeries
  /** Ascending; holes that do not adjoin what has been checked are not told from candles. */
  readonly covered: readonly Window[]
  /** Nobody reads it again: the end of its last candle, ms UTC. */
  readonly verifiedTo: number
  readonly progress: CheckProgress
}

/** A window that has been checked and must be once more. */
export interface Recheck extends Window {
  readonly series: CheckedSeries
  /** Whether candles of the series itself have changed; else those of others have come that it is held against. */
  readonly isChanged: boolean
}

/** What the databases say of a window. */
export interface CheckMaterial {
  /** Ascending; those of the window with up to 60 on either side. */
  readonly candles: readonly Candle[]
  readonly firstVersions: ReadonlyMap<number, FirstVersion>
  readonly peers: readonly Peer[]
  /** Open findings that began before the window and reach it, or its neighbours, and those that go on behind it. */
  readonly begun: readonly BegunFinding[]
}

export interface BegunFinding extends Window {
  readonly kind: FindingKind
}

/** What a check of a window has found; what it did not find any more is resolved. */
export interface CheckRecord {
  readonly series: CheckedSeries
  readonly window: Window
  readonly kinds: readonly FindingKind[]
  readonly faults: readonly Fault[]
  /** ms UTC. */
  readonly now: number
  /**
   * What need not be checked again, where that has changed; the version of the series up to which that is all; and the
   * one before the check: whatever was written during it has not been seen.
   */
  readonly checked: (Window & { readonly version: number; readonly versionBefore: number }) | null
  /** The starts of the rechecks that this has been, begun before. */
  readonly rechecked: readonly number[]
}
