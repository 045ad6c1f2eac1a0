import { env } from 'cloudflare:workers'
import { beforeAll, describe, expect, it } from 'vitest'
import { insertInstrument, problem } from './api.ts'
import { feedOf } from './books-stub.ts'
import { askWith } from './feed-stub.ts'

const BOOKS = {
  'okx BTC-USDT': { bid: ['99', '1.5'], ask: ['100', '2'] },
  'bybit BTC-USDT': { bid: ['101', '0.5'], ask: ['102', '1'] },
  'binance BTC-USDT': { bid: ['300', '1'], ask: ['301', '1'], ageMs: 60_000 },
  'coinbase BTC-USD': { bid: ['103', '1'], ask: ['104', '1'] },
  'okx ETH-USDT': { bid: ['10', '1'], ask: ['10.1', '1'] },
  'bybit ETH-USDT': { bid: ['10', '1'], ask: ['10.1', '1'] },
  'okx ETH-USDT-PERP': { bid: ['10.2', '1'], ask: ['10.3', '1'] },
  'bybit ETH-USDT-PERP': { bid: ['10', '1'], ask: ['10.1', '1'] },
} as const

async function read(query: string) {
  const { response } = await askWith(`/v1/arbitrage${query}`, feedOf(BOOKS))
  expect(response.status, await response.clone().text()).toBe(200)
  return response.json<{ symbols: string[]; data: { symbol: string; netPercent: string }[]; leftOut: object[] }>()
}

describe('arbitrage of symbols that are asked for', () => {
  it('buys where it is cheap and sells where it is dear, net of the fees of both, the best symbol first', async () => {
    const { data, leftOut } = await read('?symbols=ETH-USDT,BTC-USDT')
    expect(data.map(({ symbol }) => symbol)).toEqual(['BTC-USDT', 'ETH-USDT'])
    expect(data[0]).toEqual({
      symbol: 'BTC-USDT',
      kind: 'spot',
      buy: expect.objectContaining({ exchange: 'okx', price: '100', size: '2', takerFee: '0.001', ageMs: 10 }),
      sell: expect.objectContaining({ exchange: 'bybit', price: '101', size: '0.5', takerFee: '0.001', ageMs: 10 }),
      size: '0.5',
      spread: '1',
      spreadPercent: '1',
      netSpread: '0.799',
      netPercent: '0.799',
    })
    expect(data[1]).toMatchObject({ spread: '-0.1', netPercent: '-1.189109' })
    expect(leftOut).toContainEqual(
      expect.objectContaining({ exchange: 'binance', symbol: 'BTC-USDT', reason: 'stale' }),
    )
    expect(leftOut).toContainEqual(
      expect.objectContaining({ exchange: 'coinbase', symbol: 'ETH-USDT', reason: 'not_listed' }),
    )
  })

  it.each([
    ['0.799', ['BTC-USDT']],
    ['0.799001', []],
    ['-2', ['BTC-USDT', 'ETH-USDT']],
  ])('keeps those of %s percent and more', async (threshold, expected) => {
    const { data } = await read(`?symbols=ETH-USDT,BTC-USDT&threshold=${threshold}`)
    expect(data.map(({ symbol }) => symbol)).toEqual(expected)
  })

  it('counts with the fees of the caller', async () => {
    const { data } = await read('?symbols=BTC-USDT&fees=okx:0.0005,bybit:0')
    expect(data).toMatchObject([{ buy: { takerFee: '0.0005' }, sell: { takerFee: '0' }, netSpread: '0.95' }])
  })

  it('takes dollars for one where it is asked to, and each market once', async () => {
    const own = '&fees=coinbase:0.001'
    const { data } = await read(`?symbols=BTC-USDT,BTC-USD&quotes=usd-like${own}`)
    expect(data).toMatchObject([
      { symbol: 'BTC-USDT', sell: { exchange: 'coinbase', symbol: 'BTC-USD', price: '103' } },
    ])
    expect((await read('?symbols=BTC-USDT')).data).toMatchObject([{ sell: { exchange: 'bybit' } }])
  })

  it('looks at one kind, and at some exchanges', async () => {
    const perpetuals = await read('?symbols=BTC-USDT,ETH-USDT-PERP&kind=perpetual')
    expect(perpetuals.data).toMatchObject([
      { symbol: 'ETH-USDT-PERP', kind: 'perpetual', sell: { takerFee: '0.0005' } },
    ])
    expect(perpetuals.symbols).toEqual(['ETH-USDT-PERP'])
    expect((await read('?symbols=BTC-USDT&exchanges=okx,coinbase')).data).toEqual([])
  })

  it('takes older books where it is told so', async () => {
    const { data } = await read('?symbols=BTC-USDT&maxAgeMs=60000')
    expect(data).toMatchObject([{ sell: { exchange: 'binance', price: '300' } }])
  })
})

