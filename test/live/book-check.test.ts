import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { type Decimal, decimal, ZERO } from '../../src/domain/decimal.ts'
import type { BookSnapshot } from '../../src/domain/order-book.ts'
import { BookCheck } from '../../src/live/book-check.ts'
import { differs, TouchedPrices } from '../../src/live/book-difference.ts'
import { BookSync } from '../../src/live/book-sync.ts'
import type { FeedEffect, SnapshotRequest } from '../../src/live/feed-io.ts'
import { OrderBook } from '../../src/live/order-book.ts'
import { Turns } from '../../src/live/turns.ts'
import { bookEvent, type Changes, level, levelsOf, type Market, markets, stateAt } from './book-market.ts'
import { playedInstrument, SECOND, START } from './session.ts'

const STEP_MS = 500
/** As `book-check.ts` allows: how much older than the question an answer may be, how late an update may come. */
const [LAG_MS, DELIVERY_MS] = [5 * SECOND, 5 * SECOND]
const EXCHANGE_SYMBOL = 'BTC-USD'

/** A book of an exchange that counts nothing, told to a check moment by moment. */
class Checked {
  readonly sync = new BookSync('connection')
  readonly asked: { readonly request: SnapshotRequest; readonly at: number }[] = []
  readonly check: BookCheck
  /** What updates have named since the check began to listen. */
  readonly touched = new Map<string, number>()
  now = START
  isWrong = false

  constructor(snapshot: Changes, random = 0.5) {
    const emit = (effect: FeedEffect) => {
      if (effect.kind === 'ask-book-check') this.asked.push({ request: effect.request, at: this.now })
    }
    this.check = new BookCheck({
      instrument: playedInstrument('coinbase', 'BTC-USD'),
      sync: this.sync,
      surroundings: { emit, turns: new Turns(), random: () => random },
    })
    const event = bookEvent({ kind: 'snapshot', ...snapshot })
    this.check.heard(event, this.sync.receive(event), this.now)
  }

  hear(changes: Changes, exchangeTime: number | null = null): void {
    const event = bookEvent({ ...changes, exchangeTime })
    this.check.heard(event, this.sync.receive(event), this.now)
    for (const { price } of [...changes.bids, ...changes.asks]) this.touched.set(price, this.now)
  }

  tick(): void {
    if (this.check.finds([5], this.now)) this.isWrong = true
  }

  answer(book: Changes, exchangeTime: number | null = null): void {
    const request = this.asked.at(-1)?.request
    if (request === undefined) throw new Error('nothing was asked')
    const value: BookSnapshot = { exchangeSymbol: EXCHANGE_SYMBOL, exchangeTime, sequence: null, ...book }
    this.check.answered({ kind: 'book-check', instrumentId: 1, request, answer: { ok: true, value } }, this.now)
  }

  /** Each second until something is asked that was not before. */
  untilAsked(): void {
    const before = this.asked.length
    for (let n = 0; n < 1_000 && this.asked.length === before; n++) this.wait(SECOND)
  }

  wait(ms: number): void {
    for (const end = this.now + ms; this.now < end; ) {
      this.now = Math.min(end, this.now + SECOND)
      this.tick()
    }
  }
}

interface Course {
  readonly market: Market
  /** How much later than it happened each update comes, never before an earlier one; ms. */
  readonly delays: readonly number[]
  readonly answerAfterMs: number
  /** Of which moment the answer is: so much later than the earliest that it may be of, as a share. */
  readonly momentOf: number
  readonly isTimed: boolean
  readonly random: number
}

const LENGTH = 100
const courses: fc.Arbitrary<Course> = fc.record({
  market: markets(12, { minLength: LENGTH, maxLength: LENGTH }),
  delays: fc.array(fc.nat({ max: DELIVERY_MS - 1 }), { minLength: LENGTH, maxLength: LENGTH }),
  answerAfterMs: fc.nat({ max: 8 * SECOND }),
  momentOf: fc.double({ min: 0, max: 1, noNaN: true }),
  isTimed: fc.boolean(),
  random: fc.double({ min: 0, max: 0.99, noNaN: true }),
})

