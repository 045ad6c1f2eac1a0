import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { KnownIds } from '../../src/live/known-ids.ts'

const ids = fc.oneof(
  fc.uuid(),
  fc.integer({ min: 0, max: 300 }).map((n) => `22900000000616${66_000 + n}`),
  fc.string({ maxLength: 4 }),
)

describe('the ids that are known', () => {
  it('are the newest ones: each is let go in its turn, with its time', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 200 }), fc.array(ids, { maxLength: 600 }), (most, all) => {
        const known = new KnownIds(most)
        let model: { readonly id: string; readonly time: number }[] = []
        for (const [time, id] of all.entries()) {
          const isKnown = model.some((entry) => entry.id === id)
          expect(known.has(id)).toBe(isKnown)
          if (isKnown) continue
          const excess = model.length === most ? model[0] : undefined
          expect(known.add(id, time)).toBe(excess?.time ?? null)
          model = [...model, { id, time }].slice(-most)
          if (excess !== undefined) expect(known.has(excess.id)).toBe(false)
        }
        for (const { id } of model) expect(known.has(id)).toBe(true)
      }),
    )
  })

  it('are told apart where they hardly differ', () => {
    const known = new KnownIds(60_000)
    for (let n = 0; n < 60_000; n++) {
      const id = `2290000000061${600_000 + n}`
      expect(known.has(id) ? id : null).toBeNull()
      known.add(id, n)
    }
    for (const id of ['', '1', '11', 'a', 'A', '20f43950-d8dd-5b31-9112-a178eb6023af']) {
      expect(known.has(id)).toBe(false)
      known.add(id, 0)
      expect(known.has(id)).toBe(true)
    }
  })
})
