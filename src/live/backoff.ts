/** The bound of the first delay; it doubles with each failure in a row up to the longest. */
const FIRST_MS = 1_000
const LONGEST_MS = 32_000

/**
 * How long to wait before the next attempt, ms: exponential with full jitter, so that many who failed together do not
 * return together (https://aws.amazon.com/blogs/architecture/exponential-backoff-and-jitter/). What an exchange orders
 * with a 429 or 418 is waited for in full, and the jitter on top of it.
 *
 * @param failures in a row before this one
 * @param random in [0, 1)
 */
export function backoffMs(failures: number, random: () => number, retryAfterMs: number | null): number {
  const bound = Math.min(LONGEST_MS, FIRST_MS * 2 ** failures)
  return (retryAfterMs ?? 0) + Math.ceil(bound * random())
}
