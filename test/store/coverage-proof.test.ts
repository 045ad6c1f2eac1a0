import { env } from 'cloudflare:workers'
import fc from 'fast-check'
import { expect, it } from 'vitest'
import { intervals, shiftOpenTime } from '../../src/domain/interval.ts'
import { writeChunk } from '../../src/store/chunk.ts'
import { proveCoverage } from '../../src/store/coverage-proof.ts'
import { recountCoverage } from './recount.ts'
import { candleAt, chunkOf, MINUTE, seedSeries, T0 } from './seed.ts'

const at = (slot: number) => T0 + slot * MINUTE
const versionOf = (seriesId: number) =>
  env.DB.prepare('SELECT version FROM series WHERE id = ?1').bind(seriesId).first<number>('version')

it('knows nothing of a series that does not exist', async () => {
  expect(await proveCoverage(env.DB, -1, '1m', 0)).toEqual({ version: 0, equal: true, recounted: [] })
})

it('counts anew only what was written since', async () => {
  const { seriesId, lease } = await seedSeries('1m', 3)
  let batches = 0
  const counted = new Proxy(env.DB, {
    get: (db, name) => {
      if (name === 'batch') batches += 1
      const member: unknown = Reflect.get(db, name)
      return typeof member === 'function' ? member.bind(db) : member
    },
  })
  const write = (slot: number) => {
    const window = { start: at(slot), end: at(slot + 1) }
    return writeChunk(env.DB, chunkOf(seriesId, '1m', { window, candles: [candleAt(at(slot))] }), lease, `w${slot}`)
  }
  const prove = async () => proveCoverage(counted, seriesId, '1m', (await versionOf(seriesId)) ?? -1)
  await write(0)
  expect(await prove()).toMatchObject({ equal: true, recounted: [{ start: at(0), end: at(1) }] })
  expect(await prove()).toEqual(await prove())
  expect(batches).toBe(1)
  await write(1)
  expect(await prove()).toMatchObject({ equal: true, recounted: [{ start: at(0), end: at(2) }] })
  expect(batches).toBe(2)
  // What a caller saw at an earlier write is taken in as well.
  await proveCoverage(counted, seriesId, '1m', 0)
  expect(batches).toBe(2)
})

it('keeps no more than the newest proofs', async () => {
  const ids = Array.from({ length: 25 }, (_, index) => -100 - index)
  const first = await proveCoverage(env.DB, -100, '1m', 0)
  expect(await proveCoverage(env.DB, -100, '1m', 0)).toBe(first)
  for (const id of ids) await proveCoverage(env.DB, id, '1m', 0)
  expect(await proveCoverage(env.DB, -100, '1m', 0)).not.toBe(first)
})

it('recounts any interval, by candles and empty slots, as its writer does', async () => {
  let id = 100
  const slots = fc.uniqueArray(fc.integer({ min: 0, max: 30 }), { minLength: 1, maxLength: 20 })
  await fc.assert(
    fc.asyncProperty(fc.constantFrom(...intervals), slots, async (interval, chosen) => {
      const { seriesId } = await seedSeries(interval, id++)
      const monday = Date.UTC(2026, 0, 5)
      const first = interval === '1w' ? monday : T0
      await env.DB.batch(
        chosen.map((slot, index) =>
          env.DB.prepare(
            index % 2 === 0
              ? "INSERT INTO candles (series_id, open_time, open, high, low, close, volume) VALUES (?1, ?2, '1', '1', '1', '1', '1')"
              : 'INSERT INTO empty_slots VALUES (?1, ?2, 0)',
          ).bind(seriesId, shiftOpenTime(first, interval, slot)),
        ),
      )
      const { recounted } = await proveCoverage(env.DB, seriesId, interval, 0)
      expect(recounted).toEqual(await recountCoverage(env.DB, seriesId, interval))
    }),
    { numRuns: 60 },
  )
})
