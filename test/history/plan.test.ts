import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { type Interval, slotsIn, type Window } from '../../src/domain/interval.ts'
import type { SeriesState } from '../../src/domain/series.ts'
import { subtractRanges } from '../../src/domain/window.ts'
import { byUrgency, closedTo, finishedBackfills, nextDueAt, planSeries } from '../../src/history/plan.ts'

const MINUTE = 60_000
const HOUR = 60 * MINUTE
const T0 = Date.UTC(2026, 0, 1)
const LIMITS = { maxCandles: 100, settleMs: 5_000 }
const minute = (n: number) => T0 + n * MINUTE
const minutes = (from: number, to: number): Window => ({ start: minute(from), end: minute(to) })

function seriesWith(part: Partial<SeriesState>, interval: Interval = '1m'): SeriesState {
  return {
    id: 1,
    instrument: {
      id: 1,
      exchange: 'okx',
      kind: 'spot',
      symbol: 'BTC-USDT',
      exchangeSymbol: 'BTC-USDT',
      base: 'BTC',
      quote: 'USDT',
      settle: null,
      inverse: false,
      contractSize: null,
      tickSize: null,
      lotSize: null,
      active: true,
      listedAt: null,
      validTo: null,
      endFound: false,
    },
    interval,
    recordedFrom: null,
    firstCandleTime: T0,
    verifiedTo: null,
    revision: 0,
    failures: 0,
    nextAttemptAt: 0,
    lastError: null,
    backfills: [],
    covered: [],
    gaps: [],
    plannedFrom: Number.NEGATIVE_INFINITY,
    ...part,
  }
}

describe('closedTo', () => {
  it('counts a slot as closed once its length and the settling time have passed', () => {
    expect(closedTo(minute(10) + 4_999, '1m', 5_000)).toBe(minute(9))
    expect(closedTo(minute(10) + 5_000, '1m', 5_000)).toBe(minute(10))
  })
})

