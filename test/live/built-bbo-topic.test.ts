import { expect, it } from 'vitest'
import { MINUTE, Play, SECOND, topicOf } from './session.ts'
import { coinbaseBook } from './session-exchange.ts'

const BBO = 'bbo:coinbase:BTC-USD'

type Levels = readonly (readonly [string, string])[]

function book(played: Play, kind: 'snapshot' | 'update', bids: Levels, asks: Levels = []): void {
  played.frame(coinbaseBook('BTC-USD', { kind, from: 0, to: 0, bids, asks }))
}

function start(): Play {
  const played = new Play('coinbase')
  played.demand(BBO)
  book(
    played,
    'snapshot',
    [
      ['99', '1'],
      ['98', '2'],
    ],
    [['101', '3']],
  )
  return played
}

it('the best prices of Coinbase are those of its book, told when they change', () => {
  const played = start()
  expect(played.told(BBO, 'bbo').map(({ data }) => data)).toEqual([
    { bid: { price: '99', size: '1' }, ask: { price: '101', size: '3' } },
  ])
  book(played, 'update', [['98', '5']])
  expect(played.told(BBO, 'bbo')).toHaveLength(1)
  book(played, 'update', [['99', '0']])
  book(played, 'update', [], [['101', '0']])
  expect(played.told(BBO, 'bbo').map(({ data }) => data)).toMatchObject([
    {},
    { bid: { price: '98', size: '5' }, ask: { price: '101' } },
    { bid: { price: '98', size: '5' }, ask: null },
  ])
})

it('best prices of a book that is in doubt are stale, and nobody is shown them', () => {
  const played = start()
  played.frame('{"type":"l2update","product_id":"BTC-USD","chan')
  expect(played.told(BBO, 'stale')).toHaveLength(1)
  expect(played.session.state(topicOf(BBO), played.now).message).toBeNull()
  played.wait(SECOND)
  book(played, 'snapshot', [['99', '1']], [['101', '3']])
  expect(played.told(BBO, 'bbo')).toHaveLength(2)
  expect(played.session.state(topicOf(BBO), played.now).message).toContain('"price":"99"')
})

it('best prices begin with a book that is there, and take one that is not', () => {
  const played = start()
  played.demand('book:coinbase:BTC-USD:5')
  played.release(BBO)
  const instrument = played.instrument('BTC-USD')
  expect(played.session.takesBook(topicOf(BBO), instrument)).toBe(false)
  expect(played.session.takesBook(topicOf('bbo:coinbase:ETH-USD'), played.instrument('ETH-USD'))).toBe(true)
  expect(played.session.takesBook(topicOf('trades:coinbase:ETH-USD'), played.instrument('ETH-USD'))).toBe(false)
  played.wait(2 * MINUTE, () => book(played, 'update', [['98', '5']]))
  played.demand(BBO)
  expect(played.session.state(topicOf(BBO), played.now).message).toContain('"price":"99"')
})

it('a book that only best prices need ends with them', () => {
  const played = start()
  expect(played.session.count().books).toBe(1)
  played.release(BBO)
  played.wait(2 * MINUTE)
  expect(played.session.count()).toEqual({ topics: 0, books: 0 })
})
