import type { Window } from '../domain/interval.ts'
import type { CheckedSeries, CheckProgress, SentSeries } from '../domain/quality/series-check.ts'
import type { Reader } from './sessions.ts'

/**
 * Series that users have sent, of these exchanges, in which there is something to check; those that have waited longest
 * first. Their ranges can be many, so only what planning asks for is read: the ends, and what adjoins the checked part.
 *
 * @param today the start of the day, ms UTC
 * @param recheckedFrom what has been checked from here on is checked anew today, ms UTC
 */
export async function readSentSeries(
  db: Reader,
  exchanges: readonly string[],
  { today, recheckedFrom }: { readonly today: number; readonly recheckedFrom: number },
  limit: number,
): Promise<SentSeries[]> {
  const { results } = await db
    .prepare(SENT_SERIES)
    .bind(JSON.stringify(exchanges), today, recheckedFrom, limit)
    .all<SentRow>()
  return results.map(describe)
}

interface SentRow extends CheckedSeries, ProgressColumns {
  readonly covered_from: number
  readonly covered_to: number
  readonly before_end: number | null
  readonly after_start: number | null
}

/** How far the checks have come, as the columns say it. */
export interface ProgressColumns {
  readonly id: number
  readonly version: number
  readonly checked_from: number | null
  readonly checked_to: number | null
  readonly checked_at: number | null
  readonly checked_version: number | null
}

export function progressOf(row: ProgressColumns): CheckProgress {
  const { id, version, checked_from: start, checked_to: end, checked_at: at, checked_version } = row
  const isChecked = start !== null && end !== null && at !== null && checked_version !== null
  return { seriesId: id, version, checked: isChecked ? { start, end, at, version: checked_version } : null }
}

function describe(row: SentRow): SentSeries {
  const { id, exchange, kind, symbol, interval, source, covered_from: from, covered_to: to } = row
  const progress = progressOf(row)
  const { checked } = progress
  const covered: Window[] = []
  if (checked === null) covered.push({ start: from, end: to })
  else {
    if (row.before_end !== null) covered.push({ start: from, end: row.before_end })
    covered.push({ start: checked.start, end: checked.end })
    if (row.after_start !== null) covered.push({ start: row.after_start, end: to })
  }
  return { series: { id, exchange, kind, symbol, interval, source }, covered, verifiedTo: to, progress }
}

/** Ranges are disjoint: of those that start at or before a time, only the last can reach beyond it. */
const RANGES = 'FROM coverage WHERE series_id = s.id'

const SENT_SERIES = `
SELECT s.id, i.exchange, i.kind, i.symbol, s.interval, s.source, s.version,
  k.checked_from, k.checked_to, k.checked_at, k.version AS checked_version,
  (SELECT min(start_time) ${RANGES}) AS covered_from,
  (SELECT end_time ${RANGES} ORDER BY start_time DESC LIMIT 1) AS covered_to,
  (SELECT min(end_time, k.checked_from) ${RANGES} AND start_time < k.checked_from ORDER BY start_time DESC LIMIT 1)
    AS before_end,
  iif((SELECT end_time ${RANGES} AND start_time <= k.checked_to ORDER BY start_time DESC LIMIT 1) > k.checked_to,
    k.checked_to, (SELECT min(start_time) ${RANGES} AND start_time > k.checked_to)) AS after_start
FROM series s CROSS JOIN instruments i ON i.id = s.instrument_id LEFT JOIN checked_series k ON k.series_id = s.id
WHERE s.source <> 'exchange' AND s.version > 0 AND i.exchange IN (SELECT value FROM json_each(?1))
AND (k.version IS NOT s.version OR (k.checked_at < ?2 AND k.checked_to > ?3)
  OR EXISTS (SELECT 1 ${RANGES} AND start_time < k.checked_from))
ORDER BY k.checked_at LIMIT ?4`
