import { describe, expect, it } from 'vitest'
import { DAY, type Window } from '../../src/domain/interval.ts'
import type { CheckProgress, Recheck } from '../../src/domain/quality/series-check.ts'
import { type CheckableSeries, MAX_CHECK_SLOTS, planChecks, planRechecks } from '../../src/history/quality-plan.ts'

const MINUTE = 60_000
const T0 = Date.UTC(2026, 0, 10)
const at = (minute: number) => T0 + minute * MINUTE
const minutes = (from: number, to: number): Window => ({ start: at(from), end: at(to) })

type Part = Partial<CheckableSeries>

function plan(part: Part, checked: CheckProgress['checked'], now = at(600), version = 2) {
  const series = {
    interval: '1m' as const,
    covered: [],
    gaps: [],
    verifiedTo: null,
    isLoaded: true,
    ...part,
  }
  return planChecks(series, { seriesId: 1, version, checked }, now)
}

const checkedTo = (from: number, to: number, more: object = {}) => ({
  ...minutes(from, to),
  at: at(590),
  version: 1,
  ...more,
})

describe('planChecks', () => {
  it('begins with the newest that is there', () => {
    expect(plan({}, null)).toEqual([])
    expect(plan({ covered: [minutes(0, 10), minutes(20, 120)], verifiedTo: at(90) }, null)).toEqual([
      { window: minutes(20, 120), checked: minutes(20, 90), version: 2 },
    ])
    const [first] = plan({ covered: [minutes(0, 10_000)], verifiedTo: at(10_000) }, null)
    expect(first?.window).toEqual(minutes(10_000 - MAX_CHECK_SLOTS, 10_000))
  })

  it('checks what has not been read again once more, and the last candles, which have no neighbours yet', () => {
    const covered = [minutes(0, 120)]
    const known = checkedTo(0, 60)
    expect(plan({ covered, verifiedTo: at(80) }, known)).toEqual([
      { window: minutes(60, 120), checked: minutes(0, 80), version: 2 },
    ])
    expect(plan({ covered, verifiedTo: at(120) }, known)).toEqual([
      { window: minutes(60, 120), checked: minutes(0, 117), version: 2 },
    ])
    expect(plan({ covered, verifiedTo: null }, known)).toEqual([
      { window: minutes(60, 120), checked: minutes(0, 60), version: 2 },
    ])
  })

  it('does not wait for ever for what is never read again', () => {
    const [one] = plan({ covered: [minutes(0, 9_000)], verifiedTo: at(10) }, checkedTo(0, 60))
    // What is left is new still: the version is that of before.
    const checked = minutes(0, 60 + MAX_CHECK_SLOTS / 2)
    expect(one).toEqual({ window: minutes(60, 60 + MAX_CHECK_SLOTS), checked, version: 1 })
  })

  it('has nothing to do while nothing is written', () => {
    expect(plan({ covered: [minutes(0, 120)], verifiedTo: at(80) }, checkedTo(0, 60, { version: 2 }))).toEqual([])
  })

  it('follows the past as it is loaded, over slots that were asked for in vain', () => {
    const gaps = [{ openTime: at(99), nextAttemptAt: 0 }]
    const known = checkedTo(100, 200, { version: 2 })
    expect(plan({ covered: [minutes(0, 50), minutes(60, 99), minutes(100, 200)] }, known)).toEqual([])
    expect(plan({ covered: [minutes(0, 50), minutes(60, 99), minutes(100, 200)], gaps }, known)).toEqual([
      { window: minutes(60, 100), checked: minutes(60, 200), version: 2 },
    ])
    const [deep] = plan({ covered: [minutes(-9_000, 200)] }, known)
    expect(deep).toEqual({
      window: minutes(100 - MAX_CHECK_SLOTS, 100),
      checked: { start: at(100 - MAX_CHECK_SLOTS), end: at(200) },
      version: 2,
    })
  })

  it('checks the last two days anew on each new day', () => {
    const covered = [{ start: T0 - 10 * DAY, end: T0 + DAY }]
    const known = { start: T0 - 10 * DAY, end: T0 + DAY - 5 * MINUTE, at: T0 + DAY - 1, version: 2 }
    const [one] = plan({ covered, verifiedTo: T0 + DAY }, known, T0 + DAY)
    expect(one?.window).toEqual({ start: T0 - DAY, end: T0 + DAY })
    expect(one?.checked).toEqual({ start: T0 - 10 * DAY, end: T0 + DAY - 3 * MINUTE })
    expect(plan({ covered, verifiedTo: T0 + DAY }, { ...known, start: T0 }, T0 + DAY)[0]?.window.start).toBe(T0)
  })

  it('goes over the holes of what nobody loads, and over no others', () => {
    const covered = [minutes(0, 50), minutes(100, 200), minutes(90_000, 90_010)]
    const sent = { covered, verifiedTo: at(90_010), isLoaded: false }
    expect(plan(sent, checkedTo(100, 197))).toEqual([
      { window: minutes(197, 4_197), checked: minutes(100, 4_194), version: 1 },
      { window: minutes(0, 50), checked: minutes(0, 4_194), version: 1 },
    ])
    const [on] = plan(sent, checkedTo(0, 4_194))
    expect(on).toEqual({ window: minutes(90_000, 90_010), checked: minutes(0, 90_007), version: 2 })
    expect(plan({ ...sent, isLoaded: true }, checkedTo(100, 197))).toHaveLength(1)
  })
})

describe('planRechecks', () => {
  const seriesOf = (id: number) => {
    return { id, exchange: 'okx', kind: 'spot', symbol: 'BTC-USDT', interval: '1m', source: 'exchange' } as const
  }
  const recheck = (id: number, from: number, to: number, isChanged = false): Recheck => {
    return { series: seriesOf(id), ...minutes(from, to), isChanged }
  }

  it('joins what touches, as far as one check may go, with the candles around', () => {
    const rechecks = [recheck(1, 0, 1_440), recheck(1, 1_440, 2_880, true), recheck(1, 2_880, 4_320), recheck(2, 0, 60)]
    expect(planRechecks(rechecks)).toEqual([
      { series: seriesOf(1), window: minutes(-60, 2_940), isChanged: true, starts: [at(0), at(1_440)] },
      { series: seriesOf(1), window: minutes(2_820, 4_380), isChanged: false, starts: [at(2_880)] },
      { series: seriesOf(2), window: minutes(-60, 120), isChanged: false, starts: [at(0)] },
    ])
    expect(planRechecks([recheck(1, 0, 60), recheck(1, 61, 120)])).toHaveLength(2)
    expect(planRechecks([])).toEqual([])
  })
})
