import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { decimal } from '../../src/domain/decimal.ts'
import type { FundingRate } from '../../src/domain/funding.ts'
import type { FundingState } from '../../src/domain/funding-history.ts'
import type { Window } from '../../src/domain/interval.ts'
import type { StoredInstrument } from '../../src/domain/series.ts'
import { mergeWindows, subtractRanges } from '../../src/domain/window.ts'
import { type FundingPage, fundingDueAt, judgeFunding, planFunding, settledTo } from '../../src/history/funding.ts'

const MINUTE = 60_000
const HOUR = 60 * MINUTE
const SPREAD = 30_000
const T0 = Date.UTC(2026, 0, 1)
const LISTED_AT = T0 - 400 * HOUR
/** Room for every rate. */
const MANY = 1_000

const at = (hours: number): number => T0 + hours * HOUR

function fundingOf(part: Partial<FundingState> = {}): FundingState {
  const instrument: StoredInstrument = {
    id: 7,
    exchange: 'okx',
    kind: 'perpetual',
    symbol: 'BTC-USDT-PERP',
    exchangeSymbol: 'BTC-USDT-SWAP',
    base: 'BTC',
    quote: 'USDT',
    settle: 'USDT',
    inverse: false,
    contractSize: null,
    tickSize: null,
    lotSize: null,
    active: true,
    listedAt: LISTED_AT,
    validTo: null,
    endFound: false,
  }
  return { instrument, recordedFrom: T0, covered: [], gaps: [], failures: 0, nextAttemptAt: 0, ...part }
}

function rateAt(fundingTime: number, part: Partial<FundingRate> = {}): FundingRate {
  const prices = { markPrice: null, indexPrice: null }
  const rate = { exchangeSymbol: 'BTC-USDT-SWAP', exchangeTime: null, settled: true, rate: decimal('0.0001') }
  return { ...rate, ...prices, fundingTime, ...part }
}

/** As it is planned where nothing is settled after it yet. */
const pageOf = (window: Window, funding = fundingOf(), aheadMs = 0): FundingPage => ({
  funding,
  lane: 'tail',
  window,
  asked: { start: window.start - 16 * HOUR - SPREAD, end: window.end + aheadMs },
})

describe('what is asked for', () => {
  it('ends with the last hour that has been over for a minute', () => {
    expect(settledTo(at(8) + MINUTE - 1)).toBe(at(7) + SPREAD)
    expect(settledTo(at(8) + MINUTE)).toBe(at(8) + SPREAD)
  })

  it('is what is recorded and not covered, the newest first, in pages that are no longer than an answer', () => {
    const now = at(24 * 90) + MINUTE
    const covered = [{ start: at(24), end: at(48) }]
    const pages = planFunding(fundingOf({ covered }), now, 100)
    const pageMs = 99 * 8 * HOUR - 24 * HOUR - 2 * SPREAD
    const end = at(24 * 90) + SPREAD
    expect(pages.map(({ lane, window }) => [lane, window.start, window.end])).toEqual([
      ['tail', end - pageMs, end],
      ['backfill', end - 2 * pageMs, end - pageMs],
      ['backfill', at(48), end - 2 * pageMs],
      ['backfill', T0, at(24)],
    ])
    expect(pages[0]?.asked).toEqual({ start: end - pageMs - 16 * HOUR - SPREAD, end })
    expect(pages[3]?.asked).toEqual({ start: T0 - 16 * HOUR - SPREAD, end: at(32) + SPREAD })
    for (const { asked } of pages) expect((asked.end - asked.start) / (8 * HOUR)).toBeLessThanOrEqual(99)
  })

  it('leaves out what came in vain until it is due, and what lies outside of the life of the instrument', () => {
    const { instrument } = fundingOf()
    const gap = { start: at(0), end: at(10), reason: 'out_of_reach', nextAttemptAt: at(100) } as const
    const funding = fundingOf({
      instrument: { ...instrument, listedAt: T0 - 10 * HOUR, validTo: at(30) },
      recordedFrom: T0 - 1_000 * HOUR,
      gaps: [gap],
    })
    expect(planFunding(funding, at(50), MANY).map(({ lane, window }) => [lane, window])).toEqual([
      ['backfill', { start: at(10), end: at(30) }],
      ['backfill', { start: T0 - 10 * HOUR, end: at(0) }],
    ])
    expect(fundingDueAt(funding, at(50))).toBe(at(100))
    const later = planFunding(funding, at(100), MANY)
    expect(later.map(({ lane, window }) => [lane, window])).toEqual([
      ['repair', { start: T0 - 10 * HOUR, end: at(30) }],
    ])
    expect(fundingDueAt(funding, at(100))).toBe(Number.POSITIVE_INFINITY)
  })

  it('is due again a minute after each hour: how often an instrument settles may change', () => {
    expect(fundingDueAt(fundingOf(), at(8) + MINUTE)).toBe(at(9) + MINUTE)
    expect(fundingDueAt(fundingOf(), at(8) + MINUTE - 1)).toBe(at(8) + MINUTE)
  })
})