describe('arbitrage of what is recorded', () => {
  const record = async (exchange: string, symbol: string) => {
    const id = await insertInstrument({ exchange, symbol, ...(symbol.endsWith('-PERP') && { kind: 'perpetual' }) })
    await env.DB.prepare(
      "INSERT INTO series (instrument_id, interval, source, recorded_from) VALUES (?1, '1m', 'exchange', 0)",
    )
      .bind(id)
      .run()
  }

  beforeAll(async () => {
    for (const exchange of ['okx', 'bybit']) {
      for (const symbol of ['BTC-USDT', 'ETH-USDT-PERP', 'BTC-USD-PERP']) await record(exchange, symbol)
    }
    await record('coinbase', 'BTC-USD')
    await record('okx', 'ETH-USDT')
  })

  it('is of the symbols that two exchanges or more have', async () => {
    expect((await read('')).data.map(({ symbol }) => symbol)).toEqual(['ETH-USDT-PERP', 'BTC-USDT'])
    expect((await read('?kind=spot')).data.map(({ symbol }) => symbol)).toEqual(['BTC-USDT'])
    expect(await read('?exchanges=okx,coinbase')).toEqual({ symbols: [], data: [], leftOut: [] })
    const alike = await read('?exchanges=okx,coinbase&quotes=usd-like&fees=coinbase:0')
    expect(alike.data).toMatchObject([{ buy: { symbol: 'BTC-USDT' }, sell: { symbol: 'BTC-USD' } }])
  })
})

it.each([
  ['symbols=NOBODY-USDT', 404, 'unknown_instrument', 'symbols'],
  ['symbols=BTC-USDT,what', 400, 'invalid_request', 'symbols'],
  ['symbols=cryptopair_okx_btcusdt', 400, 'invalid_request', 'symbols'],
  [`symbols=${Array.from({ length: 51 }, (_, n) => `A${n}-USDT`).join(',')}`, 400, 'invalid_request', 'symbols'],
  ['symbols=BTC-USD-PERP', 422, 'unprocessable', 'symbols'],
  ['threshold=much', 400, 'invalid_request', 'threshold'],
  ['threshold=0.0000001', 400, 'invalid_request', 'threshold'],
  ['fees=okx', 400, 'invalid_request', 'fees'],
  ['fees=okx:0.2', 400, 'invalid_request', 'fees'],
  ['fees=okx:-0.001', 400, 'invalid_request', 'fees'],
  ['fees=acme:0.001', 400, 'invalid_request', 'fees'],
  ['fees=okx:0.001,okx:0.002', 400, 'invalid_request', 'fees'],
  ['fees=okx:0.001:1', 400, 'invalid_request', 'fees'],
  ['kind=future', 400, 'invalid_request', 'kind'],
  ['quotes=all', 400, 'invalid_request', 'quotes'],
  ['symbols=BTC-USDT&kind=perpetual', 400, 'invalid_request', 'symbols'],
  ['exchanges=okx', 400, 'invalid_request', 'exchanges'],
  ['exchanges=okx,okx', 400, 'invalid_request', 'exchanges'],
  ['exchanges=acme', 404, 'unknown_exchange', 'exchanges'],
  ['limit=5', 400, 'invalid_request', 'limit'],
])('refuses %s with %i %s', async (query, status, code, field) => {
  const { response } = await askWith(`/v1/arbitrage?${query}`, feedOf(BOOKS))
  expect(response.status, await response.clone().text()).toBe(status)
  expect(await problem(response)).toMatchObject({ code, errors: [{ path: field }] })
})
