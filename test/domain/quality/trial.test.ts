import { writeSync } from 'node:fs'
import { expect, it } from 'vitest'
import { TRIAL_SEEDS, tryChecks, wrongPerTenThousand } from './trial.ts'

/** Prints past the reporter, which hides what passing tests log: the figures are part of the result. */
function print(line: string): void {
  writeSync(1, `${line}\n`)
}

it('finds every planted fault above its stated size, and nearly nothing in clean candles', () => {
  const trial = tryChecks(TRIAL_SEEDS)
  const wrong = wrongPerTenThousand(trial)
  print(
    `quality: found ${trial.planted - trial.missed.length} of ${trial.planted} planted faults, ` +
      `${wrong.toFixed(2)} findings per 10,000 of ${trial.cleanCandles} clean candles`,
  )
  expect(trial.planted).toBe(300)
  expect(trial.cleanCandles).toBe(20 * 3 * 24 * 60)
  expect(trial.missed).toEqual([])
  expect(wrong).toBeLessThanOrEqual(1)
})
