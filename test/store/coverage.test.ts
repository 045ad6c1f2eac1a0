import { env } from 'cloudflare:workers'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { ceilToInterval, countSlots, floorToInterval, intervals } from '../../src/domain/interval.ts'
import { writeChunk } from '../../src/store/chunk.ts'
import { readCoverage, slotsSql } from '../../src/store/coverage.ts'
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
        // A bound that is not aligned counts the slot that it cuts.
        const cut = await env.DB.prepare(`SELECT ${slotsSql('?1', '?2', '?3')} AS slots`)
          .bind(window.start, Math.max(a, b), interval)
          .first<{ slots: number }>()
        expect(cut?.slots).toBe(countSlots({ ...window, end: ceilToInterval(Math.max(a, b), interval) }, interval))
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

  it('leaves out what lies before the first candle', async () => {
    const { seriesId, lease } = await seedSeries('1m', 4)
    const candles = [0, 1, 2, 3].map((slot) => candleAt(at(slot)))
    await writeChunk(env.DB, chunkOf(seriesId, '1m', { window: { start: at(0), end: at(4) }, candles }), lease, 'a')
    await env.DB.prepare('INSERT INTO empty_slots VALUES (?1, ?2, 0)').bind(seriesId, at(1)).run()
    const read = async (first: number) => {
      await env.DB.prepare('UPDATE series SET first_candle_time = ?2 WHERE id = ?1').bind(seriesId, at(first)).run()
      const query = { seriesId, window: { start: at(0), end: at(3) }, listFrom: 0, limit: 10 }
      return readCoverage(env.DB.withSession(), query)
    }
    expect(await read(2)).toMatchObject({
      covered: [{ start: at(2), end: at(3) }],
      coveredSlots: 1,
      emptySlots: 0,
      coveredFrom: at(0),
    })
    expect(await read(4)).toMatchObject({ covered: [], coveredSlots: 0 })
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
  })
})
