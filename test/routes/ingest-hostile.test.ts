import fc from 'fast-check'
import { expect, it } from 'vitest'
import { T0 } from '../store/seed.ts'
import { insertInstrument, problem, send } from './api.ts'
import { ingest, readLines, sent, stream } from './ingest.ts'

await insertInstrument({ symbol: 'HOSTILE-USDT' })

const PATH = '/v1/ingest/candles?exchange=okx&symbol=HOSTILE-USDT'

const value = fc.oneof(
  fc.constantFrom(
    '',
    '0',
    '-0',
    '1e309',
    '1e-61',
    'NaN',
    '9'.repeat(90),
    '__proto__',
    "'; DROP TABLE candles; --",
    '\u0000',
  ),
  fc.constantFrom(-1, 0.1, 1e21, Number.MAX_SAFE_INTEGER, null, true),
  fc.json().map((text): unknown => JSON.parse(text)),
)
const field = fc.constantFrom(
  'exchange',
  'symbol',
  'interval',
  'openTime',
  'open',
  'close',
  'volume',
  'tradeCount',
  'toString',
)
const spoiled = fc.dictionary(field, value, { minKeys: 1, maxKeys: 3 }).map((changes) => sent(T0, changes))
const record = fc.oneof(spoiled, value, fc.constant(sent(T0)))

it('accounts for every record of a hostile array, and fails at none', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(record, { maxLength: 20 }), async (records) => {
      const { accepted, unchanged, revised, rejected, rejections } = await ingest(PATH, records)
      expect(accepted + unchanged + revised + rejected).toBe(records.length)
      expect(rejections).toHaveLength(rejected)
      expect(JSON.stringify(rejections)).not.toMatch(/SELECT|json_each|D1_|\.ts:/)
    }),
    { numRuns: 100 },
  )
})

it('accounts for every line of a hostile body', async () => {
  const line = fc.oneof(
    record.map((sound) => JSON.stringify(sound)),
    fc.string().map((text) => `!${text.replaceAll('\n', ' ')}`),
    fc.constantFrom('{', '[1', '"', '{"a":1}{"b":2}', '{},{}', '\ud800', '[['.repeat(5_000)),
  )
  await fc.assert(
    fc.asyncProperty(fc.array(line, { maxLength: 20 }), async (lines) => {
      const { summary } = await readLines(await stream(PATH, `${lines.join('\n')}\n`))
      const { accepted, unchanged, revised, rejected, incomplete } = summary
      expect(accepted + unchanged + revised + rejected).toBe(lines.length)
      expect(incomplete).toBe(false)
    }),
    { numRuns: 100 },
  )
})

it.each([
  ['arrays', `${'['.repeat(100_000)}"",1.5${']'.repeat(100_000)}`],
  ['objects', `${'{"a":'.repeat(100_000)}1.5${'}'.repeat(100_000)}`],
])('refuses %s that are nested too deeply to be read', async (_, nested) => {
  const response = await send('POST', PATH, `[${nested}]`)
  expect(response.status).toBe(400)
  expect(await problem(response)).toMatchObject({
    code: 'invalid_request',
    errors: [{ path: 'body', message: 'is nested too deeply' }],
  })
  const { batches } = await readLines(await stream(PATH, `${nested}\n`))
  expect(batches).toMatchObject([{ rejections: [{ reason: 'malformed', message: 'is nested too deeply' }] }])
})
