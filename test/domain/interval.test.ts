import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import {
  ceilToInterval,
  countSlots,
  divides,
  floorToInterval,
  type Interval,
  intervalLength,
  intervals,
  isAligned,
  isInterval,
  nextOpenTime,
  shiftOpenTime,
  slotsIn,
} from '../../src/domain/interval.ts'

const time = fc.integer({ min: Date.UTC(1971, 0), max: Date.UTC(2100, 0) })
const anyInterval = fc.constantFrom(...intervals)

function iso(ms: number): string {
  return new Date(ms).toISOString()
}

describe('slots', () => {
  it.each([
    ['1m', '2026-01-02T03:04:00.000Z', '2026-01-02T03:05:00.000Z'],
    ['1h', '2026-01-02T03:00:00.000Z', '2026-01-02T04:00:00.000Z'],
    ['6h', '2026-01-02T00:00:00.000Z', '2026-01-02T06:00:00.000Z'],
    ['1d', '2026-01-02T00:00:00.000Z', '2026-01-03T00:00:00.000Z'],
    ['1w', '2025-12-29T00:00:00.000Z', '2026-01-05T00:00:00.000Z'],
    ['1M', '2026-01-01T00:00:00.000Z', '2026-02-01T00:00:00.000Z'],
  ] as const)('of %s that hold a moment open at %s', (interval, opens, next) => {
    const moment = Date.parse('2026-01-02T03:04:05.678Z')
    const openTime = floorToInterval(moment, interval)
    expect([iso(openTime), iso(nextOpenTime(openTime, interval)), iso(ceilToInterval(moment, interval))]).toEqual([
      opens,
      next,
      next,
    ])
  })

  it('hold every moment exactly once', () => {
    fc.assert(
      fc.property(time, anyInterval, (moment, interval) => {
        const openTime = floorToInterval(moment, interval)
        const next = nextOpenTime(openTime, interval)
        expect(openTime <= moment && moment < next).toBe(true)
        expect(floorToInterval(next - 1, interval)).toBe(openTime)
        expect(next - openTime).toBeLessThanOrEqual(intervalLength(interval))
        expect(isAligned(moment, interval)).toBe(moment === openTime)
        expect(ceilToInterval(moment, interval)).toBe(moment === openTime ? moment : next)
      }),
    )
  })

  it('are shifted there and back', () => {
    fc.assert(
      fc.property(time, anyInterval, fc.integer({ min: -500, max: 500 }), (moment, interval, count) => {
        const openTime = floorToInterval(moment, interval)
        const shifted = shiftOpenTime(openTime, interval, count)
        expect(isAligned(shifted, interval)).toBe(true)
        expect(shiftOpenTime(shifted, interval, -count)).toBe(openTime)
        expect(Math.sign(shifted - openTime)).toBe(Math.sign(count))
      }),
    )
  })

  it('are counted as they are listed', () => {
    fc.assert(
      fc.property(time, anyInterval, fc.nat({ max: 200 }), (moment, interval, count) => {
        const start = floorToInterval(moment, interval)
        const window = { start, end: shiftOpenTime(start, interval, count) }
        const listed = [...slotsIn(window, interval)]
        expect(listed).toHaveLength(count)
        expect(countSlots(window, interval)).toBe(count)
        expect(listed.every((slot) => isAligned(slot, interval))).toBe(true)
      }),
    )
    expect(countSlots({ start: 120_000, end: 60_000 }, '1m')).toBe(0)
  })

  it('start weeks on Monday and months on their first day', () => {
    fc.assert(
      fc.property(time, (moment) => {
        expect(new Date(floorToInterval(moment, '1w')).getUTCDay()).toBe(1)
        expect(new Date(floorToInterval(moment, '1M')).getUTCDate()).toBe(1)
      }),
    )
  })
})

describe('an interval divides another', () => {
  it('exactly where its slots tile the other’s', () => {
    const tiles = (base: Interval, target: Interval): boolean =>
      Array.from({ length: 60 }, (_, i) => shiftOpenTime(Date.UTC(2024, 0), target, i)).every((near) =>
        isAligned(floorToInterval(near, target), base),
      ) && intervalLength(base) < intervalLength(target)
    for (const base of intervals) {
      for (const target of intervals)
        expect([base, target, divides(base, target)]).toEqual([base, target, tiles(base, target)])
    }
  })
})

it('knows its intervals by name', () => {
  expect(intervals.every(isInterval)).toBe(true)
  for (const other of ['', '1', '1H', '2m', '1y', 'toString', '__proto__']) expect(isInterval(other)).toBe(false)
})
