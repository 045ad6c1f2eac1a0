import { env } from 'cloudflare:workers'
import { describe, expect, it } from 'vitest'
import { z } from 'zod'
import { DAY } from '../../src/domain/interval.ts'
import { T0 } from '../store/seed.ts'
import { ADMIN, api, insertInstrument, minutes, problem, read, registerExchange, seed, send } from './api.ts'

const list = z.looseObject({
  data: z.array(z.looseObject({ symbol: z.string(), interval: z.string(), recordedFrom: z.int().nullable() })),
  nextUrl: z.string().nullable(),
})
const listOf = async (path: string) => list.parse(await read(path))
const recorded = async () =>
  (await listOf('/v1/series?recorded=true&limit=1000')).data
    .map(({ symbol, interval }) => `${symbol} ${interval}`)
    .sort()

/** Names that the simulated exchange lists too: a loader that is woken leaves them be. */
const [BTC, ETH] = ['BTC-USDT', 'ETH-USDT']
await insertInstrument({ symbol: BTC })
await insertInstrument({ symbol: ETH })

describe('GET /v1/series', () => {
  it('tells how far each series is', async () => {
    const { fill, symbol, seriesId } = await seed()
    await fill(minutes(0, 10), [T0 + 4 * 60_000])
    await env.DB.prepare("UPDATE series SET failures = 1, last_error = 'HTTP 500' WHERE id = ?1").bind(seriesId).run()
    const { data } = await listOf(`/v1/series?exchange=okx&symbol=${symbol}&interval=1m`)
    expect(data).toEqual([
      {
        exchange: 'okx',
        symbol,
        exchangeSymbol: symbol,
        interval: '1m',
        source: 'exchange',
        recorded: true,
        recordedFrom: T0,
        lastError: 'HTTP 500',
        coverage: {
          first: T0,
          from: T0,
          to: minutes(0, 10).end,
          verifiedTo: minutes(0, 10).end,
          revision: 0,
          ranges: 2,
          gaps: 0,
        },
      },
    ])
  })

  it('is paged', async () => {
    for (let count = 0; count < 3; count++) await seed('6h')
    const symbols: string[] = []
    for (let next: string | null = '/v1/series?interval=6h&limit=2'; next !== null; ) {
      const page: z.infer<typeof list> = await listOf(next.replace('https://api.test', ''))
      symbols.push(...page.data.map(({ symbol }) => symbol))
      next = page.nextUrl
    }
    expect(new Set(symbols).size).toBe(3)
    expect(symbols).toHaveLength(3)
  })

  it('finds a symbol in any of its forms', async () => {
    expect((await listOf('/v1/series?symbol=BTC/USDT')).data).toEqual(
      (await listOf('/v1/series?symbol=cryptopair_okx_btcusdt')).data,
    )
    const response = await api('/v1/series?symbol=cryptopair_okx_nothing')
    expect(await problem(response)).toMatchObject({ status: 404, code: 'unknown_instrument' })
  })
})

