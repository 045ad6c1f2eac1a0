import { createExecutionContext, waitOnExecutionContext } from 'cloudflare:test'
import { env } from 'cloudflare:workers'
import { expect, it } from 'vitest'
import { intervals } from '../../src/domain/interval.ts'
import { connectors } from '../../src/exchanges/registry.ts'
import { createApp } from '../../src/routes/app.ts'
import { T0 } from './seed.ts'

/** Which the local database does not keep. https://developers.cloudflare.com/d1/platform/limits/ */
const MAX_PARAMETERS = 100
const MAX_SQL_BYTES = 100_000
const MAX_VALUE_BYTES = 2_000_000
const MAX_QUERIES = 1_000

const broken: string[] = []
let statements = 0
const bytes = (text: string) => new TextEncoder().encode(text).length

function check(what: string, size: number, max: number): void {
  if (size > max) broken.push(`${what}: ${size}`)
}

/** The database, keeping D1's limits. */
function guard<T extends D1Database | D1DatabaseSession>(db: T): T {
  return new Proxy(db, {
    get(target, name) {
      if (name === 'withSession') return (start: string) => guard(env.DB.withSession(start))
      if (name !== 'prepare') {
        const member: unknown = Reflect.get(target, name)
        return typeof member === 'function' ? member.bind(target) : member
      }
      return (sql: string) => {
        statements += 1
        check('SQL', bytes(sql), MAX_SQL_BYTES)
        const statement = target.prepare(sql)
        const bind = statement.bind.bind(statement)
        statement.bind = (...values) => {
          check('parameters', values.length, MAX_PARAMETERS)
          for (const value of values) if (typeof value === 'string') check('value', bytes(value), MAX_VALUE_BYTES)
          return bind(...values)
        }
        return statement
      }
    },
  })
}

const guarded = {
  ...env,
  DB: guard(env.DB),
  EXCHANGE_LOADER: { getByName: () => ({ poke: async () => {} }) },
  EXCHANGE_FEED: { getByName: () => ({}) },
}

async function ask(path: string, init: RequestInit = {}): Promise<Response> {
  const context = createExecutionContext()
  const response = await createApp().request(
    path,
    { ...init, headers: { 'X-Bookmark': '', ...init.headers } },
    guarded,
    context,
  )
  await response.clone().text()
  await waitOnExecutionContext(context)
  return response
}

const write = (method: string, path: string, body: unknown) =>
  ask(path, {
    method,
    body: JSON.stringify(body),
    headers: { 'Content-Type': 'application/json', Authorization: 'Bearer test-token' },
  })

it('no call comes near the limits of D1, however much it is asked for', async () => {
  await env.DB.prepare(
    `INSERT INTO instruments (exchange, kind, symbol, exchange_symbol, base, quote, inverse, active, valid_from)
     WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 2000)
     SELECT 'okx', 'spot', 'L' || i || '-USDT', 'L' || i || '-USDT', 'L' || i, 'USDT', 0, 1, 0 FROM n`,
  ).run()
  const native = intervals.filter((interval) => interval in connectors.okx.rest.intervals)
  const symbols = Array.from({ length: 2_000 }, (_, index) => `L${index + 1}-USDT`)
  const series = symbols.map((symbol) => ({ exchange: 'okx', symbol, intervals: native, start: T0 }))
  expect((await write('PUT', '/v1/series', { series })).status).toBe(200)
  const backfill = { exchanges: ['okx'], symbols: symbols.slice(0, 500), intervals: native.slice(0, 4), start: T0 }
  expect((await write('POST', '/v1/backfills', backfill)).status).toBe(202)
  const exports = symbols.slice(1, 50).join(',')
  for (const path of [
    '/v1/series?limit=1000',
    '/v1/instruments?limit=1000&q=L',
    '/v1/assets?limit=1000',
    '/v1/backfills?limit=100',
    '/v1/gaps?limit=1000&include=quarantine',
    '/v1/coverage?exchange=okx&symbol=L1-USDT&interval=1m&limit=5000&recount=true',
    '/v1/candles/okx/L1-USDT?interval=1m&limit=5000&start=2026-01-01',
    '/v1/candles/okx/L1-USDT?interval=1m&limit=5000',
    '/v1/trades/okx/L1-USDT?limit=5000',
    `/v1/candles/okx/L1-USDT?interval=1m&start=2026-01-01&end=2026-01-02&all=true&format=csv&symbols=${exports}`,
  ]) {
    expect((await ask(path)).status, path).toBe(200)
  }
  expect(statements).toBeGreaterThan(20)
  expect(broken).toEqual([])
})

let state = 1

/** Digits that no compression makes shorter than they must be; the last is none that a decimal may not end with. */
function noise(length: number): string {
  let digits = ''
  while (digits.length < length) {
    state = (state * 48_271) % 2_147_483_647
    digits += String(state % 1_000_000).padStart(6, '0')
  }
  return `${digits.slice(0, length - 1)}7`
}

it('the largest arrays that are taken in stay within them too', async () => {
  await env.DB.prepare(
    `INSERT INTO instruments (exchange, kind, symbol, exchange_symbol, base, quote, inverse, active, valid_from)
     VALUES ('okx', 'spot', 'BIG-USDT', 'BIG-USDT', 'BIG', 'USDT', 0, 1, 0)`,
  ).run()
  const path = (kind: string) => `/v1/ingest/${kind}?exchange=okx&symbol=BIG-USDT`
  const arrayOf = (size: number, textOf: (index: number) => string) => {
    const records: string[] = []
    for (let bytes = 2; ; ) {
      const text = textOf(records.length)
      bytes += text.length + 1
      if (bytes > size) return { body: `[${records.join()}]`, count: records.length }
      records.push(text)
    }
  }
  const levels = (from: number, step: number) =>
    Array.from({ length: 5_000 }, (_, index) => `["${from + step * index}.${noise(70)}","0.${noise(78)}"]`).join()
  const book = `"bids":[${levels(50_000, -1)}],"asks":[${levels(50_001, 1)}]`
  const sent = [
    [
      'candles',
      arrayOf(
        9_990_000,
        (slot) => `{"openTime":${T0 - slot * 120_000},"open":1,"high":1,"low":1,"close":1,"volume":1}`,
      ),
    ],
    ['trades', arrayOf(500_000, (id) => `{"id":${id},"exchangeTime":${T0 - id * 60_000},"price":1,"size":1}`)],
    ['order-books', arrayOf(9_990_000, (n) => `{"exchangeTime":${T0 - n},${book}}`)],
  ] as const
  for (const [kind, { body, count }] of sent) {
    statements = 0
    const headers = { 'Content-Type': 'application/json', Authorization: 'Bearer test-token' }
    const query = kind === 'candles' ? '&interval=1m' : ''
    const response = await ask(path(kind) + query, { method: 'POST', body, headers })
    expect(await response.json(), kind).toMatchObject({ accepted: count, rejected: 0 })
    expect(statements, kind).toBeLessThan(MAX_QUERIES)
  }
  expect(broken).toEqual([])
})
