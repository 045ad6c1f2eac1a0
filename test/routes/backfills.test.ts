import { env } from 'cloudflare:workers'
import { describe, expect, it } from 'vitest'
import { z } from 'zod'
import { slotsIn } from '../../src/domain/interval.ts'
import { writeChunk } from '../../src/store/chunk.ts'
import { claimLease } from '../../src/store/leases.ts'
import { candleAt, chunkOf, MINUTE, T0 } from '../store/seed.ts'
import { ADMIN, api, insertInstrument, minutes, problem, read, registerExchange, seed, send } from './api.ts'

/** Names that the simulated exchanges list too: loaders that are woken leave them be. */
for (const exchange of ['okx', 'bybit', 'coinbase']) await insertInstrument({ symbol: 'SOL-USDT', exchange })
await insertInstrument({ symbol: 'PEPE-USDT', exchange: 'okx' })

const accepted = z.strictObject({ id: z.string(), series: z.int(), skipped: z.array(z.unknown()) })
const WINDOW = { start: T0, end: '2026-01-01T01:00:00Z' }
const request = (changes: object = {}) => ({
  exchanges: ['okx'],
  symbols: ['SOL-USDT'],
  intervals: ['1m'],
  ...WINDOW,
  ...changes,
})

async function create(changes: object = {}) {
  const response = await send('POST', '/v1/backfills', request(changes))
  expect(response.status, await response.clone().text()).toBe(202)
  const body = accepted.parse(await response.json())
  expect(response.headers.get('Location')).toBe(`/v1/backfills/${body.id}`)
  return body
}

const count = async (table: string) =>
  (await env.DB.prepare(`SELECT count(*) AS n FROM ${table}`).first<{ n: number }>())?.n

describe('POST /v1/backfills', () => {
  it('makes a window of every combination', async () => {
    const { id, series, skipped } = await create({ exchanges: ['okx', 'bybit'], intervals: ['1m', '1h'] })
    expect({ series, skipped }).toEqual({ series: 4, skipped: [] })
    const body = await read(`/v1/backfills/${id}`)
    expect(body).toMatchObject({
      id,
      state: 'running',
      cancelledAt: null,
      request: request({ exchanges: ['okx', 'bybit'], intervals: ['1m', '1h'], end: Date.parse(WINDOW.end) }),
    })
    expect(body['series']).toMatchObject([
      { exchange: 'bybit', symbol: 'SOL-USDT', interval: '1h', start: T0, end: T0 + 60 * MINUTE, expected: 1 },
      { exchange: 'bybit', interval: '1m', expected: 60 },
      { exchange: 'okx', interval: '1h', expected: 1 },
      { exchange: 'okx', interval: '1m', expected: 60 },
    ])
  })

  it('names a symbol that only some of the exchanges list', async () => {
    const { series, skipped } = await create({ exchanges: ['okx', 'bybit'], symbols: ['SOL-USDT', 'PEPE/USDT'] })
    expect(series).toBe(3)
    expect(skipped).toEqual([{ exchange: 'bybit', symbol: 'PEPE/USDT' }])
  })

  it('refuses exchanges that users have registered: theirs is sent', async () => {
    await registerExchange('mydesk')
    const message = 'has nothing that could be loaded: its data is sent to /v1/ingest'
    const answer = await problem(await send('POST', '/v1/backfills', request({ exchanges: ['okx', 'mydesk'] })))
    expect(answer).toMatchObject({ status: 422, code: 'unprocessable', errors: [{ path: 'exchanges[1]', message }] })
  })

  it('ends with the last slot that has ended', async () => {
    const { id } = await create({ start: T0, end: '2099-01-01', intervals: ['1h'] })
    const [window] = z.array(z.looseObject({ end: z.int() })).parse((await read(`/v1/backfills/${id}`))['series'])
    expect(window?.end).toBeLessThan(Date.UTC(2099, 0, 1))
    expect(window?.end).toBeGreaterThan(T0)
  })

  it.each([
    [{ symbols: ['SOL-USDT', 'NOPE-USDT'] }, 422, 'symbols[1]'],
    [{ exchanges: ['coinbase', 'okx'], intervals: ['1m', '4h'] }, 422, 'intervals[1]'],
    [{ start: '2098-01-01', end: '2099-01-01' }, 422, 'start'],
    [{ end: T0 }, 400, 'end'],
    [{ end: T0 - 1 }, 400, 'end'],
    [{ start: 'yesterday' }, 400, 'start'],
    [{ start: undefined }, 400, 'start'],
    [{ start: 8.64e15 }, 400, 'start'],
    [{ exchanges: [] }, 400, 'exchanges'],
    [{ exchanges: ['nowhere'] }, 400, 'exchanges[0]'],
    [{ symbols: ["'; DROP TABLE candles; --"] }, 400, 'symbols[0]'],
    [{ symbols: Array.from({ length: 501 }, () => 'SOL-USDT') }, 400, 'symbols'],
    [{ intervals: ['1x'] }, 400, 'intervals[0]'],
    [
      { exchanges: Array(4).fill('okx'), symbols: Array(300).fill('SOL-USDT'), intervals: ['1m', '1h'] },
      400,
      'symbols',
    ],
    [{ priority: 1 }, 400, 'priority'],
  ])('is all or nothing: %j', async (changes, status, path) => {
    const before = [await count('backfills'), await count('backfill_windows'), await count('series')]
    const answer = await problem(await send('POST', '/v1/backfills', request(changes)))
    expect(answer).toMatchObject({ status, errors: [{ path }] })
    expect([await count('backfills'), await count('backfill_windows'), await count('series')]).toEqual(before)
  })

  it('needs the admin token', async () => {
    expect((await send('POST', '/v1/backfills', request(), {})).status).toBe(401)
  })
})

