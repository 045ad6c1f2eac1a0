import type { Candle } from '../domain/candle.ts'
import { AppError } from '../domain/errors.ts'
import { countSlots, type Interval, intervalLength, nextOpenTime } from '../domain/interval.ts'
import type { Chunk } from '../domain/series.ts'

/** Two answers this far apart must lack a slot before it counts as empty. */
export const EMPTY_CONFIRMATION_MS = 10 * 60_000
/** And the second must come this long after the slot closed: exchanges publish late. */
export const EMPTY_MIN_AGE_MS = 60 * 60_000
/** A gap that nothing explains is asked for again after this, doubled at each attempt up to the most. */
const GAP_RETRY_MS = 15_000
const GAP_RETRY_MAX_DOUBLINGS = 8

/** Who writes. A batch whose generation is not the newest is refused as a whole. */
export interface Lease {
  readonly exchange: string
  readonly role: string
  readonly generation: number
}

/**
 * Stores a chunk with everything that follows from it (gaps, empty slots, quarantine, coverage, the series' marks) in
 * one transaction, decided by SQL alone: writers of one series may interleave in any order.
 *
 * @param batchId unique to this batch
 * @throws AppError `stale_lease` where a newer writer has taken over; nothing is written then
 */
export async function writeChunk(db: D1Database, chunk: Chunk, lease: Lease, batchId: string): Promise<void> {
  await underLease(db, lease, chunkStatements(db, chunk, batchId))
}

/** Runs the statements in one transaction that only the newest holder of the lease can commit. */
export async function underLease(
  db: D1Database,
  lease: Lease,
  statements: readonly D1PreparedStatement[],
): Promise<D1Result[]> {
  const claim = db
    .prepare('UPDATE leases SET writer = ?3 WHERE exchange = ?1 AND role = ?2')
    .bind(lease.exchange, lease.role, lease.generation)
  try {
    const [, ...results] = await db.batch([claim, ...statements])
    return results
  } catch (error) {
    if (!(error instanceof Error && error.message.includes('lease_is_current'))) throw error
    throw new AppError('stale_lease', `a newer ${lease.role} of ${lease.exchange} has taken over`, { cause: error })
  }
}

/** How many statements a chunk takes, for the budget of statements of one invocation. */
export function countStatements(chunk: Chunk): number {
  return 7 + (chunk.absent.length > 0 ? 3 : 0) + (chunk.bad.length > 0 ? 2 : 0)
}

/** The statements of {@link writeChunk}, for a transaction of more than one chunk. `batchId` is unique to this chunk. */
export function chunkStatements(db: D1Database, chunk: Chunk, batchId: string): D1PreparedStatement[] {
  const { seriesId, window } = chunk
  const statements: D1PreparedStatement[] = []
  if (chunk.candles.length > 0) statements.push(db.prepare(UPSERT_CANDLES).bind(seriesId, candlesJson(chunk.candles)))
  statements.push(
    db.prepare(DELETE_FILLED_GAPS).bind(seriesId, window.start, window.end),
    db.prepare(DELETE_FILLED_EMPTY_SLOTS).bind(seriesId, window.start, window.end),
  )
  if (chunk.absent.length > 0) statements.push(...absenceStatements(db, chunk))
  if (chunk.bad.length > 0) statements.push(...badStatements(db, chunk))
  statements.push(
    db
      .prepare(insertCoverage(chunk.interval))
      .bind(seriesId, window.start, window.end, batchId, countSlots(window, chunk.interval)),
    db.prepare(DELETE_REPLACED_COVERAGE).bind(seriesId, window.start, window.end, batchId),
    db.prepare(UPDATE_SERIES).bind(seriesId, window.start, window.end, chunk.verifiedTo),
  )
  return statements
}

function candlesJson(candles: readonly Candle[]): string {
  const rows = candles.map((c) => [c.openTime, c.open, c.high, c.low, c.close, c.volume, c.quoteVolume, c.tradeCount])
  return JSON.stringify(rows)
}

const HELD = '(candles.open, candles.high, candles.low, candles.close, candles.volume)'
const READ = '(excluded.open, excluded.high, excluded.low, excluded.close, excluded.volume)'

/**
 * How a candle meets the one that is stored for its slot. An answer may say less than the stream did (Coinbase's has no
 * quote volume): of an equal candle it takes nothing away.
 */
export const ON_STORED_CANDLE = `
ON CONFLICT (series_id, open_time) DO UPDATE SET
  open = excluded.open, high = excluded.high, low = excluded.low, close = excluded.close, volume = excluded.volume,
  quote_volume = coalesce(excluded.quote_volume, iif(${HELD} IS ${READ}, candles.quote_volume, NULL)),
  trade_count = coalesce(excluded.trade_count, iif(${HELD} IS ${READ}, candles.trade_count, NULL)),
  revision = candles.revision + 1
WHERE ${HELD} IS NOT ${READ}
  OR (excluded.quote_volume IS NOT NULL AND candles.quote_volume IS NOT excluded.quote_volume)
  OR (excluded.trade_count IS NOT NULL AND candles.trade_count IS NOT excluded.trade_count)`

