import type { MarketEvent } from '../domain/event.ts'

/**
 * Nothing happens later than now. By so much the clock of an exchange may be ahead of ours; what is later still is wrong
 * about its time, and would keep whatever goes by time waiting for it: the next candle, or the duplicates among trades.
 */
const CLOCK_TOLERANCE_MS = 60_000

/** Whether something cannot have happened yet. `time` and `now` are ms UTC; no time is none that is wrong. */
export function isUntimely(time: number | null, now: number): boolean {
  return time !== null && time > now + CLOCK_TOLERANCE_MS
}

/** A time among those of the events that cannot be, ms UTC; `null`: all are sound. */
export function untimelyIn(events: readonly MarketEvent[], now: number): number | null {
  for (const event of events) {
    if (isUntimely(event.exchangeTime, now)) return event.exchangeTime
    if (event.channel === 'candles' && isUntimely(event.candle.openTime, now)) return event.candle.openTime
  }
  return null
}
