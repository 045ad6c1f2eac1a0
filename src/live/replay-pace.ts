import type { Clock } from '../domain/clock.ts'

/** When the messages of a replay are due. */
export interface Pace {
  /** How much too early it is for a message of `time` (ms UTC), in real ms; 0 or less: it is due. */
  early(time: number): number
  /** Real ms; less where nobody waits any more. */
  sleep(ms: number): Promise<void>
}

/** As fast as they are taken. */
export const UNPACED: Pace = { early: () => 0, sleep: async () => {} }

/**
 * `speed` times as fast as it once was, counted from `start` (ms UTC) and the first time that somebody asks.
 *
 * @param sleep waits so many real ms, or until nobody waits any more
 */
export function pacedFrom(start: number, speed: number, clock: Clock, sleep: Pace['sleep']): Pace {
  let startedAt: number | undefined
  return {
    early: (time) => {
      const now = clock.now()
      startedAt ??= now
      return clock.realMs((time - start) / speed - (now - startedAt))
    },
    sleep,
  }
}