/**
 * Plays a market to a check of a book that began with `snapshot`. Update `i` happens at `START + i * STEP_MS`.
 *
 * @returns whether it was found to be wrong, and the prices at which it was and that nothing had touched
 */
function play({ market, delays, answerAfterMs, momentOf, isTimed, random }: Course, snapshot: Changes) {
  const checked = new Checked(snapshot, random)
  let [heard, at] = [0, START]
  const arrivals = delays.map((delay, i) => {
    at = Math.max(at, START + i * STEP_MS + delay)
    return at
  })
  let answer: { readonly at: number; isGiven: boolean } | null = null
  const end = START + LENGTH * STEP_MS
  while (checked.now < end && !checked.isWrong && checked.sync.state === 'live') {
    checked.now += 100
    while (heard < LENGTH && (arrivals[heard] ?? 0) <= checked.now) {
      const update = market.updates[heard]
      if (update !== undefined) checked.hear(update, isTimed ? START + heard * STEP_MS : null)
      heard += 1
    }
    const [question] = checked.asked
    if (question !== undefined) answer ??= { at: question.at + answerAfterMs, isGiven: false }
    if (question !== undefined && answer !== null && !answer.isGiven && checked.now >= answer.at) {
      answer.isGiven = true
      const earliest = question.at - LAG_MS
      const moment = earliest + momentOf * (checked.now - earliest)
      const happened = Math.max(0, Math.floor((moment - START) / STEP_MS) + 1)
      checked.answer(stateAt(market, Math.min(LENGTH, happened)), isTimed ? START + (happened - 1) * STEP_MS : null)
    }
    if ((checked.now - START) % SECOND === 0) checked.tick()
  }
  const since = (checked.asked[0]?.at ?? 0) - LAG_MS
  const wrong = differing(levelsOf(checked.sync.book), stateAt(market, heard))
  // A book that is crossed is told to be wrong without a check.
  const isWrong = checked.isWrong || checked.sync.state !== 'live'
  return { isWrong, untouched: wrong.filter((price) => (checked.touched.get(price) ?? 0) < since) }
}

function differing(a: Changes, b: Changes): Decimal[] {
  return (['bids', 'asks'] as const).flatMap((side) => {
    const [ours, theirs] = [a, b].map((book) => new Map(book[side].map(({ price, size }) => [price, size])))
    const prices = new Set([...(ours?.keys() ?? []), ...(theirs?.keys() ?? [])])
    return [...prices].filter((price) => ours?.get(price) !== theirs?.get(price))
  })
}

type Fault = 'size' | 'missing' | 'invented'

/** A snapshot with one level that is not so. */
function corrupted({ bids, asks }: Changes, fault: Fault, rank: number): Changes {
  const { price } = bids[rank % bids.length] ?? level(1, 1)
  switch (fault) {
    case 'size':
      return { bids: bids.map((each) => (each.price === price ? { price, size: decimal('77') } : each)), asks }
    case 'missing':
      return { bids: bids.filter((each) => each.price !== price), asks }
    case 'invented':
      return { bids: [...bids, level('0.0000001', 77)], asks }
  }
}

