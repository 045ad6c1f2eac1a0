import { lifeOf } from '../../domain/coverage.ts'
import { ceilToInterval, countSlots, DAY, floorToInterval, type Window } from '../../domain/interval.ts'
import { intersectWindows } from '../../domain/window.ts'
import { settleMsOf } from '../../exchanges/registry.ts'
import { closedTo } from '../../history/plan.ts'
import type { QualityCell, QualityCounts, QualitySeries } from '../../store/quality.ts'

/** One UTC day of a series, as far as it is asked for. */
export interface QualityDay extends QualityCell {
  readonly series: QualitySeries
  /** When the day begins, ms UTC. */
  readonly day: number
  /** Slots that open in the day, in the instrument's life, and are closed. */
  readonly expected: number
}

/**
 * The days of a window in which slots of a series should be, ascending.
 *
 * @param from days that begin before are left out, ms UTC
 */
export function daysOfSeries(series: QualitySeries, window: Window, from: number, now: number): QualityDay[] {
  const { id: seriesId, interval } = series
  const life = intersectWindows(lifeOfSeries(series), window)
  const end = Math.min(life.end, closedTo(now, interval, settleMsOf(series.exchange)))
  const days: QualityDay[] = []
  for (let day = floorToInterval(Math.max(life.start, from), '1d'); day < end; day += DAY) {
    const cell = { start: ceilToInterval(Math.max(day, life.start), interval), end: Math.min(day + DAY, end) }
    const expected = countSlots(cell, interval)
    if (day >= from && expected > 0) days.push({ series, day, seriesId, interval, expected, ...cell })
  }
  return days
}

/** As `/v1/coverage` has it: of what users send, nobody has said that it goes on after the last. */
function lifeOfSeries(series: QualitySeries): Window {
  const { firstCandleTime, validTo, interval, recordedFrom, coveredFrom, coveredTo, source } = series
  const known = [recordedFrom, coveredFrom].filter((time) => time !== null)
  const from = firstCandleTime ?? (known.length > 0 ? Math.min(...known) : null)
  if (from === null) return { start: 0, end: 0 }
  const life = lifeOf(from, validTo, interval)
  return source === 'exchange' ? life : { start: life.start, end: Math.min(life.end, coveredTo ?? life.start) }
}

/** What is said of a day. */
export interface DayQuality {
  readonly exchange: string
  readonly symbol: string
  readonly exchangeSymbol: string
  readonly interval: QualitySeries['interval']
  readonly source: string
  readonly day: string
  readonly start: number
  readonly end: number
  readonly expected: number
  readonly present: number
  readonly confirmedEmpty: number
  readonly missing: number
  readonly quarantined: number
  readonly revised: number
  readonly late: number
  readonly completeness: number
  readonly lastVerified: number | null
  readonly lastChecked: number | null
}

export function describeDay(day: QualityDay, counts: QualityCounts): DayQuality {
  const { series, expected, start, end } = day
  const { exchange, symbol, exchangeSymbol, interval, source, verifiedTo, checkedFrom, checkedTo, checkedAt } = series
  const isChecked = checkedFrom !== null && checkedTo !== null && checkedFrom < end && checkedTo > start
  return {
    exchange,
    symbol,
    exchangeSymbol,
    interval,
    source,
    day: new Date(day.day).toISOString().slice(0, 10),
    start,
    end,
    expected,
    present: counts.covered - counts.empty,
    confirmedEmpty: counts.empty,
    missing: expected - counts.covered,
    quarantined: counts.quarantined,
    revised: counts.revised,
    late: counts.late,
    // Rounded down: 100 is said of nothing that lacks a slot.
    completeness: Math.floor((counts.covered / expected) * 1e6) / 1e4,
    // Of a day that nothing is known of, nothing was read again either.
    lastVerified: counts.covered === 0 || verifiedTo === null || verifiedTo <= start ? null : Math.min(verifiedTo, end),
    lastChecked: isChecked ? checkedAt : null,
  }
}
