import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { BookEvent } from '../../src/domain/event.ts'
import { BookSync } from '../../src/live/book-sync.ts'
import {
  BookModel,
  bookEvent,
  counted,
  level,
  levelsOf,
  liveAt,
  type Market,
  markets,
  START,
  sample,
  snapshotAt,
  stateAt,
  WHOLE,
} from './book-market.ts'

const restRules = ['contiguous', 'bridged'] as const
const streamedRules = ['linked', 'counted', 'connection'] as const

const market = markets(12, { minLength: 4, maxLength: 25 })
const eight = markets(12, { minLength: 8, maxLength: 8 })

describe.each(restRules)('%s: the snapshot of REST', (rule) => {
  it('joins what was held, wherever it lies among it', () => {
    fc.assert(
      fc.property(market, fc.nat(), fc.nat(), (given, snapshotSeed, lastSeed) => {
        const events = counted(rule, given)
        const at = snapshotSeed % (events.length + 1)
        const held = events.slice(0, 1 + (lastSeed % events.length))
        const sync = new BookSync(rule)
        expect(sync.needsSnapshot).toBe(true)
        for (const event of held) expect(sync.receive(event)).toBe('held')
        expect(sync.state).toBe('syncing')
        expect(sync.snapshot(snapshotAt(rule, given, at), WHOLE)).toBe('applied')
        expect(sync.needsSnapshot).toBe(false)
        expect(levelsOf(sync.book)).toEqual(stateAt(given, Math.max(at, held.length)))
        for (const event of events.slice(held.length)) expect(['applied', 'stale']).toContain(sync.receive(event))
        expect(levelsOf(sync.book)).toEqual(stateAt(given, events.length))
      }),
    )
  })

  it('joins in the midst of an update, whose changes are absolute', () => {
    fc.assert(
      fc.property(market, fc.nat(), (given, at) => {
        const events = counted(rule, given)
        const i = at % events.length
        const event = events[i]
        if (event?.sequence == null) throw new Error('a counter is missing')
        fc.pre(Math.max(START, event.sequence - 1) >= (event.firstSequence ?? 0))
        const model = new BookModel().apply(stateAt(given, i)).apply({ bids: event.bids.slice(0, 1), asks: [] })
        const sync = new BookSync(rule)
        for (const held of events) sync.receive(held)
        expect(sync.snapshot({ sequence: event.sequence - 1, exchangeTime: null, ...model.top() }, WHOLE)).toBe(
          'applied',
        )
        expect(levelsOf(sync.book)).toEqual(stateAt(given, events.length))
      }),
    )
  })

  it('is refused where it is older than what is held, and a newer one is taken', () => {
    fc.assert(
      fc.property(market, fc.integer({ min: 1, max: 3 }), (given, missed) => {
        const events = counted(rule, given)
        const sync = new BookSync(rule)
        for (const event of events.slice(missed)) sync.receive(event)
        expect(sync.snapshot(snapshotAt(rule, given, 0), WHOLE)).toBe('older')
        expect([sync.state, sync.needsSnapshot]).toEqual(['syncing', true])
        expect(sync.snapshot(snapshotAt(rule, given, events.length), WHOLE)).toBe('applied')
        expect(levelsOf(sync.book)).toEqual(stateAt(given, events.length))
      }),
    )
  })

  it('shows a hole among what was held, and the part behind it serves the next snapshot', () => {
    const given = sample(eight)
    const events = counted(rule, given)
    const sync = new BookSync(rule)
    for (const event of [...events.slice(0, 3), ...events.slice(4)]) sync.receive(event)
    expect(sync.snapshot(snapshotAt(rule, given, 1), WHOLE)).toBe('gap')
    expect(sync.snapshot(snapshotAt(rule, given, 1), WHOLE)).toBe('older')
    expect(sync.snapshot(snapshotAt(rule, given, 5), WHOLE)).toBe('applied')
    expect(levelsOf(sync.book)).toEqual(stateAt(given, 8))
  })

  it('is needed anew after a gap; the update that showed it is held', () => {
    const given = sample(eight)
    const events = counted(rule, given)
    const sync = liveAt(rule, given, 0)
    const outcomes = [...events.slice(0, 3), ...events.slice(4)].map((event) => sync.receive(event))
    expect(outcomes).toEqual(['applied', 'applied', 'applied', 'gap', 'held', 'held', 'held'])
    expect(sync.snapshot(snapshotAt(rule, given, 4), WHOLE)).toBe('applied')
    expect(levelsOf(sync.book)).toEqual(stateAt(given, 8))
  })

  it('is refused without a counter', () => {
    expect(new BookSync(rule).snapshot({ sequence: null, exchangeTime: null, bids: [], asks: [] }, WHOLE)).toBe('older')
  })

  it('is waited for within bounds: more than 10,000 levels are a gap', () => {
    const sync = new BookSync(rule)
    const bids = Array.from({ length: 98 }, (_, i) => level(i + 1, 1))
    const outcomes = Array.from({ length: 102 }, (_, i) =>
      sync.receive(bookEvent({ firstSequence: i + 1, prevSequence: i, sequence: i + 1, bids })),
    )
    expect(outcomes.indexOf('gap')).toBe(101)
    expect(sync.snapshot({ sequence: 50, exchangeTime: null, bids, asks: [] }, WHOLE)).toBe('older')
    expect(sync.snapshot({ sequence: 102, exchangeTime: null, bids, asks: [] }, WHOLE)).toBe('applied')
  })

  it('takes a long row of updates that are said to be contained for a counter that has started anew', () => {
    const sync = new BookSync(rule)
    sync.snapshot({ sequence: 10_000, exchangeTime: null, bids: [level(1, 1)], asks: [level(2, 1)] }, WHOLE)
    const outcomes = Array.from({ length: 101 }, (_, i) =>
      sync.receive(bookEvent({ firstSequence: i + 2, prevSequence: i, sequence: i + 2 })),
    )
    expect([outcomes.indexOf('gap'), sync.state]).toEqual([100, 'syncing'])
  })

  it('knows a range: within it the book equals the market, also when the price leaves it', () => {
    fc.assert(
      fc.property(markets(60, { minLength: 20, maxLength: 80 }), (given) => {
        const cut = 30
        const { sequence, exchangeTime, bids, asks } = snapshotAt(rule, given, 0)
        const sync = new BookSync(rule)
        sync.snapshot({ sequence, exchangeTime, bids: bids.slice(0, cut), asks: asks.slice(0, cut) }, cut)
        const [lowest, highest] = [Number(bids[cut - 1]?.price), Number(asks[cut - 1]?.price)]
        for (const [i, event] of counted(rule, given).entries()) {
          const outcome = sync.receive(event)
          const truth = stateAt(given, i + 1)
          // Always the best ones, none missing among them, and all that the range has.
          const inRange = {
            bids: truth.bids.filter(({ price }) => Number(price) >= lowest),
            asks: truth.asks.filter(({ price }) => Number(price) <= highest),
          }
          const least = Math.min(inRange.bids.length, inRange.asks.length)
          expect(outcome === 'exhausted').toBe(least === 0)
          if (outcome === 'exhausted') {
            expect([sync.state, sync.needsSnapshot, levelsOf(sync.book)]).toEqual([
              'syncing',
              true,
              { bids: [], asks: [] },
            ])
            return
          }
          expect(levelsOf(sync.book)).toEqual(inRange)
          expect(sync.lacks(10)).toBe(least < 10)
        }
      }),
    )
  })

  it('that was asked for to renew a book is joined by what came before nothing was left of that', () => {
    const sync = new BookSync(rule)
    const [bids, asks] = [[level(9, 1)], [level(11, 1)]]
    sync.snapshot({ sequence: 10, exchangeTime: null, bids, asks }, 1)
    sync.expectSnapshot()
    const update = (sequence: number, price: number, size: number) =>
      bookEvent({ firstSequence: sequence, prevSequence: sequence - 1, sequence, bids: [level(price, size)] })
    expect(sync.receive(update(11, 9, 2))).toBe('applied')
    expect(sync.receive(update(12, 9, 0))).toBe('exhausted')
    expect(sync.receive(update(13, 7, 3))).toBe('held')
    const snapshot = { sequence: 10, exchangeTime: null, bids: [...bids, level(8, 1)], asks: [...asks, level(12, 1)] }
    expect(sync.snapshot(snapshot, 100)).toBe('applied')
    expect(levelsOf(sync.book).bids).toEqual([level(8, 1), level(7, 3)])
  })

  it('renews a live book without a moment of being invalid', () => {
    fc.assert(
      fc.property(market, fc.nat(), fc.nat(), (given, askedSeed, snapshotSeed) => {
        const events = counted(rule, given)
        const asked = askedSeed % events.length
        const snapshot = asked + (snapshotSeed % (events.length - asked + 1))
        const sync = liveAt(rule, given, 0)
        for (const event of events.slice(0, asked)) sync.receive(event)
        const { generation } = sync
        sync.expectSnapshot()
        for (const event of events.slice(asked)) expect(sync.receive(event)).toBe('applied')
        expect(sync.snapshot(snapshotAt(rule, given, snapshot), WHOLE)).toBe('applied')
        expect([sync.state, sync.generation]).toEqual(['live', generation])
        expect(sync.sequence).toBe(events.at(-1)?.sequence)
        expect(levelsOf(sync.book)).toEqual(stateAt(given, events.length))
      }),
    )
  })

  it('without warning is older than a live book; the next one is not', () => {
    const given = sample(eight)
    const events = counted(rule, given)
    const sync = liveAt(rule, given, 0)
    for (const event of events.slice(0, 4)) sync.receive(event)
    expect([sync.snapshot(snapshotAt(rule, given, 2), WHOLE), sync.state]).toEqual(['older', 'live'])
    for (const event of events.slice(4)) sync.receive(event)
    expect(sync.snapshot(snapshotAt(rule, given, 4), WHOLE)).toBe('applied')
    expect(levelsOf(sync.book)).toEqual(stateAt(given, 8))
  })

  it('renews it as often as is asked, whatever came between', () => {
    const given = sample(eight)
    const events = counted(rule, given)
    const sync = liveAt(rule, given, 0)
    for (const [from, asked, until] of [
      [0, 1, 3],
      [3, 5, 7],
    ] as const) {
      for (const event of events.slice(from, asked)) sync.receive(event)
      sync.expectSnapshot()
      for (const event of events.slice(asked, until)) sync.receive(event)
      if (from > 0) expect([sync.snapshot(snapshotAt(rule, given, 2), WHOLE), sync.state]).toEqual(['older', 'live'])
      expect(sync.snapshot(snapshotAt(rule, given, asked + 1), WHOLE)).toBe('applied')
      expect(levelsOf(sync.book)).toEqual(stateAt(given, until))
    }
  })

  it('is followed by the update that contains it, then by none but the next', () => {
    const spanning = bookEvent({ firstSequence: 90, prevSequence: 80, sequence: 110 })
    const snapshot = { sequence: 100, exchangeTime: null, bids: [level(1, 1)], asks: [level(2, 1)] }
    const live = new BookSync(rule)
    live.snapshot(snapshot, WHOLE)
    expect([live.receive(spanning), live.receive(spanning), live.sequence]).toEqual(['applied', 'stale', 110])
    const waiting = new BookSync(rule)
    waiting.receive(spanning)
    waiting.snapshot(snapshot, WHOLE)
    expect([waiting.sequence, waiting.receive(spanning)]).toEqual([110, 'stale'])
  })

  it('may be ahead of a live book', () => {
    const given = sample(eight)
    const sync = liveAt(rule, given, 0)
    expect(sync.snapshot(snapshotAt(rule, given, 5), WHOLE)).toBe('applied')
    const outcomes = counted(rule, given).map((event) => sync.receive(event))
    expect(outcomes.slice(-3)).toEqual(['applied', 'applied', 'applied'])
    expect(levelsOf(sync.book)).toEqual(stateAt(given, 8))
  })

  it('does not come by the stream', () => {
    expect(new BookSync(rule).receive(bookEvent({ kind: 'snapshot', sequence: 1 }))).toBe('stale')
  })

  it('may be crossed: what comes meanwhile is held, and a sound one makes the book live', () => {
    const sync = new BookSync(rule)
    const crossed = { sequence: 5, exchangeTime: null, bids: [level(3, 1)], asks: [level(2, 1)] }
    expect([sync.snapshot(crossed, WHOLE), sync.state, sync.needsSnapshot]).toEqual(['crossed', 'syncing', true])
    expect([sync.snapshot(crossed, WHOLE), sync.state, sync.needsSnapshot]).toEqual(['crossed', 'crossed', true])
    const bids = Array.from({ length: 6_000 }, () => level(1, 1))
    const update = (sequence: number) =>
      bookEvent({ firstSequence: sequence, prevSequence: sequence - 1, sequence, bids })
    expect([6, 7, 8].map((sequence) => sync.receive(update(sequence)))).toEqual(['held', 'held', 'held'])
    const sound = { sequence: 8, exchangeTime: null, bids: [level(1, 2)], asks: [level(2, 1)] }
    expect([sync.snapshot(sound, WHOLE), sync.state]).toEqual(['applied', 'live'])
  })
})

