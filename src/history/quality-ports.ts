import type { Window } from '../domain/interval.ts'
import type { CheckedSeries, CheckMaterial, CheckProgress, CheckRecord } from '../domain/quality/series-check.ts'

/** What the checks read and write, over all databases. */
export interface QualityStore {
  readProgress(exchange: string, seriesIds: readonly number[]): Promise<CheckProgress[]>
  /** @param peerExchanges the exchanges that the series is held against */
  readMaterial(series: CheckedSeries, window: Window, peerExchanges: readonly string[]): Promise<CheckMaterial>
  /** Stores all of it or nothing. Repeating it changes nothing but times. */
  record(record: CheckRecord): Promise<void>
}
