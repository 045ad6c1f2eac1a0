import type { BadCandle, Candle } from './candle.ts'
import type { Instrument } from './instrument.ts'
import type { Interval, Window } from './interval.ts'

/** An instrument as stored. */
export interface StoredInstrument extends Instrument {
  readonly id: number
  /** Since when it is halted or delisted, ms UTC; `null` while it trades. */
  readonly validTo: number | null
  /** Whether `validTo` is the close of its last candle, not merely when its end was noticed. */
  readonly endFound: boolean
}

/** What planning needs to know of one series, as the database holds it. */
export interface SeriesState {
  readonly id: number
  readonly instrument: StoredInstrument
  readonly interval: Interval
  /** Recorded without end from here on; `null` where only backfills want it. */
  readonly recordedFrom: number | null
  readonly firstCandleTime: number | null
  readonly verifiedTo: number | null
  /** Counts changes of what had been stored. */
  readonly revision: number
  readonly failures: number
  readonly nextAttemptAt: number
  readonly lastError: string | null
  /** Windows of unfinished backfills. */
  readonly backfills: readonly (Window & { readonly backfillId: string })[]
  /** Covered ranges, ascending, disjoint. */
  readonly covered: readonly Window[]
  /** Slots asked for in vain, ascending. */
  readonly gaps: readonly GapState[]
  /** Gaps that open before this (ms UTC) are not in `gaps`: nothing that is older is to be planned. */
  readonly plannedFrom: number
}

export interface GapState {
  readonly openTime: number
  readonly nextAttemptAt: number
}

/** What one answer (or one closed candle of a stream) says about a window of a series. */
export interface Chunk {
  readonly seriesId: number
  readonly interval: Interval
  /** Aligned; the part of the series that this chunk speaks of. */
  readonly window: Window
  /** Sound, closed, ascending, inside the window. */
  readonly candles: readonly Candle[]
  /** Closed slots that an answer lacks. `bracketed`: the answer holds candles on both sides of it, or is otherwise
   *  complete, so that its absence is evidence of emptiness. */
  readonly absent: readonly { readonly openTime: number; readonly bracketed: boolean }[]
  readonly bad: readonly BadCandle[]
  /** ms UTC by the exchange's clock. */
  readonly readAt: number
  /** Candles that open before this had been closed for at least 10 minutes when they were read. */
  readonly verifiedTo: number
}
