import { expect, it } from 'vitest'
import { api, problem, send } from './api.ts'

const errorsOf = async (response: Promise<Response>) => (await problem(await response))['errors']

it.each([
  [
    '/v1/replay/okx/BTC-USDT',
    [
      { path: 'start', message: 'is required' },
      { path: 'end', message: 'is required' },
    ],
  ],
  ['/v1/candles/okx/BTC-USDT', [{ path: 'interval', message: 'is required' }]],
  [
    '/v1/candles/okx/BTC-USDT?interval=1m&format=xml',
    [{ path: 'format', message: 'must be one of json, array, csv, ndjson' }],
  ],
  ['/v1/instruments?kind=future', [{ path: 'kind', message: 'must be one of spot, perpetual' }]],
])('says what is wrong with %s', async (path, errors) => {
  expect(await errorsOf(api(path))).toEqual(errors)
})

it.each([
  [{ instruments: [] }, [{ path: 'instruments', message: 'must have at least 1 entries' }]],
  [{ instruments: 'all' }, [{ path: 'instruments', message: 'must be a list' }]],
  [
    { instruments: [{ exchange: 'mine', base: 1, quote: 'B', inverse: 'no' }] },
    [
      { path: 'instruments[0].base', message: 'must be text' },
      { path: 'instruments[0].inverse', message: 'must be true or false' },
    ],
  ],
])('says what is wrong with the body %j', async (body, errors) => {
  expect(await errorsOf(send('POST', '/v1/instruments', body))).toEqual(errors)
})
