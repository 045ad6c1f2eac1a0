import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { type AnswerQuality, type DeliveryFault, type Step, TradeWorld } from './trade-world.ts'

const RUNS = 3_000

interface Faults {
  readonly deliveries: readonly DeliveryFault[]
  readonly answers: readonly AnswerQuality[]
  readonly maxWaitMs: number
}

function stepsWith({ deliveries, answers, maxWaitMs }: Faults): fc.Arbitrary<Step[]> {
  const socket = fc.nat(1)
  const fault = fc.oneof(
    { weight: 4, arbitrary: fc.constant<DeliveryFault>('none') },
    { weight: 1, arbitrary: fc.constantFrom(...deliveries) },
  )
  const skippedIds = fc.oneof({ weight: 12, arbitrary: fc.constant(0) }, { weight: 1, arbitrary: fc.constant(2) })
  const step = fc.oneof<fc.WeightedArbitrary<Step>[]>(
    { weight: 16, arbitrary: fc.record({ kind: fc.constant('execute'), skippedIds }) },
    { weight: 20, arbitrary: fc.record({ kind: fc.constant('deliver'), socket, fault }) },
    { weight: 4, arbitrary: fc.constant({ kind: 'open' }) },
    { weight: 2, arbitrary: fc.record({ kind: fc.constant('lose'), socket }) },
    { weight: 4, arbitrary: fc.record({ kind: fc.constant('answer'), quality: fc.constantFrom(...answers) }) },
    { weight: 2, arbitrary: fc.record({ kind: fc.constant('wait'), ms: fc.nat(maxWaitMs) }) },
    { weight: 1, arbitrary: fc.constant({ kind: 'restart' }) },
  )
  return fc.array(step, { maxLength: 120, size: 'max' }).map((steps) => [{ kind: 'open' }, ...steps])
}

function live(world: TradeWorld, steps: readonly Step[]): TradeWorld {
  for (const step of steps) world.take(step)
  world.settle()
  return world
}

function expectEachOnce(world: TradeWorld): void {
  expect(new Set(world.published.map(({ id }) => id)).size).toBe(world.published.length)
}

const everyFault: DeliveryFault[] = ['duplicate', 'reorder', 'drop', 'truncate']

describe('a line of trades', () => {
  it('is whole and in order where ids count up and REST answers', () => {
    const steps = stepsWith({ deliveries: everyFault, answers: ['full'], maxWaitMs: 50 })
    fc.assert(
      // Ids that need more than a double: the first is the last whole number that a double can tell from its neighbours.
      fc.property(steps, fc.constantFrom(1, 2 ** 53 - 400), (happening, firstId) => {
        const world = live(new TradeWorld('byId', firstId), happening)
        expectEachOnce(world)
        expect(world.disordered()).toEqual([])
        expect(world.silentlyMissing()).toEqual([])
        expect(world.gaps.filter(({ afterId }) => afterId !== null)).toEqual([])
      }),
      { numRuns: RUNS },
    )
  })

  it('tells what is missing where ids count up and REST may fail', () => {
    const steps = stepsWith({ deliveries: everyFault, answers: ['full', 'short', 'none'], maxWaitMs: 12_000 })
    fc.assert(
      fc.property(steps, (happening) => {
        const world = live(new TradeWorld('byId'), happening)
        expectEachOnce(world)
        expect(world.silentlyMissing()).toEqual([])
        const holes = world.asked.map(({ afterId, beforeId }) => `${afterId} ${beforeId}`)
        expect(holes).toEqual([...new Set(holes)])
      }),
      { numRuns: RUNS },
    )
  })

  it('is whole, in order, or told where only recent trades can be asked for', () => {
    const steps = stepsWith({
      deliveries: ['duplicate', 'truncate'],
      answers: ['full', 'short', 'none'],
      maxWaitMs: 12_000,
    })
    fc.assert(
      fc.property(steps, (happening) => {
        const world = live(new TradeWorld('recentOnly'), happening)
        expectEachOnce(world)
        expect(world.disordered()).toEqual([])
        expect(world.silentlyMissing()).toEqual([])
      }),
      { numRuns: RUNS },
    )
  })

  it('is told to be missing whatever cannot be asked for', () => {
    const steps = stepsWith({ deliveries: ['duplicate', 'truncate'], answers: ['none'], maxWaitMs: 12_000 })
    fc.assert(
      fc.property(steps, (happening) => {
        const world = live(new TradeWorld(null), happening)
        expectEachOnce(world)
        expect(world.disordered()).toEqual([])
        expect(world.silentlyMissing()).toEqual([])
        expect(world.asked).toEqual([])
      }),
      { numRuns: RUNS },
    )
  })
})