describe('what an answer proves', () => {
  const window = { start: at(0), end: at(20) + SPREAD }
  const readAt = at(20) + MINUTE

  it('reaches from a rate before the window up to its end, while no other is due', () => {
    const { proven, absent, rates } = judgeFunding(
      pageOf(window),
      [-8, 0, 8, 16].map((h) => rateAt(at(h))),
      readAt,
      MANY,
    )
    expect(proven).toEqual([{ start: at(-8), end: window.end }])
    expect(absent).toEqual([])
    expect(rates.map(({ fundingTime }) => fundingTime)).toEqual([at(-8), at(0), at(8), at(16)])
  })

  it('ends where a settlement is due that has not come', () => {
    const { proven, absent } = judgeFunding(
      pageOf(window),
      [-8, -4, 0, 4, 8, 12, 16].map((h) => rateAt(at(h) + 7)),
      readAt,
      MANY,
    )
    expect(proven).toEqual([{ start: at(-8) + 7, end: at(20) - SPREAD }])
    expect(absent).toEqual([{ start: at(20) - SPREAD, end: window.end, reason: 'absent', bracketed: false }])
  })

  it('is nothing where two rates are further apart than settlements are', () => {
    const { absent, proven } = judgeFunding(
      pageOf(window),
      [-8, 0, 12, 20].map((h) => rateAt(at(h))),
      readAt,
      MANY,
    )
    expect(proven).toEqual([
      { start: at(-8), end: at(0) },
      { start: at(12), end: window.end },
    ])
    expect(absent).toEqual([{ start: at(0), end: at(12), reason: 'absent', bracketed: true }])
  })

  it('is nothing before the first rate of a history that does not reach back', () => {
    const { absent } = judgeFunding(
      pageOf(window),
      [12, 20].map((h) => rateAt(at(h))),
      readAt,
      MANY,
    )
    expect(absent).toEqual([{ start: at(0), end: at(12), reason: 'out_of_reach', bracketed: false }])
    const empty = judgeFunding(pageOf(window), [], readAt, MANY)
    expect(empty).toMatchObject({ proven: [], absent: [{ ...window, reason: 'out_of_reach' }] })
    // An exchange that has given what is older does reach back that far.
    const funding = fundingOf({ covered: [{ start: at(-100), end: at(0) }] })
    expect(judgeFunding(pageOf(window, funding), [], readAt, MANY).absent).toMatchObject([{ reason: 'absent' }])
  })

  it('begins with the listing', () => {
    const { instrument } = fundingOf()
    const funding = fundingOf({ instrument: { ...instrument, listedAt: at(1) }, recordedFrom: at(-50) })
    const page = pageOf({ start: at(1), end: window.end }, funding)
    expect(
      judgeFunding(
        page,
        [8, 16].map((h) => rateAt(at(h))),
        readAt,
        MANY,
      ),
    ).toMatchObject({
      proven: [{ start: at(1), end: window.end }],
      absent: [],
    })
    expect(
      judgeFunding(
        page,
        [16].map((h) => rateAt(at(h))),
        readAt,
        MANY,
      ).absent,
    ).toMatchObject([{ start: at(1), end: at(16), reason: 'out_of_reach' }])
  })

  it('ends with the first rate after a window of the past', () => {
    const page = pageOf({ start: at(0), end: at(3) }, fundingOf(), 8 * HOUR + SPREAD)
    const hourly = Array.from({ length: 12 }, (_, hour) => rateAt(at(hour)))
    expect(judgeFunding(page, hourly, readAt, MANY)).toMatchObject({
      proven: [{ start: at(0), end: page.asked.end }],
      absent: [],
    })
  })

  it('goes on after a settlement that is an hour late: they are further apart now, though never more than 8 hours', () => {
    const hourly = [0, 1, 2].map((hour) => rateAt(at(hour)))
    const judge = (to: number) =>
      judgeFunding(pageOf({ start: at(0), end: at(to) + SPREAD }), hourly, at(to) + MINUTE, MANY).absent
    expect(judge(2)).toEqual([])
    expect(judge(3)).toMatchObject([{ start: at(3) - SPREAD, end: at(3) + SPREAD, reason: 'absent' }])
    expect(judge(4)).toEqual([])
    expect(judge(9)).toEqual([])
    expect(judge(10)).toMatchObject([{ start: at(10) - SPREAD, end: at(10) + SPREAD, reason: 'absent' }])
  })

  it('is nothing where one of many seems to be lacking', () => {
    const judge = (...hours: number[]) =>
      judgeFunding(
        pageOf({ start: at(0), end: at(19) }),
        hours.map((hour) => rateAt(at(hour))),
        readAt,
        MANY,
      ).absent
    expect(judge(0, 4, 12, 16)).toMatchObject([{ start: at(4), end: at(12), reason: 'absent', bracketed: true }])
    // Settlements that grow rarer, and more frequent.
    expect(judge(0, 1, 2, 4, 8, 16)).toEqual([])
    expect(judge(-8, 0, 8, 12, 14, 15, 16, 17, 18, 19)).toEqual([])
  })

  it('does not begin with a step that is longer than the next: a hole that was told before is told still', () => {
    const hourly = Array.from({ length: 18 }, (_, hour) => hour).filter((hour) => hour !== 1)
    const { proven } = judgeFunding(
      pageOf({ start: at(16), end: at(17) + SPREAD }),
      hourly.map((hour) => rateAt(at(hour))),
      at(17) + MINUTE,
      MANY,
    )
    expect(proven).toEqual([{ start: at(2), end: at(17) + SPREAD }])
  })

  it('lies between its rates alone where it may be cut off', () => {
    const chunk = judgeFunding(
      pageOf(window),
      [0, 8].map((h) => rateAt(at(h))),
      readAt,
      2,
    )
    expect(chunk).toMatchObject({ proven: [{ start: at(0), end: at(8) + 1 }], absent: [] })
  })

  it('takes nothing that is announced, of another instrument or outside of what was asked', () => {
    const answer = [
      ...[16, 8, 0, -8, 8].map((h) => rateAt(at(h))),
      rateAt(at(4), { settled: false }),
      rateAt(at(5), { exchangeSymbol: 'ETH-USDT-SWAP' }),
      rateAt(at(-40)),
      rateAt(at(24)),
    ]
    const { rates, proven } = judgeFunding(pageOf(window), answer, readAt, MANY)
    expect(rates.map(({ fundingTime }) => fundingTime)).toEqual([-8, 0, 8, 16].map(at))
    expect(proven).toEqual([{ start: at(-8), end: window.end }])
  })

  it('ends where it was read too early', () => {
    const { proven, absent } = judgeFunding(
      pageOf(window),
      [0, 8].map((h) => rateAt(at(h))),
      at(10),
      MANY,
    )
    expect(proven).toEqual([{ start: at(0), end: at(9) + SPREAD }])
    expect(absent).toEqual([])
  })

  it('is never a time of which a rate is lacking, however often settlements come and however pages are cut', () => {
    const schedule = fc.array(fc.constantFrom(1, 2, 4, 8), { minLength: 1, maxLength: 80 })
    const hours = fc.integer({ min: 0, max: 300 })
    const limits = fc.record({
      limit: fc.integer({ min: 2, max: 40 }),
      oldest: fc.boolean(),
      ahead: fc.constantFrom(0, 1),
    })
    fc.assert(
      fc.property(schedule, hours, hours, limits, (steps, one, other, { limit, oldest, ahead }) => {
        const truth = steps.map((_, index) =>
          at(steps.slice(0, index + 1).reduce<number>((sum, step) => sum + step, 0)),
        )
        const window = { start: at(Math.min(one, other)), end: at(Math.max(one, other)) + SPREAD }
        const page = pageOf(window, fundingOf(), ahead * (8 * HOUR + SPREAD))
        const inside = truth.filter((time) => time >= page.asked.start && time < page.asked.end)
        const answer = (oldest ? inside.slice(0, limit) : inside.slice(-limit)).map((time) => rateAt(time))
        const { proven, rates, absent } = judgeFunding(page, answer, page.asked.end + SPREAD, limit)
        const stored = new Set(rates.map(({ fundingTime }) => fundingTime))
        const lacking = inside.filter((time) => !stored.has(time))
        expect(lacking.filter((time) => proven.some(({ start, end }) => start <= time && time < end))).toEqual([])
        // A cut page says nothing of what it left out; a whole one says something of all that was asked for.
        const told = mergeWindows([...proven, ...absent])
        if (answer.length < limit) expect(subtractRanges(window, told)).toEqual([])
      }),
      { numRuns: 500 },
    )
  })
})
