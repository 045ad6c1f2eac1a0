import { env } from 'cloudflare:workers'
import fc from 'fast-check'
import { expect, it } from 'vitest'
import type { Window } from '../../src/domain/interval.ts'
import { mergeWindows, subtractRanges } from '../../src/domain/window.ts'
import { readHoles } from '../../src/store/gaps.ts'
import { MINUTE, T0 } from './seed.ts'

let nextId = 1
const windows = fc
  .array(fc.tuple(fc.nat(60), fc.integer({ min: 1, max: 8 })), { maxLength: 8 })
  .map((pairs) =>
    mergeWindows(pairs.map(([from, length]) => ({ start: T0 + from * MINUTE, end: T0 + (from + length) * MINUTE }))),
  )

it('holes are what the ranges leave of the wanted windows', async () => {
  const series = fc.array(fc.tuple(windows, windows), { minLength: 1, maxLength: 3 })
  await fc.assert(
    fc.asyncProperty(series, async (parts) => {
      const seeded = parts.map(([wanted, covered]) => ({ seriesId: nextId++, wanted, covered }))
      const inserts = seeded.flatMap(({ seriesId, covered }) =>
        covered.map(({ start, end }) =>
          env.DB.prepare("INSERT INTO coverage VALUES (?1, ?2, ?3, 'test')").bind(seriesId, start, end),
        ),
      )
      if (inserts.length > 0) await env.DB.batch(inserts)
      const wanted = seeded.flatMap(({ seriesId, wanted }) => wanted.map((window) => ({ ...window, seriesId })))
      const ids = seeded.map(({ seriesId }) => seriesId)
      const { holes } = await readHoles(env.DB.withSession(), wanted, ids, { seriesId: 0, time: -1 }, 1_000)
      const expected = seeded.flatMap(({ seriesId, wanted, covered }) =>
        wanted.flatMap((window: Window) => subtractRanges(window, covered).map((hole) => ({ seriesId, ...hole }))),
      )
      expect(holes).toEqual(expected)
    }),
    { numRuns: 100 },
  )
})
