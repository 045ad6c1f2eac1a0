import { env } from 'cloudflare:workers'
import { describe, expect, it } from 'vitest'
import { claimKey, finishKey, readBatch, recordBatch, releaseKey } from '../../src/store/idempotency.ts'
import { T0 } from './seed.ts'

const HOUR = 3_600_000
const request = 'POST /v1/ingest/candles application/json'
let next = 0
const newKey = () => ({ key: `key ${next++}`, request })

describe('keys of requests', () => {
  it('let one carry it out, refuse others meanwhile, and keep its answers', async () => {
    const keyed = newKey()
    const claims = await Promise.all([0, 1, 2].map(() => claimKey(env.DB, keyed, 'a', T0)))
    expect(claims.sort()).toEqual(['in_flight', 'in_flight', 'running'])
    await recordBatch(env.DB, keyed.key, { number: 0, digest: 'a', answer: 'first' }, T0)
    await finishKey(env.DB, keyed.key, { number: 1, digest: 'end', answer: 'sum' }, T0)
    expect(await claimKey(env.DB, keyed, 'a', T0 + HOUR)).toBe('done')
    expect(await readBatch(env.DB, keyed.key, 0)).toEqual({ number: 0, digest: 'a', answer: 'first' })
    expect(await readBatch(env.DB, keyed.key, 2)).toBeUndefined()
  })

  it('are for one request and one body', async () => {
    const keyed = newKey()
    await claimKey(env.DB, keyed, 'a', T0)
    expect(await claimKey(env.DB, { ...keyed, request: `${request}?source=x` }, 'a', T0)).toBe('conflict')
    await recordBatch(env.DB, keyed.key, { number: 0, digest: 'a', answer: '' }, T0)
    expect(await claimKey(env.DB, keyed, 'b', T0 + HOUR)).toBe('conflict')
    await releaseKey(env.DB, keyed.key)
    expect(await claimKey(env.DB, keyed, 'b', T0)).toBe('conflict')
    expect(await claimKey(env.DB, keyed, 'a', T0)).toBe('running')
  })

  it('can be taken over from a worker that has died', async () => {
    const keyed = newKey()
    await claimKey(env.DB, keyed, 'a', T0)
    await recordBatch(env.DB, keyed.key, { number: 0, digest: 'a', answer: '' }, T0 + 30_000)
    expect(await claimKey(env.DB, keyed, 'a', T0 + 89_999)).toBe('in_flight')
    expect(await claimKey(env.DB, keyed, 'a', T0 + 90_000)).toBe('running')
    expect(await claimKey(env.DB, keyed, 'a', T0 + 90_001)).toBe('in_flight')
  })

  it('are forgotten after a day, with their answers', async () => {
    const [old, other] = [newKey(), newKey()]
    await claimKey(env.DB, old, 'a', T0)
    await finishKey(env.DB, old.key, { number: 0, digest: 'a', answer: '' }, T0)
    expect(await claimKey(env.DB, old, 'a', T0 + 24 * HOUR - 1)).toBe('done')
    await claimKey(env.DB, other, 'a', T0 + 24 * HOUR)
    expect(await readBatch(env.DB, old.key, 0)).toBeUndefined()
    expect(await claimKey(env.DB, old, 'b', T0 + 24 * HOUR)).toBe('running')
  })

  it('are claimed without a look at all others', async () => {
    await env.DB.prepare(
      `INSERT INTO idempotency_keys (key, request, state, created_at, touched_at)
       WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 1000)
       SELECT 'many ' || i, '', 'done', ?1, ?1 FROM n`,
    )
      .bind(T0)
      .run()
    let read = 0
    const batch = async <T>(statements: D1PreparedStatement[]) => {
      const results = await env.DB.batch<T>(statements)
      for (const { meta } of results) read += meta.rows_read
      return results
    }
    const db = { prepare: (sql: string) => env.DB.prepare(sql), batch }
    expect(await claimKey(db, newKey(), 'a', T0)).toBe('running')
    expect(read).toBeLessThan(50)
  })
})
