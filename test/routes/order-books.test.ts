import { beforeAll, expect, it } from 'vitest'
import { insertInstrument, problem } from './api.ts'
import { askWith } from './feed-stub.ts'

beforeAll(() => insertInstrument({ symbol: 'BOOK-USDT', exchangeSymbol: 'BOOKUSDT' }))

function feedWith(answer: object) {
  const depths: unknown[] = []
  const readOrderBook = async (_exchange: string, _symbol: string, depth: number) => {
    depths.push(depth)
    return answer
  }
  return { feed: { readOrderBook }, depths }
}

const BOOK = {
  ok: true,
  value: {
    exchangeSymbol: 'BOOKUSDT',
    bids: [{ price: '9.5', size: '1' }],
    asks: [
      { price: '10', size: '0.3' },
      { price: '10.5', size: '2' },
    ],
    availableDepth: 1,
    sequence: 77,
  },
  exchangeTime: null,
  receivedTime: 2_000,
  now: 2_000,
}

it('gives the levels of the feed', async () => {
  const { feed, depths } = feedWith(BOOK)
  const { response } = await askWith('/v1/order-books/okx/BOOK-USDT', { feed })
  expect(response.headers.get('Cache-Control')).toBe('no-store')
  expect(await response.json()).toEqual({
    exchange: 'okx',
    symbol: 'BOOK-USDT',
    exchangeSymbol: 'BOOKUSDT',
    source: 'exchange',
    exchangeTime: null,
    receivedTime: 2_000,
    ageMs: 0,
    depth: 20,
    availableDepth: 1,
    sequence: 77,
    bids: [['9.5', '1']],
    asks: [
      ['10', '0.3'],
      ['10.5', '2'],
    ],
  })
  await askWith('/v1/order-books/okx/BOOK-USDT?depth=1000', { feed })
  expect(depths).toEqual([20, 1_000])
})

it('gives none rather than an old one', async () => {
  const { feed } = feedWith({
    ok: false,
    code: 'not_in_sync',
    detail: 'the book is being read anew',
    retryAfterMs: 900,
  })
  const { response } = await askWith('/v1/order-books/okx/BOOK-USDT', { feed })
  expect(response.headers.get('Retry-After')).toBe('1')
  expect(await problem(response)).toMatchObject({
    status: 503,
    code: 'not_in_sync',
    detail: 'the book is being read anew',
  })
})

it.each(['7', '020', '', 'all'])('refuses the depth "%s"', async (depth) => {
  const { response } = await askWith(`/v1/order-books/okx/BOOK-USDT?depth=${depth}`, feedWith(BOOK))
  expect(await problem(response)).toMatchObject({ status: 400, errors: [{ path: 'depth' }] })
})
