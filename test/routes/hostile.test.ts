import { env } from 'cloudflare:workers'
import fc from 'fast-check'
import { expect, it } from 'vitest'
import { intervals } from '../../src/domain/interval.ts'
import { ADMIN, api, insertInstrument, minutes, seed } from './api.ts'

const RUNS = 3_000
/** SQL, stacks, files, bindings, tables: nothing of the inside. */
const INTERNALS =
  /\b(SELECT|INSERT|sqlite|D1_|json_each|series_id|open_time|prepare|undefined is not)\b|\.ts:|\bat \w+ \(|node_modules|cloudflare-internal|\[object /i

const { symbol, fill } = await seed()
await fill(minutes(0, 100), [minutes(5, 6).start])
await insertInstrument({ symbol: 'BTC-USDT' })
// Every list has been loaded: before that, to come back later is the answer.
for (const exchange of ['binance', 'okx', 'bybit', 'coinbase']) {
  await insertInstrument({ symbol: 'ZZZ-USDT', exchange })
  await insertInstrument({ symbol: 'ZZZ-USDT-PERP', exchange, kind: 'perpetual' })
}

const nasty = fc.constantFrom(
  '',
  ' ',
  '0',
  '-1',
  'NaN',
  'Infinity',
  '1e309',
  'null',
  'true',
  '[]',
  '{}',
  "' OR 1=1 --",
  '"; DROP TABLE candles; --',
  '%',
  '%00',
  '%E0%A4%A',
  '../../etc/passwd',
  '<script>',
  '\u0000',
  '\ud800',
  '币安人生-USDT',
  'A'.repeat(3_000),
  '9'.repeat(400),
  '__proto__',
  'constructor',
  'toString',
)
const plausible = fc.constantFrom(
  'okx',
  'binance',
  symbol,
  'BTC-USDT',
  'BTC/USDT:USDT',
  'cryptopair_okx_btcusdt',
  ...intervals,
  '2026-01-01',
  String(minutes(0, 1).start),
  String(minutes(50, 51).start),
  '5',
  'asc',
  'desc',
  'csv',
  'ndjson',
  'array',
  'true',
  'false',
  'quarantine',
)
const value = fc.oneof(plausible, plausible, nasty, fc.string(), fc.integer().map(String))
const name = fc.oneof(
  fc.constantFrom(
    ...[
      'exchange',
      'symbol',
      'interval',
      'start',
      'end',
      'limit',
      'order',
      'cursor',
      'format',
      'all',
      'symbols',
      'strict',
    ],
    ...['source', 'revision', 'recount', 'include', 'reason', 'kind', 'base', 'quote', 'active', 'q', 'recorded'],
  ),
  nasty,
)
const encode = (text: string) => encodeURIComponent(text.toWellFormed())
const query = fc
  .array(fc.tuple(name, value), { maxLength: 6 })
  .map((pairs) => pairs.map(([key, text]) => `${encode(key)}=${encode(text)}`).join('&'))
const segment = fc.oneof(value.map(encode), nasty)
const path = fc.oneof(
  fc.constantFrom(
    ...['/v1/exchanges', '/v1/assets', '/v1/instruments', '/v1/series', '/v1/backfills', '/v1/coverage', '/v1/gaps'],
    ...['/health', '/health/ready', '/openapi.json', '/docs', '/', `/v1/candles/okx/${symbol}`],
  ),
  fc.tuple(segment, segment).map(([exchange, name]) => `/v1/candles/${exchange}/${name}`),
  fc.tuple(segment, segment).map(([exchange, name]) => `/v1/instruments/${exchange}/${name}`),
  segment.map((exchange) => `/v1/exchanges/${exchange}/status`),
  segment.map((id) => `/v1/backfills/${id}`),
  fc.array(segment, { maxLength: 4 }).map((segments) => `/${segments.join('/')}`),
)
const header = fc.oneof(
  fc.constant({}),
  fc.constant(ADMIN),
  fc.constantFrom("' OR 1", ',,,', 'a'.repeat(300), 'zzz', '0-0').map((bookmark) => ({ 'X-Bookmark': bookmark })),
  fc.constantFrom('*', '"x"', 'W/', ',,').map((tag) => ({ 'If-None-Match': tag })),
)

/** Shaped like the bodies that are understood, so that the mutations reach deep. */
const field = fc.oneof(
  value,
  fc.integer(),
  fc.double(),
  fc.constant(null),
  fc.boolean(),
  fc.array(value, { maxLength: 3 }),
)
const seriesBody = fc.record(
  {
    series: fc.oneof(
      field,
      fc.array(fc.record({ exchange: field, symbol: field, intervals: field, start: field }, { requiredKeys: [] }), {
        maxLength: 3,
      }),
    ),
  },
  { requiredKeys: [] },
)
const backfillBody = fc.record(
  { exchanges: field, symbols: field, intervals: field, start: field, end: field },
  { requiredKeys: [] },
)
const body = fc.oneof(seriesBody, backfillBody, fc.jsonValue()).chain((json) => {
  const text = JSON.stringify(json)
  return fc.oneof(
    fc.constant(text),
    fc.constant(text),
    fc.nat(text.length).map((length) => text.slice(0, length)),
    fc.string(),
  )
})
const contentType = fc.constantFrom(
  'application/json',
  'application/json',
  'application/json',
  'text/plain',
  'multipart/form-data',
  ';',
)

async function check(url: string, init: RequestInit): Promise<void> {
  const response = await api(url, init)
  const text = new TextDecoder().decode(await response.arrayBuffer())
  const seen = `${init.method} ${url} ${JSON.stringify(init.body)} -> ${response.status} ${text.slice(0, 500)}`
  expect(response.status, seen).toBeLessThan(500)
  if (response.status < 400) return
  expect(response.headers.get('Content-Type'), seen).toBe('application/problem+json')
  expect(JSON.parse(text), seen).toMatchObject({
    status: response.status,
    code: expect.any(String),
    detail: expect.any(String),
  })
  expect(text, seen).not.toMatch(INTERNALS)
}

it(`${RUNS} mutated readings: no failure, no word of the inside`, async () => {
  await fc.assert(
    fc.asyncProperty(path, query, header, (asked, parameters, headers) =>
      check(`${asked}?${parameters}`, { method: 'GET', headers }),
    ),
    { numRuns: RUNS, endOnFailure: true },
  )
})

it(`${RUNS} mutated writings: no failure, and nothing is written by what is refused`, async () => {
  const method = fc.constantFrom('PUT', 'POST', 'PUT', 'POST', 'DELETE', 'PATCH')
  const target = fc.oneof(fc.constantFrom('/v1/series', '/v1/backfills', '/v1/backfills/x'), path)
  const state = () =>
    env.DB.prepare(
      'SELECT (SELECT count(*) FROM backfills) AS backfills, (SELECT count(*) FROM series) AS series',
    ).first()
  await fc.assert(
    fc.asyncProperty(method, target, body, contentType, fc.boolean(), async (verb, asked, text, type, isAdmin) => {
      const before = isAdmin ? undefined : await state()
      const headers = { 'Content-Type': type, ...(isAdmin && ADMIN) }
      await check(asked, { method: verb, headers, ...(verb === 'DELETE' ? {} : { body: text.toWellFormed() }) })
      if (before !== undefined) expect(await state()).toEqual(before)
    }),
    { numRuns: RUNS, endOnFailure: true },
  )
})
