import fc from 'fast-check'
import { compareDecimals, type Decimal, decimal, ZERO } from '../../src/domain/decimal.ts'
import type { BookEvent } from '../../src/domain/event.ts'
import type { BookLevel } from '../../src/domain/order-book.ts'
import type { BookRuleName } from '../../src/exchanges/stream.ts'
import { BookSync } from '../../src/live/book-sync.ts'
import type { OrderBook } from '../../src/live/order-book.ts'

/** A book as anybody would write it: two maps, sorted when asked. What the real one is compared with. */
export class BookModel {
  readonly bids = new Map<Decimal, Decimal>()
  readonly asks = new Map<Decimal, Decimal>()

  apply({ bids, asks }: Changes): this {
    for (const [side, levels] of [[this.bids, bids] as const, [this.asks, asks] as const]) {
      for (const { price, size } of levels) {
        if (size === ZERO) side.delete(price)
        else side.set(price, size)
      }
    }
    return this
  }

  /** The best `depth` levels of both sides, best first. */
  top(depth = Number.POSITIVE_INFINITY): Changes {
    return { bids: sorted(this.bids, -1).slice(0, depth), asks: sorted(this.asks, 1).slice(0, depth) }
  }
}

function sorted(side: ReadonlyMap<Decimal, Decimal>, sign: 1 | -1): BookLevel[] {
  return [...side].map(([price, size]) => ({ price, size })).sort((a, b) => sign * compareDecimals(a.price, b.price))
}

export interface Changes {
  readonly bids: readonly BookLevel[]
  readonly asks: readonly BookLevel[]
}

/** A market that was whole before the first update, and never crossed after any. */
export interface Market {
  readonly updates: readonly Changes[]
  /** `states[i]`: before update `i`; the last one: after all. */
  readonly states: readonly Changes[]
}

export function level(price: number | string, size: number | string): BookLevel {
  return { price: decimal(String(price)), size: decimal(String(size)) }
}

const change = fc.record({ isBid: fc.boolean(), offset: fc.integer({ min: 1, max: 40 }), size: fc.nat({ max: 4 }) })
const step = fc.record({ move: fc.integer({ min: -4, max: 4 }), changes: fc.array(change, { maxLength: 6 }) })

/** The price walks; what it walks over is removed in the same update, as a matching engine would. */
export function markets(depth: number, length: { minLength: number; maxLength: number }): fc.Arbitrary<Market> {
  return fc.array(step, length).map((steps) => {
    const model = new BookModel().apply({
      bids: Array.from({ length: depth }, (_, i) => level(priceAt(-1 - i), i + 1)),
      asks: Array.from({ length: depth }, (_, i) => level(priceAt(1 + i), i + 1)),
    })
    const states = [model.top()]
    let mid = 0
    const updates = steps.map(({ move, changes }) => {
      mid += move
      const made = changes.map(({ isBid, offset, size }) => ({ isBid, tick: mid + (isBid ? -offset : offset), size }))
      const update = {
        bids: [
          ...swept(model.bids, (price) => compareDecimals(price, priceAt(mid)) >= 0),
          ...made.filter(({ isBid }) => isBid).map(({ tick, size }) => level(priceAt(tick), size)),
        ],
        asks: [
          ...swept(model.asks, (price) => compareDecimals(price, priceAt(mid)) <= 0),
          ...made.filter(({ isBid }) => !isBid).map(({ tick, size }) => level(priceAt(tick), size)),
        ],
      }
      states.push(model.apply(update).top())
      return update
    })
    return { updates, states }
  })
}

/** Around 0.000001, so that prices have no more digits than doubles of that size print with an exponent. */
function priceAt(tick: number): Decimal {
  return decimal(`${1000 + tick}e-9`)
}

function swept(side: ReadonlyMap<Decimal, Decimal>, isSwept: (price: Decimal) => boolean): BookLevel[] {
  return [...side.keys()].filter(isSwept).map((price) => ({ price, size: ZERO }))
}

/** An event with nothing but what is given. */
export function bookEvent(given: Partial<BookEvent>): BookEvent {
  return {
    channel: 'book',
    kind: 'update',
    exchangeSymbol: 'BTCUSDT',
    exchangeTime: null,
    firstSequence: null,
    prevSequence: null,
    sequence: null,
    bids: [],
    asks: [],
    ...given,
  }
}

/** The counter of the state before the first update. */
export const START = 1_000_000

/** The updates of a market, counted as an exchange of that rule counts them. */
export function counted(rule: BookRuleName, { updates }: Market): BookEvent[] {
  let last = START
  return updates.map((changes, i) => {
    const prevSequence = last
    // Several changes share an update; OKX's counter falls now and then.
    last += rule === 'counted' ? 1 : rule === 'linked' && i % 5 === 4 ? -1_000 : 2 + (i % 3)
    return bookEvent({ ...changes, ...counters(rule, prevSequence, last), exchangeTime: 1_700_000_000_000 + i })
  })
}

function counters(rule: BookRuleName, prevSequence: number, sequence: number): Partial<BookEvent> {
  switch (rule) {
    case 'contiguous':
      return { firstSequence: prevSequence + 1, sequence }
    case 'bridged':
      // Counters of other books lie between two updates of one.
      return { firstSequence: prevSequence + 2, prevSequence, sequence }
    case 'linked':
      return { prevSequence, sequence }
    case 'counted':
      return { sequence }
    case 'connection':
      return {}
  }
}

/** The snapshot of a state, as it comes after update `index - 1`. */
export function snapshotAt(rule: BookRuleName, market: Market, index: number) {
  const sequence = index === 0 ? START : (counted(rule, market)[index - 1]?.sequence ?? null)
  return { sequence: rule === 'connection' ? null : sequence, exchangeTime: null, ...stateAt(market, index) }
}

export function stateAt({ states }: Market, index: number): Changes {
  const state = states[index]
  if (state === undefined) throw new RangeError(`no state ${index}`)
  return state
}

/** All that a book knows, best first. */
export function levelsOf({ bids, asks }: OrderBook): Changes {
  return { bids: bids.top(Number.POSITIVE_INFINITY), asks: asks.top(Number.POSITIVE_INFINITY) }
}

/** More levels a side than any snapshot here has: all are whole. */
export const WHOLE = 1_000

/** A book that is live at state `index`, its snapshot whole. */
export function liveAt(rule: BookRuleName, given: Market, index: number): BookSync {
  const sync = new BookSync(rule)
  sync.snapshot(snapshotAt(rule, given, index), WHOLE)
  return sync
}

/** One value, the same in every run. */
export function sample<T>(arbitrary: fc.Arbitrary<T>): T {
  const [value] = fc.sample(arbitrary, { numRuns: 1, seed: 7 })
  if (value === undefined) throw new Error('nothing was generated')
  return value
}
