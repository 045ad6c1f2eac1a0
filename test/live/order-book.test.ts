import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { Decimal } from '../../src/domain/decimal.ts'
import { OrderBook } from '../../src/live/order-book.ts'
import { BookModel, level, markets } from './book-market.ts'

function bookOf(bids: readonly (readonly [string, string])[], asks: readonly (readonly [string, string])[]): OrderBook {
  const book = new OrderBook()
  book.replace(
    bids.map(([price, size]) => level(price, size)),
    asks.map(([price, size]) => level(price, size)),
    null,
  )
  return book
}

/** `count` levels a side, a tick apart, around `mid`. */
function ladder(count: number, mid: number, tick: number) {
  return {
    bids: Array.from({ length: count }, (_, i) => level(mid - (i + 1) * tick, 1)),
    asks: Array.from({ length: count }, (_, i) => level(mid + (i + 1) * tick, 1)),
  }
}

const everything = Number.POSITIVE_INFINITY

describe('OrderBook', () => {
  it('equals two maps, sorted, after every update', () => {
    fc.assert(
      fc.property(markets(60, { minLength: 1, maxLength: 60 }), ({ updates, states }) => {
        const book = new OrderBook()
        book.replace(states[0]?.bids ?? [], states[0]?.asks ?? [], null)
        updates.forEach((update, i) => {
          book.apply(update.bids, update.asks)
          expect({ bids: book.bids.top(everything), asks: book.asks.top(everything) }).toEqual(states[i + 1])
          expect(book.isCrossed()).toBe(false)
        })
      }),
    )
  })

  it('sorts levels that come in any order, and takes the last size of a price', () => {
    const price = fc.integer({ min: 1, max: 30 }).map((tick) => `${tick / 10}`)
    const levels = fc.array(fc.record({ price, size: fc.nat({ max: 3 }).map(String) }), { maxLength: 200 })
    fc.assert(
      fc.property(levels, (given) => {
        const bids = given.map(({ price, size }) => level(price, size))
        const book = new OrderBook()
        book.apply(bids, bids)
        const model = new BookModel().apply({ bids, asks: bids }).top()
        expect({ bids: book.bids.top(everything), asks: book.asks.top(everything) }).toEqual(model)
      }),
    )
  })

  it('compares by value: 9 is below 10, and 0.10 is one price however it is written', () => {
    const book = bookOf([['9', '1']], [['11', '1']])
    book.apply([level('10', '2'), level('0.10', '3'), level('0.1', '4')], [])
    expect(book.bids.top(5)).toEqual([level('10', '2'), level('9', '1'), level('0.1', '4')])
  })

  it('tells prices apart that share a double', () => {
    const [low, middle, high] = ['1.00000000000000000001', '1.00000000000000000002', '1.00000000000000000003']
    const book = new OrderBook()
    book.apply(
      [level(middle, '2'), level(high, '3'), level(low, '1')],
      [level(middle, '2'), level(high, '3'), level(low, '1')],
    )
    expect(book.bids.top(5)).toEqual([level(high, '3'), level(middle, '2'), level(low, '1')])
    expect(book.asks.top(5)).toEqual([level(low, '1'), level(middle, '2'), level(high, '3')])
    book.apply([level(middle, '0')], [level(middle, '9')])
    expect(book.bids.top(5)).toEqual([level(high, '3'), level(low, '1')])
    expect(book.asks.sizeAt(1)).toBe('9')
  })

  it('removes a level that is not there without a word', () => {
    const book = bookOf([['9', '1']], [['11', '1']])
    book.apply([level('8', '0')], [level('12', '0')])
    expect([book.bids.length, book.asks.length]).toEqual([1, 1])
  })

  it.each([
    ['apart', '9', '11', false],
    ['equal', '10', '10', true],
    ['overlapping', '12', '11', true],
    ['equal but for what a double can tell', '1.00000000000000000001', '1.00000000000000000002', false],
    ['overlapping by what a double cannot tell', '1.00000000000000000002', '1.00000000000000000001', true],
  ])('best prices that are %s', (_, bid, ask, isCrossed) => {
    expect(bookOf([[bid, '1']], [[ask, '1']]).isCrossed()).toBe(isCrossed)
  })

  it('is not crossed where a side is empty', () => {
    expect(bookOf([], [['1', '1']]).isCrossed()).toBe(false)
    expect(bookOf([['1', '1']], []).isCrossed()).toBe(false)
  })
})

