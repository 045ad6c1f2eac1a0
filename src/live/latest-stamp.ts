/**
 * What is older than the newest is left out, as a duplicated frame or a slower socket brings it, but only for so long
 * after the newest: were that one wrong about its time or its counter, nothing would be believed any more.
 */
const LATE_MS = 10_000

/** What tells the newer of two. */
export interface Stamp {
  /** ms UTC by the exchange's clock; `null` where it carries none. */
  readonly exchangeTime: number | null
  readonly sequence: number | null
  /** ms by our clock. */
  readonly receivedTime: number
}

/** By time or, where that does not tell, by counter. */
export function isOlder(stamp: Stamp, newest: Stamp | null): boolean {
  if (newest === null || stamp.receivedTime - newest.receivedTime > LATE_MS) return false
  if (stamp.exchangeTime !== null && newest.exchangeTime !== null && stamp.exchangeTime !== newest.exchangeTime)
    return stamp.exchangeTime < newest.exchangeTime
  return stamp.sequence !== null && newest.sequence !== null && stamp.sequence < newest.sequence
}
