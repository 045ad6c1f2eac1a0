import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { intersectWindows, mergeWindows, subtractRanges } from '../../src/domain/window.ts'

const window = fc.tuple(fc.nat(50), fc.nat(50)).map(([a, b]) => ({ start: Math.min(a, b), end: Math.max(a, b) }))
const points = (windows: readonly { start: number; end: number }[]) =>
  new Set(windows.flatMap(({ start, end }) => Array.from({ length: end - start }, (_, i) => start + i)))

describe('windows', () => {
  it('merge to the same time, ascending, apart', () => {
    fc.assert(
      fc.property(fc.array(window, { maxLength: 8 }), (windows) => {
        const merged = mergeWindows(windows)
        expect(points(merged)).toEqual(new Set([...points(windows)].sort((a, b) => a - b)))
        for (const [i, w] of merged.entries()) if (i > 0) expect(w.start).toBeGreaterThan(merged[i - 1]?.end ?? 0)
      }),
    )
  })

  it('subtract to what is left', () => {
    fc.assert(
      fc.property(window, fc.array(window, { maxLength: 8 }), (whole, ranges) => {
        const rest = points(subtractRanges(whole, mergeWindows(ranges)))
        const taken = points(ranges)
        expect(rest).toEqual(new Set([...points([whole])].filter((point) => !taken.has(point))))
      }),
    )
  })

  it('intersect', () => {
    expect(intersectWindows({ start: 0, end: 10 }, { start: 5, end: 20 })).toEqual({ start: 5, end: 10 })
  })
})
