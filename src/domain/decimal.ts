/**
 * Exact decimals as text. The canonical form has no exponent, no leading `+`, no needless zeros and no `-0`, so two
 * decimals are equal exactly when their texts are. Arithmetic is BigInt inside.
 */
export type Decimal = string & { readonly __decimal: never }

const CANONICAL = /^(?:0|-?[1-9]\d*|-?(?:0|[1-9]\d*)\.\d*[1-9])$/
const DECIMAL = /^([+-]?)(\d*)(?:\.(\d*))?(?:[eE]([+-]?\d{1,3}))?$/

/** No price or size comes near these: they bound the work and the memory that a hostile text can cause. */
const MAX_TEXT_LENGTH = 80
const MAX_EXPONENT = 60

export const ZERO = '0' as Decimal

/** The canonical form of a decimal text (`"0.01634790"`, `"1e-08"`), or `undefined` where it is not a finite decimal. */
export function parseDecimal(text: string): Decimal | undefined {
  if (text.length > MAX_TEXT_LENGTH) return undefined
  const trimmed = trimPlain(text)
  if (trimmed !== undefined) return trimmed as Decimal
  if (CANONICAL.test(text)) return text as Decimal
  const match = DECIMAL.exec(text)
  if (match === null) return undefined
  const [, sign, whole = '', fraction = '', exponent = '0'] = match
  if (whole === '' && fraction === '') return undefined
  const shift = Number(exponent)
  if (Math.abs(shift) > MAX_EXPONENT) return undefined
  return render(BigInt(whole + fraction) * (sign === '-' ? -1n : 1n), fraction.length - shift)
}

const [POINT, DIGIT_ZERO, DIGIT_NINE] = [46, 48, 57]

/**
 * The canonical form of unsigned text without exponent or leading zeros, `undefined` for any other. Nearly all that
 * exchanges send is of that kind and only has zeros to be cut off; the way through BigInt costs eight times as much.
 */
function trimPlain(text: string): string | undefined {
  const { length } = text
  let point = 0
  while (point < length && isDigit(text.charCodeAt(point))) point++
  if (point === 0 || (point > 1 && text.charCodeAt(0) === DIGIT_ZERO)) return undefined
  if (point === length) return text
  if (text.charCodeAt(point) !== POINT) return undefined
  let end = point
  for (let i = point + 1; i < length; i++) {
    const code = text.charCodeAt(i)
    if (!isDigit(code)) return undefined
    if (code !== DIGIT_ZERO) end = i + 1
  }
  return end === length ? text : text.slice(0, end)
}

function isDigit(code: number): boolean {
  return code >= DIGIT_ZERO && code <= DIGIT_NINE
}

/** As {@link parseDecimal}, for text known to be one: throws `RangeError` otherwise. */
export function decimal(text: string): Decimal {
  const parsed = parseDecimal(text)
  if (parsed === undefined) throw new RangeError(`not a decimal: ${text.slice(0, MAX_TEXT_LENGTH)}`)
  return parsed
}

/** Negative, zero or positive as `a` is below, equal to or above `b`. */
export function compareDecimals(a: Decimal, b: Decimal): number {
  if (a === b) return 0
  // Rounding to a double is monotonic: where the doubles differ, their order is that of the decimals.
  const difference = toNumber(a) - toNumber(b)
  if (difference !== 0) return difference
  const [x, y] = align(a, b)
  return x < y ? -1 : 1
}

/** So many characters, the point among them, are an integer below 2^53 over a power of ten that a double holds. */
const MAX_QUICK_LENGTH = 15
const POWERS_OF_TEN = Array.from({ length: MAX_QUICK_LENGTH }, (_, exponent) => 10 ** exponent)

/**
 * The double nearest to a decimal: what `Number` gives, at a third of its cost, for it is needed for each level of each
 * book. One division of two exact doubles is rounded correctly.
 */
export function toNumber(value: Decimal): number {
  const { length } = value
  if (length > MAX_QUICK_LENGTH || isNegative(value)) return Number(value)
  let digits = 0
  let places = 0
  for (let i = 0; i < length; i++) {
    const code = value.charCodeAt(i)
    if (code === POINT) places = length - 1 - i
    else digits = digits * 10 + code - DIGIT_ZERO
  }
  return digits / (POWERS_OF_TEN[places] ?? 1)
}

export function isNegative(value: Decimal): boolean {
  return value.startsWith('-')
}

export function addDecimals(a: Decimal, b: Decimal): Decimal {
  const [x, y, scale] = align(a, b)
  return render(x + y, scale)
}

export function subtractDecimals(a: Decimal, b: Decimal): Decimal {
  const [x, y, scale] = align(a, b)
  return render(x - y, scale)
}

export function multiplyDecimals(a: Decimal, b: Decimal): Decimal {
  if (b === '1') return a
  return render(unscaled(a) * unscaled(b), scaleOf(a) + scaleOf(b))
}

