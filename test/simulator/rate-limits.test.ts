import { expect, it } from 'vitest'
import { BanList, CalendarBudget, SlidingBudget, TokenBucket } from './rate-limits.ts'

it('a calendar budget is full again at the next whole window, whenever it was spent', () => {
  const budget = new CalendarBudget(10, 60_000)
  expect(budget.spend('a', 10, 59_000)).toEqual({ used: 10, allowed: true, retryAfterMs: 1000 })
  expect(budget.spend('a', 1, 59_999)).toEqual({ used: 11, allowed: false, retryAfterMs: 1 })
  expect(budget.spend('b', 1, 59_999).allowed).toBe(true)
  expect(budget.spend('a', 1, 60_000)).toEqual({ used: 1, allowed: true, retryAfterMs: 60_000 })
})

it('a sliding budget allows so many in any window', () => {
  const budget = new SlidingBudget(2, 1000)
  expect([0, 600, 999].map((now) => budget.spend('a', now).allowed)).toEqual([true, true, false])
  expect([1000, 1001, 1600].map((now) => budget.spend('a', now).allowed)).toEqual([true, false, true])
})

it('a bucket of tokens allows a burst and then the steady rate', () => {
  const bucket = new TokenBucket(10, 15)
  const allowed = (now: number, requests: number) =>
    Array.from({ length: requests }, () => bucket.spend('a', now)).filter(Boolean).length
  expect(allowed(0, 20)).toBe(15)
  expect(allowed(100, 5)).toBe(1)
  expect(allowed(1100, 20)).toBe(10)
})

it('a ban ends at its time', () => {
  const bans = new BanList()
  bans.ban('a', 500)
  expect([499, 500].map((now) => bans.bannedUntil('a', now))).toEqual([500, undefined])
  expect(bans.bannedUntil('b', 0)).toBeUndefined()
})