describe('GET /v1/backfills/{id}', () => {
  it('tells how far each series is, and when it will be done', async () => {
    const { seriesId, fill } = await seed()
    await fill(minutes(0, 10))
    await env.DB.prepare('UPDATE series SET recorded_from = NULL WHERE id = ?1').bind(seriesId).run()
    const { id } = await create({ symbols: [`A${seriesId}-USDT`], end: T0 + 40 * MINUTE })
    const lease = await claimLease(env.DB, 'okx', 'progress')
    const window = minutes(10, 30)
    const candles = [...slotsIn(window, '1m')].map((time) => candleAt(time))
    await writeChunk(env.DB, chunkOf(seriesId, '1m', { window, candles }), lease, 'progress')
    const body = z.looseObject({ rate: z.number(), remainingMs: z.int() }).parse(await read(`/v1/backfills/${id}`))
    expect(body).toMatchObject({ state: 'running', expected: 40, covered: 30, missing: 10, gaps: 0, percent: 75 })
    // Twenty were loaded since it was asked for, ten are left: half of the time that those took.
    expect(body.rate).toBeGreaterThan(0)
    expect(body.remainingMs / (10_000 / body.rate)).toBeCloseTo(1, 0)
  })

  it('is done when all its windows are', async () => {
    const { seriesId, fill } = await seed()
    await fill(minutes(0, 10))
    const { id } = await create({ symbols: [`A${seriesId}-USDT`], end: T0 + 10 * MINUTE })
    expect(await read(`/v1/backfills/${id}`)).toMatchObject({ state: 'done', percent: 100, rate: 0, remainingMs: 0 })
  })

  it('expects nothing before the first candle', async () => {
    const { seriesId } = await seed()
    const { id } = await create({ symbols: [`A${seriesId}-USDT`], start: T0 - 100 * MINUTE, end: T0 + 5 * MINUTE })
    expect(await read(`/v1/backfills/${id}`)).toMatchObject({ expected: 5, covered: 0, percent: 0, remainingMs: null })
  })

  it('is 404 for any other id', async () => {
    expect(await problem(await api('/v1/backfills/nothing'))).toMatchObject({ status: 404, code: 'not_found' })
  })
})

describe('GET /v1/backfills', () => {
  it('lists them newest first, in pages', async () => {
    const created = [await create(), await create(), await create()].map(({ id }) => id)
    const ids: unknown[] = []
    for (let next: unknown = '/v1/backfills?limit=2'; typeof next === 'string'; ) {
      const page: Record<string, unknown> = await read(next.replace('https://api.test', ''))
      ids.push(
        ...z
          .array(z.looseObject({ id: z.string() }))
          .parse(page['data'])
          .map(({ id }) => id),
      )
      next = page['nextUrl']
    }
    expect(new Set(ids).size).toBe(ids.length)
    expect(ids).toEqual(expect.arrayContaining(created))
  })
})

describe('DELETE /v1/backfills/{id}', () => {
  const remove = (id: string, headers: HeadersInit = ADMIN) => api(`/v1/backfills/${id}`, { method: 'DELETE', headers })

  it('cancels it, once and for all', async () => {
    const { id } = await create()
    expect((await remove(id)).status).toBe(204)
    const first = await read(`/v1/backfills/${id}`)
    expect(first).toMatchObject({ state: 'cancelled', cancelledAt: expect.any(Number), remainingMs: null })
    expect(first['series']).toMatchObject([{ state: 'cancelled' }])
    expect((await remove(id)).status).toBe(204)
    expect(await read(`/v1/backfills/${id}`)).toMatchObject({ cancelledAt: first['cancelledAt'] })
  })

  it('needs the admin token and a known id', async () => {
    const { id } = await create()
    expect((await remove(id, {})).status).toBe(401)
    expect((await remove('nothing')).status).toBe(404)
    expect(await read(`/v1/backfills/${id}`)).toMatchObject({ cancelledAt: null })
  })
})
