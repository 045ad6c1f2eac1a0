import fc from 'fast-check'
import { expect, it } from 'vitest'
import { FaultyExchange, happenings, type PlayedName } from './session-world.ts'

const RUNS = 100

it.each<PlayedName>(['binance', 'okx', 'bybit', 'coinbase'])(
  'whatever happens at %s, clients miss nothing unsaid',
  (exchange) => {
    fc.assert(
      fc.property(happenings(), fc.infiniteStream(fc.double({ min: 0, max: 0.999, noNaN: true })), (all, chances) => {
        const world = new FaultyExchange(exchange, () => chances.next().value ?? 0)
        for (const what of all) world.happen(what)
        world.recover()
        expect(world.silentlyMissing()).toEqual([])
        expect(world.wrongBooks()).toEqual([])
        // Both are live again, and the newest of both was told.
        expect(world.played.status).toMatchObject({ state: 'live', stale: [], rejected: [] })
        expect(world.played.ids(world.trades)).toContain(world.executed.length)
        expect(world.bookLag()).toBe(0)
        expect(world.misnumbered()).toEqual([])
      }),
      { numRuns: RUNS },
    )
  },
)
