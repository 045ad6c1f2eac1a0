import type { FundingChunk, FundingState } from '../domain/funding-history.ts'
import type { Instrument, RejectedRecord } from '../domain/instrument.ts'
import type { Interval } from '../domain/interval.ts'
import type { Chunk, SeriesState } from '../domain/series.ts'

/** Backfills that have all that they asked for of a series. */
export interface FinishedBackfills {
  readonly seriesId: number
  readonly backfillIds: readonly string[]
}

/** What the loader of one exchange reads and writes. Every write carries its lease. */
export interface LoaderStore {
  /** The series that are recorded or wanted by an unfinished backfill. */
  readState(): Promise<SeriesState[]>
  writeChunk(chunk: Chunk): Promise<void>
  setFirstCandleTime(seriesId: number, firstCandleTime: number): Promise<void>
  /** Puts a series off until `nextAttemptAt`. */
  recordFailure(seriesId: number, nextAttemptAt: number, error: string): Promise<void>
  finishBackfills(finished: readonly FinishedBackfills[], now: number): Promise<void>
  /** Takes in one whole list of a kind: adds, updates, and marks those that are gone as delisted. */
  replaceInstruments(
    kind: Instrument['kind'],
    instruments: readonly Instrument[],
    rejected: readonly RejectedRecord[],
    now: number,
  ): Promise<void>
  /** The candles of a halted or delisted instrument end here (ms UTC). */
  setEnd(instrumentId: number, validTo: number): Promise<void>
  /** Records the series that a fresh deployment starts with; does nothing where the exchange has any series. */
  recordDefaults(symbols: readonly string[], intervals: readonly Interval[], from: number): Promise<void>
  /** Rolls complete, verified input up into stored derived candles of a day and longer. */
  rollUp(states: readonly SeriesState[]): Promise<void>
  /** The perpetuals with a recorded series, and how far their funding rates are loaded. */
  readFundingState(): Promise<FundingState[]>
  writeFunding(chunk: FundingChunk): Promise<void>
  /** Puts the funding rates of an instrument off until `nextAttemptAt`. */
  recordFundingFailure(instrumentId: number, nextAttemptAt: number, error: string): Promise<void>
  /** How many statements have been sent since the object was made: a run may use 200. */
  readonly statements: number
}
