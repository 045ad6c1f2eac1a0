import { beforeAll, expect, it } from 'vitest'
import { ADMIN, api, insertInstrument, problem, registerExchange, send } from './api.ts'

const EXCHANGES = 'there is no such exchange; there are binance, okx, bybit, coinbase, mydesk'
const OKX_LIST = '/v1/instruments?exchange=okx lists them'

beforeAll(async () => {
  await registerExchange('mydesk')
  await insertInstrument({ symbol: 'BTC-USDT' })
  await insertInstrument({ symbol: 'BTC-USDT-PERP', kind: 'perpetual' })
  await insertInstrument({ symbol: 'BTC-USD', exchange: 'coinbase' })
})

it.each(['kraken', 'OKX', 'x'.repeat(500), 'okx%20BTC-USDT', "'%20OR%201=1"])(
  'lists the exchanges that there are to who asks for %s',
  async (exchange) => {
    for (const path of [`/v1/exchanges/${exchange}/status`, `/v1/candles/${exchange}/BTC-USDT?interval=1m`]) {
      expect(await problem(await api(path))).toMatchObject({
        status: 404,
        code: 'unknown_exchange',
        detail: `exchange: ${EXCHANGES}`,
        errors: [{ path: 'exchange', message: EXCHANGES }],
      })
    }
    expect(await problem(await api(`/v1/series?exchange=${exchange}`))).toMatchObject({ code: 'unknown_exchange' })
  },
)

it('lists them to who names one in a body, too', async () => {
  const backfill = { exchanges: ['OKX'], symbols: ['BTC-USDT'], intervals: ['1m'], start: '2026-01-01' }
  expect(await problem(await send('POST', '/v1/backfills', backfill))).toMatchObject({
    status: 400,
    code: 'invalid_request',
    detail: `exchanges[0]: ${EXCHANGES}`,
    errors: [{ path: 'exchanges[0]', message: EXCHANGES }],
  })
  const prices = [{ exchange: 'OKX', symbol: 'BTC-USDT', time: 0, price: '1' }]
  expect(await problem(await send('POST', '/v1/quality/compare', { prices }))).toMatchObject({
    errors: [{ path: 'prices[0].exchange', message: EXCHANGES }],
  })
})

it.each([
  ['BTC-USDTT', `BTC-USDTT is not an instrument of okx: ${OKX_LIST}`],
  ['btc-usdt', `btc-usdt is not an instrument of okx: ${OKX_LIST}; symbols are upper case, such as BTC-USDT`],
  ['cryptopair_okx_btcusdtt', `cryptopair_okx_btcusdtt is not an instrument of okx: ${OKX_LIST}`],
  [
    `${'A'.repeat(32)}-${'B'.repeat(32)}`,
    `${'A'.repeat(32)}-${'B'.repeat(27)}… is not an instrument of okx: ${OKX_LIST}`,
  ],
])('says where the instruments are listed to who asks for %s', async (symbol, message) => {
  expect(await problem(await api(`/v1/candles/okx/${symbol}?interval=1m`))).toMatchObject({
    status: 404,
    code: 'unknown_instrument',
    detail: `symbol: ${message}`,
    errors: [{ path: 'symbol', message }],
  })
  expect(await problem(await send('PUT', '/v1/series', { series: [{ exchange: 'okx', symbol }] }))).toMatchObject({
    status: 422,
    errors: [{ path: 'series[0].symbol', message }],
  })
})

it('names all the exchanges that have no such instrument', async () => {
  const backfill = { exchanges: ['okx', 'coinbase'], symbols: ['NO-NE'], intervals: ['1m'], start: '2026-01-01' }
  const message = 'NO-NE is not an instrument of okx, coinbase: /v1/instruments lists them'
  expect(await problem(await send('POST', '/v1/backfills', backfill))).toMatchObject({
    status: 422,
    errors: [{ path: 'symbols[0]', message }],
  })
})

it('claims nothing of instruments before the first list of them', async () => {
  const message = 'the instruments of binance have not been loaded yet: see /v1/exchanges/binance/status'
  const response = await api('/v1/candles/binance/BTC-USDT?interval=1m')
  expect(response.headers.get('Retry-After')).not.toBeNull()
  expect(await problem(response)).toMatchObject({
    status: 503,
    code: 'no_data',
    detail: message,
    errors: [{ path: 'symbol', message }],
  })
  const backfill = { exchanges: ['okx', 'binance'], symbols: ['NO-NE'], intervals: ['1m'], start: '2026-01-01' }
  expect(await problem(await send('POST', '/v1/backfills', backfill))).toMatchObject({ errors: [{ message }] })
  await insertInstrument({ symbol: 'ETH-USDT', exchange: 'binance' })
  expect((await api('/v1/candles/binance/BTC-USDT?interval=1m')).status).toBe(404)
  // A kind has a list of its own, and an exchange that does not trade it has none.
  expect((await api('/v1/candles/binance/BTC-USDT-PERP?interval=1m')).status).toBe(503)
  expect((await api('/v1/candles/coinbase/BTC-USD-PERP?interval=1m')).status).toBe(404)
  expect((await api('/v1/candles/mydesk/BTC-USD?interval=1m')).status).toBe(404)
})

it('says of every field alike that it is required', async () => {
  const { errors } = await problem(await send('POST', '/v1/backfills', {}, ADMIN))
  expect(errors).toEqual(
    ['exchanges', 'symbols', 'intervals', 'start'].map((path) => ({ path, message: 'is required' })),
  )
})
