import { applyD1Migrations, createExecutionContext, waitOnExecutionContext } from 'cloudflare:test'
import { env } from 'cloudflare:workers'
import { beforeAll, describe, expect, it } from 'vitest'
import { z } from 'zod'
import { createApp } from '../../src/routes/app.ts'
import { T0 } from '../store/seed.ts'
import { ADMIN } from './api.ts'

/** OKX has a database of its own; every other exchange is in the main one. No loader is woken. */
const loaders = { getByName: () => ({ poke: () => Promise.resolve() }) }
const split = { ...env, DB_OKX: env.SECOND_DB, EXCHANGE_LOADER: loaders }
const app = createApp()

async function ask(path: string, init: RequestInit = {}): Promise<Response> {
  const context = createExecutionContext()
  const response = await app.request(path, { ...init, headers: { 'X-Bookmark': '', ...init.headers } }, split, context)
  await waitOnExecutionContext(context)
  return response
}

async function read(path: string): Promise<Record<string, unknown>> {
  const response = await ask(path)
  expect(response.status, await response.clone().text()).toBe(200)
  return z.record(z.string(), z.unknown()).parse(await response.json())
}

const write = (method: string, path: string, body: unknown) =>
  ask(path, { method, body: JSON.stringify(body), headers: { 'Content-Type': 'application/json', ...ADMIN } })

const insert = (db: D1Database, exchange: string, symbol: string) =>
  db
    .prepare(
      `INSERT INTO instruments (id, exchange, kind, symbol, exchange_symbol, base, quote, inverse, active, valid_from)
       VALUES (?1, ?2, 'spot', ?3, ?3, ?4, 'USDT', 0, 1, 0)`,
    )
    // Each database counts its own ids.
    .bind(symbol.length, exchange, symbol, symbol.split('-')[0])
    .run()

async function readAll(path: string, key: string): Promise<unknown[]> {
  const items: unknown[] = []
  for (let next: unknown = path; typeof next === 'string'; ) {
    const page = await read(next.replace('http://localhost', ''))
    items.push(
      ...z
        .array(z.record(z.string(), z.unknown()))
        .parse(page['data'])
        .map((item) => item[key]),
    )
    next = page['nextUrl']
  }
  return items
}

beforeAll(async () => {
  await applyD1Migrations(env.SECOND_DB, env.MIGRATIONS)
  await insert(env.DB, 'bybit', 'AA-USDT')
  await insert(env.DB, 'bybit', 'AAAA-USDT')
  await insert(env.SECOND_DB, 'okx', 'AA-USDT')
  await insert(env.SECOND_DB, 'okx', 'AAA-USDT')
  // What was left behind in the main database when OKX moved out is not seen any more.
  await insert(env.DB, 'okx', 'STALE-USDT')
})

describe('an exchange with a database of its own', () => {
  it('is part of every list', async () => {
    expect(await readAll('/v1/instruments?limit=1', 'symbol')).toEqual(['AA-USDT', 'AAAA-USDT', 'AA-USDT', 'AAA-USDT'])
    expect(await readAll('/v1/assets?limit=1', 'asset')).toEqual(['AA', 'AAA', 'AAAA', 'USDT'])
    expect(await read('/v1/assets?limit=1')).toMatchObject({ data: [{ exchanges: ['bybit', 'okx'], instruments: 2 }] })
  })

  it('is written to with the others, and read back by one bookmark', async () => {
    const series = [
      { exchange: 'bybit', symbol: 'AA-USDT', intervals: ['1m'], start: T0 },
      { exchange: 'okx', symbol: 'AAA-USDT', intervals: ['1m', '1h'], start: T0 },
    ]
    const response = await write('PUT', '/v1/series', { series })
    expect(response.status).toBe(200)
    const bookmark = response.headers.get('X-Bookmark') ?? ''
    expect(bookmark.split(',')).toHaveLength(2)
    const again = await ask('/v1/series', { headers: { 'X-Bookmark': bookmark } })
    expect(z.looseObject({ data: z.array(z.unknown()) }).parse(await again.json()).data).toHaveLength(3)
    expect(await readAll('/v1/series?limit=1', 'exchange')).toEqual(['bybit', 'okx', 'okx'])
    expect(await readAll('/v1/gaps?limit=1', 'exchange')).toEqual(['bybit', 'okx', 'okx'])
  })

  it('takes its share of a backfill', async () => {
    const window = { start: T0, end: T0 + 3_600_000 }
    const response = await write('POST', '/v1/backfills', {
      exchanges: ['okx', 'bybit'],
      symbols: ['AA-USDT'],
      intervals: ['1m'],
      ...window,
    })
    expect(response.status).toBe(202)
    const path = response.headers.get('Location') ?? ''
    expect(await read(path)).toMatchObject({
      expected: 120,
      series: [
        { exchange: 'bybit', symbol: 'AA-USDT', state: 'running' },
        { exchange: 'okx', symbol: 'AA-USDT', state: 'running' },
      ],
    })
    expect((await ask(path, { method: 'DELETE', headers: ADMIN })).status).toBe(204)
    expect(await read(path)).toMatchObject({
      state: 'cancelled',
      series: [{ state: 'cancelled' }, { state: 'cancelled' }],
    })
  })

  it.each(['application/json', 'application/x-ndjson'])('takes in its own part of what is sent as %s', async (type) => {
    const source = type.replace(/\W/g, '-')
    const values = { open: '1', high: '9', low: '0.5', close: '1', volume: '10' }
    const records = ['okx', 'bybit', 'okx'].map((exchange, slot) => {
      return { exchange, symbol: 'AA-USDT', interval: '1m', openTime: T0 + slot * 60_000, ...values }
    })
    const body = type.includes('nd')
      ? records.map((record) => `${JSON.stringify(record)}\n`).join('')
      : JSON.stringify(records)
    const headers = { 'Content-Type': type, 'Idempotency-Key': source, ...ADMIN }
    const send = () => ask(`/v1/ingest/candles?source=${source}`, { method: 'POST', body, headers })
    const answer = await (await send()).text()
    expect(answer).toContain('"accepted":3')
    expect(await (await send()).text()).toBe(answer)
    const query = `interval=1m&source=${source}&start=${T0}&end=${T0 + 180_000}`
    for (const [exchange, openTimes] of [
      ['okx', [T0, T0 + 120_000]],
      ['bybit', [T0 + 60_000]],
    ] as const) {
      const { data } = await read(`/v1/candles/${exchange}/AA-USDT?${query}`)
      expect(data).toMatchObject(openTimes.map((openTime) => ({ openTime })))
    }
    const quality = await read(`/v1/quality?source=${source}&start=${T0}&end=${T0 + 180_000}`)
    expect(quality['data']).toMatchObject([
      { exchange: 'bybit', present: 1, missing: 0 },
      { exchange: 'okx', expected: 3, present: 2, missing: 1 },
    ])
  })

  it('counts for health', async () => {
    expect(await read('/health')).toMatchObject({ databases: [{ database: 'main' }, { database: 'own-1', ok: true }] })
  })
})
