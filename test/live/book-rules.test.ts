import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { BookEvent } from '../../src/domain/event.ts'
import type { Continuity } from '../../src/live/book-rules/rule.ts'
import { bookRules } from '../../src/live/book-rules.ts'
import { bookEvent, level } from './book-market.ts'

const counter = fc.integer({ min: 1, max: 2 ** 50 })
const span = fc.integer({ min: 1, max: 1_000 })
const changes = { bids: [level(1, 1)] }

/** After an update or a snapshot with this counter. */
function last(sequence: number | null, prevSequence: number | null = null) {
  return { sequence, prevSequence }
}

describe('contiguous (Binance spot)', () => {
  const { first, next } = bookRules.contiguous
  const update = (firstSequence: number, sequence: number) => bookEvent({ firstSequence, sequence })

  it.each<[string, number, number, Continuity]>([
    ['ends before the snapshot', 90, 99, 'stale'],
    ['u == L', 95, 100, 'stale'],
    ['spans L + 1', 95, 101, 'next'],
    ['begins with L + 1', 101, 110, 'next'],
    ['begins with L', 100, 110, 'next'],
    ['begins beyond L + 1', 102, 110, 'gap'],
  ])('the first update %s', (_, from, to, expected) => {
    expect(first(update(from, to), 100)).toBe(expected)
  })

  it('takes an update that begins with u + 1, and no other', () => {
    fc.assert(
      fc.property(counter, span, span, (u, ahead, length) => {
        const continuity = next(update(u + ahead, u + ahead + length), last(u))
        expect(continuity).toBe(ahead === 1 ? 'next' : 'gap')
        expect(next(update(u - length, u), last(u))).toBe('stale')
      }),
    )
  })

  it('does not take one that reaches back over the last', () => {
    expect(next(update(100, 105), last(100))).toBe('gap')
  })

  it('does not guess where a counter is missing', () => {
    expect(next(bookEvent({ sequence: 101 }), last(100))).toBe('gap')
    expect(next(bookEvent({ firstSequence: 101 }), last(100))).toBe('gap')
    expect(first(update(101, 101), null)).toBe('gap')
  })
})

describe('bridged (Binance USD-M)', () => {
  const { first, next } = bookRules.bridged
  const update = (firstSequence: number, sequence: number, prevSequence: number) =>
    bookEvent({ firstSequence, sequence, prevSequence })

  it.each<[string, BookEvent, Continuity]>([
    ['ends before L', update(90, 99, 80), 'stale'],
    ['u == L', update(95, 100, 90), 'next'],
    ['spans L', update(95, 105, 90), 'next'],
    ['begins with L', update(100, 105, 90), 'next'],
    ['begins beyond L', update(101, 105, 99), 'gap'],
    ['begins beyond L and names it', update(103, 105, 100), 'next'],
  ])('the first update %s', (_, event, expected) => {
    expect(first(event, 100)).toBe(expected)
  })

  it('keeps u == L, which the next update names', () => {
    fc.assert(
      fc.property(counter, span, span, (snapshot, length, jump) => {
        expect(first(update(snapshot - length, snapshot, snapshot - length - 1), snapshot)).toBe('next')
        const following = update(snapshot + jump, snapshot + jump + length, snapshot)
        expect(next(following, last(snapshot))).toBe('next')
      }),
    )
  })

  it('takes what names the last update, however far the counter has moved, and nothing else', () => {
    fc.assert(
      fc.property(counter, span, span, (u, jump, length) => {
        expect(next(update(u + jump, u + jump + length, u), last(u))).toBe('next')
        expect(next(update(u + jump, u + jump + length, u + jump), last(u))).toBe('gap')
        expect(next(update(u - length, u, u - length - 1), last(u))).toBe('stale')
      }),
    )
  })

  it('does not guess where a counter is missing', () => {
    expect(next(bookEvent({ firstSequence: 1, sequence: 101 }), last(100))).toBe('gap')
    expect(first(bookEvent({ prevSequence: 100, sequence: 101 }), 100)).toBe('gap')
  })
})

describe('linked (OKX)', () => {
  const { first, next } = bookRules.linked
  const update = (prevSequence: number | null, sequence: number | null, levels: Partial<BookEvent> = changes) =>
    bookEvent({ prevSequence, sequence, ...levels })

  it('follows the link alone: the counter may fall', () => {
    fc.assert(
      fc.property(counter, counter, counter, (seqId, following, other) => {
        fc.pre(other !== seqId && following !== seqId)
        expect(next(update(seqId, following), last(seqId))).toBe('next')
        expect(next(update(other, following), last(seqId))).toBe('gap')
      }),
    )
  })

  it('takes an empty update that repeats the counter as a sign of life', () => {
    expect(next(update(100, 100, {}), last(100))).toBe('alive')
    expect(first(update(100, 100, {}), 100)).toBe('alive')
    expect(next(update(100, 101, {}), last(100))).toBe('next')
    expect(next(update(100, 100), last(100))).toBe('next')
  })

  it('sees in a sign of life with another counter that something is missing', () => {
    expect(next(update(105, 105, {}), last(100))).toBe('gap')
  })

  it('knows what is sent twice', () => {
    expect(next(update(90, 100), last(100, 90))).toBe('stale')
  })

  it('is not deceived by a counter that has come back to where it was', () => {
    // 100 -> 107 was lost; 107 -> 100 is not the update that has led to 100.
    expect(next(update(107, 100), last(100, 90))).toBe('gap')
  })

  it('takes frames without counters in their order, and only where none had any', () => {
    expect(first(update(null, null), null)).toBe('next')
    expect(next(update(null, null, {}), last(null))).toBe('next')
    expect(next(update(null, null), last(100, 90))).toBe('gap')
    expect(next(update(90, 100), last(null))).toBe('gap')
  })
})

describe('counted (Bybit)', () => {
  const { first, next } = bookRules.counted
  const update = (sequence: number | null) => bookEvent({ sequence, ...changes })

  it('takes u + 1, drops a repeated u, and sees any other as a gap', () => {
    fc.assert(
      fc.property(counter, counter, (u, other) => {
        const expected = other === u + 1 ? 'next' : other === u ? 'stale' : 'gap'
        expect(next(update(other), last(u))).toBe(expected)
        expect(next(update(u + 1), last(u))).toBe('next')
        expect(next(update(u), last(u))).toBe('stale')
      }),
    )
  })

  it('sees in a counter that has fallen a restart whose snapshot is missing', () => {
    expect(next(update(1), last(5_000))).toBe('gap')
    expect(next(update(2), last(5_000))).toBe('gap')
  })

  it('follows a restart', () => {
    expect(first(update(2), 1)).toBe('next')
  })

  it('does not guess where a counter is missing', () => {
    expect(next(update(null), last(5))).toBe('gap')
    expect(first(update(5), null)).toBe('gap')
  })
})

describe('connection (Coinbase)', () => {
  it('takes everything in its order', () => {
    const { first, next } = bookRules.connection
    expect(first(bookEvent(changes), null)).toBe('next')
    expect(next(bookEvent(changes), last(null))).toBe('next')
  })
})
