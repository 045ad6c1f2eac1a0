/** Time as an argument: real in production, accelerated in tests and the demo. */
export interface Clock {
  /** ms UTC. */
  now(): number
  /** What this clock shows when the real one shows `realTime`. */
  at(realTime: number): number
  /** How long in real milliseconds `ms` of this clock take. */
  realMs(ms: number): number
}

/** A clock that runs `scale` times as fast as the real one since `epoch`, when both showed the same. */
export function scaledClock(realNow: () => number, scale: number, epoch: number): Clock {
  const at = (realTime: number) => Math.floor(epoch + (realTime - epoch) * scale)
  return { now: () => at(realNow()), at, realMs: (ms) => ms / scale }
}
