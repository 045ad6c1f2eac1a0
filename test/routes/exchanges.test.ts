import { env } from 'cloudflare:workers'
import { expect, it } from 'vitest'
import { z } from 'zod'
import { createApp } from '../../src/routes/app.ts'
import { api, problem, read, send } from './api.ts'

const list = z.looseObject({ data: z.array(z.looseObject({ exchange: z.string(), status: z.unknown() })) })

it('tells what every exchange can do, and how it is', async () => {
  const { data } = list.parse(await read('/v1/exchanges'))
  expect(data.map(({ exchange }) => exchange)).toEqual(['binance', 'okx', 'bybit', 'coinbase'])
  expect(data.at(-1)).toMatchObject({
    name: expect.any(String),
    kinds: ['spot'],
    intervals: { native: ['1m', '5m', '15m', '1h', '6h', '1d'], derived: ['3m', '30m', '2h', '4h', '12h', '1w', '1M'] },
    emptySlots: 'absent',
    channels: { spot: ['trades', 'candles', 'ticker', 'bbo', 'book'] },
    built: ['candles'],
    fundingRates: false,
    fees: { spot: { taker: '0.006' } },
    streamLimits: { connects: { limit: expect.any(Number) } },
    status: { exchange: 'coinbase', hosts: [{ kind: 'spot', state: 'ok' }] },
  })
})

it('tells which of them have perpetuals, and what their streams give', async () => {
  const { data } = list.parse(await read('/v1/exchanges'))
  expect(data.find(({ exchange }) => exchange === 'okx')).toMatchObject({
    channels: { perpetual: expect.arrayContaining(['trades', 'candles', 'funding', 'open-interest', 'liquidations']) },
    built: [],
    fundingRates: true,
  })
})

it('lists those that users have registered, which have nothing live', async () => {
  const instruments = [{ exchange: 'notlive', exchangeName: 'Not live', base: 'A', quote: 'B' }]
  await send('POST', '/v1/instruments', { instruments })
  const { registered } = await read('/v1/exchanges')
  expect(registered).toContainEqual({ exchange: 'notlive', name: 'Not live', registeredAt: expect.any(Number) })
  const gets = ['/v1/exchanges/notlive/status', '/v1/tickers/notlive/A-B', '/v1/stream/notlive']
  const live = [...gets.map((path) => api(path)), send('POST', '/v1/streams/notlive/start', {})]
  for (const answer of await Promise.all(live)) {
    expect(await problem(answer)).toMatchObject({ status: 422, errors: [{ path: 'exchange' }] })
  }
  for (const path of ['series', 'gaps', 'instruments']) {
    expect(await read(`/v1/${path}?exchange=notlive`)).toMatchObject({ data: expect.any(Array) })
    expect(await problem(await api(`/v1/${path}?exchange=nowhere`))).toMatchObject({ code: 'unknown_exchange' })
  }
})

it('tells the state of one', async () => {
  expect(await read('/v1/exchanges/binance/status')).toMatchObject({
    exchange: 'binance',
    hosts: [{ kind: 'spot' }, { kind: 'perpetual' }],
  })
  expect(await problem(await api('/v1/exchanges/mtgox/status'))).toMatchObject({
    status: 404,
    code: 'unknown_exchange',
  })
})

it('lists an exchange whose loader does not answer, without its state', async () => {
  const broken = { ...env, EXCHANGE_LOADER: { getByName: () => ({ status: () => Promise.reject(new Error('down')) }) } }
  const response = await createApp().request('/v1/exchanges', {}, broken)
  expect(list.parse(await response.json()).data.map(({ status }) => status)).toEqual([null, null, null, null])
  const one = await createApp().request('/v1/exchanges/okx/status', {}, broken)
  expect(await problem(one)).toMatchObject({ status: 503, code: 'storage_unavailable' })
})
