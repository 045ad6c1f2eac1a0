/** Candle intervals and where their slots begin. All UTC, weeks from Monday, unless an interval says another start. */

const MINUTE_MS = 60_000
const HOUR_MS = 60 * MINUTE_MS
const DAY_MS = 24 * HOUR_MS
/** 1970-01-05 was a Monday. */
const MONDAY_MS = 4 * DAY_MS

export interface CandleInterval {
  readonly name: string
  /** The latest slot that begins at or before `at`, ms UTC. */
  floor(at: number): number
  /** Where the slot after (or `steps` after; negative: before) the one that begins at `openTime` begins. */
  step(openTime: number, steps: number): number
}

const fixed = (name: string, lengthMs: number, startsAt = 0): CandleInterval => ({
  name,
  floor: (at) => Math.floor((at - startsAt) / lengthMs) * lengthMs + startsAt,
  step: (openTime, steps) => openTime + steps * lengthMs,
})

const months = (name: string, count: number, hoursAhead = 0): CandleInterval => {
  const shift = hoursAhead * HOUR_MS
  const open = (month: number) => Date.UTC(1970, month, 1) - shift
  const monthOf = (at: number) => {
    const date = new Date(at + shift)
    return (date.getUTCFullYear() - 1970) * 12 + date.getUTCMonth()
  }
  return {
    name,
    floor: (at) => open(Math.floor(monthOf(at) / count) * count),
    step: (openTime, steps) => open(monthOf(openTime) + steps * count),
  }
}

const NAMED = {
  '1m': MINUTE_MS,
  '3m': 3 * MINUTE_MS,
  '5m': 5 * MINUTE_MS,
  '15m': 15 * MINUTE_MS,
  '30m': 30 * MINUTE_MS,
  '1h': HOUR_MS,
  '2h': 2 * HOUR_MS,
  '4h': 4 * HOUR_MS,
  '6h': 6 * HOUR_MS,
  '8h': 8 * HOUR_MS,
  '12h': 12 * HOUR_MS,
  '1d': DAY_MS,
  '2d': 2 * DAY_MS,
  '3d': 3 * DAY_MS,
} as const

export type IntervalName = keyof typeof NAMED | '1w' | '1M' | '3M'

/** UTC intervals by our names. */
export const INTERVALS: Readonly<Record<IntervalName, CandleInterval>> = {
  '1m': fixed('1m', NAMED['1m']),
  '3m': fixed('3m', NAMED['3m']),
  '5m': fixed('5m', NAMED['5m']),
  '15m': fixed('15m', NAMED['15m']),
  '30m': fixed('30m', NAMED['30m']),
  '1h': fixed('1h', NAMED['1h']),
  '2h': fixed('2h', NAMED['2h']),
  '4h': fixed('4h', NAMED['4h']),
  '6h': fixed('6h', NAMED['6h']),
  '8h': fixed('8h', NAMED['8h']),
  '12h': fixed('12h', NAMED['12h']),
  '1d': fixed('1d', NAMED['1d']),
  '2d': fixed('2d', NAMED['2d']),
  '3d': fixed('3d', NAMED['3d']),
  '1w': fixed('1w', 7 * DAY_MS, MONDAY_MS),
  '1M': months('1M', 1),
  '3M': months('3M', 3),
}

/** The interval of that name of ours, if it is one. */
export const intervalNamed = (name: string): CandleInterval | undefined =>
  Object.values(INTERVALS).find((interval) => interval.name === name)

/** The same lengths on the clock of Hong Kong, UTC+8, which OKX uses from 6 hours up unless asked for UTC. */
export const HONG_KONG_INTERVALS: Readonly<Record<string, CandleInterval>> = {
  '6h': fixed('6h@+8', NAMED['6h'], -8 * HOUR_MS),
  '12h': fixed('12h@+8', NAMED['12h'], -8 * HOUR_MS),
  '1d': fixed('1d@+8', NAMED['1d'], -8 * HOUR_MS),
  '2d': fixed('2d@+8', NAMED['2d'], -8 * HOUR_MS),
  '3d': fixed('3d@+8', NAMED['3d'], -8 * HOUR_MS),
  '1w': fixed('1w@+8', 7 * DAY_MS, MONDAY_MS - 8 * HOUR_MS),
  '1M': months('1M@+8', 1, 8),
  '3M': months('3M@+8', 3, 8),
}
