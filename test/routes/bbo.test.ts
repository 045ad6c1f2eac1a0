import { env } from 'cloudflare:workers'
import { expect, it } from 'vitest'
import { insertInstrument, problem } from './api.ts'
import { feedOf } from './books-stub.ts'
import { askWith } from './feed-stub.ts'

const CROSSED = { code: 'not_in_sync', detail: 'the book is not in sync: the book was crossed' }
const BOOKS = {
  'okx BTC-USDT': { bid: ['99', '1.5'], ask: ['101', '2'] },
  'bybit BTC-USDT': { bid: ['98', '1'], ask: ['100.5', '0.25'] },
  'binance BTC-USDT': CROSSED,
  'coinbase BTC-USD': { bid: ['99.5', '1'], ask: ['102', '1'] },
} as const

it('gives the best bid and offer of each exchange, and the best across them', async () => {
  const { feed, asked } = feedOf(BOOKS)
  const { response, names } = await askWith('/v1/bbo/BTC-USDT', { feed })
  expect(response.status).toBe(200)
  expect(response.headers.get('Cache-Control')).toBe('no-store')
  expect(await response.json()).toEqual({
    symbol: 'BTC-USDT',
    bid: { exchange: 'okx', symbol: 'BTC-USDT', price: '99', size: '1.5' },
    ask: { exchange: 'bybit', symbol: 'BTC-USDT', price: '100.5', size: '0.25' },
    mid: '99.75',
    spread: '1.5',
    spreadPercent: '1.503759',
    crossed: false,
    exchanges: [
      expect.objectContaining({
        exchange: 'okx',
        exchangeSymbol: 'THEIRS',
        bid: { price: '99', size: '1.5' },
        ask: { price: '101', size: '2' },
        exchangeTime: 1_699_999_999_980,
        receivedTime: 1_699_999_999_990,
        ageMs: 10,
      }),
      expect.objectContaining({ exchange: 'bybit' }),
    ],
    leftOut: [
      { exchange: 'binance', symbol: 'BTC-USDT', reason: 'crossed', detail: CROSSED.detail },
      { exchange: 'coinbase', symbol: 'BTC-USDT', reason: 'not_listed', detail: 'coinbase lists it not' },
    ],
  })
  expect(names).toHaveLength(4)
  expect(asked).toContain('okx BTC-USDT 5')
})

it('takes dollars for one where it is asked to', async () => {
  const { response } = await askWith('/v1/bbo/BTC-USDT?quotes=usd-like', feedOf(BOOKS))
  expect(await response.json()).toMatchObject({
    bid: { exchange: 'coinbase', symbol: 'BTC-USD', price: '99.5' },
    leftOut: [{ exchange: 'binance', reason: 'crossed' }],
  })
})

it('looks at some exchanges only, and at books no older than it is told', async () => {
  const books = { ...BOOKS, 'okx BTC-USDT': { ...BOOKS['okx BTC-USDT'], ageMs: 501 } }
  const { feed, asked } = feedOf(books)
  const { response } = await askWith('/v1/bbo/BTC-USDT?exchanges=okx,bybit&maxAgeMs=500', { feed })
  expect(await response.json()).toMatchObject({
    exchanges: [{ exchange: 'bybit' }],
    leftOut: [{ exchange: 'okx', reason: 'stale', detail: 'last heard 501 ms ago, more than 500' }],
  })
  expect(asked).toEqual(['okx BTC-USDT 5', 'bybit BTC-USDT 5'])
})

it('understands the forms of a symbol', async () => {
  await insertInstrument({ symbol: 'ACROSS-USDT-PERP', kind: 'perpetual' })
  const { feed } = feedOf({ 'okx ACROSS-USDT-PERP': BOOKS['okx BTC-USDT'] })
  for (const name of ['ACROSS-USDT-PERP', 'ACROSS%2FUSDT:USDT', 'cryptoperp_okx_acrossusdt']) {
    const { response } = await askWith(`/v1/bbo/${name}`, { feed })
    expect(await response.json()).toMatchObject({ symbol: 'ACROSS-USDT-PERP', bid: { price: '99' } })
  }
})

it('names a feed that does not answer, and knows what it lists all the same', async () => {
  await insertInstrument({ symbol: 'GONE-USDT' })
  const { feed } = feedOf({ 'okx GONE-USDT': null })
  const { response } = await askWith('/v1/bbo/GONE-USDT?exchanges=okx', { feed })
  expect(await response.json()).toMatchObject({
    ...{ bid: null, ask: null, mid: null, spread: null, spreadPercent: null, crossed: false, exchanges: [] },
    leftOut: [{ exchange: 'okx', reason: 'unreachable' }],
  })
})

it.each([
  ['/v1/bbo/NOBODY-USDT', 404, 'unknown_instrument', 'symbol'],
  // Its feed does not answer, and the database does not know it either.
  ['/v1/bbo/SILENT-USDT', 404, 'unknown_instrument', 'symbol'],
  ['/v1/bbo/cryptopair_okx_nobodyusdt', 404, 'unknown_instrument', 'symbol'],
  ['/v1/bbo/cryptopair_acme_btcusdt', 404, 'unknown_exchange', 'exchange'],
  ['/v1/bbo/BTC', 400, 'invalid_request', 'symbol'],
  ['/v1/bbo/BTC-USDT?quotes=eur', 400, 'invalid_request', 'quotes'],
  ['/v1/bbo/BTC-USDT?maxAgeMs=0', 400, 'invalid_request', 'maxAgeMs'],
  ['/v1/bbo/BTC-USDT?maxAgeMs=-1', 400, 'invalid_request', 'maxAgeMs'],
  ['/v1/bbo/BTC-USDT?maxAgeMs=3600001', 400, 'invalid_request', 'maxAgeMs'],
  ['/v1/bbo/BTC-USDT?exchanges=', 400, 'invalid_request', 'exchanges'],
  ['/v1/bbo/BTC-USDT?exchanges=okx,acme', 404, 'unknown_exchange', 'exchanges'],
  ['/v1/bbo/BTC-USDT?exchanges=okx,mine', 422, 'unprocessable', 'exchanges'],
  ['/v1/bbo/BTC-USDT?depth=5', 400, 'invalid_request', 'depth'],
])('refuses %s with %i %s', async (path, status, code, field) => {
  await env.DB.prepare(
    "INSERT OR IGNORE INTO exchanges (exchange, name, registered_at) VALUES ('mine', 'Mine', 0)",
  ).run()
  const { response } = await askWith(path, feedOf({ ...BOOKS, 'okx SILENT-USDT': null }))
  expect(response.status, await response.clone().text()).toBe(status)
  expect(await problem(response)).toMatchObject({ code, errors: [{ path: field }] })
})
