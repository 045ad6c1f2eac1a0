/** Candle lengths, UTC-aligned: weeks start on Monday, months on their first day. */
export const intervals = ['1m', '3m', '5m', '15m', '30m', '1h', '2h', '4h', '6h', '12h', '1d', '1w', '1M'] as const
export type Interval = (typeof intervals)[number]

/** A half-open span of time `[start, end)`, in milliseconds UTC. */
export interface Window {
  readonly start: number
  readonly end: number
}

const MINUTE = 60_000
const HOUR = 60 * MINUTE
export const DAY = 24 * HOUR

/** Lengths in milliseconds. A month has none of its own: its entry is the longest, and is used as a bound only. */
const lengths = {
  '1m': MINUTE,
  '3m': 3 * MINUTE,
  '5m': 5 * MINUTE,
  '15m': 15 * MINUTE,
  '30m': 30 * MINUTE,
  '1h': HOUR,
  '2h': 2 * HOUR,
  '4h': 4 * HOUR,
  '6h': 6 * HOUR,
  '12h': 12 * HOUR,
  '1d': DAY,
  '1w': 7 * DAY,
  '1M': 31 * DAY,
} as const satisfies Record<Interval, number>

/** The Unix epoch was a Thursday: the first Monday after it is 1970-01-05. */
const FIRST_MONDAY = 4 * DAY

export function isInterval(text: string): text is Interval {
  return Object.hasOwn(lengths, text)
}

/** The length in milliseconds; for `1M` the longest that a month can be. */
export function intervalLength(interval: Interval): number {
  return lengths[interval]
}

/** The start of the slot that holds `time` (ms UTC). */
export function floorToInterval(time: number, interval: Interval): number {
  if (interval === '1M') {
    const date = new Date(time)
    return Date.UTC(date.getUTCFullYear(), date.getUTCMonth(), 1)
  }
  const length = lengths[interval]
  const anchor = interval === '1w' ? FIRST_MONDAY : 0
  return Math.floor((time - anchor) / length) * length + anchor
}

/** The first slot start at or after `time`. */
export function ceilToInterval(time: number, interval: Interval): number {
  const floor = floorToInterval(time, interval)
  return floor === time ? time : nextOpenTime(floor, interval)
}

/** The open time `count` slots after (before, where negative) the slot that starts at `openTime`. */
export function shiftOpenTime(openTime: number, interval: Interval, count: number): number {
  if (interval === '1M') {
    const date = new Date(openTime)
    return Date.UTC(date.getUTCFullYear(), date.getUTCMonth() + count, 1)
  }
  return openTime + count * lengths[interval]
}

/** The open time of the following slot, which is also where this one closes. */
export function nextOpenTime(openTime: number, interval: Interval): number {
  return shiftOpenTime(openTime, interval, 1)
}

export function isAligned(time: number, interval: Interval): boolean {
  return floorToInterval(time, interval) === time
}

/** How many slots start in an aligned window. */
export function countSlots(window: Window, interval: Interval): number {
  if (window.end <= window.start) return 0
  if (interval !== '1M') return Math.ceil((window.end - window.start) / lengths[interval])
  const [from, to] = [new Date(window.start), new Date(window.end - 1)]
  return (to.getUTCFullYear() - from.getUTCFullYear()) * 12 + to.getUTCMonth() - from.getUTCMonth() + 1
}

/** The open times in an aligned window, ascending. */
export function* slotsIn(window: Window, interval: Interval): Generator<number> {
  for (let time = window.start; time < window.end; time = nextOpenTime(time, interval)) yield time
}

/** Whether candles of `target` can be built exactly from those of `base`: its slots tile every slot of `target`. */
export function divides(base: Interval, target: Interval): boolean {
  if (base === target) return false
  if (target === '1M') return base !== '1w'
  if (base === '1M') return false
  return lengths[target] % lengths[base] === 0
}