describe('PUT /v1/series', () => {
  it('replaces what is recorded; candles stay', async () => {
    const { symbol, fill, path } = await seed()
    await fill(minutes(0, 3))
    const body = {
      series: [
        { exchange: 'okx', symbol: BTC },
        { exchange: 'okx', symbol: 'ETH/USDT', intervals: ['1h'] },
      ],
    }
    const response = await send('PUT', '/v1/series', body)
    expect(response.status).toBe(200)
    const expected = [`${BTC} 1d`, `${BTC} 1h`, `${BTC} 1m`, `${ETH} 1h`]
    expect(await recorded()).toEqual(expected)
    expect((await listOf(`/v1/series?symbol=${symbol}`)).data).toMatchObject([{ recorded: false, recordedFrom: null }])
    expect(await read(`${path}&start=${T0}&limit=3`)).toMatchObject({ coverage: { complete: true } })
    const bookmark = response.headers.get('X-Bookmark') ?? ''
    expect((await api('/v1/series', { headers: { 'X-Bookmark': bookmark } })).status).toBe(200)
  })

  it('keeps the start of a series that is recorded already, unless it is told', async () => {
    const put = (start?: number | string) =>
      send('PUT', '/v1/series', { series: [{ exchange: 'okx', symbol: ETH, intervals: ['1d'], start }] })
    const from = async () => (await listOf(`/v1/series?symbol=${ETH}&interval=1d`)).data[0]?.recordedFrom
    await put('2026-01-05T12:00:00Z')
    expect(await from()).toBe(T0 + 4 * DAY)
    await put()
    expect(await from()).toBe(T0 + 4 * DAY)
    await put(T0)
    expect(await from()).toBe(T0)
  })

  it('records nothing for an empty list', async () => {
    expect((await send('PUT', '/v1/series', { series: [] })).status).toBe(200)
    expect(await recorded()).toEqual([])
  })

  it('changes nothing where any entry is wrong, and names them all', async () => {
    await send('PUT', '/v1/series', { series: [{ exchange: 'okx', symbol: BTC, intervals: ['1m'] }] })
    const good = { exchange: 'okx', symbol: ETH }
    const response = await send('PUT', '/v1/series', {
      series: [
        good,
        { exchange: 'okx', symbol: 'NOPE-USDT' },
        { ...good, intervals: ['1h'] },
        { ...good, exchange: 'coinbase' },
      ],
    })
    const body = await problem(response)
    expect(body).toMatchObject({ status: 422, code: 'unprocessable' })
    expect(body['errors']).toEqual([
      {
        path: 'series[1].symbol',
        message: `NOPE-USDT is not an instrument of okx: /v1/instruments?exchange=okx lists them`,
      },
      { path: 'series[2].symbol', message: 'asks for 1h a second time' },
      {
        path: 'series[3].symbol',
        message: 'the instruments of coinbase have not been loaded yet: see /v1/exchanges/coinbase/status',
      },
    ])
    expect(await recorded()).toEqual([`${BTC} 1m`])
  })

  it('takes native intervals only, and says which those are', async () => {
    await insertInstrument({ symbol: BTC, exchange: 'coinbase' })
    const response = await send('PUT', '/v1/series', {
      series: [{ exchange: 'coinbase', symbol: BTC, intervals: ['4h'] }],
    })
    expect(await problem(response)).toMatchObject({
      status: 422,
      errors: [{ path: 'series[0].intervals', message: expect.stringContaining('1m, 5m, 15m, 1h, 6h, 1d') }],
    })
  })

  it.each([
    [{}, 'series'],
    [{ series: {} }, 'series'],
    [{ series: [{ exchange: 'nowhere', symbol: 'BTC-USDT' }] }, 'series[0].exchange'],
    [{ series: [{ exchange: 'okx', symbol: "BTC' OR 1=1" }] }, 'series[0].symbol'],
    [{ series: [{ exchange: 'okx', symbol: 7 }] }, 'series[0].symbol'],
    [{ series: [{ exchange: 'okx', symbol: 'BTC-USDT', intervals: [] }] }, 'series[0].intervals'],
    [{ series: [{ exchange: 'okx', symbol: 'BTC-USDT', intervals: ['1y'] }] }, 'series[0].intervals[0]'],
    [{ series: [{ exchange: 'okx', symbol: 'BTC-USDT', start: -5 }] }, 'series[0].start'],
    [{ series: [{ exchange: 'okx', symbol: 'BTC-USDT', start: 1.5 }] }, 'series[0].start'],
    [{ series: [{ exchange: 'okx', symbol: 'BTC-USDT', from: 1 }] }, 'series[0].from'],
    [{ series: [], also: 1 }, 'also'],
  ])('refuses %j', async (body, path) => {
    const answer = await problem(await send('PUT', '/v1/series', body))
    expect(answer).toMatchObject({ status: 400, code: 'invalid_request', errors: [{ path }] })
  })

  it('refuses exchanges that users have registered: theirs is sent', async () => {
    await registerExchange('mydesk')
    const series = ['okx', 'mydesk'].map((exchange) => ({ exchange, symbol: 'BTC-USDT' }))
    const message = 'has nothing that could be loaded: its data is sent to /v1/ingest'
    expect(await problem(await send('PUT', '/v1/series', { series }))).toMatchObject({
      status: 422,
      code: 'unprocessable',
      errors: [{ path: 'series[1].exchange', message }],
    })
  })

  it('refuses everybody else, before looking at the body', async () => {
    const callers = [
      {},
      { Authorization: 'Bearer wrong' },
      { Authorization: 'Basic test-token' },
      { 'X-API-Key': 'test-toke' },
    ]
    for (const headers of callers) {
      const response = await send('PUT', '/v1/series', 'not json', headers)
      expect(response.headers.get('WWW-Authenticate')).toMatch(/^Bearer/)
      expect(await problem(response)).toMatchObject({ status: 401, code: 'unauthorized' })
    }
    expect((await send('PUT', '/v1/series', { series: [] }, { 'X-API-Key': 'test-token' })).status).toBe(200)
  })

  it.each([
    ['text/plain', 415],
    ['', 415],
    ['application/x-www-form-urlencoded', 415],
    ['application/json; charset=utf-8', 200],
    ['Application/JSON', 200],
  ])('Content-Type %s: %i', async (type, status) => {
    const response = await send('PUT', '/v1/series', { series: [] }, { ...ADMIN, 'Content-Type': type })
    expect(response.status).toBe(status)
  })

  it.each([
    ['{"series": [}', 'it goes wrong at line 1, column 13'],
    ['{"series":\n [1,\n  nil]}', 'it goes wrong at line 3, column 3'],
    ['{"series": [', 'it ends too early, at line 1, column 13'],
    ['', 'it ends too early, at line 1, column 1'],
  ])('a body that is no JSON: %j', async (text, message) => {
    const answer = await problem(await send('PUT', '/v1/series', text))
    expect(answer).toMatchObject({ status: 400, errors: [{ path: 'body', message }] })
  })

  it('a body of 10 MB is refused, whether its length is declared or not', async () => {
    const large = `{"series":[${' '.repeat(10_000_000)}]}`
    expect(await problem(await send('PUT', '/v1/series', large))).toMatchObject({
      status: 413,
      code: 'payload_too_large',
    })
    const stream = new Blob([large]).stream()
    const headers = { ...ADMIN, 'Content-Type': 'application/json' }
    expect((await api('/v1/series', { method: 'PUT', body: stream, headers })).status).toBe(413)
  })
})
