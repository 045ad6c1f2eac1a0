import { deps } from '../faults/scenario.ts'

/** After a fault has ended, all must be well again within this, simulated. */
export const RECOVERY_MS = 30_000
/** However fast the clock runs: what a busy machine needs by itself, real ms. Whoever is late fails all the same. */
const PATIENCE_MS = 20_000
/** A machine on which a look around takes longer is too busy to judge times by, real ms. */
const BUSY_MS = 250

/** The machine was too slow for the clock: that says nothing of the system. */
export class Untimely extends Error {
  constructor(what: string) {
    super(`untimely: ${what}`)
  }
}

/** What was late on a busy machine is tried once more. What was wrong stays wrong. */
export const RETRY_LATE = { count: 1, condition: /^untimely: / }

export const sleep = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms))

/** Simulated time passes. */
export const pass = (ms: number): Promise<void> => sleep(deps.clock.realMs(ms))

/**
 * Waits until it holds, with the patience that a busy machine needs, and fails where that is later than it may be.
 *
 * @param deadline ms UTC, simulated
 * @throws Untimely where it came at last, and the machine was too busy to tell why so late
 */
export async function within(what: string, deadline: number, holds: () => Promise<boolean>): Promise<void> {
  const end = Date.now() + Math.max(0, deps.clock.realMs(deadline - deps.clock.now())) + PATIENCE_MS
  for (let slowest = 0; ; ) {
    const began = Date.now()
    const isHeld = await holds()
    const lateBy = deps.clock.now() - deadline
    if (isHeld && lateBy <= 0) return
    slowest = Math.max(slowest, Date.now() - began)
    if (isHeld || Date.now() > end) {
      if (!isHeld) throw new Error(`${what}: had not come ${lateBy} ms after the deadline`)
      const text = `${what}: came ${lateBy} ms after the deadline`
      throw slowest > BUSY_MS ? new Untimely(text) : new Error(text)
    }
    await sleep(20)
    slowest = Math.max(slowest, Date.now() - began - 20)
  }
}
