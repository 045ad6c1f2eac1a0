/** Funding of perpetuals: every eight hours, a rate near 0.01 %. */

import type { Instrument } from './catalogue.ts'
import { mix, seedOf, unit } from './random.ts'

export const FUNDING_MS = 8 * 3_600_000

/** The funding time at or before a moment, ms UTC. */
export const fundingTimeBefore = (at: number): number => Math.floor(at / FUNDING_MS) * FUNDING_MS

/** The rate settled at a funding time, in units of 10^-8: 0.0001 plus or minus 0.0003. */
export const fundingRate = (seed: number, instrument: Instrument, fundingTime: number): number => {
  const hash = mix(
    seedOf(`${seed}:funding:${instrument.exchange}:${instrument.exchangeSymbol}`),
    fundingTime / FUNDING_MS,
  )
  return 10_000 + Math.round((unit(hash) * 2 - 1) * 30_000)
}

/** The funding times in [start, end], oldest first. */
export const fundingTimes = (instrument: Instrument, start: number, end: number): number[] => {
  const times: number[] = []
  const first = Math.ceil(Math.max(start, instrument.listedAt + 1) / FUNDING_MS) * FUNDING_MS
  for (let time = first; time <= end; time += FUNDING_MS) times.push(time)
  return times
}
