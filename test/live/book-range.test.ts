import { describe, expect, it } from 'vitest'
import { read, types } from './book-play.ts'
import { MINUTE, Play, type PlayedSocket, SECOND, topicOf } from './session.ts'
import { coinbaseBook } from './session-exchange.ts'

const [BOOK, BBO] = ['book:coinbase:BTC-USD:20', 'bbo:coinbase:BTC-USD']
const REASONS = {
  left: 'the price has left the levels that are known',
  nears: 'the price is about to leave the levels that are known',
}

/** A book of Coinbase around a price, far deeper than what is kept of it: levels are 1 apart. */
class DeepBook {
  readonly played: Play
  price = 100_000
  /** Subscriptions that were not answered by a snapshot. */
  #due = 0

  constructor(...keys: readonly string[]) {
    const onSent = (_: PlayedSocket, frame: string) => {
      if (frame.includes('"subscribe"') && frame.includes('level2_batch')) this.#due += 1
    }
    this.played = new Play('coinbase', { onSent })
    this.played.demand(...keys)
    this.answer()
  }

  answer(): void {
    const side = (length: number, step: number) =>
      Array.from({ length }, (_, n) => [String(this.price + (n + 1) * step), '1'] as const)
    for (; this.#due > 0; this.#due--) {
      const sides = { bids: side(20_000, -1), asks: side(20_000, 1) }
      this.played.frame(coinbaseBook('BTC-USD', { kind: 'snapshot', from: 0, to: 0, ...sides }))
    }
  }

  /** The best bids are sold to, one after the other, and offers follow. */
  fall(levels: number): void {
    for (const end = this.price - levels; this.price > end; this.price--) {
      const change = { bids: [[String(this.price - 1), '0']], asks: [[String(this.price), '1']] } as const
      this.played.frame(coinbaseBook('BTC-USD', { kind: 'update', from: 0, to: 0, ...change }))
    }
  }

  /** The price stays where it is. */
  rest(ms: number, each: () => void = () => undefined): void {
    this.played.wait(ms, () => {
      this.played.frame(coinbaseBook('BTC-USD', { kind: 'update', from: 0, to: 0 }))
      each()
    })
  }

  get resyncs(): unknown[] {
    return this.played.told(BOOK, 'resync').map(({ data }) => data['reason'])
  }

  get subscribes(): number {
    const sent = this.played.of('send').map(({ frame }) => frame)
    return sent.filter((frame) => frame.includes('"subscribe"') && frame.includes('level2_batch')).length
  }
}

describe('a streamed book that is cut off', () => {
  it('is never shown as one without a side: it is in doubt at once when the price leaves what is known', () => {
    const book = new DeepBook(BOOK, BBO)
    const { played } = book
    expect(types(played, BOOK)).toEqual(['snapshot'])
    book.fall(15_998)
    expect(read(played, BOOK)).toEqual({ reason: REASONS.left })
    expect([types(played, BOOK), played.status.resyncs]).toEqual([['snapshot', 'resync'], 1])
    expect(played.told(BBO, 'stale')).toHaveLength(1)
    expect(played.told(BBO, 'bbo').filter(({ data }) => data['bid'] === null || data['ask'] === null)).toEqual([])
    expect(played.session.state(topicOf(BBO), played.now).message).toBeNull()
    expect(played.status.unsynced).toEqual([{ symbol: 'BTC-USD', reason: REASONS.left }])
    played.wait(2 * SECOND)
    expect(book.subscribes).toBe(2)
    book.answer()
    expect(read(played, BOOK)).toMatchObject({
      availableDepth: 5,
      bids: [{ price: String(book.price - 1) }, {}, {}, {}, {}],
    })
    expect(played.session.state(topicOf(BBO), played.now).message).toContain(`"price":"${book.price - 1}"`)
  })

  it.each([[BOOK], [BBO]])('is subscribed anew well before that, once: %s', (key) => {
    const book = new DeepBook(key)
    const { played } = book
    book.fall(4_000)
    book.rest(2 * MINUTE)
    expect(book.subscribes).toBe(1)
    book.fall(1_000)
    played.wait(2 * SECOND)
    expect(book.subscribes).toBe(2)
    expect(played.status).toMatchObject({ resyncs: 1, unsynced: [{ reason: REASONS.nears }] })
    book.answer()
    book.fall(4_000)
    book.rest(2 * MINUTE)
    expect(book.subscribes).toBe(2)
    expect(played.status).toMatchObject({ resyncs: 1, unsynced: [] })
  })

  it('is so at a side that rises, too', () => {
    const book = new DeepBook(BOOK)
    const asks = Array.from({ length: 5_000 }, (_, n) => [String(100_001 + n), '0'] as const)
    book.played.frame(coinbaseBook('BTC-USD', { kind: 'update', from: 0, to: 0, asks }))
    book.played.wait(2 * SECOND)
    expect([book.subscribes, book.resyncs]).toEqual([2, [REASONS.nears]])
  })

  it('is so where fewer levels are left than a view shows, though the price is far from the edge', () => {
    const book = new DeepBook('book:coinbase:BTC-USD:1000')
    const bids = Array.from({ length: 14_100 }, (_, n) => [String(99_998 - n), '0'] as const)
    book.played.frame(coinbaseBook('BTC-USD', { kind: 'update', from: 0, to: 0, bids }))
    book.played.wait(2 * SECOND)
    expect(book.subscribes).toBe(2)
  })

  it('is subscribed anew no more than once a minute by a price that runs on', () => {
    const book = new DeepBook(BOOK)
    book.played.wait(9 * SECOND, () => {
      book.fall(1_000)
      book.answer()
    })
    expect([book.subscribes, book.resyncs]).toEqual([2, [REASONS.nears]])
    book.fall(5_000)
    book.rest(45 * SECOND, () => book.answer())
    expect(book.subscribes).toBe(2)
    book.rest(15 * SECOND, () => book.answer())
    expect([book.subscribes, book.resyncs]).toEqual([3, [REASONS.nears, REASONS.nears]])
  })

  it('is subscribed anew ever less often where each snapshot is left at once', () => {
    const book = new DeepBook(BOOK)
    book.played.wait(5 * MINUTE, () => {
      book.answer()
      const bids = Array.from({ length: 16_000 }, (_, n) => [String(book.price - 1 - n), '0'] as const)
      if (book.played.status.unsynced.length === 0)
        book.played.frame(coinbaseBook('BTC-USD', { kind: 'update', from: 0, to: 0, bids }))
    })
    expect(book.subscribes).toBeGreaterThan(5)
    expect(book.subscribes).toBeLessThan(40)
  })

  it('is shown without a side where the exchange has none', () => {
    const played = new Play('coinbase')
    played.demand(BOOK, BBO)
    const bids = [['9', '1']] as const
    played.frame(coinbaseBook('BTC-USD', { kind: 'snapshot', from: 0, to: 0, bids, asks: [['11', '1']] }))
    played.frame(coinbaseBook('BTC-USD', { kind: 'update', from: 0, to: 0, asks: [['11', '0']] }))
    expect(read(played, BOOK)).toMatchObject({ asks: [], availableDepth: 0 })
    expect(played.told(BBO, 'bbo').at(-1)?.data).toMatchObject({ bid: { price: '9' }, ask: null })
    expect(played.status.resyncs).toBe(0)
  })
})
