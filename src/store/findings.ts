import type { Interval, Window } from '../domain/interval.ts'
import type { FindingKind, FindingState, Severity } from '../domain/quality/finding.ts'
import { conditionsOf, type QualityFilter } from './quality.ts'
import type { Reader } from './sessions.ts'

/** Which findings are asked for; `null` is any. */
export interface FindingFilter extends QualityFilter {
  readonly kind: FindingKind | null
  readonly severity: Severity | null
  readonly state: FindingState | null
  /** Those that are about a time in it. */
  readonly window: Window
}

/** What a check has found. Times are ms UTC. */
export interface FindingRow {
  readonly id: number
  readonly exchange: string
  readonly symbol: string
  readonly exchangeSymbol: string
  readonly interval: Interval
  readonly source: string
  readonly kind: FindingKind
  readonly severity: Severity
  readonly state: FindingState
  /** The candles that it is about, half-open. */
  readonly start: number
  readonly end: number
  readonly firstSeen: number
  readonly lastSeen: number
  /** JSON, as the check made it. */
  readonly evidence: string
}

/** A place in a list of findings, the newest first. */
export interface FindingPlace {
  readonly start: number
  readonly id: number
}

/**
 * Where to begin: with the few series of a symbol, else with what ends after the window's start, else with the newest.
 * Whatever reads all findings to give a page of them makes every page cost as much as the list.
 */
function tablesFor({ symbol, window }: FindingFilter): string {
  if (symbol !== null) return 'findings f JOIN series s'
  return `findings f INDEXED BY ${window.start > 0 ? 'findings_by_end' : 'findings_by_start'} CROSS JOIN series s`
}

const findingsSql = (filter: FindingFilter) => `
SELECT f.id, i.exchange, i.symbol, i.exchange_symbol AS exchangeSymbol, s.interval, s.source, f.kind, f.severity, f.state,
  f.start_time AS start, f.end_time AS end, f.first_seen AS firstSeen, f.last_seen AS lastSeen, f.evidence
FROM ${tablesFor(filter)} ON s.id = f.series_id JOIN instruments i ON i.id = s.instrument_id
WHERE (f.start_time, f.id) < (?1->>0, ?1->>1) AND ${conditionsOf(filter)}
AND (?6 IS NULL OR f.kind = ?6) AND (?7 IS NULL OR f.severity = ?7) AND (?8 IS NULL OR f.state = ?8)
AND f.end_time > ?9 AND f.start_time < ?10
ORDER BY f.start_time DESC, f.id DESC LIMIT ?11`

/** Findings of one database, the newest candles first, those behind `after`. */
export async function readFindings(
  db: Reader,
  filter: FindingFilter,
  after: FindingPlace,
  limit: number,
): Promise<FindingRow[]> {
  const { exchanges, symbol, interval, source, kind, severity, state, window } = filter
  const place = JSON.stringify([after.start, after.id])
  const { results } = await db
    .prepare(findingsSql(filter))
    .bind(
      ...[place, JSON.stringify(exchanges), symbol, interval, source],
      ...[kind, severity, state, window.start, window.end, limit],
    )
    .all<FindingRow>()
  return results
}
