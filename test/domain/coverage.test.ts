import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { type GapSlot, lifeOf, missingRanges, rangesOfSlots } from '../../src/domain/coverage.ts'
import { slotsIn } from '../../src/domain/interval.ts'

const MINUTE = 60_000
const at = (minute: number) => minute * MINUTE
const range = (from: number, to: number) => ({ start: at(from), end: at(to) })
const absent = (minute: number): GapSlot => ({ openTime: at(minute), reason: 'absent' })
const bad = (minute: number): GapSlot => ({ openTime: at(minute), reason: 'quarantined' })

describe('missingRanges', () => {
  it('gives each stretch its reason, and joins neighbours that share one', () => {
    const gaps = [absent(1), absent(2), bad(3), absent(4), absent(9)]
    expect(missingRanges(range(0, 12), '1m', [range(6, 8)], gaps, 'not_loaded')).toEqual([
      { ...range(0, 1), reason: 'not_loaded' },
      { ...range(1, 3), reason: 'absent' },
      { ...range(3, 4), reason: 'quarantined' },
      { ...range(4, 5), reason: 'absent' },
      { ...range(5, 6), reason: 'not_loaded' },
      { ...range(8, 9), reason: 'not_loaded' },
      { ...range(9, 10), reason: 'absent' },
      { ...range(10, 12), reason: 'not_loaded' },
    ])
  })

  it('is empty for a window that is covered, or holds nothing', () => {
    expect(missingRanges(range(2, 4), '1m', [range(0, 9)], [absent(20)], 'not_loaded')).toEqual([])
    expect(missingRanges(range(4, 2), '1m', [], [absent(3)], 'not_loaded')).toEqual([])
  })

  it('holds every slot that is not covered exactly once, gaps outside of the window or not', () => {
    const slot = fc.constantFrom('covered', 'absent', 'quarantined', 'untouched')
    fc.assert(
      fc.property(fc.array(slot, { maxLength: 30 }), fc.nat(30), fc.nat(30), (slots, from, to) => {
        const times = (state: string) => slots.flatMap((one, index) => (one === state ? [at(index)] : []))
        const gaps = slots.flatMap((one, index) =>
          one === 'absent' ? [absent(index)] : one === 'quarantined' ? [bad(index)] : [],
        )
        const window = range(from, Math.min(to, slots.length))
        const missing = missingRanges(window, '1m', rangesOfSlots(times('covered'), '1m'), gaps, 'not_loaded')
        const told = missing.flatMap(({ reason, ...one }) => [...slotsIn(one, '1m')].map((time) => [time, reason]))
        const expected = [...slotsIn(window, '1m')]
          .map((time) => [time, slots[time / MINUTE]])
          .filter(([, state]) => state !== 'covered')
          .map(([time, state]) => [time, state === 'untouched' ? 'not_loaded' : state])
        expect(told).toEqual(expected)
      }),
    )
  })
})

describe('lifeOf', () => {
  it('holds the slots that open while the instrument lives', () => {
    expect(lifeOf(at(7), at(61), '5m')).toEqual(range(10, 65))
    expect(lifeOf(at(10), at(60), '5m')).toEqual(range(10, 60))
    expect(lifeOf(null, null, '5m')).toEqual({ start: Number.NEGATIVE_INFINITY, end: Number.POSITIVE_INFINITY })
  })
})

it('rangesOfSlots joins neighbours, months too', () => {
  expect(rangesOfSlots([at(0), at(1), at(5)], '1m')).toEqual([range(0, 2), range(5, 6)])
  const months = [0, 1, 3].map((month) => Date.UTC(2026, month, 1))
  expect(rangesOfSlots(months, '1M')).toEqual([
    { start: Date.UTC(2026, 0, 1), end: Date.UTC(2026, 2, 1) },
    { start: Date.UTC(2026, 3, 1), end: Date.UTC(2026, 4, 1) },
  ])
})
