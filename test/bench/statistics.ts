/**
 * The smallest of the values that at least `share` of them do not exceed (nearest rank).
 *
 * @param share in (0, 1]
 * @throws RangeError without values
 */
export function percentile(values: Iterable<number>, share: number): number {
  const sorted = Float64Array.from(values).sort()
  const value = sorted[Math.max(0, Math.ceil(share * sorted.length) - 1)]
  if (value === undefined) throw new RangeError('no values')
  return value
}

/** The middle one; of an even number the lower. @throws RangeError without values */
export function median(values: Iterable<number>): number {
  return percentile(values, 0.5)
}

/** Numbers in [0, 1), the same for the same seed: the mulberry32 generator. */
export function randomOf(seed: number): () => number {
  let state = seed
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }
}
