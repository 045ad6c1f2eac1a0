import type { Window } from '../domain/interval.ts'
import type {
  CheckedSeries,
  CheckMaterial,
  CheckProgress,
  CheckRecord,
  Recheck,
  SentSeries,
} from '../domain/quality/series-check.ts'

/** What the checks read and write, over all databases. */
export interface QualityStore {
  readProgress(exchange: string, seriesIds: readonly number[]): Promise<CheckProgress[]>
  /** The exchanges that users have registered. */
  readOwnExchanges(): Promise<string[]>
  /**
   * Of what users have sent, series that have something to check; those that have waited longest first.
   *
   * @param days the start of today, and from where on today's recheck goes; ms UTC
   */
  readSentSeries(
    exchanges: readonly string[],
    days: { readonly today: number; readonly recheckedFrom: number },
    limit: number,
  ): Promise<SentSeries[]>
  /** What must be checked once more, by series and start. */
  readRechecks(exchanges: readonly string[], limit: number): Promise<Recheck[]>
  /** Begins rechecks, by their starts: what is noted from now on is not lost when they are recorded. */
  beginRechecks(series: CheckedSeries, starts: readonly number[]): Promise<void>
  /** Notes a window for the series that are held against this one and have been checked without it. */
  notePeers(series: CheckedSeries, window: Window, exchanges: readonly string[]): Promise<void>
  /** @param peerExchanges the exchanges that the series is held against */
  readMaterial(series: CheckedSeries, window: Window, peerExchanges: readonly string[]): Promise<CheckMaterial>
  /** Stores all of it or nothing. Repeating it changes nothing but times. */
  record(record: CheckRecord): Promise<void>
}
