import { env } from 'cloudflare:workers'
import { describe, expect, it } from 'vitest'
import { z } from 'zod'
import { createApp } from '../../src/routes/app.ts'
import { sizeWarning } from '../../src/routes/health.ts'
import { api, problem, read } from './api.ts'

/** A database that never answers, or says what D1 says when it is down. */
const failing = (run: () => Promise<unknown>) => {
  const statement = { bind: () => statement, run, first: run, all: run, raw: run }
  const db = { prepare: () => statement, batch: run, withSession: () => db }
  return db
}
const ask = (path: string, changes: object, init: RequestInit = {}) =>
  createApp().request(path, init, { ...env, ...changes })

describe('health', () => {
  it('is well', async () => {
    expect(await read('/health')).toMatchObject({
      status: 'ok',
      databases: [{ database: 'main', ok: true, sizeBytes: expect.any(Number), warning: null }],
    })
    expect(await read('/health/ready')).toEqual({ status: 'ok' })
  })

  it('says so when the database is down, and is not ready then', async () => {
    const DB = failing(() => Promise.reject(new Error('D1_ERROR: no such host')))
    const response = await ask('/health', { DB })
    expect(response.status).toBe(200)
    expect(await response.json()).toMatchObject({ status: 'failing', databases: [{ ok: false, sizeBytes: null }] })
    const ready = await ask('/health/ready', { DB })
    expect(ready.headers.get('Retry-After')).toBe('5')
    expect(await problem(ready)).toMatchObject({ status: 503, code: 'storage_unavailable' })
  })

  it('warns before a database is full', async () => {
    expect(sizeWarning(7.1 * 1024 ** 3)).toBe('71 % of 10 GB are used')
    expect(sizeWarning(6.9 * 1024 ** 3)).toBeNull()
    const DB = failing(() => Promise.resolve({ meta: { size_after: 9 * 1024 ** 3 } }))
    expect(await (await ask('/health', { DB })).json()).toMatchObject({ status: 'warning' })
  })
})

describe('failures', () => {
  it('of the database are 503, without a word of it', async () => {
    const DB = failing(() => Promise.reject(new Error('D1_ERROR: near "SELEC": syntax error at offset 3')))
    const text = await (await ask('/v1/series', { DB })).text()
    expect(JSON.parse(text)).toMatchObject({ status: 503, code: 'storage_unavailable' })
    expect(text).not.toContain('SELEC')
  })

  it('of our own are 500, without a word of it', async () => {
    const DB = failing(() => Promise.reject(new TypeError('x is undefined at secret.ts:1')))
    const text = await (await ask('/v1/series', { DB })).text()
    expect(JSON.parse(text)).toMatchObject({
      status: 500,
      code: 'internal',
      requestId: expect.stringMatching(/^[0-9a-f-]{36}$/),
    })
    expect(text).not.toContain('secret')
  })

  it('of the configuration name the setting', async () => {
    const response = await ask('/v1/series', { EDGE_CACHE: 'maybe' })
    expect(await problem(response)).toMatchObject({
      status: 500,
      code: 'misconfigured',
      detail: expect.stringContaining('EDGE_CACHE'),
    })
  })

  it('nobody writes where no admin token is configured', async () => {
    const init = { method: 'PUT', headers: { Authorization: 'Bearer undefined' }, body: '{}' }
    const unset = await problem(await ask('/v1/series', { ADMIN_TOKEN: undefined }, init))
    expect(unset).toMatchObject({ status: 401, detail: 'no ADMIN_TOKEN is set on this deployment' })
    const wrong = await problem(await ask('/v1/series', {}, init))
    expect(wrong).toMatchObject({ status: 401, detail: expect.stringContaining('needs the admin token') })
    const missing = await problem(await ask('/v1/series', {}, { ...init, headers: {} }))
    expect(missing['detail']).toBe(wrong['detail'])
  })
})

describe('routes', () => {
  it.each(['/v1', '/v1/candles', '/v1/candles/okx', '/v1/nothing', '/v1/candles/okx/BTC-USDT/more', '/health/', '//'])(
    '%s is unknown',
    async (path) => {
      expect(await problem(await api(path))).toMatchObject({ status: 404, code: 'not_found' })
    },
  )

  it.each([
    ['POST', '/v1/candles/okx/BTC-USDT', 'GET, HEAD'],
    ['DELETE', '/v1/series', 'GET, HEAD, PUT'],
    ['PATCH', '/v1/backfills/1', 'DELETE, GET, HEAD'],
    ['PUT', '/v1/backfills', 'GET, HEAD, POST'],
    ['POST', '/docs', 'GET, HEAD'],
  ])('%s %s is not understood', async (method, path, allow) => {
    const response = await api(path, { method })
    expect(response.headers.get('Allow')).toBe(allow)
    expect(await problem(response)).toMatchObject({ status: 405, code: 'method_not_allowed' })
  })

  it('the root leads to the reference', async () => {
    const response = await api('/', { redirect: 'manual' })
    expect([response.status, response.headers.get('Location')]).toEqual([302, '/docs'])
  })

  it('any page may read what is public, and no page may write', async () => {
    const read = await api('/health', { headers: { Origin: 'https://example.com' } })
    expect(read.headers.get('Access-Control-Allow-Origin')).toBe('*')
    const preflight = await api('/v1/series', {
      method: 'OPTIONS',
      headers: { Origin: 'https://example.com', 'Access-Control-Request-Method': 'PUT' },
    })
    expect(preflight.headers.get('Access-Control-Allow-Methods')).toBe('GET,HEAD')
  })

  it('HEAD is GET without a body', async () => {
    const response = await api('/health', { method: 'HEAD' })
    expect([response.status, await response.text()]).toEqual([200, ''])
  })

  it('every answer carries its request id', async () => {
    const [first, second] = [await api('/health'), await api('/v1/nothing')]
    expect(first.headers.get('X-Request-Id')).toMatch(/^[0-9a-f-]{36}$/)
    expect(second.headers.get('X-Request-Id')).toBe((await problem(second))['requestId'])
  })
})

