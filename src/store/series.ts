import type { InstrumentKind } from '../domain/instrument.ts'
import type { Interval } from '../domain/interval.ts'
import type { Reader } from './sessions.ts'

/** Which series a list holds; `null` is no condition. */
export interface SeriesFilter {
  readonly exchanges: readonly string[]
  readonly symbol: string | null
  readonly interval: Interval | null
  readonly recorded: boolean | null
}

/** A series with a summary of what it holds. Times are ms UTC. */
export interface SeriesSummary {
  readonly id: number
  readonly exchange: string
  readonly symbol: string
  readonly exchangeSymbol: string
  readonly kind: InstrumentKind
  readonly interval: Interval
  readonly source: string
  /** `null` where only backfills asked for it. */
  readonly recordedFrom: number | null
  readonly firstCandleTime: number | null
  readonly verifiedTo: number | null
  readonly revision: number
  readonly version: number
  readonly failures: number
  readonly nextAttemptAt: number
  readonly lastError: string | null
  readonly validTo: number | null
  readonly coveredFrom: number | null
  readonly coveredTo: number | null
  readonly ranges: number
  readonly gaps: number
}

const SERIES = `
SELECT s.id, i.exchange, i.symbol, i.exchange_symbol AS exchangeSymbol, i.kind, s.interval, s.source,
  s.recorded_from AS recordedFrom, s.first_candle_time AS firstCandleTime, s.verified_to AS verifiedTo, s.revision,
  s.version, s.failures, s.next_attempt_at AS nextAttemptAt, s.last_error AS lastError, i.valid_to AS validTo,
  (SELECT min(start_time) FROM coverage WHERE series_id = s.id) AS coveredFrom,
  (SELECT end_time FROM coverage WHERE series_id = s.id ORDER BY start_time DESC LIMIT 1) AS coveredTo,
  (SELECT count(*) FROM coverage WHERE series_id = s.id) AS ranges,
  (SELECT count(*) FROM gaps WHERE series_id = s.id) AS gaps
FROM series s JOIN instruments i ON i.id = s.instrument_id
WHERE s.id > ?1 AND i.exchange IN (SELECT value FROM json_each(?2)) AND (?3 IS NULL OR i.symbol = ?3)
AND (?4 IS NULL OR s.interval = ?4) AND (?5 IS NULL OR (s.recorded_from IS NOT NULL) = ?5)
ORDER BY s.id LIMIT ?6`

/** Series of one database in the order of their ids, those after `afterId`. */
export async function readSeries(
  db: Reader,
  filter: SeriesFilter,
  afterId: number,
  limit: number,
): Promise<SeriesSummary[]> {
  const { exchanges, symbol, interval, recorded } = filter
  const isRecorded = recorded === null ? null : Number(recorded)
  const { results } = await db
    .prepare(SERIES)
    .bind(afterId, JSON.stringify(exchanges), symbol, interval, isRecorded, limit)
    .all<SeriesSummary>()
  return results
}

export interface RecordedSeries {
  readonly instrumentId: number
  readonly interval: Interval
  readonly recordedFrom: number
  /** Whether the caller said from when; otherwise a series that is recorded already keeps its start. */
  readonly isExplicit: boolean
}

/** Makes `wanted` the recorded series of one database: others are recorded no longer, their data stays. */
export async function replaceRecorded(db: D1DatabaseSession, wanted: readonly RecordedSeries[]): Promise<void> {
  const json = (rows: readonly RecordedSeries[]) =>
    JSON.stringify(rows.map((row) => [row.instrumentId, row.interval, row.recordedFrom]))
  await db.batch([
    db.prepare(record('excluded.recorded_from')).bind(json(wanted.filter((row) => row.isExplicit))),
    db
      .prepare(record('coalesce(series.recorded_from, excluded.recorded_from)'))
      .bind(json(wanted.filter((row) => !row.isExplicit))),
    db.prepare(STOP_OTHERS).bind(json(wanted)),
  ])
}

function record(recordedFrom: string): string {
  return `
INSERT INTO series (instrument_id, interval, source, recorded_from)
SELECT value->>0, value->>1, 'exchange', value->>2 FROM json_each(?1) WHERE true
ON CONFLICT (instrument_id, interval, source) DO UPDATE SET recorded_from = ${recordedFrom}`
}

const STOP_OTHERS = `
UPDATE series SET recorded_from = NULL WHERE recorded_from IS NOT NULL AND source = 'exchange'
AND (instrument_id, interval) NOT IN (SELECT value->>0, value->>1 FROM json_each(?1))`
