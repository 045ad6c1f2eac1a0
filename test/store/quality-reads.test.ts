import { env } from 'cloudflare:workers'
import { expect, it } from 'vitest'
import { type FindingFilter, readFindings } from '../../src/store/findings.ts'
import { readQualitySeries } from '../../src/store/quality.ts'
import type { Reader } from '../../src/store/sessions.ts'
import { MINUTE, seedSeries, T0 } from './seed.ts'

const STORED = 2_000
const ALL: FindingFilter = {
  ...{ exchanges: ['okx'], symbol: null, interval: null, source: null, kind: null, severity: null, state: 'open' },
  window: { start: 0, end: Number.MAX_SAFE_INTEGER },
}
const NEWEST = { start: Number.MAX_SAFE_INTEGER, id: Number.MAX_SAFE_INTEGER }

/** The database, telling how many rows each statement has read. */
function counting(onRead: (rows: number) => void): Reader {
  return {
    batch: (statements) => env.DB.batch(statements),
    prepare(sql) {
      const statement = env.DB.prepare(sql)
      const bind = statement.bind.bind(statement)
      statement.bind = (...values) => {
        const bound = bind(...values)
        const all = bound.all.bind(bound)
        bound.all = async <T>() => {
          const result = await all<T>()
          onRead(result.meta.rows_read)
          return result
        }
        return bound
      }
      return statement
    },
  }
}

it('findings: reads little more than it gives, however many there are', async () => {
  const { seriesId } = await seedSeries('1m', 1)
  await env.DB.prepare(
    `INSERT INTO findings (series_id, kind, severity, start_time, end_time, evidence, first_seen, last_seen, state)
     WITH RECURSIVE n (i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i < ?2 - 1)
     SELECT ?1, 'price_jump', 'info', ?3 + i * ${MINUTE}, ?3 + (i + 1) * ${MINUTE}, '{}', 0, 0, 'open' FROM n`,
  )
    .bind(seriesId, STORED, T0)
    .run()
  const read: number[] = []
  const db = counting((rows) => read.push(rows))
  const minute = (number: number) => T0 + number * MINUTE
  const last = { start: minute(STORED - 10), end: minute(STORED) }
  const newest = await readFindings(db, ALL, NEWEST, 10)
  expect(newest.map(({ start }) => start)).toEqual(Array.from({ length: 10 }, (_, n) => minute(STORED - 1 - n)))
  expect(await readFindings(db, { ...ALL, window: last }, NEWEST, 100)).toEqual(newest)
  const after = newest.at(-1) ?? NEWEST
  expect((await readFindings(db, ALL, after, 1)).map(({ start }) => start)).toEqual([minute(STORED - 11)])
  expect(read).toHaveLength(3)
  expect(Math.max(...read)).toBeLessThan(STORED / 10)
})

it('series: reads no instruments that are not stored, and those of one symbol alone', async () => {
  await env.DB.prepare(
    `INSERT INTO instruments (exchange, kind, symbol, exchange_symbol, base, quote, inverse, active, valid_from)
     WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ?1)
     SELECT 'okx', 'spot', 'N' || i || '-USDT', 'N' || i || '-USDT', 'N' || i, 'USDT', 0, 1, 0 FROM n`,
  )
    .bind(STORED)
    .run()
  for (let id = 10_000; id < 10_010; id++) await seedSeries('1m', id)
  for (const filter of [ALL, { ...ALL, symbol: 'A10009-USDT' }]) {
    const read: number[] = []
    const [last] = (
      await readQualitySeries(
        counting((rows) => read.push(rows)),
        filter,
        0,
        100,
      )
    ).reverse()
    expect(last).toMatchObject({ symbol: 'A10009-USDT' })
    expect(read[0]).toBeLessThan(100)
  }
})
