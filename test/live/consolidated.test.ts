import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { decimal } from '../../src/domain/decimal.ts'
import { type BookReading, consolidate, refusedBook } from '../../src/live/consolidated.ts'
import { counts, MAX_AGE_MS, readings } from './books-across.ts'

const bookOf = (
  exchange: string,
  bid: string | null,
  ask: string | null,
  symbol = 'BTC-USDT',
  ageMs = 0,
): BookReading => {
  const levelOf = (price: string | null) => (price === null ? null : { price: decimal(price), size: decimal('1') })
  const times = { exchangeTime: null, receivedTime: 5, ageMs }
  return { exchange, symbol, exchangeSymbol: 'BTCUSDT', bid: levelOf(bid), ask: levelOf(ask), ...times }
}

describe('the best bid and offer across exchanges', () => {
  it('is that of all books that count, and every other is named', () => {
    fc.assert(
      fc.property(readings, (given) => {
        const seen = consolidate(given, MAX_AGE_MS)
        const prices = (side: 'bid' | 'ask') =>
          given.flatMap((each) =>
            counts(each) && !('reason' in each) && each[side] !== null ? Number(each[side].price) : [],
          )
        const [bids, asks] = [prices('bid'), prices('ask')]
        expect(seen.bid === null ? null : Number(seen.bid.price)).toBe(bids.length === 0 ? null : Math.max(...bids))
        expect(seen.ask === null ? null : Number(seen.ask.price)).toBe(asks.length === 0 ? null : Math.min(...asks))
        expect(seen.exchanges).toEqual(given.filter(counts))
        expect(seen.leftOut.map(({ exchange }) => exchange)).toEqual(
          given.filter((each) => !counts(each)).map(({ exchange }) => exchange),
        )
        for (const best of [seen.bid, seen.ask]) {
          if (best !== null) expect(seen.leftOut.some(({ exchange }) => exchange === best.exchange)).toBe(false)
        }
      }),
    )
  })

  it('says exactly what lies between, and when two exchanges cross each other', () => {
    const books = [bookOf('okx', '100.1', '100.4'), bookOf('bybit', '99.9', '100.2')]
    expect(consolidate(books, MAX_AGE_MS)).toMatchObject({
      bid: { exchange: 'okx', price: '100.1' },
      ask: { exchange: 'bybit', price: '100.2' },
      mid: '100.15',
      spread: '0.1',
      spreadPercent: '0.09985',
      crossed: false,
    })
    const crossed = [...books, bookOf('coinbase', '100.3', '100.5')]
    expect(consolidate(crossed, MAX_AGE_MS)).toMatchObject({
      spread: '-0.1',
      spreadPercent: '-0.099751',
      crossed: true,
    })
  })

  it('has no mid where a side is missing', () => {
    const seen = consolidate([bookOf('okx', '100', null)], MAX_AGE_MS)
    expect(seen).toMatchObject({ bid: { price: '100' }, ask: null, mid: null, spread: null, crossed: false })
  })

  it.each([
    [bookOf('okx', '100', '100'), 'crossed'],
    [bookOf('okx', null, null), 'empty'],
    [bookOf('okx', null, '0'), 'empty'],
    [bookOf('okx', '1', '2', 'BTC-USDT', MAX_AGE_MS + 1), 'stale'],
    [refusedBook('okx', 'BTC-USDT', 'not_in_sync', 'the book is not in sync: the book was crossed'), 'crossed'],
    [refusedBook('okx', 'BTC-USDT', 'not_in_sync', 'the book is not in sync: the stream was silent'), 'stale'],
    [refusedBook('okx', 'BTC-USDT', 'not_in_sync', 'the book is not in sync: an update is missing'), 'unsynced'],
    [refusedBook('okx', 'BTC-USDT', 'no_data', 'nothing has come yet'), 'unsynced'],
    [refusedBook('okx', 'BTC-USDT', 'unknown_instrument', 'none'), 'not_listed'],
    [refusedBook('okx', 'BTC-USDT', 'too_many_topics', 'full'), 'unreachable'],
  ])('leaves a book out for its reason', (reading, reason) => {
    expect(consolidate([reading], MAX_AGE_MS)).toMatchObject({ exchanges: [], leftOut: [{ exchange: 'okx', reason }] })
  })

  it('names an exchange as without it once, and only where it lists none of the symbols alike', () => {
    const none = (exchange: string, symbol: string) => refusedBook(exchange, symbol, 'unknown_instrument', 'none')
    const given = [
      ...[none('okx', 'BTC-USDT'), none('okx', 'BTC-USD')],
      ...[none('bybit', 'BTC-USDT'), bookOf('bybit', '1', '2', 'BTC-USD')],
    ]
    expect(consolidate(given, MAX_AGE_MS)).toMatchObject({
      exchanges: [{ exchange: 'bybit', symbol: 'BTC-USD' }],
      leftOut: [{ exchange: 'okx', symbol: 'BTC-USDT', reason: 'not_listed' }],
    })
  })
})
