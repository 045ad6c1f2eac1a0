import { describe, expect, it } from 'vitest'
import { ExchangeClock, HEALTHY, type HostHealth, nextHostHealth } from '../../src/history/host.ts'

const NOW = 1_000_000
const MINUTE = 60_000
const HOUR = 60 * MINUTE

const settle = (from: HostHealth, outcome: Parameters<typeof nextHostHealth>[1], now = NOW, jitter = 0) =>
  nextHostHealth(from, outcome, now, jitter)

describe('nextHostHealth', () => {
  it.each([
    [{ kind: 'retry-after', retryAfterMs: 7_000, reason: 'r' } as const, 'retry-after', 7_000],
    [{ kind: 'retry-after', retryAfterMs: null, reason: 'r' } as const, 'unavailable', 1_000],
    [{ kind: 'banned-until', banMs: 3 * HOUR, reason: 'r' } as const, 'banned', 3 * HOUR],
    [{ kind: 'banned-until', banMs: null, reason: 'r' } as const, 'banned', 10 * MINUTE],
    [{ kind: 'geo-blocked', reason: 'r' } as const, 'geo-blocked', HOUR],
    [{ kind: 'unavailable', reason: 'r' } as const, 'unavailable', 1_000],
  ])('%o blocks as %s for %i ms', (outcome, state, delay) => {
    expect(settle(HEALTHY, outcome)).toEqual({ state, since: NOW, until: NOW + delay, reason: 'r', failures: 1 })
  })

  it('doubles the delay at each failure in a row, up to the most', () => {
    let health = HEALTHY
    let now = NOW
    const delays: number[] = []
    for (let n = 0; n < 9; n++) {
      health = settle(health, { kind: 'unavailable', reason: 'r' }, now)
      delays.push((health.until ?? 0) - now)
      now = health.until ?? 0
    }
    expect(delays).toEqual([1, 2, 4, 8, 16, 32, 60, 60, 60].map((s) => s * 1_000))
    expect(health.since).toBe(NOW)
  })

  it('is not shortened, nor counted again, by what was under way when it began', () => {
    const banned = settle(HEALTHY, { kind: 'banned-until', banMs: HOUR, reason: 'ban' })
    expect(settle(banned, { kind: 'unavailable', reason: 'r' }, NOW + 1)).toBe(banned)
    expect(settle(banned, { kind: 'retry-after', retryAfterMs: 1_000, reason: 'r' }, NOW + 1)).toBe(banned)
    const down = settle(HEALTHY, { kind: 'unavailable', reason: 'r' })
    const still = settle(down, { kind: 'unavailable', reason: 'r' }, NOW + 10)
    expect(still).toMatchObject({ until: NOW + 1_010, failures: 1 })
    const longer = settle(down, { kind: 'banned-until', banMs: HOUR, reason: 'ban' }, NOW + 10)
    expect(longer).toMatchObject({ state: 'banned', until: NOW + 10 + HOUR, failures: 1 })
  })

  it('comes back later than asked for by up to a fifth, never sooner', () => {
    const outcome = { kind: 'retry-after', retryAfterMs: 10_000, reason: 'r' } as const
    expect(settle(HEALTHY, outcome, NOW, 0.999).until).toBeGreaterThan(NOW + 11_900)
    expect(settle(HEALTHY, outcome, NOW, 0).until).toBe(NOW + 10_000)
  })

  it('recovers by an answer after the block, not by one that was under way', () => {
    const blocked = settle(HEALTHY, { kind: 'retry-after', retryAfterMs: 5_000, reason: 'r' })
    expect(settle(blocked, { kind: 'ok' }, NOW + 4_999)).toBe(blocked)
    expect(settle(blocked, { kind: 'ok' }, NOW + 5_000)).toBe(HEALTHY)
    expect(settle(HEALTHY, { kind: 'rejected', code: 'x', reason: 'r', unknownInstrument: true })).toBe(HEALTHY)
  })
})

describe('ExchangeClock', () => {
  it('shows our time before the first answer', () => {
    expect(new ExchangeClock().at(NOW)).toBe(NOW)
  })

  it('takes the highest of the lower bounds that answers give', () => {
    const clock = new ExchangeClock()
    clock.observe(new Date(500_000).toUTCString(), 500_900)
    clock.observe(new Date(501_000).toUTCString(), 501_100)
    clock.observe(null, 502_000)
    clock.observe('yesterday', 502_000)
    expect(clock.at(600_000)).toBe(599_900)
  })

  it('follows an exchange whose clock was set back', () => {
    const clock = new ExchangeClock()
    clock.observe(new Date(900_000).toUTCString(), 500_000)
    for (let n = 0; n < ExchangeClock.SAMPLES; n++) clock.observe(new Date(500_000).toUTCString(), 500_000)
    expect(clock.at(0)).toBe(0)
  })
})