describe('a check of a book against REST', () => {
  it('never takes a right one for wrong, whenever updates and the answer come', () => {
    fc.assert(
      fc.property(courses, (course) => {
        expect(play(course, stateAt(course.market, 0)).isWrong).toBe(false)
      }),
      { numRuns: 100 },
    )
  })

  it('finds each level that is wrong and that no update has put right', () => {
    let found = 0
    const faults = fc.constantFrom<Fault>('size', 'missing', 'invented')
    fc.assert(
      fc.property(courses, faults, fc.nat({ max: 11 }), (course, fault, rank) => {
        const { isWrong, untouched } = play(course, corrupted(stateAt(course.market, 0), fault, rank))
        if (untouched.length > 0) expect(isWrong).toBe(true)
        found += Number(isWrong)
      }),
      { numRuns: 100 },
    )
    expect(found).toBeGreaterThan(20)
  })

  it('finds a snapshot that was old', () => {
    const old = fc.integer({ min: 1, max: 40 })
    fc.assert(
      fc.property(courses, old, (course, age) => {
        const { market } = course
        const later = { states: market.states.slice(age), updates: market.updates.slice(age) }
        const padded = { ...later, updates: [...later.updates, ...Array(age).fill({ bids: [], asks: [] })] }
        const states = [...padded.states, ...Array(age).fill(market.states.at(-1))]
        const { isWrong, untouched } = play({ ...course, market: { ...padded, states } }, stateAt(market, 0))
        if (untouched.length > 0) expect(isWrong).toBe(true)
      }),
      { numRuns: 100 },
    )
  })

  it('asks some seconds after the snapshot, and about ten minutes later again', () => {
    const book = { bids: [level(9, 1)], asks: [level(11, 1)] }
    const checked = new Checked(book)
    checked.wait(5 * SECOND)
    expect(checked.asked).toEqual([])
    checked.wait(5 * SECOND)
    expect(checked.asked).toHaveLength(1)
    checked.answer(book)
    checked.hear({ bids: [level(8, 1)], asks: [] })
    checked.wait(8 * 60 * SECOND)
    expect(checked.asked).toHaveLength(1)
    checked.wait(2.5 * 60 * SECOND)
    expect(checked.asked).toHaveLength(2)
    expect(checked.isWrong).toBe(false)
  })

  it('judges no book by an answer that is about the one before it', () => {
    const checked = new Checked({ bids: [level(9, 1)], asks: [level(11, 1)] })
    checked.untilAsked()
    checked.check.renewed(checked.now)
    checked.answer({ bids: [level(7, 1)], asks: [level(11, 1)] })
    checked.wait(9 * SECOND)
    expect(checked.asked).toHaveLength(2)
    checked.check.end()
    checked.answer({ bids: [level(7, 1)], asks: [level(11, 1)] })
    checked.wait(60 * 60 * SECOND)
    expect([checked.asked.length, checked.isWrong]).toEqual([2, false])
  })

  it('takes no answer that says to be from before the check, and waits for the stream to reach a later one', () => {
    const checked = new Checked({ bids: [level(9, 1)], asks: [level(11, 1)] })
    checked.hear({ bids: [level(9, 2)], asks: [] }, START)
    checked.untilAsked()
    checked.answer({ bids: [level(9, 1)], asks: [level(11, 1)] }, START - 30 * SECOND)
    checked.untilAsked()
    expect([checked.asked.length, checked.isWrong]).toEqual([2, false])
    const later = checked.now + 10 * SECOND
    checked.answer({ bids: [level(9, 3)], asks: [level(11, 1)] }, later)
    checked.hear({ bids: [level(8, 1)], asks: [] }, later - 1)
    checked.wait(20 * SECOND)
    checked.hear({ bids: [level(9, 3)], asks: [] }, later)
    checked.wait(20 * SECOND)
    expect([checked.asked.length, checked.isWrong]).toEqual([2, false])
  })

  it('leaves it for a minute to others whether a stream is silent', () => {
    const checked = new Checked({ bids: [level(9, 1)], asks: [level(11, 1)] })
    checked.untilAsked()
    checked.answer({ bids: [level(9, 2)], asks: [level(11, 1)] })
    checked.wait(55 * SECOND)
    expect(checked.isWrong).toBe(false)
    checked.wait(10 * SECOND)
    expect(checked.isWrong).toBe(true)
  })

  it('asks later and later where REST does not answer, and not before it may', () => {
    const checked = new Checked({ bids: [level(9, 1)], asks: [level(11, 1)] })
    const refuse = (retryAfterMs: number) => {
      const request = checked.asked.at(-1)?.request ?? { depth: 0 }
      const answer = { ok: false, code: 'rate_limited', detail: 'too many', retryAfterMs } as const
      checked.check.answered({ kind: 'book-check', instrumentId: 1, request, answer }, checked.now)
    }
    checked.untilAsked()
    refuse(15 * 60 * SECOND)
    for (let n = 0; n < 9; n++) checked.untilAsked()
    const pauses = checked.asked.map(({ at }, n) => Math.round((at - (checked.asked[n - 1]?.at ?? START)) / SECOND))
    expect(pauses.slice(0, 3)).toEqual([7, 905, 125])
    expect(Math.max(...pauses.slice(2))).toBeLessThan(12 * 60)
    expect(pauses.at(-1)).toBeGreaterThan(9 * 60)
  })

  it('gives up where more is touched than can be remembered', () => {
    const checked = new Checked({ bids: [level(9, 1)], asks: [level(11, 1)] })
    checked.untilAsked()
    checked.hear({ bids: Array.from({ length: 20_001 }, (_, n) => level(`0.${n + 100_000}`, 1)), asks: [] })
    checked.answer({ bids: [level(8, 1)], asks: [level(11, 1)] })
    checked.wait(20 * SECOND)
    expect(checked.isWrong).toBe(false)
  })

  it('goes one book after the other, and after whoever is in a hurry', () => {
    const turns = new Turns()
    expect([turns.takeSpare(0), turns.takeSpare(999), turns.takeSpare(1_000)]).toEqual([true, false, true])
    expect([turns.take(1_500), turns.takeSpare(2_000), turns.take(2_000)]).toEqual([false, false, true])
    expect([turns.takeSpare(3_000), turns.takeSpare(4_000)]).toEqual([true, true])
  })
})

