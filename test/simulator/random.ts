/** Seeded chance without state: every number is a pure function of its arguments, so any minute can be asked for first. */

/** Mixes up to three integers into an unsigned 32-bit one (the finaliser of MurmurHash3, applied once per argument). */
export const mix = (seed: number, a: number, b = 0): number => {
  let hash = seed ^ Math.imul(a, 0x9e3779b1)
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b)
  hash ^= Math.imul(b + 1, 0xc2b2ae35)
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35)
  return (hash ^ (hash >>> 16)) >>> 0
}

/** A 32-bit seed out of a text such as `1:okx:spot:BTC-USDT` (FNV-1a). */
export const seedOf = (text: string): number => {
  let hash = 0x811c9dc5
  for (let index = 0; index < text.length; index++) hash = Math.imul(hash ^ text.charCodeAt(index), 0x01000193)
  return mix(hash >>> 0, text.length)
}

/** A number in [0, 1) out of a 32-bit hash. */
export const unit = (hash: number): number => hash / 4294967296

/**
 * Smooth noise in [-1, 1): random values at every `period`, eased in between. Only + - * / are used, which IEEE 754
 * defines to the bit, so the same seed gives the same prices on every machine.
 */
export const smoothNoise = (seed: number, at: number, period: number): number => {
  const cell = Math.floor(at / period)
  const share = at / period - cell
  const from = mix(seed, cell)
  const to = mix(seed, cell + 1)
  return unit(from + (to - from) * share * share * (3 - 2 * share)) * 2 - 1
}

/** A UUID out of two integers. */
export const uuidOf = (a: number, b: number): string => {
  const digits = [0, 1, 2, 3].map((part) => mix(a, b, part).toString(16).padStart(8, '0')).join('')
  return `${digits.slice(0, 8)}-${digits.slice(8, 12)}-5${digits.slice(13, 16)}-8${digits.slice(17, 20)}-${digits.slice(20)}`
}
