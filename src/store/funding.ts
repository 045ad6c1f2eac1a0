import { and, asc, eq, inArray, isNotNull, min, sql } from 'drizzle-orm'
import { drizzle } from 'drizzle-orm/d1'
import type { FundingChunk, FundingState } from '../domain/funding-history.ts'
import { EMPTY_CONFIRMATION_MS, EMPTY_MIN_AGE_MS } from './chunk.ts'
import { fundingCoverage, fundingGaps, fundingState, instruments, series } from './schema.ts'
import { storedInstrument } from './stored-instrument.ts'

/** What is lacking is asked for again after this, doubled at each attempt up to the most: two hours for a settlement that
 *  is late, 17 for a history that is not there at all. */
const GAP_RETRY_MS = 15_000
const ABSENT_DOUBLINGS = 9
const OUT_OF_REACH_DOUBLINGS = 12

/** How many statements {@link readFundingState} sends. */
export const FUNDING_STATE_STATEMENTS = 5

/** The perpetuals of an exchange with a recorded series, and how far their funding rates are loaded. */
export async function readFundingState(database: D1Database, exchange: string): Promise<FundingState[]> {
  const db = drizzle(database)
  const recorded = and(eq(series.source, 'exchange'), isNotNull(series.recordedFrom))
  const wanted = db
    .select({ id: instruments.id })
    .from(instruments)
    .where(
      and(
        inArray(instruments.id, db.select({ id: series.instrumentId }).from(series).where(recorded)),
        // Not by the index of exchanges, for most of an exchange's instruments are not recorded.
        eq(sql`+${instruments.exchange}`, exchange),
        eq(instruments.kind, 'perpetual'),
      ),
    )
  const [rows, since, ranges, gaps, states] = await db.batch([
    db.select().from(instruments).where(inArray(instruments.id, wanted)),
    db
      .select({ instrumentId: series.instrumentId, recordedFrom: min(series.recordedFrom) })
      .from(series)
      .where(and(recorded, inArray(series.instrumentId, wanted)))
      .groupBy(series.instrumentId),
    db
      .select({ id: fundingCoverage.instrumentId, start: fundingCoverage.startTime, end: fundingCoverage.endTime })
      .from(fundingCoverage)
      .where(inArray(fundingCoverage.instrumentId, wanted))
      .orderBy(asc(fundingCoverage.startTime)),
    db
      .select({
        id: fundingGaps.instrumentId,
        start: fundingGaps.startTime,
        end: fundingGaps.endTime,
        reason: fundingGaps.reason,
        nextAttemptAt: fundingGaps.nextAttemptAt,
      })
      .from(fundingGaps)
      .where(inArray(fundingGaps.instrumentId, wanted))
      .orderBy(asc(fundingGaps.startTime)),
    db.select().from(fundingState).where(inArray(fundingState.instrumentId, wanted)),
  ])
  const sinceOf = new Map(since.map((row) => [row.instrumentId, row.recordedFrom]))
  const rangesOf = Map.groupBy(ranges, ({ id }) => id)
  const gapsOf = Map.groupBy(gaps, ({ id }) => id)
  const stateOf = new Map(states.map((row) => [row.instrumentId, row]))
  return rows.flatMap((row) => {
    const recordedFrom = sinceOf.get(row.id)
    if (recordedFrom == null) return []
    return {
      instrument: storedInstrument(row),
      recordedFrom,
      covered: (rangesOf.get(row.id) ?? []).map(({ start, end }) => ({ start, end })),
      gaps: (gapsOf.get(row.id) ?? []).map(({ id: _, ...gap }) => gap),
      failures: stateOf.get(row.id)?.failures ?? 0,
      nextAttemptAt: stateOf.get(row.id)?.nextAttemptAt ?? 0,
    }
  })
}

/** The statement that puts the funding rates of an instrument off after a failure. */
export function fundingFailure(
  db: D1Database,
  instrumentId: number,
  nextAttemptAt: number,
  error: string,
): D1PreparedStatement {
  return db.prepare(UPSERT_FAILURE).bind(instrumentId, nextAttemptAt, error)
}

const UPSERT_FAILURE = `
INSERT INTO funding_state (instrument_id, failures, next_attempt_at, last_error) VALUES (?1, 1, ?2, ?3)
ON CONFLICT (instrument_id) DO UPDATE SET failures = failures + 1, next_attempt_at = ?2, last_error = ?3`

/**
 * The statements that store an answer with everything that follows from it, for one transaction: writers of one
 * instrument may interleave in any order, and none of them takes away what is covered.
 *
 * @param batchId unique to this chunk
 */
