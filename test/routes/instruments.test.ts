import { describe, expect, it } from 'vitest'
import { z } from 'zod'
import { T0 } from '../store/seed.ts'
import { api, insertInstrument, problem, read } from './api.ts'

await insertInstrument({ symbol: 'BTC-USDT', exchangeSymbol: 'BTCUSDT', exchange: 'binance' })
await insertInstrument({ symbol: 'BTC-USDT', exchange: 'okx' })
await insertInstrument({ symbol: 'BTC-USDT-PERP', exchange: 'okx', exchangeSymbol: 'BTC-USDT-SWAP', kind: 'perpetual' })
await insertInstrument({ symbol: 'ETH-BTC', exchange: 'okx' })
await insertInstrument({ symbol: 'LUNA-USDT', exchange: 'okx', active: false, validTo: T0 })
await insertInstrument({ symbol: '币安人生-USDT', exchange: 'binance' })

const list = z.looseObject({
  data: z.array(z.looseObject({ exchange: z.string(), symbol: z.string() })),
  nextUrl: z.string().nullable(),
})
const find = async (query: string) =>
  list.parse(await read(`/v1/instruments?${query}`)).data.map(({ exchange, symbol }) => `${exchange} ${symbol}`)

describe('GET /v1/instruments', () => {
  it.each([
    ['exchange=binance', ['binance BTC-USDT', 'binance 币安人生-USDT']],
    ['kind=perpetual', ['okx BTC-USDT-PERP']],
    ['base=btc', ['binance BTC-USDT', 'okx BTC-USDT', 'okx BTC-USDT-PERP']],
    ['quote=BTC', ['okx ETH-BTC']],
    ['active=false', ['okx LUNA-USDT']],
    ['q=luna', ['okx LUNA-USDT']],
    ['q=swap', ['okx BTC-USDT-PERP']],
    ['q=%25', []],
    ['q=人生', ['binance 币安人生-USDT']],
    ['symbol=BTC/USDT', ['binance BTC-USDT', 'okx BTC-USDT']],
    ['symbol=cryptopair_binance_btcusdt', ['binance BTC-USDT']],
    ['exchange=bybit', []],
  ])('?%s', async (query, expected) => {
    expect(await find(query)).toEqual(expected)
  })

  it('is paged in the order of exchange and symbol', async () => {
    const found: string[] = []
    for (let next: string | null = '/v1/instruments?limit=2'; next !== null; ) {
      const page: z.infer<typeof list> = list.parse(await read(next.replace('https://api.test', '')))
      found.push(...page.data.map(({ exchange, symbol }) => `${exchange} ${symbol}`))
      next = page.nextUrl
    }
    expect(found).toEqual(await find(''))
    expect(found).toHaveLength(6)
  })

  it('refuses what is no filter', async () => {
    for (const query of ['kind=future', 'active=1', 'base=%3B', 'q=', 'limit=-1', 'cursor=W10']) {
      expect(await problem(await api(`/v1/instruments?${query}`))).toMatchObject({ status: 400 })
    }
  })
})

it('GET /v1/instruments/{exchange}/{symbol}', async () => {
  expect(await read('/v1/instruments/okx/BTC%2FUSDT%3AUSDT')).toEqual({
    exchange: 'okx',
    kind: 'perpetual',
    symbol: 'BTC-USDT-PERP',
    exchangeSymbol: 'BTC-USDT-SWAP',
    base: 'BTC',
    quote: 'USDT',
    settle: null,
    inverse: false,
    contractSize: null,
    tickSize: null,
    lotSize: null,
    active: true,
    listedAt: null,
    validFrom: 0,
    validTo: null,
    makerFee: '0.0002',
    takerFee: '0.0005',
    aliases: [],
    registered: false,
  })
  expect(await read('/v1/instruments/okx/LUNA-USDT')).toMatchObject({ active: false, validTo: T0 })
  expect(await problem(await api('/v1/instruments/okx/X-Y'))).toMatchObject({ code: 'unknown_instrument' })
})

it('GET /v1/assets', async () => {
  expect(await read('/v1/assets?limit=2')).toMatchObject({
    data: [
      { asset: 'BTC', exchanges: ['binance', 'okx'], instruments: 4 },
      { asset: 'ETH', exchanges: ['okx'], instruments: 1 },
    ],
  })
  const { nextUrl } = await read('/v1/assets?limit=2')
  const rest = await read(String(nextUrl).replace('https://api.test', ''))
  expect(rest).toMatchObject({ data: [{ asset: 'USDT' }, { asset: '币安人生' }], nextUrl: null })
  expect(await read('/v1/assets?exchange=binance&q=人')).toMatchObject({
    data: [{ asset: '币安人生', exchanges: ['binance'] }],
  })
})
