import { env } from 'cloudflare:workers'
import { describe, expect, it } from 'vitest'
import { MINUTE, T0 } from '../store/seed.ts'
import { ADMIN, insertInstrument, minutes, problem, send } from './api.ts'
import { ingest, ndjson, readLines, sent, sentIn, stream } from './ingest.ts'

let next = 0

async function pathOfNew(): Promise<string> {
  const symbol = `K${next++}-USDT`
  await insertInstrument({ symbol })
  return `/v1/ingest/candles?exchange=okx&symbol=${symbol}`
}

const newKey = () => ({ 'Idempotency-Key': `key-${next++}` })

/** Makes the database fail for one value while `run` does. */
async function withBrokenDatabase<T>(run: () => Promise<T>): Promise<T> {
  await env.DB.prepare(
    "CREATE TRIGGER broken BEFORE INSERT ON candles WHEN NEW.close = '6.66' BEGIN SELECT raise(ABORT, 'broken'); END",
  ).run()
  try {
    return await run()
  } finally {
    await env.DB.prepare('DROP TRIGGER broken').run()
  }
}

describe('Idempotency-Key with an array', () => {
  it('answers the same request again as it was', async () => {
    const [path, key] = [await pathOfNew(), newKey()]
    const body = sentIn(minutes(0, 3))
    const first = await ingest(path, body, key)
    expect(first).toMatchObject({ accepted: 3 })
    expect(await ingest(path, body, key)).toEqual(first)
    expect(await ingest(path, body)).toMatchObject({ accepted: 0, unchanged: 3 })
  })

  it('refuses another body, another query, and stores nothing of it', async () => {
    const [path, key] = [await pathOfNew(), newKey()]
    await ingest(path, sentIn(minutes(0, 3)), key)
    for (const [url, body] of [
      [path, sentIn(minutes(5, 8))],
      [`${path}&source=other`, sentIn(minutes(0, 3))],
    ] as const) {
      const response = await send('POST', url, body, { ...ADMIN, ...key })
      expect(response.status).toBe(422)
      expect(await problem(response)).toMatchObject({ code: 'idempotency_conflict' })
    }
    expect(await ingest(path, sentIn(minutes(5, 8)))).toMatchObject({ accepted: 3 })
  })

  it('refuses a second one while the first is in flight', async () => {
    const [path, key] = [await pathOfNew(), newKey()]
    const search = path.split('?')[1]
    await env.DB.prepare(
      "INSERT INTO idempotency_keys (key, request, state, created_at, touched_at) VALUES (?1, ?2, 'running', ?3, ?3)",
    )
      .bind(key['Idempotency-Key'], `POST /v1/ingest/candles?${search} application/json`, Date.UTC(2090, 0, 1))
      .run()
    const response = await send('POST', path, sentIn(minutes(0, 3)), { ...ADMIN, ...key })
    expect(response.status).toBe(409)
    expect(response.headers.get('Retry-After')).toBe('5')
    expect(await problem(response)).toMatchObject({ code: 'idempotency_in_flight' })
  })

  it('lets a request that failed be sent again', async () => {
    const [path, key] = [await pathOfNew(), newKey()]
    const body = [sent(T0), sent(T0 + MINUTE, { close: '6.66' })]
    const failed = await withBrokenDatabase(() => send('POST', path, body, { ...ADMIN, ...key }))
    expect(failed.status).toBe(503)
    expect(await ingest(path, body, key)).toMatchObject({ accepted: 2, unchanged: 0 })
  })

  it('ends a request whose worker died after it had stored everything', async () => {
    const [path, key] = [await pathOfNew(), newKey()]
    const body = sentIn(minutes(0, 3))
    const first = await ingest(path, body, key)
    await env.DB.batch([
      env.DB.prepare("UPDATE idempotency_keys SET state = 'running', touched_at = 0 WHERE key = ?1").bind(
        key['Idempotency-Key'],
      ),
      env.DB.prepare('DELETE FROM idempotency_batches WHERE key = ?1 AND number = 1').bind(key['Idempotency-Key']),
    ])
    expect(await ingest(path, body, key)).toEqual(first)
    expect(await ingest(path, body, key)).toEqual(first)
  })

  it.each(['', 'ä', 'x'.repeat(256)])('refuses the key %j', async (key) => {
    const response = await send('POST', await pathOfNew(), [], { ...ADMIN, 'Idempotency-Key': key })
    expect(response.status).toBe(400)
    expect(await problem(response)).toMatchObject({ errors: [{ path: 'Idempotency-Key' }] })
  })
})