describe('/openapi.json', () => {
  const description = z.looseObject({
    openapi: z.literal('3.1.0'),
    paths: z.record(
      z.string(),
      z.record(
        z.string(),
        z.looseObject({
          summary: z.string(),
          tags: z.array(z.string()),
          responses: z.record(z.string(), z.unknown()),
          parameters: z.array(z.looseObject({ name: z.string(), schema: z.unknown() })).optional(),
        }),
      ),
    ),
    components: z.looseObject({ schemas: z.record(z.string(), z.unknown()) }),
  })

  it('describes every call', async () => {
    const { paths } = description.parse(await read('/openapi.json'))
    const calls = Object.entries(paths).flatMap(([path, methods]) =>
      Object.keys(methods).map((method) => `${method.toUpperCase()} ${path}`),
    )
    expect(calls.sort()).toEqual([
      'DELETE /v1/backfills/{id}',
      'GET /health',
      'GET /health/ready',
      'GET /v1/arbitrage',
      'GET /v1/assets',
      'GET /v1/backfills',
      'GET /v1/backfills/{id}',
      'GET /v1/bbo/{symbol}',
      'GET /v1/candles/{exchange}/{symbol}',
      'GET /v1/coverage',
      'GET /v1/exchanges',
      'GET /v1/exchanges/{exchange}/status',
      'GET /v1/funding-rates/{exchange}/{symbol}',
      'GET /v1/gaps',
      'GET /v1/instruments',
      'GET /v1/instruments/{exchange}/{symbol}',
      'GET /v1/order-books/{exchange}/{symbol}',
      'GET /v1/quality',
      'GET /v1/quality/findings',
      'GET /v1/replay/{exchange}/{symbol}',
      'GET /v1/series',
      'GET /v1/stream',
      'GET /v1/stream/{exchange}',
      'GET /v1/tickers/{exchange}/{symbol}',
      'GET /v1/trades/{exchange}/{symbol}',
      'POST /v1/assets',
      'POST /v1/backfills',
      'POST /v1/ingest/candles',
      'POST /v1/ingest/order-books',
      'POST /v1/ingest/trades',
      'POST /v1/instruments',
      'POST /v1/quality/check',
      'POST /v1/quality/compare',
      'POST /v1/streams/{exchange}/start',
      'POST /v1/streams/{exchange}/stop',
      'PUT /v1/series',
    ])
    const limit = paths['/v1/candles/{exchange}/{symbol}']?.['get']?.parameters?.find(({ name }) => name === 'limit')
    expect(limit?.schema).toMatchObject({ type: 'integer', minimum: 1, maximum: 5000, default: 500 })
  })

  it('tells of headers, of keys, and of the forms of candles and times', async () => {
    const body = await read('/openapi.json')
    expect(body).toMatchObject({
      components: { securitySchemes: { token: { scheme: 'bearer' }, apiKey: { in: 'header', name: 'X-API-Key' } } },
    })
    const { paths, components } = description.parse(body)
    expect(paths['/v1/series']?.['put']).toMatchObject({ security: [{ token: [] }, { apiKey: [] }] })
    expect(components.schemas['BackfillRequest']).toMatchObject({
      properties: { start: { type: ['integer', 'string'] } },
    })
    const candles = paths['/v1/candles/{exchange}/{symbol}']?.['get']
    expect(candles?.parameters).toContainEqual(expect.objectContaining({ name: 'X-Bookmark', in: 'header' }))
    const forms = [{ $ref: '#/components/schemas/Candles' }, { $ref: '#/components/schemas/CandleArray' }]
    expect(candles?.responses['200']).toMatchObject({
      content: { 'application/json': { schema: { oneOf: forms } } },
      headers: { ETag: {}, 'X-Coverage-Complete': {}, 'X-Coverage-Missing': {}, 'X-Next-Cursor': {}, Link: {} },
    })
  })

  it('has every schema that it refers to', async () => {
    const body = await read('/openapi.json')
    const { components } = description.parse(body)
    const references = [...JSON.stringify(body).matchAll(/"#\/components\/schemas\/(\w+)"/g)].map(([, name]) => name)
    expect(references.length).toBeGreaterThan(10)
    expect(Object.keys(components.schemas)).toEqual(expect.arrayContaining([...new Set(references)]))
  })

  it('/docs draws it, with nothing from elsewhere', async () => {
    const response = await api('/docs')
    expect(response.headers.get('Content-Type')).toMatch(/^text\/html/)
    const page = await response.text()
    expect(page).toContain("fetch('/openapi.json')")
    expect(page).toContain('id="unknown_exchange"')
    expect(page).not.toMatch(/https?:|src=|@import|url\(/)
  })
})
