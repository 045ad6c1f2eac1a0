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

  it('keeps 30 % for snapshots and 20 % for the tail while they are about', () => {
    const budget = new RateBudget(LIMIT, 1)
    const spend = (lane: Lane, now: number) => {
      let spent = 0
      while (budget.take(lane, 1, now) === 0) spent += 1
      return spent
    }
    expect(budget.take('snapshot', 1, 0)).toBe(0)
    expect(budget.take('tail', 1, 0)).toBe(0)
    expect(spend('backfill', 10)).toBe(50)
    expect(spend('repair', 20)).toBe(0)
    expect(spend('tail', 30)).toBe(19)
    expect(spend('snapshot', 40)).toBe(29)
  })

  it('lends the share of a lane that has been idle for five windows', () => {
    const budget = new RateBudget(LIMIT, 1)
    budget.take('snapshot', 1, 0)
    expect(budget.take('backfill', 90, 4_900)).toBeGreaterThan(0)
    expect(budget.take('backfill', 90, 5_001)).toBe(0)
  })

  it('lets a request through alone that is heavier than all of it', () => {
    const budget = new RateBudget({ ...LIMIT, limit: 5 }, 1)
    expect(budget.take('backfill', 10, 0)).toBe(0)
    expect(budget.take('backfill', 1, 1)).toBe(999)
  })
})
