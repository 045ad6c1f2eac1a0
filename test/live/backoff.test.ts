import { expect, it } from 'vitest'
import { backoffMs } from '../../src/live/backoff.ts'

const most = () => 1 - Number.EPSILON

it('doubles the bound of the delay up to 32 s, jittered in full', () => {
  const bounds = [0, 1, 2, 3, 4, 5, 6, 2_000].map((failures) => backoffMs(failures, most, null))
  expect(bounds).toEqual([1_000, 2_000, 4_000, 8_000, 16_000, 32_000, 32_000, 32_000])
  expect(backoffMs(5, () => 0.25, null)).toBe(8_000)
  expect(backoffMs(5, () => 0, null)).toBe(0)
})

it('waits for all that an exchange orders, and a while on top', () => {
  expect(backoffMs(0, () => 0, 120_000)).toBe(120_000)
  expect(backoffMs(0, most, 120_000)).toBe(121_000)
})