const UPSERT_CANDLES = `
INSERT INTO candles (series_id, open_time, open, high, low, close, volume, quote_volume, trade_count)
SELECT ?1, value->>0, value->>1, value->>2, value->>3, value->>4, value->>5, value->>6, value->>7
FROM json_each(?2) WHERE true
${ON_STORED_CANDLE}`

const DELETE_FILLED_GAPS = `
DELETE FROM gaps WHERE series_id = ?1 AND open_time >= ?2 AND open_time < ?3
AND EXISTS (SELECT 1 FROM candles c WHERE c.series_id = gaps.series_id AND c.open_time = gaps.open_time)`

const DELETE_FILLED_EMPTY_SLOTS = `
DELETE FROM empty_slots WHERE series_id = ?1 AND open_time >= ?2 AND open_time < ?3
AND EXISTS (SELECT 1 FROM candles c WHERE c.series_id = empty_slots.series_id AND c.open_time = empty_slots.open_time)`

function absenceStatements(db: D1Database, chunk: Chunk): D1PreparedStatement[] {
  const { seriesId, interval, readAt, window } = chunk
  const rows = chunk.absent.map(({ openTime, bracketed }) => {
    const provableAt = nextOpenTime(openTime, interval) + EMPTY_MIN_AGE_MS
    return [openTime, bracketed ? 1 : 0, provableAt]
  })
  const absent = JSON.stringify(rows)
  return [
    db.prepare(upsertAbsent(interval)).bind(seriesId, absent, readAt),
    db.prepare(INSERT_EMPTY_SLOTS).bind(seriesId, absent, readAt),
    db.prepare(DELETE_EMPTY_GAPS).bind(seriesId, window.start, window.end),
  ]
}

/** The delay before a slot's next attempt, by the attempts that it has had. */
const RETRY_DELAY = `(${GAP_RETRY_MS} << min(gaps.attempts, ${GAP_RETRY_MAX_DOUBLINGS}))`

/**
 * A slot that is absent is asked for again after its delay: candles are published late. Once a second proof can count
 * for it, that is what it waits for.
 */
function upsertAbsent(interval: Interval): string {
  const provableAt = `${closeTimeSql('gaps.open_time', interval)} + ${EMPTY_MIN_AGE_MS}`
  return `
INSERT INTO gaps (series_id, open_time, reason, first_seen, attempts, next_attempt_at, absent_since)
SELECT ?1, value->>0, 'absent', ?3, 1,
  ?3 + CASE WHEN value->>1 AND value->>2 <= ?3 THEN ${EMPTY_CONFIRMATION_MS} ELSE ${GAP_RETRY_MS} END,
  CASE WHEN value->>1 THEN ?3 END
FROM json_each(?2)
WHERE NOT EXISTS (SELECT 1 FROM candles c WHERE c.series_id = ?1 AND c.open_time = value->>0)
AND NOT EXISTS (SELECT 1 FROM empty_slots e WHERE e.series_id = ?1 AND e.open_time = value->>0)
ON CONFLICT (series_id, open_time) DO UPDATE SET
  reason = 'absent', attempts = gaps.attempts + 1, last_error = NULL,
  absent_since = coalesce(gaps.absent_since, excluded.absent_since),
  next_attempt_at = CASE
    WHEN excluded.absent_since IS NULL THEN ?3 + ${RETRY_DELAY}
    WHEN ${provableAt} > ?3 THEN min(?3 + ${RETRY_DELAY}, max(?3 + ${GAP_RETRY_MS}, ${provableAt}))
    ELSE max(?3 + ${GAP_RETRY_MS}, coalesce(gaps.absent_since, ?3) + ${EMPTY_CONFIRMATION_MS}) END`
}

const INSERT_EMPTY_SLOTS = `
INSERT INTO empty_slots (series_id, open_time, confirmed_at)
SELECT ?1, g.open_time, ?3 FROM json_each(?2) JOIN gaps g ON g.series_id = ?1 AND g.open_time = value->>0
WHERE value->>1 AND value->>2 <= ?3 AND g.absent_since <= ?3 - ${EMPTY_CONFIRMATION_MS}`

const DELETE_EMPTY_GAPS = `
DELETE FROM gaps WHERE series_id = ?1 AND open_time >= ?2 AND open_time < ?3
AND EXISTS (SELECT 1 FROM empty_slots e WHERE e.series_id = gaps.series_id AND e.open_time = gaps.open_time)`

function badStatements(db: D1Database, chunk: Chunk): D1PreparedStatement[] {
  const bad = JSON.stringify(chunk.bad.map(({ openTime, reason, raw }) => [openTime ?? -1, reason, raw]))
  return [
    db.prepare(UPSERT_QUARANTINE).bind(chunk.seriesId, bad, chunk.readAt),
    db.prepare(UPSERT_BAD_GAPS).bind(chunk.seriesId, bad, chunk.readAt, chunk.window.start, chunk.window.end),
  ]
}

