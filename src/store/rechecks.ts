import type { Window } from '../domain/interval.ts'
import type { CheckedSeries, Recheck } from '../domain/quality/series-check.ts'
import type { Reader } from './sessions.ts'

/** Windows of these exchanges that must be checked once more, by series and start. */
export async function readRechecks(db: Reader, exchanges: readonly string[], limit: number): Promise<Recheck[]> {
  const { results } = await db.prepare(RECHECKS).bind(JSON.stringify(exchanges), limit).all<RecheckRow>()
  return results.map(({ start, end, changed, ...series }) => ({ series, start, end, isChanged: changed === 1 }))
}

/** Marks rechecks as under way, before anything is read for them. */
export async function beginRechecks(db: Reader, seriesId: number, starts: readonly number[]): Promise<void> {
  await db.prepare(BEGIN).bind(seriesId, JSON.stringify(starts)).run()
}

/** Takes those off the list that were begun and not noted again since. */
export function finishRechecks(db: Reader, seriesId: number, starts: readonly number[]): D1PreparedStatement {
  return db.prepare(FINISH).bind(seriesId, JSON.stringify(starts))
}

/** Notes a window that is recorded as checked, where the series has been written to since `version`. */
export function noteIfWritten(
  db: Reader,
  seriesId: number,
  { start, end }: Window,
  version: number,
): D1PreparedStatement {
  return db.prepare(NOTE_IF_WRITTEN).bind(seriesId, start, end, version)
}

/** Notes a window of the series in one database that are held against this one, as far as they have been checked. */
export async function notePeers(
  db: Reader,
  { exchange, kind, symbol, interval }: CheckedSeries,
  { start, end }: Window,
  exchanges: readonly string[],
): Promise<void> {
  await db.prepare(NOTE_PEERS).bind(JSON.stringify(exchanges), symbol, kind, interval, start, end, exchange).run()
}

interface RecheckRow extends CheckedSeries, Window {
  readonly changed: number
}

/** In this order of tables: the list is short, and ends the reading. */
const RECHECKS = `
SELECT s.id, i.exchange, i.kind, i.symbol, s.interval, s.source, r.start_time AS start, r.end_time AS end, r.changed
FROM rechecks r CROSS JOIN series s ON s.id = r.series_id CROSS JOIN instruments i ON i.id = s.instrument_id
WHERE i.exchange IN (SELECT value FROM json_each(?1)) ORDER BY r.series_id, r.start_time LIMIT ?2`

const BEGIN = `
UPDATE rechecks SET begun = 1 WHERE series_id = ?1 AND start_time IN (SELECT value FROM json_each(?2))`

const FINISH = `
DELETE FROM rechecks WHERE series_id = ?1 AND start_time IN (SELECT value FROM json_each(?2)) AND begun`

const NOTE_IF_WRITTEN = `
INSERT INTO rechecks (series_id, start_time, end_time, changed)
SELECT id, ?2, ?3, 1 FROM series WHERE id = ?1 AND version <> ?4
ON CONFLICT (series_id, start_time) DO UPDATE SET end_time = max(end_time, excluded.end_time), changed = 1, begun = 0`

/** Only the exchange's own series are what others are held against, and not by another of the same exchange. */
const NOTE_PEERS = `
INSERT INTO rechecks (series_id, start_time, end_time, changed)
SELECT s.id, max(?5, k.checked_from), min(?6, k.checked_to), 0
FROM instruments i CROSS JOIN series s ON s.instrument_id = i.id CROSS JOIN checked_series k ON k.series_id = s.id
WHERE i.exchange IN (SELECT value FROM json_each(?1)) AND i.symbol = ?2 AND i.kind = ?3 AND s.interval = ?4
AND NOT (i.exchange = ?7 AND s.source = 'exchange') AND k.checked_from < ?6 AND k.checked_to > ?5
ON CONFLICT (series_id, start_time) DO UPDATE SET end_time = max(end_time, excluded.end_time), begun = 0
WHERE end_time < excluded.end_time OR begun`
