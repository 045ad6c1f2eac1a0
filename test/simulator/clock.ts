/** The simulated clock: everything time-like in the simulated exchanges reads it and nothing else. */

export interface Clock {
  /** Simulated now, integer milliseconds UTC. */
  now(): number
  /** Real milliseconds until so many simulated ones have passed. */
  realMs(simulatedMs: number): number
}

export interface ClockOptions {
  /** Simulated milliseconds per real one. */
  readonly scale: number
  /** The moment, ms UTC, at which simulated and real time are the same. */
  readonly epoch: number
  /** Real time, ms UTC; tests pass their own. */
  readonly realNow?: () => number
}

/** now = epoch + (real - epoch) * scale, the formula that the worker under test applies too. */
export const createClock = ({ scale, epoch, realNow = Date.now }: ClockOptions): Clock => ({
  now: () => Math.floor(epoch + (realNow() - epoch) * scale),
  realMs: (simulatedMs) => simulatedMs / scale,
})

/** A clock that stands still until it is told otherwise: for tests. */
export const manualClock = (startAt: number): Clock & { set(to: number): void; advance(ms: number): void } => {
  let now = startAt
  return {
    now: () => now,
    realMs: (simulatedMs) => simulatedMs,
    set: (to) => {
      now = to
    },
    advance: (ms) => {
      now += ms
    },
  }
}