describe('what two books have in common', () => {
  const untouched = new TouchedPrices()
  const side = (from: number, step: number, length: number) =>
    Array.from({ length }, (_, n) => level(from + n * step, n + 1))
  const bookOf = (bids: number, asks: number, depth: number | null) => {
    const book = new OrderBook()
    book.replace(side(9_999, -1, bids), side(10_001, 1, asks), depth)
    return book
  }

  it('ends where one of them was cut off', () => {
    const theirs = { bids: side(9_999, -1, 400), asks: side(10_001, 1, 400) }
    expect(differs(bookOf(100, 100, 100), theirs, untouched, 1_000)).toBe(false)
    expect(differs(bookOf(1_000, 1_000, 1_000), theirs, untouched, 1_000)).toBe(false)
    expect(differs(bookOf(1_000, 1_000, 1_000), theirs, untouched, 100)).toBe(false)
    expect(differs(bookOf(300, 300, null), theirs, untouched, 1_000)).toBe(false)
  })

  it('is all of it where both are whole', () => {
    const theirs = { bids: side(9_999, -1, 101), asks: side(10_001, 1, 100) }
    expect(differs(bookOf(101, 100, null), theirs, untouched, 1_000)).toBe(false)
    expect(differs(bookOf(100, 100, null), theirs, untouched, 1_000)).toBe(true)
    expect(differs(bookOf(102, 100, null), theirs, untouched, 1_000)).toBe(true)
    expect(differs(bookOf(100, 100, 100), theirs, untouched, 1_000)).toBe(false)
    const touched = new TouchedPrices()
    touched.add({ bids: [level(9_899, ZERO)], asks: [] })
    expect(differs(bookOf(100, 100, null), theirs, touched, 1_000)).toBe(false)
  })

  it('is compared by value', () => {
    const book = bookOf(3, 3, null)
    const theirs = { bids: side(9_999, -1, 3), asks: [...side(10_001, 1, 3), level(10_009, ZERO)] }
    expect(differs(book, theirs, untouched, 100)).toBe(false)
    book.apply([level(9_998, '2.0')], [])
    expect(differs(book, theirs, untouched, 100)).toBe(false)
    book.apply([level(9_998, '2.01')], [])
    expect(differs(book, theirs, untouched, 100)).toBe(true)
  })
})