const UPSERT_QUARANTINE = `
INSERT INTO quarantine (series_id, open_time, reason, raw, first_seen, last_seen, times_seen)
SELECT ?1, value->>0, value->>1, value->>2, ?3, ?3, 1 FROM json_each(?2) WHERE true
ON CONFLICT (series_id, open_time, reason, raw) DO UPDATE SET last_seen = ?3, times_seen = times_seen + 1`

/** A bad record says that something was there: what was taken for absence before starts anew. */
const UPSERT_BAD_GAPS = `
INSERT INTO gaps (series_id, open_time, reason, first_seen, attempts, next_attempt_at, last_error)
SELECT DISTINCT ?1, value->>0, 'quarantined', ?3, 1, ?3 + ${GAP_RETRY_MS}, value->>1 FROM json_each(?2)
WHERE value->>0 >= ?4 AND value->>0 < ?5
AND value->>1 NOT IN ('misaligned', 'outside_window')
AND NOT EXISTS (SELECT 1 FROM candles c WHERE c.series_id = ?1 AND c.open_time = value->>0)
AND NOT EXISTS (SELECT 1 FROM empty_slots e WHERE e.series_id = ?1 AND e.open_time = value->>0)
ON CONFLICT (series_id, open_time) DO UPDATE SET
  reason = 'quarantined', attempts = gaps.attempts + 1, last_error = excluded.last_error, absent_since = NULL,
  next_attempt_at = ?3 + ${RETRY_DELAY}`

/** SQL for the close of the slot that opens at `column`. */
function closeTimeSql(column: string, interval: Interval): string {
  if (interval !== '1M') return `${column} + ${intervalLength(interval)}`
  return `unixepoch(${column} / 1000, 'unixepoch', '+1 month') * 1000`
}

/**
 * The ranges inside the window are computed anew from candles and empty slots, and joined with what older ranges hold
 * outside of it. The rows that they replace are deleted by the next statement. A window in which every slot is there,
 * as nearly all are, is told by counting: a piece a slot costs as much as storing the candles.
 */
function insertCoverage(interval: Interval): string {
  const inside = 'series_id = ?1 AND open_time >= ?2 AND open_time < ?3'
  return `
INSERT OR REPLACE INTO coverage (series_id, start_time, end_time, written_by)
WITH whole (is_whole) AS MATERIALIZED (
  SELECT (SELECT count(*) FROM candles WHERE ${inside}) + (SELECT count(*) FROM empty_slots WHERE ${inside}) = ?5
),
pieces (start_time, end_time) AS (
  SELECT ?2, ?3 FROM whole WHERE is_whole
  UNION ALL
  SELECT open_time, ${closeTimeSql('open_time', interval)} FROM whole CROSS JOIN candles WHERE NOT is_whole AND ${inside}
  UNION ALL
  SELECT open_time, ${closeTimeSql('open_time', interval)} FROM whole CROSS JOIN empty_slots WHERE NOT is_whole AND ${inside}
  UNION ALL
  SELECT start_time, min(end_time, ?2) FROM coverage WHERE series_id = ?1 AND start_time < ?2 AND end_time >= ?2
  UNION ALL
  SELECT max(start_time, ?3), end_time FROM coverage WHERE series_id = ?1 AND start_time <= ?3 AND end_time > ?3
),
${islandsOf('pieces')}
SELECT ?1, min(start_time), max(end_time), ?4 FROM islands GROUP BY island`
}

/** Numbers the runs of pieces that touch: common table expressions that end in `islands(start_time, end_time, island)`. */
function islandsOf(pieces: string): string {
  return `
neighbours AS (SELECT start_time, end_time, lag(end_time) OVER (ORDER BY start_time) AS previous_end FROM ${pieces}),
islands AS (
  SELECT start_time, end_time, sum(previous_end IS NULL OR previous_end < start_time) OVER (ORDER BY start_time) AS island
  FROM neighbours
)`
}

const DELETE_REPLACED_COVERAGE = `
DELETE FROM coverage WHERE series_id = ?1 AND start_time <= ?3 AND end_time >= ?2 AND written_by <> ?4`

/**
 * `verified_to` moves only where nothing is stored between it and this chunk, so that everything below it has been read
 * late enough. The first chunk of a series sets it.
 */
const UPDATE_SERIES = `
UPDATE series SET version = version + 1, failures = 0, next_attempt_at = 0, last_error = NULL,
  verified_to = CASE
    WHEN verified_to IS NULL THEN ?4
    WHEN ?2 > verified_to AND EXISTS (
      SELECT 1 FROM candles WHERE series_id = ?1 AND open_time >= verified_to AND open_time < ?2) THEN verified_to
    ELSE max(verified_to, min(?3, ?4)) END
WHERE id = ?1`
