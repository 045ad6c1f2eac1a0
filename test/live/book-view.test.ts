import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { BookSync } from '../../src/live/book-sync.ts'
import { BookView, type ViewChange } from '../../src/live/book-view.ts'
import { BookModel, bookEvent, counted, level, markets, snapshotAt, stateAt, WHOLE } from './book-market.ts'

/** What a client makes of the changes that it is told. */
class Client {
  #model = new BookModel()
  #sequence: number | null = null

  take(change: ViewChange): void {
    if (change.kind === 'snapshot') this.#model = new BookModel()
    else expect(change.prevSequence).toBe(this.#sequence)
    this.#model.apply(change)
    this.#sequence = change.sequence
  }

  get levels() {
    return this.#model.top()
  }
}

function live(bids: readonly (readonly [number, number])[], asks: readonly (readonly [number, number])[]): BookSync {
  const sync = new BookSync('counted')
  sync.snapshot(
    {
      sequence: 1,
      exchangeTime: 5,
      bids: bids.map(([price, size]) => level(price, size)),
      asks: asks.map(([price, size]) => level(price, size)),
    },
    WHOLE,
  )
  return sync
}

const depths = fc.constantFrom(1, 5, 20, 50)

describe('BookView', () => {
  it('rebuilds exactly the best levels from its changes, at every flush', () => {
    const run = fc.tuple(
      markets(30, { minLength: 1, maxLength: 60 }),
      depths,
      fc.array(fc.boolean(), { minLength: 60 }),
    )
    fc.assert(
      fc.property(run, ([given, depth, flushes]) => {
        const sync = new BookSync('contiguous')
        sync.snapshot(snapshotAt('contiguous', given, 0), WHOLE)
        const view = new BookView(depth)
        const client = new Client()
        counted('contiguous', given).forEach((event, i) => {
          sync.receive(event)
          if (!flushes[i]) return
          const { bids, asks } = stateAt(given, i + 1)
          const top = { bids: bids.slice(0, depth), asks: asks.slice(0, depth) }
          const before = client.levels
          const change = view.update(sync)
          if (change !== null) client.take(change)
          expect(client.levels).toEqual(top)
          if (change === null) expect(before).toEqual(top)
          else expect(change.bids.length + change.asks.length).toBeLessThanOrEqual(top.bids.length + top.asks.length)
          expect(change?.availableDepth ?? null).toBe(change && Math.min(top.bids.length, top.asks.length))
          expect(view.snapshot()).toMatchObject({ kind: 'snapshot', ...top })
          expect(view.update(sync)).toBeNull()
        })
      }),
    )
  })

  it('begins with a snapshot and goes on with differences', () => {
    const sync = live(
      [
        [9, 1],
        [8, 1],
        [7, 1],
      ],
      [
        [11, 1],
        [12, 1],
        [13, 1],
      ],
    )
    const view = new BookView(2)
    expect(view.update(sync)).toEqual({
      kind: 'snapshot',
      bids: [level(9, 1), level(8, 1)],
      asks: [level(11, 1), level(12, 1)],
      availableDepth: 2,
      prevSequence: null,
      sequence: 1,
      exchangeTime: 5,
    })
    sync.receive(bookEvent({ sequence: 2, exchangeTime: 6, bids: [level(9, 0)], asks: [level(12, 4)] }))
    expect(view.update(sync)).toEqual({
      kind: 'update',
      bids: [level(9, 0), level(7, 1)],
      asks: [level(12, 4)],
      availableDepth: 2,
      prevSequence: 1,
      sequence: 2,
      exchangeTime: 6,
    })
  })

  it('is silent about what lies deeper, and links over it', () => {
    const sync = live(
      [
        [9, 1],
        [8, 1],
      ],
      [[11, 1]],
    )
    const view = new BookView(1)
    view.update(sync)
    sync.receive(bookEvent({ sequence: 2, bids: [level(8, 5)] }))
    expect(view.update(sync)).toBeNull()
    sync.receive(bookEvent({ sequence: 3, bids: [level(9, 5)] }))
    expect(view.update(sync)).toMatchObject({ prevSequence: 1, sequence: 3, bids: [level(9, 5)], asks: [] })
  })

  it('says how many levels there are on the shorter side', () => {
    expect(
      new BookView(5).update(
        live(
          [
            [9, 1],
            [8, 1],
          ],
          [[11, 1]],
        ),
      )?.availableDepth,
    ).toBe(1)
    expect(new BookView(5).update(live([], [[11, 1]]))?.availableDepth).toBe(0)
  })

  it('gives a snapshot where the difference would be larger', () => {
    const sync = live(
      [
        [9, 1],
        [8, 1],
      ],
      [
        [11, 1],
        [12, 1],
      ],
    )
    const view = new BookView(2)
    view.update(sync)
    const bids = [level(9, 0), level(8, 0), level(7, 1), level(6, 1)]
    sync.receive(bookEvent({ sequence: 2, bids }))
    // Four changes say it, as four levels would.
    expect(view.update(sync)).toMatchObject({ kind: 'update', bids: [...bids].sort(byPrice) })
    const asks = [level(11, 2), level(12, 0), level(13, 1)]
    sync.receive(bookEvent({ sequence: 3, bids: [level(7, 0), level(5, 1)], asks }))
    expect(view.update(sync)).toEqual({
      kind: 'snapshot',
      bids: [level(6, 1), level(5, 1)],
      asks: [level(11, 2), level(13, 1)],
      availableDepth: 2,
      prevSequence: 2,
      sequence: 3,
      exchangeTime: 5,
    })
  })

  it('gives nothing while the book is not in sync, and a snapshot once it is again', () => {
    const sync = live([[9, 1]], [[11, 1]])
    const view = new BookView(5)
    view.update(sync)
    sync.receive(bookEvent({ sequence: 7 }))
    expect([sync.state, view.update(sync), view.snapshot()]).toEqual(['syncing', null, null])
    const snapshot = { sequence: 9, exchangeTime: 8, bids: [level(9, 1)], asks: [level(11, 1)] }
    sync.snapshot(snapshot, WHOLE)
    expect(view.snapshot()).toBeNull()
    expect(view.update(sync)).toEqual({ kind: 'snapshot', availableDepth: 1, prevSequence: null, ...snapshot })
  })

  it('gives a difference where a snapshot has replaced a book that was right', () => {
    const sync = live(
      [
        [9, 1],
        [8, 1],
      ],
      [[11, 1]],
    )
    const view = new BookView(5)
    view.update(sync)
    sync.snapshot({ sequence: 1, exchangeTime: 9, bids: [level(9, 2), level(8, 1)], asks: [level(11, 1)] }, WHOLE)
    expect(view.update(sync)).toMatchObject({ kind: 'update', bids: [level(9, 2)], asks: [], prevSequence: 1 })
  })

  it('gives a snapshot after being told to forget, changed or not', () => {
    const sync = live([[9, 1]], [[11, 1]])
    const view = new BookView(5)
    const first = view.update(sync)
    view.invalidate()
    expect(view.snapshot()).toBeNull()
    expect(view.update(sync)).toEqual(first)
  })

  it('gives a snapshot of another book, even one that has changed as often', () => {
    const bids = [
      [9, 1],
      [8, 1],
      [7, 1],
    ] as const
    const view = new BookView(5)
    view.update(live(bids, [[11, 1]]))
    const other = live(bids, [[12, 1]])
    expect(view.update(other)).toMatchObject({ kind: 'snapshot', asks: [level(12, 1)], prevSequence: null })
  })

  it('has nothing to give before the first update', () => {
    expect(new BookView(5).snapshot()).toBeNull()
    expect(new BookView(5).update(new BookSync('linked'))).toBeNull()
  })
})

function byPrice(a: { readonly price: string }, b: { readonly price: string }): number {
  return Number(b.price) - Number(a.price)
}