/**
 * `a / b` with so many significant digits, the last one rounded half away from zero.
 * @throws RangeError for a divisor of zero
 */
export function divideDecimals(a: Decimal, b: Decimal, digits: number): Decimal {
  const [x, y] = align(a, b)
  if (y === 0n) throw new RangeError('a decimal is divided by zero')
  if (x === 0n) return ZERO
  const [dividend, divisor] = [absolute(x), absolute(y)]
  // The quotient then has as many digits as wanted before its point, or one more.
  const most = digits + String(divisor).length - String(dividend).length
  const isOneMore = scaled(dividend, most) / scaled(divisor, -most) >= 10n ** BigInt(digits)
  const scale = isOneMore ? most - 1 : most
  const [numerator, denominator] = [scaled(dividend, scale), scaled(divisor, -scale)]
  const quotient = (2n * numerator + denominator) / (2n * denominator)
  return render(x < 0n === y < 0n ? quotient : -quotient, scale)
}

function absolute(value: bigint): bigint {
  return value < 0n ? -value : value
}

/** `value * 10^places`, or the value itself where `places` is negative. */
function scaled(value: bigint, places: number): bigint {
  return places > 0 ? value * 10n ** BigInt(places) : value
}

/**
 * The exact `value × 10^places`, by moving the point in the text: sizes of contracts, nearly all worth a power of ten,
 * become base units by it, for each level of each book.
 * @param places an integer; negative ones divide
 */
export function shiftDecimal(value: Decimal, places: number): Decimal {
  if (places === 0 || value === ZERO) return value
  if (Math.abs(places) > ZEROS.length || isNegative(value)) return render(unscaled(value), scaleOf(value) - places)
  const point = value.indexOf('.')
  return (places < 0 ? shiftDown(value, point, -places) : shiftUp(value, point, places)) as Decimal
}

const ZEROS = '0'.repeat(MAX_EXPONENT)

function shiftDown(value: string, point: number, places: number): string {
  const wholeLength = point < 0 ? value.length : point
  const at = wholeLength - places
  const moved =
    at > 0
      ? `${value.slice(0, at)}.${value.slice(at, wholeLength)}`
      : `0.${ZEROS.slice(0, -at)}${value.slice(0, wholeLength)}`
  // Only the zeros of an integer can come to stand last.
  return point < 0 ? (trimPlain(moved) ?? moved) : moved + value.slice(point + 1)
}

function shiftUp(value: string, point: number, places: number): string {
  if (point < 0) return value + ZEROS.slice(0, places)
  const end = point + 1 + places
  const whole = value.slice(0, point) + value.slice(point + 1, end)
  const moved = end < value.length ? `${whole}.${value.slice(end)}` : whole + ZEROS.slice(0, end - value.length)
  return value.charCodeAt(0) === DIGIT_ZERO ? moved.replace(LEADING_ZEROS, '') : moved
}

const LEADING_ZEROS = /^0+(?=\d)/

/** The exact sum; `0` for no values. */
export function sumDecimals(values: Iterable<Decimal>): Decimal {
  let total = 0n
  let scale = 0
  for (const value of values) {
    const valueScale = scaleOf(value)
    if (valueScale > scale) {
      total *= 10n ** BigInt(valueScale - scale)
      scale = valueScale
    }
    total += unscaled(value) * 10n ** BigInt(scale - valueScale)
  }
  return render(total, scale)
}

/** How many digits stand after the point. */
export function scaleOf(value: Decimal): number {
  const point = value.indexOf('.')
  return point < 0 ? 0 : value.length - point - 1
}

/** All digits as one integer: the value times ten to the power of {@link scaleOf}. */
export function unscaled(value: Decimal): bigint {
  return BigInt(value.replace('.', ''))
}

function align(a: Decimal, b: Decimal): [x: bigint, y: bigint, scale: number] {
  const scale = Math.max(scaleOf(a), scaleOf(b))
  return [unscaled(a) * 10n ** BigInt(scale - scaleOf(a)), unscaled(b) * 10n ** BigInt(scale - scaleOf(b)), scale]
}

/** The canonical text of `value / 10^scale`; `scale` may be negative. */
function render(value: bigint, scale: number): Decimal {
  if (scale < 0) return (value * 10n ** BigInt(-scale)).toString() as Decimal
  if (scale === 0) return value.toString() as Decimal
  const sign = value < 0n ? '-' : ''
  const digits = (value < 0n ? -value : value).toString().padStart(scale + 1, '0')
  const fraction = digits.slice(-scale).replace(/0+$/, '')
  const whole = digits.slice(0, -scale)
  if (fraction === '') return (whole === '0' ? '0' : sign + whole) as Decimal
  return `${sign}${whole}.${fraction}` as Decimal
}
