import { lifeOf } from '../../domain/coverage.ts'
import { countSlots } from '../../domain/interval.ts'
import { intersectWindows } from '../../domain/window.ts'
import type { BackfillRow, BackfillWindowRow } from '../../store/backfills.ts'

export const backfillStates = ['running', 'done', 'cancelled'] as const
export type BackfillState = (typeof backfillStates)[number]

/** Slots; `percent` of what is expected, rounded down. */
export interface Progress {
  readonly expected: number
  readonly covered: number
  readonly missing: number
  readonly gaps: number
  readonly percent: number
}

export interface SeriesProgress extends Progress {
  readonly window: BackfillWindowRow
  readonly state: BackfillState
}

export interface BackfillProgress extends Progress {
  readonly state: BackfillState
  /** Slots a second since the backfill was asked for, in real time. */
  readonly rate: number
  /** At that rate, in real time; `null` where nothing is known yet, or it was cancelled. */
  readonly remainingMs: number | null
  readonly lastError: string | null
  readonly series: readonly SeriesProgress[]
}

/**
 * How far a backfill is.
 *
 * @param realMs how long a span of our clock takes in real time, ms
 */
export function describeBackfill(
  row: BackfillRow,
  windows: readonly BackfillWindowRow[],
  now: number,
  realMs: (ms: number) => number,
): BackfillProgress {
  const series = windows.map(describeWindow)
  const total = sumProgress(series)
  const state = stateOf(row, series)
  const ended = windows.map(({ finishedAt }) => finishedAt ?? now)
  const until = row.cancelledAt ?? (state === 'done' ? Math.max(row.createdAt, ...ended) : now)
  const elapsedMs = Math.max(1, realMs(until - row.createdAt))
  const loaded = windows.reduce((sum, { covered, coveredBefore }) => sum + Math.max(0, covered - coveredBefore), 0)
  const rate = (loaded / elapsedMs) * 1_000
  return {
    ...total,
    state,
    rate: Math.round(rate * 10) / 10,
    remainingMs: remainingMs(state, total.missing, rate),
    lastError: windows.findLast(({ failures }) => failures > 0)?.lastError ?? null,
    series,
  }
}

function remainingMs(state: BackfillState, missing: number, rate: number): number | null {
  if (state === 'done') return 0
  return state === 'cancelled' || rate === 0 ? null : Math.round((missing / rate) * 1_000)
}

function stateOf(row: BackfillRow, series: readonly SeriesProgress[]): BackfillState {
  if (row.cancelledAt !== null) return 'cancelled'
  return series.every(({ state }) => state === 'done') ? 'done' : 'running'
}

function describeWindow(window: BackfillWindowRow): SeriesProgress {
  const { interval, firstCandleTime, validTo, covered, gaps } = window
  const expected = countSlots(intersectWindows(window, lifeOf(firstCandleTime, validTo, interval)), interval)
  const progress = withPercent(expected, covered, gaps)
  const isDone = window.finishedAt !== null || (firstCandleTime !== null && progress.missing === 0)
  if (isDone) return { ...progress, window, state: 'done' }
  return { ...progress, window, state: window.cancelledAt === null ? 'running' : 'cancelled' }
}

function sumProgress(parts: readonly Progress[]): Progress {
  const sum = (member: 'expected' | 'covered' | 'gaps') => parts.reduce((total, part) => total + part[member], 0)
  return withPercent(sum('expected'), sum('covered'), sum('gaps'))
}

function withPercent(expected: number, covered: number, gaps: number): Progress {
  const percent = expected === 0 ? 100 : Math.floor((covered / expected) * 10_000) / 100
  return { expected, covered, missing: expected - covered, gaps, percent }
}
