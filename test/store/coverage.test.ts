import { env } from 'cloudflare:workers'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { countSlots, floorToInterval, intervals } from '../../src/domain/interval.ts'
import { writeChunk } from '../../src/store/chunk.ts'
import { proveCoverage, readCoverage, slotsSql } from '../../src/store/coverage.ts'
import { candleAt, chunkOf, MINUTE, seedSeries, T0 } from './seed.ts'

const at = (slot: number) => T0 + slot * MINUTE

describe('slotsSql', () => {
  it('counts the slots of any interval as the domain does', async () => {
    const time = fc.integer({ min: Date.UTC(2009, 0, 3), max: Date.UTC(2099, 0, 1) })
    await fc.assert(
      fc.asyncProperty(fc.constantFrom(...intervals), time, time, async (interval, a, b) => {
        const [start, end] = [Math.min(a, b), Math.max(a, b)].map((edge) => floorToInterval(edge, interval))
        const window = { start: start ?? 0, end: end ?? 0 }
        const row = await env.DB.prepare(`SELECT ${slotsSql('?1', '?2', '?3')} AS slots`)
          .bind(window.start, window.end, interval)
          .first<{ slots: number }>()
        expect(row?.slots).toBe(countSlots(window, interval))
      }),
      { numRuns: 200 },
    )
  })
})

describe('readCoverage', () => {
  it('clips ranges and counts to the window', async () => {
    const { seriesId, lease } = await seedSeries('1m', 1)
    const candles = [0, 1, 2, 3, 6, 7].map((slot) => candleAt(at(slot)))
    await writeChunk(env.DB, chunkOf(seriesId, '1m', { window: { start: at(0), end: at(8) }, candles }), lease, 'a')
    const query = { seriesId, window: { start: at(2), end: at(7) }, listFrom: 0, limit: 10 }
    const coverage = await readCoverage(env.DB.withSession(), query)
    expect(coverage).toMatchObject({
      covered: [
        { start: at(2), end: at(4) },
        { start: at(6), end: at(7) },
      ],
      coveredSlots: 3,
      emptySlots: 0,
      coveredFrom: at(0),
      coveredTo: at(8),
    })
    expect(await readCoverage(env.DB.withSession(), { ...query, limit: 1 })).toMatchObject({
      covered: [{ start: at(2), end: at(4) }],
      coveredSlots: 3,
    })
    expect(await readCoverage(env.DB.withSession(), { ...query, listFrom: at(4) })).toMatchObject({
      covered: [{ start: at(6), end: at(7) }],
      coveredSlots: 3,
    })
  })

  it('knows nothing of a series without data, or of none', async () => {
    const { seriesId } = await seedSeries('1m', 2)
    const query = { seriesId, window: { start: at(0), end: at(9) }, listFrom: 0, limit: 10 }
    expect(await readCoverage(env.DB.withSession(), query)).toMatchObject({
      covered: [],
      coveredSlots: 0,
      coveredTo: null,
    })
    expect(await readCoverage(env.DB.withSession(), { ...query, seriesId: -1 })).toBeUndefined()
    expect(await proveCoverage(env.DB, -1, '1m')).toEqual({ equal: true, recounted: [] })
  })
})

describe('proveCoverage', () => {
  it('counts again where a writer came in between', async () => {
    const { seriesId, lease } = await seedSeries('1m', 3)
    let writes = 0
    /** Lets a writer in after the ranges have been read, the first few times. */
    const prepare = (sql: string) => {
      const statement = env.DB.prepare(sql)
      if (!sql.includes('islands') || writes === 3) return statement
      const slot = writes++
      const bind = statement.bind.bind(statement)
      statement.bind = (...values) => {
        const bound = bind(...values)
        const all = bound.all.bind(bound)
        const window = { start: at(slot), end: at(slot + 1) }
        const chunk = chunkOf(seriesId, '1m', { window, candles: [candleAt(at(slot))] })
        bound.all = async <T>() => {
          await writeChunk(env.DB, chunk, lease, `w${slot}`)
          return all<T>()
        }
        return bound
      }
      return statement
    }
    const busy = new Proxy(env.DB, {
      get: (db, name) => (name === 'prepare' ? prepare : Reflect.get(db, name)),
    })
    const proof = await proveCoverage(busy, seriesId, '1m')
    expect(writes).toBe(3)
    expect(proof).toEqual({ equal: true, recounted: [{ start: at(0), end: at(3) }] })
  })
})
