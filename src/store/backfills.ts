import type { InstrumentKind } from '../domain/instrument.ts'
import type { Interval, Window } from '../domain/interval.ts'
import { slotsSql } from './coverage.ts'
import type { Reader } from './sessions.ts'

/** A request to fill the past, as it was made. */
export interface BackfillRow {
  readonly id: string
  /** JSON. */
  readonly request: string
  readonly createdAt: number
  readonly cancelledAt: number | null
}

/** How far one series of a backfill is. Times are ms UTC, counts are slots. */
export interface BackfillWindowRow {
  readonly backfillId: string
  readonly exchange: string
  readonly symbol: string
  readonly exchangeSymbol: string
  readonly kind: InstrumentKind
  readonly interval: Interval
  readonly start: number
  readonly end: number
  /** Present or empty while the instrument lives: when it was asked for, and now. */
  readonly coveredBefore: number
  readonly covered: number
  readonly gaps: number
  readonly finishedAt: number | null
  readonly cancelledAt: number | null
  readonly firstCandleTime: number | null
  readonly validTo: number | null
  readonly failures: number
  readonly lastError: string | null
}

export interface NewWindow extends Window {
  readonly instrumentId: number
  readonly interval: Interval
}

/** SQL for the slots of a series `s` of an instrument `i` that are covered between two times, while it lives. */
function coveredSlots(start: string, end: string): string {
  const from = `max(${start}, ifnull(s.first_candle_time, ${start}))`
  const to = `min(${end}, ifnull(i.valid_to, ${end}))`
  return `ifnull((
  SELECT sum(${slotsSql(`max(c.start_time, ${from})`, `min(c.end_time, ${to})`, 's.interval')}) FROM coverage c
  WHERE c.series_id = s.id AND c.end_time > ${from} AND c.start_time < ${to} AND ${from} < ${to}), 0)`
}

const INSERT_SERIES = `
INSERT INTO series (instrument_id, interval, source)
SELECT value->>0, value->>1, 'exchange' FROM json_each(?1) WHERE true
ON CONFLICT (instrument_id, interval, source) DO NOTHING`

const INSERT_WINDOWS = `
INSERT INTO backfill_windows (backfill_id, series_id, start_time, end_time, covered_before)
SELECT ?1, s.id, w.value->>2, w.value->>3, ${coveredSlots('w.value->>2', 'w.value->>3')}
FROM json_each(?2) w
JOIN series s ON s.instrument_id = w.value->>0 AND s.interval = w.value->>1 AND s.source = 'exchange'
JOIN instruments i ON i.id = s.instrument_id`

/** The statements that put a backfill's windows, and the series that they need, into one database. */
export function insertWindowsStatements(
  db: D1DatabaseSession,
  backfillId: string,
  windows: readonly NewWindow[],
): D1PreparedStatement[] {
  const rows = JSON.stringify(
    windows.map(({ instrumentId, interval, start, end }) => [instrumentId, interval, start, end]),
  )
  return [db.prepare(INSERT_SERIES).bind(rows), db.prepare(INSERT_WINDOWS).bind(backfillId, rows)]
}

/** The statement that makes a backfill known; in the main database, in one batch with its windows there. */
export function insertBackfillStatement(
  db: D1DatabaseSession,
  { id, request, createdAt }: Omit<BackfillRow, 'cancelledAt'>,
): D1PreparedStatement {
  return db.prepare('INSERT INTO backfills (id, request, created_at) VALUES (?1, ?2, ?3)').bind(id, request, createdAt)
}

const COLUMNS = 'id, request, created_at AS createdAt, cancelled_at AS cancelledAt'

/** One backfill as it was asked for; `undefined` where there is none with this id. */
export async function readBackfill(main: Reader, id: string): Promise<BackfillRow | undefined> {
  const query = `SELECT ${COLUMNS} FROM backfills WHERE id = ?1`
  return (await main.prepare(query).bind(id).first<BackfillRow>()) ?? undefined
}

/** Backfills, newest first, those before the given one. */
export async function readBackfills(
  main: Reader,
  before: { readonly createdAt: number; readonly id: string } | undefined,
  limit: number,
): Promise<BackfillRow[]> {
  const { results } = await main
    .prepare(
      `SELECT ${COLUMNS} FROM backfills WHERE ?1 IS NULL OR (created_at, id) < (?1, ?2)
       ORDER BY created_at DESC, id DESC LIMIT ?3`,
    )
    .bind(before?.createdAt ?? null, before?.id ?? null, limit)
    .all<BackfillRow>()
  return results
}

const WINDOWS = `
SELECT w.backfill_id AS backfillId, i.exchange, i.symbol, i.exchange_symbol AS exchangeSymbol, i.kind, s.interval,
  w.start_time AS start, w.end_time AS end, w.covered_before AS coveredBefore,
  ${coveredSlots('w.start_time', 'w.end_time')} AS covered,
  (SELECT count(*) FROM gaps g WHERE g.series_id = s.id AND g.open_time >= w.start_time AND g.open_time < w.end_time)
    AS gaps,
  w.finished_at AS finishedAt, w.cancelled_at AS cancelledAt, s.first_candle_time AS firstCandleTime,
  i.valid_to AS validTo, s.failures, s.last_error AS lastError
FROM backfill_windows w JOIN series s ON s.id = w.series_id JOIN instruments i ON i.id = s.instrument_id
WHERE w.backfill_id IN (SELECT value FROM json_each(?1)) AND i.exchange IN (SELECT value FROM json_each(?2))
ORDER BY i.exchange, i.symbol, s.interval`

/** The windows of backfills that stand in one database. */
export async function readBackfillWindows(
  db: Reader,
  ids: readonly string[],
  exchanges: readonly string[],
): Promise<BackfillWindowRow[]> {
  const { results } = await db
    .prepare(WINDOWS)
    .bind(JSON.stringify(ids), JSON.stringify(exchanges))
    .all<BackfillWindowRow>()
  return results
}

/** The statements that cancel a backfill in one database; what is finished stays so. Repeating them changes nothing. */
export function cancelStatements(db: D1DatabaseSession, id: string, now: number): D1PreparedStatement[] {
  return ['UPDATE backfills SET cancelled_at = ?2 WHERE id = ?1 AND cancelled_at IS NULL', CANCEL_WINDOWS].map((sql) =>
    db.prepare(sql).bind(id, now),
  )
}

const CANCEL_WINDOWS = `
UPDATE backfill_windows SET cancelled_at = ?2 WHERE backfill_id = ?1 AND cancelled_at IS NULL AND finished_at IS NULL`
