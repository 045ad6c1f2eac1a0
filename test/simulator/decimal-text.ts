/** Spelling integers of ticks and lots as the decimals that each exchange sends; nothing here rounds. */

const ZEROS = '000000000000000000000000'

/**
 * Puts the point into a text of digits: `spell('123400', 4)` is `12.34`.
 *
 * @param digits the unsigned integer as text
 * @param scale how many of the digits stand behind the point; negative appends zeros
 * @param decimals how many digits to show behind the point (at least `scale`); without it, no needless zeros
 */
export const spell = (digits: string, scale: number, decimals?: number): string => {
  if (scale <= 0) {
    const whole = digits === '0' ? digits : digits + ZEROS.slice(0, -scale)
    return decimals ? `${whole}.${ZEROS.slice(0, decimals)}` : whole
  }
  const padded = digits.length > scale ? digits : ZEROS.slice(0, scale + 1 - digits.length) + digits
  const point = padded.length - scale
  if (decimals !== undefined)
    return `${padded.slice(0, point)}.${padded.slice(point)}${ZEROS.slice(0, decimals - scale)}`
  let end = padded.length
  while (end > point && padded.charCodeAt(end - 1) === 48) end--
  return end === point ? padded.slice(0, point) : `${padded.slice(0, point)}.${padded.slice(point, end)}`
}

/** A safe integer of units of 10^-scale, as {@link spell} writes it; a negative number keeps its sign. */
export const decimalText = (units: number, scale: number, decimals?: number): string =>
  units < 0 ? `-${spell(String(-units), scale, decimals)}` : spell(String(units), scale, decimals)

/** Where one double is too narrow for a sum, it is kept as high * WIDE + low. */
export const WIDE = 1e9

/** The digits of high * WIDE + low. */
export const wideDigits = (high: number, low: number): string =>
  high === 0 ? String(low) : String(high) + String(low).padStart(9, '0')

/**
 * A decimal as Coinbase writes JSON numbers and small increments: with an exponent below 0.0001
 * (recorded: `"quote_increment": "1e-08"`), plain above.
 */
export const exponentText = (plain: string): string => {
  const match = /^0\.(0{4,})([1-9]\d*)$/.exec(plain)
  if (!match) return plain
  const [, zeros = '', significant = ''] = match
  const mantissa = significant.length === 1 ? significant : `${significant[0]}.${significant.slice(1)}`
  return `${mantissa}e-${String(zeros.length + 1).padStart(2, '0')}`
}
