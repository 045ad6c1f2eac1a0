import { expect, it } from 'vitest'
import { insertInstrument, problem } from './api.ts'
import { askWith } from './feed-stub.ts'

const NOTHING = { last: null, open: null, high: null, low: null, volume: null, quoteVolume: null }

it('gives the ticker of the feed with its age', async () => {
  await insertInstrument({ symbol: 'TICK-USDT', exchangeSymbol: 'TICKUSDT' })
  const asked: unknown[] = []
  const feed = {
    readTicker: async (...args: unknown[]) => {
      asked.push(args)
      const ticker = { ...NOTHING, last: '0.1', volume: '12' }
      const value = { exchangeSymbol: 'TICKUSDT', ticker, bid: { price: '0.09', size: '3' }, ask: null }
      return { ok: true, value, exchangeTime: 1_000, receivedTime: 1_100, now: 1_350 }
    },
  }
  const { response } = await askWith('/v1/tickers/okx/TICK%2FUSDT', { feed })
  expect(response.headers.get('Cache-Control')).toBe('no-store')
  expect(await response.json()).toEqual({
    exchange: 'okx',
    symbol: 'TICK-USDT',
    exchangeSymbol: 'TICKUSDT',
    exchangeTime: 1_000,
    receivedTime: 1_100,
    ageMs: 250,
    ...NOTHING,
    last: '0.1',
    volume: '12',
    bid: { price: '0.09', size: '3' },
    ask: null,
  })
  expect(asked).toEqual([['okx', 'TICK-USDT']])
})

it('passes on why there is none, and when to ask again', async () => {
  await insertInstrument({ symbol: 'TICK2-USDT' })
  const feed = {
    readTicker: async () => ({ ok: false, code: 'no_data', detail: 'no data within 5 s', retryAfterMs: 2_500 }),
  }
  const { response } = await askWith('/v1/tickers/okx/TICK2-USDT', { feed })
  expect(response.headers.get('Retry-After')).toBe('3')
  expect(await problem(response)).toMatchObject({ status: 503, code: 'no_data', detail: 'no data within 5 s' })
})

it('says where the feed itself does not answer', async () => {
  await insertInstrument({ symbol: 'TICK3-USDT' })
  const feed = { readTicker: () => Promise.reject(new Error('broken')) }
  const { response } = await askWith('/v1/tickers/okx/TICK3-USDT', { feed })
  expect(await problem(response)).toMatchObject({ status: 503, code: 'feed_unavailable' })
})

it('knows its instruments', async () => {
  const { response, names } = await askWith('/v1/tickers/okx/NO-NE', {})
  expect(await problem(response)).toMatchObject({ status: 404, code: 'unknown_instrument' })
  expect(names).toEqual([])
})
