import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { type Lane, lanes, RateBudget } from '../../src/history/rate-budget.ts'

const LIMIT = { name: 'weight', limit: 100, windowMs: 1_000 }

describe('RateBudget', () => {
  it('never spends more than the allowance in any window, whoever asks', () => {
    const request = fc.record({
      lane: fc.constantFrom<Lane>(...lanes),
      weight: fc.integer({ min: 1, max: 20 }),
      after: fc.integer({ min: 0, max: 300 }),
    })
    fc.assert(
      fc.property(fc.array(request, { maxLength: 200 }), fc.constantFrom(0.5, 1), (requests, share) => {
        const budget = new RateBudget(LIMIT, share)
        const spent: { at: number; weight: number }[] = []
        let now = 0
        for (const { lane, weight, after } of requests) {
          now += after
          if (budget.take(lane, weight, now) === 0) spent.push({ at: now, weight })
        }
        for (const { at } of spent) {
          const inWindow = spent.filter((s) => s.at >= at && s.at < at + LIMIT.windowMs)
          expect(inWindow.reduce((sum, s) => sum + s.weight, 0)).toBeLessThanOrEqual(LIMIT.limit * share)
        }
      }),
    )
  })

  it('says how long to wait, and lets the request go then', () => {
    const budget = new RateBudget(LIMIT, 1)
    expect(budget.take('backfill', 60, 0)).toBe(0)
    expect(budget.take('backfill', 40, 300)).toBe(0)
    const waitMs = budget.take('backfill', 50, 400)
    expect(waitMs).toBe(600)
    expect(budget.take('backfill', 50, 400 + waitMs)).toBe(0)
    expect(budget.used(1_000)).toBe(90)
  })

  it('uses the whole allowance where nothing more urgent is about', () => {
    const budget = new RateBudget(LIMIT, 1)
    for (let n = 0; n < 100; n++) expect(budget.take('backfill', 1, n)).toBe(0)
  })

  const spend = (budget: RateBudget, lane: Lane, now: number) => {
    let spent = 0
    while (budget.take(lane, 1, now) === 0) spent += 1
    return spent
  }

  it('keeps 30 % for snapshots and 20 % for the tail where these have had to wait', () => {
    const budget = new RateBudget(LIMIT, 1)
    expect(spend(budget, 'backfill', 0)).toBe(100)
    expect(budget.take('snapshot', 1, 10)).toBe(990)
    expect(budget.take('tail', 1, 10)).toBe(990)
    expect(spend(budget, 'backfill', 1_010)).toBe(50)
    expect(spend(budget, 'repair', 1_020)).toBe(0)
    expect(spend(budget, 'tail', 1_030)).toBe(20)
    expect(spend(budget, 'snapshot', 1_040)).toBe(30)
  })

  it('lets a rare, heavy question through beside many light requests that take all there is', () => {
    const budget = new RateBudget(LIMIT, 1)
    let answers = 0
    for (let now = 0; now < 60_000; now += 5) {
      spend(budget, 'backfill', now)
      // One question every other second, that waits for half a second.
      if (now % 2_000 >= 500 || answers > now / 2_000) continue
      if (budget.take('inquiry', 5, now) === 0) answers += 1
    }
    // Its first turn is what makes known that it needs one.
    expect(answers).toBeGreaterThanOrEqual(29)
  })

  it('keeps twice what a lane has lately spent in a window, where it had to wait for nothing', () => {
    const budget = new RateBudget(LIMIT, 1)
    expect(budget.take('tail', 4, 500)).toBe(0)
    expect(spend(budget, 'backfill', 1_600)).toBe(92)
    expect(budget.take('tail', 8, 1_700)).toBe(0)
  })

  it('lends the share of a lane that has been idle for five windows', () => {
    const budget = new RateBudget(LIMIT, 1)
    budget.take('snapshot', 10, 0)
    expect(budget.take('backfill', 90, 5_999)).toBeGreaterThan(0)
    expect(budget.take('backfill', 90, 6_000)).toBe(0)
  })

  it('is no larger after an eviction, and no smaller than it has to be', () => {
    const before = new RateBudget(LIMIT, 1)
    for (let at = 0; at < 100; at++) expect(before.take('backfill', 1, at)).toBe(0)
    const kept = before.snapshot(100)
    expect(kept.length).toBeLessThan(10)
    const after = new RateBudget(LIMIT, 1)
    after.restore(kept)
    expect(after.used(100)).toBe(100)
    expect(after.take('backfill', 1, 999)).toBeGreaterThan(0)
    expect(after.take('backfill', 20, 1_019)).toBe(0)
    expect(after.used(1_099)).toBe(20)
  })

  it('lets a request through alone that is heavier than all of it', () => {
    const budget = new RateBudget({ ...LIMIT, limit: 5 }, 1)
    expect(budget.take('backfill', 10, 0)).toBe(0)
    expect(budget.take('backfill', 1, 1)).toBe(999)
  })
})