describe.each(streamedRules)('%s: the snapshot of the stream', (rule) => {
  const snapshotEvent = (given: Market, index: number): BookEvent =>
    bookEvent({ ...snapshotAt(rule, given, index), kind: 'snapshot' })

  it('begins the book; what comes before it is dropped', () => {
    const given = sample(market)
    const [first, second] = counted(rule, given)
    const sync = new BookSync(rule)
    expect(sync.needsSnapshot).toBe(false)
    expect([first && sync.receive(first), sync.state]).toEqual(['stale', 'syncing'])
    expect([sync.receive(snapshotEvent(given, 1)), sync.state]).toEqual(['applied', 'live'])
    expect(second && sync.receive(second)).toBe('applied')
    expect(levelsOf(sync.book)).toEqual(stateAt(given, 2))
  })

  it('replaces a live book at any time, however often', () => {
    fc.assert(
      fc.property(market, fc.array(fc.nat(), { maxLength: 8 }), (given, places) => {
        const events = counted(rule, given)
        const at = new Set(places.map((place) => place % events.length))
        const sync = new BookSync(rule)
        sync.receive(snapshotEvent(given, 0))
        const { generation } = sync
        events.forEach((event, i) => {
          expect(sync.receive(event)).toBe('applied')
          if (at.has(i)) expect(sync.receive(snapshotEvent(given, i + 1))).toBe('applied')
          expect(levelsOf(sync.book)).toEqual(stateAt(given, i + 1))
        })
        expect(sync.generation).toBe(generation)
      }),
    )
  })

  it('replaces a book that is not live', () => {
    const sync = new BookSync(rule)
    const crossed = bookEvent({ kind: 'snapshot', sequence: 5, bids: [level(3, 1)], asks: [level(2, 1)] })
    expect([sync.receive(crossed), sync.state]).toEqual(['crossed', 'syncing'])
    expect([sync.receive(crossed), sync.state]).toEqual(['crossed', 'crossed'])
    expect(sync.receive(bookEvent({ prevSequence: 5, sequence: 6 }))).toBe('stale')
    expect(sync.receive({ ...crossed, bids: [level(1, 1)] })).toBe('applied')
    expect([sync.state, sync.needsSnapshot]).toEqual(['live', false])
  })

  it('is whole as far as the topic goes', () => {
    const sync = new BookSync(rule)
    sync.receive(bookEvent({ kind: 'snapshot', sequence: 5, bids: [level(1, 1)], asks: [level(2, 1)] }))
    expect(sync.lacks(1_000)).toBe(false)
    expect([sync.book.bids.bound, sync.book.asks.bound]).toEqual([null, null])
  })
})
