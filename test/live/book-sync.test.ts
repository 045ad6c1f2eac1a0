import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { BookSync } from '../../src/live/book-sync.ts'
import { bookEvent, counted, level, levelsOf, liveAt, markets, snapshotAt, stateAt, WHOLE } from './book-market.ts'

const countingRules = ['contiguous', 'bridged', 'linked', 'counted'] as const
const everyRule = [...countingRules, 'connection'] as const

const market = markets(12, { minLength: 4, maxLength: 25 })

describe.each(everyRule)('%s', (rule) => {
  it('equals the market after every update', () => {
    fc.assert(
      fc.property(market, (given) => {
        const sync = liveAt(rule, given, 0)
        counted(rule, given).forEach((event, i) => {
          expect(sync.receive(event)).toBe('applied')
          expect(levelsOf(sync.book)).toEqual(stateAt(given, i + 1))
          expect([sync.state, sync.sequence, sync.exchangeTime]).toEqual(['live', event.sequence, event.exchangeTime])
        })
      }),
    )
  })

  it('becomes invalid at once when the connection is gone, and lives again', () => {
    fc.assert(
      fc.property(market, (given) => {
        const sync = liveAt(rule, given, 0)
        const { generation } = sync
        sync.reset()
        expect([sync.state, sync.sequence, sync.exchangeTime]).toEqual(['empty', null, null])
        expect(levelsOf(sync.book)).toEqual({ bids: [], asks: [] })
        expect(sync.generation).toBeGreaterThan(generation)
        sync.snapshot(snapshotAt(rule, given, 1), WHOLE)
        expect([sync.state, levelsOf(sync.book)]).toEqual(['live', stateAt(given, 1)])
      }),
    )
  })
})

describe.each(countingRules)('%s', (rule) => {
  it('notices any number of updates that are missing, wherever they are', () => {
    const cut = fc.tuple(market, fc.nat(), fc.integer({ min: 1, max: 5 }))
    fc.assert(
      fc.property(cut, ([given, at, missing]) => {
        const events = counted(rule, given)
        const from = at % (events.length - 1)
        const following = events[Math.min(from + missing, events.length - 1)]
        const sync = liveAt(rule, given, 0)
        for (const event of events.slice(0, from)) sync.receive(event)
        expect(following && sync.receive(following)).toBe('gap')
        expect(sync.state).toBe('syncing')
        expect(levelsOf(sync.book)).toEqual({ bids: [], asks: [] })
      }),
    )
  })

  it('drops what is sent twice, and goes on', () => {
    fc.assert(
      fc.property(market, fc.nat(), (given, at) => {
        const events = counted(rule, given)
        const sync = liveAt(rule, given, 0)
        events.forEach((event, i) => {
          expect(sync.receive(event)).toBe('applied')
          if (i === at % events.length) expect(sync.receive(event)).toBe('stale')
        })
        expect(levelsOf(sync.book)).toEqual(stateAt(given, events.length))
      }),
    )
  })

  it('never takes updates in a wrong order for a book', () => {
    fc.assert(
      fc.property(market, fc.nat(), (given, at) => {
        const events = counted(rule, given)
        const i = at % (events.length - 1)
        const swapped = [...events.slice(0, i), events[i + 1], events[i]].filter((event) => event !== undefined)
        const sync = liveAt(rule, given, 0)
        expect(swapped.map((event) => sync.receive(event))).toContain('gap')
        expect(sync.state).toBe('syncing')
      }),
    )
  })
})

describe('linked', () => {
  it('is alive where nothing has changed, and notices by that where something has', () => {
    const sync = new BookSync('linked')
    sync.receive(bookEvent({ kind: 'snapshot', sequence: 10, bids: [level(1, 1)], asks: [level(2, 1)] }))
    expect(sync.receive(bookEvent({ prevSequence: 10, sequence: 10 }))).toBe('alive')
    expect([sync.state, sync.sequence]).toEqual(['live', 10])
    expect(sync.receive(bookEvent({ prevSequence: 12, sequence: 12 }))).toBe('gap')
  })
})

describe('counted', () => {
  it('starts anew with u = 1', () => {
    fc.assert(
      fc.property(market, fc.integer({ min: 1, max: 2 ** 40 }), (given, before) => {
        const sync = new BookSync('counted')
        sync.receive(bookEvent({ kind: 'snapshot', sequence: before, bids: [level(1, 1)], asks: [level(2, 1)] }))
        expect(sync.receive(bookEvent({ kind: 'snapshot', ...stateAt(given, 0), sequence: 1 }))).toBe('applied')
        given.updates.forEach((changes, i) => {
          expect(sync.receive(bookEvent({ ...changes, sequence: i + 2 }))).toBe('applied')
        })
        expect(levelsOf(sync.book)).toEqual(stateAt(given, given.updates.length))
      }),
    )
  })

  it('does not sleep through a restart whose snapshot was lost', () => {
    const sync = new BookSync('counted')
    sync.receive(bookEvent({ kind: 'snapshot', sequence: 5_000, bids: [level(1, 1)], asks: [level(2, 1)] }))
    expect(sync.receive(bookEvent({ sequence: 2 }))).toBe('gap')
  })
})

describe('a crossed book', () => {
  const sound = bookEvent({ kind: 'snapshot', sequence: 1, bids: [level(1, 1)], asks: [level(2, 1)] })
  const crossing = bookEvent({ bids: [level(2, 1)], sequence: 2 })

  it('is resynced once, then called crossed', () => {
    const sync = new BookSync('connection')
    sync.receive(sound)
    expect([sync.receive(crossing), sync.state]).toEqual(['crossed', 'syncing'])
    sync.reset()
    expect([sync.receive(sound), sync.state]).toEqual(['applied', 'live'])
    expect([sync.receive(crossing), sync.state]).toEqual(['crossed', 'crossed'])
    expect(levelsOf(sync.book)).toEqual({ bids: [], asks: [] })
  })

  it('is judged after the whole update: what is passed on the way does not count', () => {
    const sync = new BookSync('connection')
    sync.receive(sound)
    expect(sync.receive(bookEvent({ bids: [level(3, 1)], asks: [level(2, 0), level(4, 1)] }))).toBe('applied')
  })

  it('is forgotten after 100 sound updates', () => {
    const sync = new BookSync('connection')
    sync.receive(sound)
    sync.receive(crossing)
    sync.receive(sound)
    for (let i = 0; i < 100; i++) sync.receive(bookEvent({ bids: [level(1, i + 1)] }))
    expect([sync.receive(crossing), sync.state]).toEqual(['crossed', 'syncing'])
  })

  it('is told by every rule for every crossing update', () => {
    fc.assert(
      fc.property(fc.constantFrom(...everyRule), market, fc.boolean(), (rule, given, isBid) => {
        const sync = liveAt(rule, given, 0)
        const [event] = counted(rule, given)
        const { bids, asks } = stateAt(given, 1)
        fc.pre(event !== undefined && bids.length > 0 && asks.length > 0)
        const across = level((isBid ? asks : bids)[0]?.price ?? '1', 1)
        const crossed = isBid ? { bids: [...event.bids, across] } : { asks: [...event.asks, across] }
        expect(sync.receive({ ...event, ...crossed })).toBe('crossed')
        expect(sync.state).toBe('syncing')
      }),
    )
  })
})