export function fundingStatements(db: D1Database, chunk: FundingChunk, batchId: string): D1PreparedStatement[] {
  const { instrumentId, window, rates, proven, absent, readAt } = chunk
  const statements: D1PreparedStatement[] = []
  if (rates.length > 0) {
    const rows = rates.map(({ fundingTime, rate, markPrice, indexPrice }) => [fundingTime, rate, markPrice, indexPrice])
    statements.push(db.prepare(UPSERT_RATES).bind(instrumentId, JSON.stringify(rows)))
  }
  const holes = JSON.stringify(
    absent.map(({ start, end, reason, bracketed }) => [start, end, reason, Number(bracketed)]),
  )
  const pieces = JSON.stringify(proven.map(({ start, end }) => [start, end]))
  const from = Math.min(window.start, proven[0]?.start ?? window.start)
  const to = Math.max(window.end, proven.at(-1)?.end ?? window.end)
  if (absent.length > 0) statements.push(db.prepare(INSERT_GAPS).bind(instrumentId, holes, readAt, batchId))
  statements.push(
    db.prepare(INSERT_COVERAGE).bind(instrumentId, from, to, batchId, pieces, holes, readAt),
    db.prepare(DELETE_REPLACED_COVERAGE).bind(instrumentId, from, to, batchId),
    db.prepare(DELETE_REPLACED_GAPS).bind(instrumentId, window.start, window.end, batchId),
    db.prepare(FORGET_FAILURES).bind(instrumentId),
  )
  return statements
}

/** An answer may say less than another did: of what is stored it takes nothing away. */
const UPSERT_RATES = `
INSERT INTO funding_rates (instrument_id, funding_time, rate, mark_price, index_price)
SELECT ?1, value->>0, value->>1, value->>2, value->>3 FROM json_each(?2) WHERE true
ON CONFLICT (instrument_id, funding_time) DO UPDATE SET
  rate = excluded.rate, mark_price = coalesce(excluded.mark_price, mark_price),
  index_price = coalesce(excluded.index_price, index_price), revision = revision + 1
WHERE rate <> excluded.rate
  OR (excluded.mark_price IS NOT NULL AND mark_price IS NOT excluded.mark_price)
  OR (excluded.index_price IS NOT NULL AND index_price IS NOT excluded.index_price)`

/** What is known of earlier attempts goes on: their number, and since when proof of absence has stood. */
const INSERT_GAPS = `
INSERT OR REPLACE INTO funding_gaps
  (instrument_id, start_time, end_time, reason, attempts, next_attempt_at, absent_since, written_by)
SELECT ?1, value->>0, value->>1, value->>2, 1 + attempts,
  ?3 + (${GAP_RETRY_MS} << min(attempts, iif(value->>2 = 'absent', ${ABSENT_DOUBLINGS}, ${OUT_OF_REACH_DOUBLINGS}))),
  coalesce(absent_since, iif(value->>3, ?3, NULL)), ?4
FROM (
  SELECT value,
    (SELECT coalesce(max(attempts), 0) FROM funding_gaps
      WHERE instrument_id = ?1 AND start_time < value->>1 AND end_time > value->>0) AS attempts,
    (SELECT min(absent_since) FROM funding_gaps
      WHERE instrument_id = ?1 AND start_time <= value->>0 AND end_time >= value->>1) AS absent_since
  FROM json_each(?2)
)
WHERE NOT EXISTS (
  SELECT 1 FROM funding_coverage WHERE instrument_id = ?1 AND start_time <= value->>0 AND end_time >= value->>1)`

/**
 * What is proven, what two answers have lacked (as of candles: the first long ago, the second long after), and every
 * range that they touch, as one union. The rows that it replaces are deleted by the next statement.
 */
const INSERT_COVERAGE = `
INSERT OR REPLACE INTO funding_coverage (instrument_id, start_time, end_time, written_by)
WITH pieces (start_time, end_time) AS (
  SELECT value->>0, value->>1 FROM json_each(?5)
  UNION ALL
  SELECT g.start_time, g.end_time FROM json_each(?6)
  JOIN funding_gaps g ON g.instrument_id = ?1 AND g.start_time = value->>0 AND g.end_time = value->>1
  WHERE value->>3 AND g.absent_since <= ?7 - ${EMPTY_CONFIRMATION_MS} AND g.end_time <= ?7 - ${EMPTY_MIN_AGE_MS}
  UNION ALL
  SELECT start_time, end_time FROM funding_coverage WHERE instrument_id = ?1 AND start_time <= ?3 AND end_time >= ?2
),
reached AS (
  SELECT start_time, end_time, max(end_time) OVER (
    ORDER BY start_time, end_time ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING) AS previous_end
  FROM pieces
),
islands AS (
  SELECT start_time, end_time, sum(previous_end IS NULL OR previous_end < start_time) OVER (
    ORDER BY start_time, end_time ROWS UNBOUNDED PRECEDING) AS island
  FROM reached
)
SELECT ?1, min(start_time), max(end_time), ?4 FROM islands GROUP BY island`

const DELETE_REPLACED_COVERAGE = `
DELETE FROM funding_coverage WHERE instrument_id = ?1 AND start_time <= ?3 AND end_time >= ?2 AND written_by <> ?4`

/** Those that this answer speaks of anew, and those that are covered now. */
const DELETE_REPLACED_GAPS = `
DELETE FROM funding_gaps WHERE instrument_id = ?1 AND (
  (start_time < ?3 AND end_time > ?2 AND written_by <> ?4)
  OR EXISTS (SELECT 1 FROM funding_coverage c WHERE c.instrument_id = ?1
    AND c.start_time <= funding_gaps.start_time AND c.end_time >= funding_gaps.end_time))`

const FORGET_FAILURES = `
UPDATE funding_state SET failures = 0, next_attempt_at = 0, last_error = NULL WHERE instrument_id = ?1 AND failures > 0`
