import { describe, expect, it } from 'vitest'
import { inParallel } from '../../src/history/loader.ts'

const tick = () => new Promise((resolve) => setTimeout(resolve, 1))

describe('inParallel', () => {
  it('works through all, a few at a time, and keeps the order of the results', async () => {
    let atOnce = 0
    let most = 0
    const results = await inParallel(
      Array.from({ length: 40 }, (_, n) => n),
      async (n) => {
        most = Math.max(most, ++atOnce)
        await tick()
        atOnce -= 1
        return n * 2
      },
    )
    expect(results).toEqual(Array.from({ length: 40 }, (_, n) => n * 2))
    expect(most).toBe(5)
  })

  it('begins nothing after an error, and throws it once all that was under way has ended', async () => {
    const begun: number[] = []
    const ended: number[] = []
    const work = inParallel(
      Array.from({ length: 40 }, (_, n) => n),
      async (n) => {
        begun.push(n)
        if (n === 2) throw new Error('D1 is down')
        await tick()
        await tick()
        ended.push(n)
      },
    )
    await expect(work).rejects.toThrow('D1 is down')
    expect(begun).toEqual([0, 1, 2, 3, 4])
    expect(ended.toSorted()).toEqual([0, 1, 3, 4])
  })
})
