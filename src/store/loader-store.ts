import { and, desc, eq, inArray, isNotNull, isNull, or, sql } from 'drizzle-orm'
import { drizzle } from 'drizzle-orm/d1'
import type { FundingChunk, FundingState } from '../domain/funding-history.ts'
import type { Instrument, InstrumentKind, RejectedRecord } from '../domain/instrument.ts'
import { type Interval, isInterval } from '../domain/interval.ts'
import type { Chunk, SeriesState, StoredInstrument } from '../domain/series.ts'
import { countStatements, type Lease, underLease, writeChunk } from './chunk.ts'
import { FUNDING_STATE_STATEMENTS, fundingFailure, fundingStatements, readFundingState } from './funding.ts'
import { replaceInstrumentsStatements, setEndStatements } from './instruments.ts'
import { rollUp } from './rollups.ts'
import { backfillWindows, coverage, gaps, instruments, series } from './schema.ts'
import { storedInstrument } from './stored-instrument.ts'

/** So many gaps of one exchange are looked at in a run. Where there are more, nothing older than them is planned yet. */
const MAX_GAPS = 20_000

/** What the loader of one exchange reads and writes, all of it under its lease. */
export class LoaderStore {
  readonly #db: D1Database
  readonly #lease: Lease
  readonly #newId: () => string
  #statements = 0

  constructor(db: D1Database, lease: Lease, newId: () => string) {
    this.#db = db
    this.#lease = lease
    this.#newId = newId
  }

  /** How many statements have been sent so far. */
  get statements(): number {
    return this.#statements
  }

  async readState(): Promise<SeriesState[]> {
    const db = drizzle(this.#db)
    const unfinished = and(isNull(backfillWindows.finishedAt), isNull(backfillWindows.cancelledAt))
    const wanted = db
      .select({ id: series.id })
      .from(series)
      .where(
        and(
          eq(series.source, 'exchange'),
          // Looked up for each series, of which there are few: a join would go through all instruments of the exchange.
          eq(
            sql`(SELECT ${instruments.exchange} FROM ${instruments} WHERE ${instruments.id} = ${series.instrumentId})`,
            this.#lease.exchange,
          ),
          or(
            isNotNull(series.recordedFrom),
            inArray(series.id, db.select({ id: backfillWindows.seriesId }).from(backfillWindows).where(unfinished)),
          ),
        ),
      )
    this.#statements += 5
    const [rows, traded, windows, ranges, slots] = await db.batch([
      db.select().from(series).where(inArray(series.id, wanted)),
      // Not by a join: in a batch, D1 answers with one column where two have the same name.
      db
        .select()
        .from(instruments)
        .where(
          inArray(
            instruments.id,
            db.select({ id: series.instrumentId }).from(series).where(inArray(series.id, wanted)),
          ),
        ),
      db
        .select()
        .from(backfillWindows)
        .where(and(unfinished, inArray(backfillWindows.seriesId, wanted))),
      db
        .select({ seriesId: coverage.seriesId, start: coverage.startTime, end: coverage.endTime })
        .from(coverage)
        .where(inArray(coverage.seriesId, wanted))
        .orderBy(coverage.seriesId, coverage.startTime),
      db
        .select({ seriesId: gaps.seriesId, openTime: gaps.openTime, nextAttemptAt: gaps.nextAttemptAt })
        .from(gaps)
        .where(inArray(gaps.seriesId, wanted))
        .orderBy(desc(gaps.openTime))
        .limit(MAX_GAPS),
    ])
    const windowsOf = Map.groupBy(windows, (row) => row.seriesId)
    const rangesOf = Map.groupBy(ranges, (row) => row.seriesId)
    const gapsOf = Map.groupBy(slots, (row) => row.seriesId)
    const plannedFrom = slots.length < MAX_GAPS ? Number.NEGATIVE_INFINITY : (slots.at(-1)?.openTime ?? 0)
    const instrumentOf = new Map(traded.map((row) => [row.id, storedInstrument(row)]))
    return rows.flatMap((row) => {
      const instrument = instrumentOf.get(row.instrumentId)
      if (instrument === undefined) return []
      return {
        ...row,
        interval: intervalOf(row.interval),
        instrument,
        backfills: (windowsOf.get(row.id) ?? []).map(({ backfillId, startTime, endTime }) => ({
          backfillId,
          start: startTime,
          end: endTime,
        })),
        covered: rangesOf.get(row.id) ?? [],
        gaps: gapsOf.get(row.id)?.reverse() ?? [],
        plannedFrom,
      }
    })
  }

  async writeChunk(chunk: Chunk): Promise<void> {
    this.#statements += countStatements(chunk)
    await writeChunk(this.#db, chunk, this.#lease, this.#newId())
  }

  async setFirstCandleTime(seriesId: number, firstCandleTime: number): Promise<void> {
    await this.#write([
      this.#db.prepare('UPDATE series SET first_candle_time = ?2 WHERE id = ?1').bind(seriesId, firstCandleTime),
    ])
  }

