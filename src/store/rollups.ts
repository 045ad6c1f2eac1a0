import { and, asc, eq, gte, lt } from 'drizzle-orm'
import { drizzle } from 'drizzle-orm/d1'
import type { Candle } from '../domain/candle.ts'
import { type Decimal, decimal } from '../domain/decimal.ts'
import { chooseBase, deriveCandle } from '../domain/derive.ts'
import {
  ceilToInterval,
  floorToInterval,
  type Interval,
  nextOpenTime,
  slotsIn,
  type Window,
} from '../domain/interval.ts'
import type { SeriesState } from '../domain/series.ts'
import { type Lease, underLease } from './chunk.ts'
import { candles, rollups } from './schema.ts'

/** What is rolled up: shorter intervals are cheap to derive when they are asked for. */
const ROLLED_INTERVALS = ['1d', '1w', '1M'] as const satisfies readonly Interval[]
/** Bounds the work of one call; the rest is done by the next. */
const MAX_SLOTS = 62

/**
 * Stores the derived candles of a day and longer that complete, verified input allows and that are not yet there.
 * Triggers delete those whose input is revised, so they are made anew here.
 *
 * @returns how many statements it took
 */
export async function rollUp(db: D1Database, lease: Lease, states: readonly SeriesState[]): Promise<number> {
  let statements = 0
  let left = MAX_SLOTS
  for (const ofInstrument of Map.groupBy(states, (state) => state.instrument.id).values()) {
    const stored = ofInstrument.map((state) => state.interval)
    for (const target of ROLLED_INTERVALS) {
      const base = ofInstrument.find((state) => state.interval === chooseBase(stored, target))
      if (base === undefined || stored.includes(target)) continue
      const due = await slotsDue(db, base, target, left)
      statements += 1 + (await rollUpSlots(db, lease, base, target, due))
      left -= due.length
    }
  }
  return statements
}

async function rollUpSlots(
  db: D1Database,
  lease: Lease,
  base: SeriesState,
  target: Interval,
  due: readonly number[],
): Promise<number> {
  const inserts: D1PreparedStatement[] = []
  for (const openTime of due) {
    const inputs = await readInputs(db, base.id, { start: openTime, end: nextOpenTime(openTime, target) })
    if (inputs.length > 0) inserts.push(insertRollup(db, base, target, deriveCandle(inputs, openTime)))
  }
  if (inserts.length > 0) await underLease(db, lease, inserts)
  return due.length + inserts.length
}

/** Complete slots of verified input that are not rolled up yet, newest first. */
async function slotsDue(db: D1Database, base: SeriesState, target: Interval, limit: number): Promise<number[]> {
  const rows = await drizzle(db)
    .select({ openTime: rollups.openTime })
    .from(rollups)
    .where(and(eq(rollups.seriesId, base.id), eq(rollups.interval, target)))
  const done = new Set(rows.map((row) => row.openTime))
  const slots = completeWindows(base, target).flatMap((window) => [...slotsIn(window, target)])
  return slots
    .filter((openTime) => !done.has(openTime))
    .reverse()
    .slice(0, limit)
}

/** The whole slots of `target` in the covered and verified part of a series. What lies before its first candle counts. */
function completeWindows(base: SeriesState, target: Interval): Window[] {
  const { covered, firstCandleTime, verifiedTo } = base
  return covered.map(({ start, end }) => ({
    start: start === firstCandleTime ? floorToInterval(start, target) : ceilToInterval(start, target),
    end: floorToInterval(Math.min(end, verifiedTo ?? 0), target),
  }))
}

async function readInputs(db: D1Database, seriesId: number, window: Window): Promise<Candle[]> {
  const rows = await drizzle(db)
    .select()
    .from(candles)
    .where(and(eq(candles.seriesId, seriesId), gte(candles.openTime, window.start), lt(candles.openTime, window.end)))
    .orderBy(asc(candles.openTime))
  return rows.map((row) => ({
    openTime: row.openTime,
    open: decimal(row.open),
    high: decimal(row.high),
    low: decimal(row.low),
    close: decimal(row.close),
    volume: decimal(row.volume),
    quoteVolume: nullableDecimal(row.quoteVolume),
    tradeCount: row.tradeCount,
    closed: null,
  }))
}

function nullableDecimal(text: string | null): Decimal | null {
  return text === null ? null : decimal(text)
}

/** Not where the input was revised since it was read: `revision` tells. */
function insertRollup(db: D1Database, base: SeriesState, target: Interval, candle: Candle): D1PreparedStatement {
  return db
    .prepare(
      `INSERT INTO rollups (series_id, interval, open_time, close_time, open, high, low, close, volume, quote_volume, trade_count)
       SELECT ?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11
       WHERE EXISTS (SELECT 1 FROM series WHERE id = ?1 AND revision = ?12) ON CONFLICT DO NOTHING`,
    )
    .bind(
      base.id,
      target,
      candle.openTime,
      nextOpenTime(candle.openTime, target),
      candle.open,
      candle.high,
      candle.low,
      candle.close,
      candle.volume,
      candle.quoteVolume,
      candle.tradeCount,
      base.revision,
    )
}
