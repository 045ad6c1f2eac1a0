import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import {
  type GapSlot,
  lifeOf,
  missingRanges,
  rangesOfSlots,
  verifiedIn,
  wantedSlots,
} from '../../src/domain/coverage.ts'
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

  it('tells what nobody wants from what is to be loaded', () => {
    const wanted = wantedSlots('exchange', '1m', { recordedFrom: at(8), backfills: [range(2, 4), range(3, 6)] })
    expect(wanted).toEqual([range(2, 6), { start: at(8), end: Number.POSITIVE_INFINITY }])
    expect(missingRanges(range(0, 12), '1m', [range(4, 5)], [absent(1), absent(9)], 'load_failing', wanted)).toEqual([
      { ...range(0, 1), reason: 'not_recorded' },
      { ...range(1, 2), reason: 'absent' },
      { ...range(2, 4), reason: 'load_failing' },
      { ...range(5, 6), reason: 'load_failing' },
      { ...range(6, 8), reason: 'not_recorded' },
      { ...range(8, 9), reason: 'load_failing' },
      { ...range(9, 10), reason: 'absent' },
      { ...range(10, 12), reason: 'load_failing' },
    ])
    const dropped = wantedSlots('exchange', '1m', { recordedFrom: null, backfills: [] })
    expect(missingRanges(range(0, 2), '1m', [], [], 'not_loaded', dropped)).toEqual([
      { ...range(0, 2), reason: 'not_recorded' },
    ])
    const sent = wantedSlots('ingest', '1m', { recordedFrom: null, backfills: [] })
    expect(missingRanges(range(0, 2), '1m', [], [], 'not_ingested', sent)).toEqual([
      { ...range(0, 2), reason: 'not_ingested' },
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

describe('verifiedIn', () => {
  it.each([
    ['all of the window', [range(0, 20)], 12, 10],
    ['a part of it', [range(0, 20)], 7, 7],
    ['none of it yet', [range(0, 20)], 4, null],
    ['none of it yet, by one slot', [range(0, 20)], 5, null],
    ['nothing of what is covered', [range(8, 10)], 8, null],
    ['nothing, for none of it is covered', [range(0, 5), range(10, 20)], 20, null],
  ])('says up to where: %s', (_name, covered, verifiedTo, expected) => {
    expect(verifiedIn(range(5, 10), covered, at(verifiedTo))).toBe(expected === null ? null : at(expected))
  })

  it('says nothing where nothing of the series is verified', () => {
    expect(verifiedIn(range(5, 10), [range(0, 20)], null)).toBeNull()
  })
})