  async recordFailure(seriesId: number, nextAttemptAt: number, error: string): Promise<void> {
    await this.#write([
      this.#db
        .prepare('UPDATE series SET failures = failures + 1, next_attempt_at = ?2, last_error = ?3 WHERE id = ?1')
        .bind(seriesId, nextAttemptAt, error),
    ])
  }

  async finishBackfills(
    finished: readonly { readonly seriesId: number; readonly backfillIds: readonly string[] }[],
    now: number,
  ): Promise<void> {
    const rows = finished.flatMap(({ seriesId, backfillIds }) => backfillIds.map((id) => [id, seriesId]))
    await this.#write([
      this.#db
        .prepare(
          `UPDATE backfill_windows SET finished_at = ?2
           WHERE (backfill_id, series_id) IN (SELECT value->>0, value->>1 FROM json_each(?1))`,
        )
        .bind(JSON.stringify(rows), now),
    ])
  }

  async replaceInstruments(
    kind: InstrumentKind,
    list: readonly Instrument[],
    rejected: readonly RejectedRecord[],
    now: number,
  ): Promise<void> {
    await this.#write(replaceInstrumentsStatements(this.#db, this.#lease.exchange, kind, list, rejected, now))
  }

  async setEnd(instrumentId: number, validTo: number): Promise<void> {
    await this.#write(setEndStatements(this.#db, instrumentId, validTo))
  }

  async recordDefaults(symbols: readonly string[], intervals: readonly Interval[], from: number): Promise<void> {
    await this.#write([
      this.#db
        .prepare(
          `INSERT INTO series (instrument_id, interval, source, recorded_from)
           SELECT i.id, j.value, 'exchange', ?4 FROM instruments i, json_each(?3) j
           WHERE NOT EXISTS (SELECT 1 FROM series s JOIN instruments known ON known.id = s.instrument_id WHERE known.exchange = ?1)
           AND i.exchange = ?1 AND i.listed AND i.symbol IN (SELECT value FROM json_each(?2))
           ON CONFLICT (instrument_id, interval, source) DO NOTHING`,
        )
        .bind(this.#lease.exchange, JSON.stringify(symbols), JSON.stringify(intervals), from),
    ])
  }

  async rollUp(states: readonly SeriesState[]): Promise<void> {
    this.#statements += await rollUp(this.#db, this.#lease, states)
  }

  async readFundingState(): Promise<FundingState[]> {
    this.#statements += FUNDING_STATE_STATEMENTS
    return readFundingState(this.#db, this.#lease.exchange)
  }

  async writeFunding(chunk: FundingChunk): Promise<void> {
    await this.#write(fundingStatements(this.#db, chunk, this.#newId()))
  }

  async recordFundingFailure(instrumentId: number, nextAttemptAt: number, error: string): Promise<void> {
    await this.#write([fundingFailure(this.#db, instrumentId, nextAttemptAt, error)])
  }

  /** An instrument as stored, by its id. */
  async readInstrument(instrumentId: number): Promise<StoredInstrument | undefined> {
    const [row] = await drizzle(this.#db).select().from(instruments).where(eq(instruments.id, instrumentId))
    return row === undefined ? undefined : storedInstrument(row)
  }

  async countInstruments(): Promise<{ instruments: number; rejected: number }> {
    const row = await this.#db
      .prepare(
        `SELECT (SELECT count(*) FROM instruments WHERE exchange = ?1 AND active) AS instruments,
         (SELECT count(*) FROM rejected_instruments WHERE exchange = ?1) AS rejected`,
      )
      .bind(this.#lease.exchange)
      .first<{ instruments: number; rejected: number }>()
    return row ?? { instruments: 0, rejected: 0 }
  }

  async #write(statements: readonly D1PreparedStatement[]): Promise<void> {
    this.#statements += statements.length + 1
    await underLease(this.#db, this.#lease, statements)
  }
}

function intervalOf(text: string): Interval {
  if (!isInterval(text)) throw new Error(`a series has the interval ${text}`)
  return text
}