describe('the range that a snapshot knows', () => {
  it('ends with the worst level of a side that may go on', () => {
    const { bids, asks } = ladder(10, 100, 1)
    const book = new OrderBook()
    book.replace(bids, asks.slice(0, 9), 10)
    expect([book.bids.bound, book.asks.bound]).toEqual(['90', null])
    book.apply([level('89.9', '1'), level('90.5', '1')], [level('500', '1')])
    expect(book.bids.length).toBe(11)
    expect(book.asks.length).toBe(10)
  })

  it('is exact where a double is not', () => {
    const book = new OrderBook()
    book.replace([level('1.00000000000000000002', '1')], [], 1)
    book.apply([level('1.00000000000000000001', '1'), level('1.00000000000000000003', '1')], [])
    expect(book.bids.top(5).map(({ price }) => price)).toEqual(['1.00000000000000000003', '1.00000000000000000002'])
  })

  it('stays where it is when its worst level goes', () => {
    const { bids, asks } = ladder(10, 100, 1)
    const book = new OrderBook()
    book.replace(bids, asks, 10)
    book.apply([level('90', '0')], [])
    book.apply([level('90', '3'), level('89', '1')], [])
    expect(book.bids.top(20).at(-1)).toEqual(level('90', '3'))
  })

  it('lacks a depth when fewer levels remain, but not before half of the snapshot is gone', () => {
    const { bids, asks } = ladder(10, 100, 1)
    const book = new OrderBook()
    book.replace(bids, asks, 10)
    const removed = (count: number) => bids.slice(0, count).map(({ price }) => level(price, '0'))
    book.apply(removed(5), [])
    expect([book.lacks(3), book.lacks(5), book.lacks(1_000)]).toEqual([false, false, false])
    book.apply(removed(6), [])
    expect([book.lacks(3), book.lacks(5), book.lacks(1_000)]).toEqual([false, true, true])
    book.apply(removed(8), [])
    expect(book.lacks(3)).toBe(true)
  })

  it('lacks nothing where a side is whole', () => {
    const book = bookOf([['9', '1']], [['11', '1']])
    expect(book.lacks(1_000)).toBe(false)
  })
})

describe('the way to the end of the range', () => {
  const cut = () => {
    const { bids, asks } = ladder(20_000, 100_000, 1)
    const book = new OrderBook()
    book.replace(bids, asks, null)
    return { book, bids, asks }
  }
  const gone = (levels: readonly { readonly price: Decimal }[], count: number) =>
    levels.slice(0, count).map(({ price }) => level(price, '0'))

  it('is nearly gone when less than 70 % of it are left, on either side', () => {
    const { book, bids, asks } = cut()
    expect(book.isNearBound).toBe(false)
    book.apply(gone(bids, 4_499), gone(asks, 4_499))
    expect(book.isNearBound).toBe(false)
    book.apply(gone(bids, 4_501), [])
    expect(book.isNearBound).toBe(true)
    book.apply(bids.slice(0, 100), gone(asks, 4_501))
    expect(book.isNearBound).toBe(true)
    book.apply([], asks.slice(0, 100))
    expect(book.isNearBound).toBe(false)
  })

  it('is all gone where no level is left of what is known, and begins anew with each snapshot', () => {
    const { book, bids, asks } = cut()
    book.apply(gone(bids, 14_999), [])
    expect(book.isExhausted).toBe(false)
    book.apply(gone(bids, 15_000), [])
    expect([book.isExhausted, book.isNearBound]).toEqual([true, true])
    book.replace(bids, asks, null)
    expect([book.isExhausted, book.isNearBound]).toEqual([false, false])
    book.replace([], asks, null)
    expect(book.isExhausted).toBe(false)
  })

  it('has no end where a side is whole', () => {
    const book = bookOf([['9', '1']], [['11', '1']])
    book.apply([level('9', '0')], [])
    expect([book.isExhausted, book.isNearBound]).toEqual([false, false])
  })
})

describe('a book that is sent whole', () => {
  it('is cut to what is within reach of the price, and answers for that alone', () => {
    // 20,000 levels a side, 0.001 % of the price apart: a cut at 15 % leaves three quarters of them.
    const { bids, asks } = ladder(20_000, 100_000, 1)
    const book = new OrderBook()
    book.replace(bids, asks, null)
    expect([book.bids.bound, book.bids.length]).toEqual(['85000', 15_000])
    expect(Number(book.asks.bound)).toBeGreaterThan(114_000)
    expect([book.bids.priceAt(0), book.asks.priceAt(0)]).toEqual(['99999', '100001'])
    book.apply([level('84999', '1'), level('85000', '2')], [level('119999', '1')])
    expect([book.bids.length, book.bids.sizeAt(14_999)]).toEqual([15_000, '2'])
    expect(book.asks.sizeAt(book.asks.length - 1)).toBe('1')
    expect(book.asks.priceAt(book.asks.length - 1)).toBe(book.asks.bound)
  })

  it('keeps 5,000 levels however far away they are, and cuts seldom', () => {
    const { bids, asks } = ladder(6_250, 100_000, 10)
    const book = new OrderBook()
    book.replace(bids, asks, null)
    expect([book.bids.length, book.bids.bound]).toEqual([6_250, null])
    book.apply([level('1.5', '1')], [])
    expect([book.bids.length, book.bids.bound]).toEqual([5_000, '50000'])
    expect([book.asks.length, book.asks.bound]).toEqual([5_000, '150000'])
  })

  it('cuts a side whose other side is empty', () => {
    const { bids } = ladder(20_000, 100_000, 1)
    const book = new OrderBook()
    book.replace(bids, [], null)
    expect(book.bids.length).toBeLessThan(20_000)
    expect(book.bids.priceAt(0)).toBe('99999')
  })
})