describe('planSeries', () => {
  it('fills a window from its newest end, in pages', () => {
    const pages = planSeries(
      seriesWith({ backfills: [{ backfillId: 'b', ...minutes(0, 250) }] }),
      minute(1_000),
      LIMITS,
    )
    expect(pages.map((page) => page.window)).toEqual([minutes(150, 250), minutes(50, 150), minutes(0, 50)])
    expect(pages.every((page) => page.lane === 'backfill')).toBe(true)
  })

  it('follows the tail of a recorded series up to the last closed slot', () => {
    const series = seriesWith({ recordedFrom: T0, covered: [minutes(0, 98)], verifiedTo: minute(98) })
    const pages = planSeries(series, minute(100) + 5_000, LIMITS)
    expect(pages).toMatchObject([{ lane: 'tail', window: minutes(98, 100) }])
  })

  it('plans nothing where all is covered', () => {
    const series = seriesWith({ recordedFrom: T0, covered: [minutes(0, 100)], verifiedTo: minute(90) })
    expect(planSeries(series, minute(100) + 5_000, LIMITS)).toEqual([])
    expect(nextDueAt(series, minute(100) + 5_000, 5_000)).toBe(minute(101) + 5_000)
  })

  it('leaves a gap alone until its next attempt, then asks for it with neighbours on both sides', () => {
    const gaps = [{ openTime: minute(50), nextAttemptAt: minute(200) }]
    const series = seriesWith({
      backfills: [{ backfillId: 'b', ...minutes(0, 100) }],
      covered: [minutes(0, 50), minutes(51, 100)],
      gaps,
      verifiedTo: minute(190),
    })
    expect(planSeries(series, minute(199), LIMITS)).toEqual([])
    expect(nextDueAt(series, minute(199), 5_000)).toBe(minute(200))
    expect(planSeries(series, minute(201), LIMITS)).toMatchObject([{ lane: 'repair', window: minutes(20, 81) }])
  })

  it('asks for gaps that are near each other at once', () => {
    const gaps = [10, 12, 40].map((n) => ({ openTime: minute(n), nextAttemptAt: 0 }))
    const covered = [minutes(0, 10), minutes(11, 12), minutes(13, 40), minutes(41, 100)]
    const series = seriesWith({ backfills: [{ backfillId: 'b', ...minutes(0, 100) }], covered, gaps })
    expect(planSeries(series, minute(201), LIMITS)).toMatchObject([{ lane: 'repair', window: minutes(0, 71) }])
  })

  it('reads candles again that were stored soon after their close, an hour of them at once', () => {
    const covered = [minutes(0, 100)]
    const series = seriesWith({ recordedFrom: T0, covered, verifiedTo: minute(30) })
    expect(planSeries(series, minute(99), LIMITS).filter((page) => page.lane === 'repair')).toEqual([])
    const later = planSeries({ ...series, covered: [minutes(0, 101)] }, minute(101) + 5_000, LIMITS)
    expect(later).toMatchObject([{ lane: 'repair', window: minutes(30, 91) }])
  })

  it('goes on reading again, and joins scattered gaps, however much there is to do', () => {
    const scattered = Array.from({ length: 150 }, (_, n) => n * 20)
    const gaps = scattered.map((n) => ({ openTime: minute(n), nextAttemptAt: 0 }))
    const covered = scattered.map((n) => minutes(n + 1, n + 20))
    const backfills = [{ backfillId: 'b', ...minutes(-20_000, 3_000) }]
    const series = seriesWith({ firstCandleTime: minute(-20_000), backfills, covered, gaps, verifiedTo: minute(2_000) })
    const pages = planSeries(series, minute(5_000), LIMITS)
    const repairs = pages.filter((page) => page.lane === 'repair')
    expect(pages.filter((page) => page.lane === 'backfill').length).toBeGreaterThan(0)
    expect(repairs.some((page) => page.window.start >= minute(2_000))).toBe(true)
    expect(repairs.filter((page) => page.window.end > minute(2_900)).length).toBeLessThan(10)
  })

  it('reads again only what is stored', () => {
    const covered = [minutes(0, 10), minutes(5_000, 5_100)]
    const series = seriesWith({ covered, verifiedTo: minute(5) })
    expect(planSeries(series, minute(6_000), LIMITS).map((page) => page.window)).toEqual([
      minutes(5, 10),
      minutes(5_000, 5_100),
    ])
  })

  it('plans nothing older than the gaps that it knows', () => {
    const backfills = [{ backfillId: 'b', ...minutes(0, 250) }]
    const series = seriesWith({ backfills, plannedFrom: minute(200) })
    expect(planSeries(series, minute(1_000), LIMITS).map((page) => page.window)).toEqual([minutes(200, 250)])
    expect(finishedBackfills({ ...series, covered: [minutes(200, 250)] }, minute(1_000), 5_000)).toEqual([])
  })

  it('asks for nothing before the first candle or after the end', () => {
    const { instrument } = seriesWith({})
    const series = seriesWith({
      backfills: [{ backfillId: 'b', start: T0 - HOUR, end: minute(1_000) }],
      instrument: { ...instrument, validTo: minute(60) },
    })
    expect(planSeries(series, minute(2_000), LIMITS).map((page) => page.window)).toEqual([minutes(0, 60)])
  })

  it('plans every missing slot that is due exactly once, and none that is covered twice', () => {
    const ranges = fc.uniqueArray(fc.nat(60), { minLength: 0, maxLength: 12 }).map((points) => {
      const sorted = points.sort((a, b) => a - b)
      const covered: Window[] = []
      for (let i = 0; i + 1 < sorted.length; i += 2) covered.push(minutes(sorted[i] ?? 0, sorted[i + 1] ?? 0))
      return covered
    })
    fc.assert(
      fc.property(ranges, fc.integer({ min: 3, max: 20 }), (covered, maxCandles) => {
        const window = minutes(0, 60)
        const series = seriesWith({ backfills: [{ backfillId: 'b', ...window }], covered })
        const planned = planSeries(series, minute(500), { ...LIMITS, maxCandles }).flatMap((page) => [
          ...slotsIn(page.window, '1m'),
        ])
        const missing = subtractRanges(window, covered).flatMap((rest) => [...slotsIn(rest, '1m')])
        expect(planned.toSorted()).toEqual(missing.toSorted())
      }),
    )
  })

  it('orders pages of all series: tail, then repair, then the newest past', () => {
    const page = (lane: 'tail' | 'repair' | 'backfill', end: number) => ({
      series: seriesWith({}),
      lane,
      window: minutes(end - 1, end),
    })
    const sorted = [page('backfill', 9), page('repair', 3), page('backfill', 20), page('tail', 5)].sort(byUrgency)
    expect(sorted.map(({ lane, window }) => [lane, (window.end - T0) / MINUTE])).toEqual([
      ['tail', 5],
      ['repair', 3],
      ['backfill', 20],
      ['backfill', 9],
    ])
  })
})

describe('finishedBackfills', () => {
  it('names those of which nothing is missing that can exist', () => {
    const backfills = [
      { backfillId: 'whole', start: T0 - HOUR, end: minute(50) },
      { backfillId: 'open', ...minutes(0, 51) },
    ]
    const series = seriesWith({ backfills, covered: [minutes(0, 50)] })
    expect(finishedBackfills(series, minute(200), 5_000)).toEqual(['whole'])
  })
})
