import { env } from 'cloudflare:workers'
import fc from 'fast-check'
import { expect, it } from 'vitest'
import { openTimeOf } from '../../src/domain/candle-line.ts'
import { slotsIn, type Window } from '../../src/domain/interval.ts'
import { readCandlePage, readDerivationInput, readRollups } from '../../src/store/candles.ts'
import { writeChunk } from '../../src/store/chunk.ts'
import { candleAt, chunkOf, MINUTE, seedSeries, T0 } from './seed.ts'

const SLOTS = 40
const at = (slot: number) => T0 + slot * MINUTE
const window = (from: number, to: number): Window => ({ start: at(from), end: at(to) })

type Slot = 'candle' | 'empty' | 'gap' | 'untouched'
let nextId = 1

/** A series whose first slots are in these states. */
async function seedSlots(slots: readonly Slot[]): Promise<number> {
  const { seriesId, lease } = await seedSeries('1m', nextId++)
  const times = (state: Slot) => slots.flatMap((slot, index) => (slot === state ? [at(index)] : []))
  const empty = times('empty').map((time) =>
    env.DB.prepare('INSERT INTO empty_slots VALUES (?1, ?2, 0)').bind(seriesId, time),
  )
  if (empty.length > 0) await env.DB.batch(empty)
  const candles = times('candle').map((time) => candleAt(time))
  const absent = times('gap').map((openTime) => ({ openTime, bracketed: false }))
  await writeChunk(env.DB, chunkOf(seriesId, '1m', { window: window(0, SLOTS), candles, absent }), lease, 'seed')
  return seriesId
}

it('a page holds exactly what its window does, up to its limit, from either edge', async () => {
  const state = fc.constantFrom<Slot>('candle', 'candle', 'candle', 'empty', 'gap', 'untouched')
  const edges = fc.tuple(fc.nat(SLOTS), fc.nat(SLOTS)).map(([a, b]) => [Math.min(a, b), Math.max(a, b)] as const)
  await fc.assert(
    fc.asyncProperty(
      fc.array(state, { minLength: SLOTS, maxLength: SLOTS }),
      edges,
      fc.integer({ min: 1, max: 12 }),
      fc.constantFrom('forward' as const, 'backward' as const),
      async (slots, [from, to], limit, direction) => {
        const seriesId = await seedSlots(slots)
        const asked = window(from, to)
        const page = await readCandlePage(env.DB.withSession(), {
          seriesId,
          interval: '1m',
          window: asked,
          direction,
          limit,
        })
        const times = [...slotsIn(asked, '1m')].filter((time) => slots[(time - T0) / MINUTE] === 'candle')
        const expected = (direction === 'forward' ? times : times.reverse()).slice(0, limit)
        expect(page?.lines.map(openTimeOf)).toEqual(expected)
        const last = expected.length === limit ? expected.at(-1) : undefined
        const answered =
          last === undefined
            ? asked
            : direction === 'forward'
              ? { start: asked.start, end: last + MINUTE }
              : { start: last, end: asked.end }
        expect(page?.window).toEqual(answered)
        const inside = (slot: Slot) =>
          [...slotsIn(answered, '1m')].filter((time) => slots[(time - T0) / MINUTE] === slot)
        expect(page?.emptySlots).toEqual(inside('empty'))
        expect(page?.gaps).toEqual(inside('gap').map((openTime) => ({ openTime, reason: 'absent' })))
        const isCovered = (time: number) => page?.covered.some(({ start, end }) => start <= time && time < end)
        expect([...slotsIn(answered, '1m')].filter(isCovered)).toEqual([...inside('candle'), ...inside('empty')].sort())
      },
    ),
    { numRuns: 150 },
  )
})

it('a page carries the marks of its series', async () => {
  const seriesId = await seedSlots(['candle'])
  const query = { seriesId, interval: '1m', window: window(0, 1), direction: 'forward', limit: 1 } as const
  const { marks } = (await readCandlePage(env.DB.withSession(), query)) ?? {}
  expect(marks).toEqual({
    revision: 0,
    version: 1,
    firstCandleTime: T0,
    verifiedTo: expect.any(Number),
    isFailing: false,
    recordedFrom: T0,
    backfills: [],
  })
})

it('there is nothing of a series that does not exist', async () => {
  const query = { seriesId: -1, interval: '1m', window: window(0, 1), direction: 'forward', limit: 1 } as const
  expect(await readCandlePage(env.DB.withSession(), query)).toBeUndefined()
  expect(await readDerivationInput(env.DB.withSession(), { ...query, ranges: [window(0, 1)] })).toBeUndefined()
  expect(await readRollups(env.DB.withSession(), query)).toEqual({ revision: 0, lines: [] })
})

it('the input of derived candles is that of its ranges, with where more of it lies', async () => {
  const slots = Array.from({ length: SLOTS }, (_, index): Slot => (index % 10 < 5 ? 'candle' : 'untouched'))
  const seriesId = await seedSlots(slots)
  const page = await readDerivationInput(env.DB.withSession(), {
    seriesId,
    window: window(16, 29),
    ranges: [window(16, 22), window(24, 26)],
  })
  expect(page?.lines.map(openTimeOf)).toEqual([20, 21, 24].map(at))
  expect(page?.covered).toEqual([window(20, 25)])
  expect([page?.coveredBefore, page?.coveredAfter]).toEqual([at(15), at(30)])
  const inside = await readDerivationInput(env.DB.withSession(), { seriesId, window: window(2, 33), ranges: [] })
  expect([inside?.coveredBefore, inside?.coveredAfter]).toEqual([at(5), at(33)])
  const whole = await readDerivationInput(env.DB.withSession(), { seriesId, window: window(0, SLOTS), ranges: [] })
  expect([whole?.coveredBefore, whole?.coveredAfter]).toEqual([null, null])
})