describe('Idempotency-Key with lines', () => {
  const lines = (from: number, to: number) => ndjson(sentIn(minutes(from, to)))

  it('answers the same lines again as they were', async () => {
    const [path, key] = [await pathOfNew(), newKey()]
    const first = await readLines(await stream(path, lines(0, 1_500), key))
    expect(first.summary).toMatchObject({ accepted: 1_500, incomplete: false })
    expect(await readLines(await stream(path, lines(0, 1_500), key))).toEqual(first)
  })

  it('refuses another body before it writes anything', async () => {
    const [path, key] = [await pathOfNew(), newKey()]
    await readLines(await stream(path, lines(0, 1_500), key))
    const response = await stream(path, lines(1_500, 1_600), key)
    expect(response.status).toBe(422)
    expect(await problem(response)).toMatchObject({ code: 'idempotency_conflict' })
    expect((await readLines(await stream(path, lines(1_500, 1_600)))).summary).toMatchObject({ accepted: 100 })
  })

  it.each([
    ['longer', lines(0, 2_600)],
    ['shorter', lines(0, 1_000)],
    ['different later on', lines(0, 1_000) + lines(1_001, 1_501)],
  ])('stops where a body that is %s differs, and stores nothing of the rest', async (_, body) => {
    const [path, key] = [await pathOfNew(), newKey()]
    await readLines(await stream(path, lines(0, 1_500), key))
    const { summary } = await readLines(await stream(path, body, key))
    expect(summary).toMatchObject({
      accepted: 1_000,
      incomplete: true,
      lastLine: 1_000,
      error: { code: 'idempotency_conflict' },
    })
    expect((await readLines(await stream(path, lines(1_500, 2_600)))).summary).toMatchObject({ accepted: 1_100 })
  })

  it('goes on where a body broke off', async () => {
    const [path, key] = [await pathOfNew(), newKey()]
    const whole = lines(0, 2_500)
    const cut = await readLines(await stream(path, whole.slice(0, whole.indexOf(lines(1_200, 1_201)) + 30), key))
    expect(cut.summary).toMatchObject({ accepted: 1_200, incomplete: true, lastLine: 1_200 })
    const { batches, summary } = await readLines(await stream(path, whole, key))
    // The first batch is answered from the record, of the second one part was stored before.
    expect(batches.map(({ accepted, unchanged }) => [accepted, unchanged])).toEqual([
      [1_000, 0],
      [800, 200],
      [500, 0],
    ])
    expect(summary).toMatchObject({ accepted: 2_300, unchanged: 200, incomplete: false })
  })

  it('keeps the batches before one that the database fails at, and tries none after it', async () => {
    const [path, key] = [await pathOfNew(), newKey()]
    const body = lines(0, 1_000) + ndjson(sentIn(minutes(1_000, 2_000), { close: '6.66' })) + lines(2_000, 3_000)
    const failed = await withBrokenDatabase(async () => readLines(await stream(path, body, key)))
    expect(failed.batches).toHaveLength(1)
    expect(failed.summary).toMatchObject({
      accepted: 1_000,
      incomplete: true,
      lastLine: 1_000,
      error: { code: 'storage_unavailable' },
    })
    expect((await readLines(await stream(path, body, key))).summary).toMatchObject({
      accepted: 3_000,
      incomplete: false,
    })
  })
})
