/** Funding of perpetuals: a rate near 0.01 %, every eight hours; every four of XRP, every hour of DOGE. */

import type { Instrument } from './catalogue.ts'
import type { ExchangeState } from './exchange-state.ts'
import type { Target } from './protocol.ts'
import { mix, seedOf, unit } from './random.ts'
import { rearranged } from './rearranged.ts'

const HOUR_MS = 3_600_000
const HOURS: Readonly<Record<string, number>> = { XRP: 4, DOGE: 1 }

/** The time between two settlements, hours. */
export const fundingHours = ({ base }: Instrument): number => HOURS[base] ?? 8

const fundingMs = (instrument: Instrument): number => fundingHours(instrument) * HOUR_MS

/** The funding time at or before a moment, ms UTC. */
export const fundingTimeBefore = (instrument: Instrument, at: number): number =>
  Math.floor(at / fundingMs(instrument)) * fundingMs(instrument)

/** The funding time after a moment, ms UTC. */
export const fundingTimeAfter = (instrument: Instrument, at: number): number =>
  fundingTimeBefore(instrument, at) + fundingMs(instrument)

/** The rate settled at a funding time, in units of 10^-8: 0.0001 plus or minus 0.0003. */
export const fundingRate = (seed: number, instrument: Instrument, fundingTime: number): number => {
  const hash = mix(seedOf(`${seed}:funding:${instrument.exchange}:${instrument.exchangeSymbol}`), fundingTime / HOUR_MS)
  return 10_000 + Math.round((unit(hash) * 2 - 1) * 30_000)
}

/** The funding times in [start, end], oldest first; those of its life alone. */
export const fundingTimes = (state: ExchangeState, instrument: Instrument, start: number, end: number): number[] => {
  const times: number[] = []
  const every = fundingMs(instrument)
  const first = Math.ceil(Math.max(start, instrument.listedAt + 1) / every) * every
  const last = Math.min(end, state.until(instrument))
  for (let time = first; time <= last; time += every) times.push(time)
  return times
}

export interface FundingPageQuery {
  /** Earliest and latest funding time wanted, ms UTC, both included; without the first, the newest `limit`. */
  readonly from: number | undefined
  readonly to: number
  readonly limit: number
  /** Where more than `limit` exist: the oldest or the newest of them. */
  readonly take: 'oldest' | 'newest'
  readonly order: 'ascending' | 'descending'
}

/** The funding times of a page as an exchange serves it, with the faults of pages. */
export const fundingPage = (
  state: ExchangeState,
  target: Target,
  instrument: Instrument,
  { from, to, limit, take, order }: FundingPageQuery,
): number[] => {
  const now = state.now()
  const missing = state.faults
    .matching('missing', target, now)
    .filter(({ fault }) => fault.permanent || fault.until === undefined || now < fault.until)
  const times = fundingTimes(state, instrument, from ?? to - limit * fundingMs(instrument), to).filter(
    (time) => !missing.some(({ fault }) => time >= fault.start && time < fault.end),
  )
  const page = take === 'oldest' && from !== undefined ? times.slice(0, limit) : times.slice(-limit)
  return rearranged(state, target, order === 'ascending' ? page : page.reverse())
}
