import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import {
  addDecimals,
  compareDecimals,
  type Decimal,
  decimal,
  divideDecimals,
  isNegative,
  multiplyDecimals,
  parseDecimal,
  shiftDecimal,
  subtractDecimals,
  sumDecimals,
  toNumber,
  ZERO,
} from '../../src/domain/decimal.ts'

/** A decimal as what it means: `digits / 10^scale`. */
interface Exact {
  readonly digits: bigint
  readonly scale: number
}

const exact: fc.Arbitrary<Exact> = fc.record({
  digits: fc.oneof(fc.bigInt({ min: -(10n ** 24n), max: 10n ** 24n }), fc.bigInt({ min: -200n, max: 200n })),
  scale: fc.nat({ max: 20 }),
})

/** Written out with all its digits, needless zeros included. */
function written({ digits, scale }: Exact): string {
  const text = (digits < 0n ? -digits : digits).toString().padStart(scale + 1, '0')
  const point = text.length - scale
  return `${digits < 0n ? '-' : ''}${text.slice(0, point)}${scale === 0 ? '' : `.${text.slice(point)}`}`
}

function decimalOf(value: Exact): Decimal {
  return decimal(written(value))
}

/** Two values as whole numbers of one scale. */
function aligned(a: Exact, b: Exact): readonly [x: bigint, y: bigint, scale: number] {
  const scale = Math.max(a.scale, b.scale)
  return [a.digits * 10n ** BigInt(scale - a.scale), b.digits * 10n ** BigInt(scale - b.scale), scale]
}

const CANONICAL = /^(?:0|-?(?:0\.\d*[1-9]|[1-9]\d*(?:\.\d*[1-9])?))$/

describe('parseDecimal', () => {
  it.each([
    ['0', '0'],
    ['0.0', '0'],
    ['-0', '0'],
    ['-0.000', '0'],
    ['00', '0'],
    ['007.10', '7.1'],
    ['+1.50', '1.5'],
    ['.5', '0.5'],
    ['5.', '5'],
    ['0.01634790', '0.0163479'],
    ['100', '100'],
    ['-100.00', '-100'],
    ['1e-08', '0.00000001'],
    ['1E3', '1000'],
    ['12.34e1', '123.4'],
    ['12.34e+2', '1234'],
    ['-1.5e-1', '-0.15'],
    ['3.20000000000000001', '3.20000000000000001'],
  ])('%s is %s', (text, canonical) => {
    expect(parseDecimal(text)).toBe(canonical)
  })

  it.each([
    ...['', ' ', '.', '-', '+', '--1', '1-', ' 1', '1 ', '1,5', '1_000', '0x10', 'NaN', 'Infinity', 'e5', '1e', '1e+'],
    ...['1.2.3', '.e1', '1e61', '1e-61', '1e999999999', '٣', '１', '1\n', '9'.repeat(81), `0.${'0'.repeat(79)}`],
  ])('%j is none', (text) => {
    expect(parseDecimal(text)).toBeUndefined()
    expect(() => decimal(text)).toThrow(RangeError)
  })

  it('keeps the value and drops the spelling', () => {
    fc.assert(
      fc.property(exact, fc.nat({ max: 5 }), fc.nat({ max: 5 }), (value, zerosBefore, zerosAfter) => {
        const text = written(value)
        const [sign, digits] = text.startsWith('-') ? ['-', text.slice(1)] : ['', text]
        const spelled = `${sign}${'0'.repeat(zerosBefore)}${digits}${text.includes('.') ? '0'.repeat(zerosAfter) : ''}`
        const parsed = decimal(spelled)
        expect(parsed).toMatch(CANONICAL)
        expect(parsed).toBe(decimal(text))
        expect(parseDecimal(parsed)).toBe(parsed)
        const [x, y] = aligned(value, {
          digits: BigInt(parsed.replace('.', '')),
          scale: (parsed.split('.')[1] ?? '').length,
        })
        expect(x).toBe(y)
      }),
    )
  })

  it('reads an exponent as a shift of the point', () => {
    fc.assert(
      fc.property(exact, fc.integer({ min: -30, max: 30 }), ({ digits, scale }, shift) => {
        const shifted =
          shift > scale ? { digits: digits * 10n ** BigInt(shift - scale), scale: 0 } : { digits, scale: scale - shift }
        expect(decimal(`${written({ digits, scale })}e${shift}`)).toBe(decimalOf(shifted))
      }),
    )
  })

  it('says of any text whether it is one', () => {
    const alphabet = fc.constantFrom('0', '1', '9', '.', '-', '+', 'e', 'E', ' ', 'x', '٣')
    fc.assert(
      fc.property(fc.string({ unit: alphabet, maxLength: 9 }), (text) => {
        const isOne = /^[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]{1,3})?$/.test(text)
        const parsed = parseDecimal(text)
        if (!isOne) expect(parsed).toBeUndefined()
        else if (Math.abs(Number(/[eE](.*)$/.exec(text)?.[1] ?? 0)) <= 60) expect(parsed).toMatch(CANONICAL)
      }),
      { numRuns: 2_000 },
    )
  })
})

describe('arithmetic', () => {
  it('is that of whole numbers of one scale', () => {
    fc.assert(
      fc.property(exact, exact, (a, b) => {
        const [x, y, scale] = aligned(a, b)
        const [p, q] = [decimalOf(a), decimalOf(b)]
        expect(addDecimals(p, q)).toBe(decimalOf({ digits: x + y, scale }))
        expect(subtractDecimals(p, q)).toBe(decimalOf({ digits: x - y, scale }))
        expect(multiplyDecimals(p, q)).toBe(decimalOf({ digits: a.digits * b.digits, scale: a.scale + b.scale }))
        expect(Math.sign(compareDecimals(p, q))).toBe(x < y ? -1 : Number(x > y))
        expect(p === q).toBe(x === y)
        expect(isNegative(p)).toBe(x < 0n)
      }),
    )
  })

  it('has the doubles that Number gives', () => {
    const short: fc.Arbitrary<Exact> = fc.record({
      digits: fc.bigInt({ min: -(10n ** 15n), max: 10n ** 15n }),
      scale: fc.nat({ max: 14 }),
    })
    fc.assert(
      fc.property(fc.oneof(exact, short), (value) => {
        expect(toNumber(decimalOf(value))).toBe(Number(decimalOf(value)))
      }),
      { numRuns: 10_000 },
    )
  })

  it('orders what doubles cannot tell apart', () => {
    const [a, b] = [decimal('9007199254740993.1'), decimal('9007199254740993.2')]
    expect(Number(a)).toBe(Number(b))
    expect([compareDecimals(a, b), compareDecimals(b, a), compareDecimals(a, a)]).toEqual([-1, 1, 0])
  })

  it('sums in any order to the same', () => {
    fc.assert(
      fc.property(fc.array(exact, { maxLength: 12 }), (values) => {
        const decimals = values.map(decimalOf)
        const total = decimals.reduce(addDecimals, ZERO)
        expect(sumDecimals(decimals)).toBe(total)
        expect(sumDecimals(decimals.toReversed())).toBe(total)
      }),
    )
    expect(sumDecimals([])).toBe('0')
  })

  it('shifts as it multiplies by a power of ten', () => {
    fc.assert(
      fc.property(exact, fc.integer({ min: -30, max: 30 }), (value, places) => {
        const { digits, scale } = value
        const shifted =
          places > scale
            ? { digits: digits * 10n ** BigInt(places - scale), scale: 0 }
            : { digits, scale: scale - places }
        expect(shiftDecimal(decimalOf(value), places)).toBe(decimalOf(shifted))
      }),
      { numRuns: 2_000 },
    )
    expect(shiftDecimal(decimal('1.2'), 70)).toBe(`12${'0'.repeat(69)}`)
    expect(shiftDecimal(decimal('0.0012'), 1)).toBe('0.012')
    expect(shiftDecimal(decimal('0.0012'), 3)).toBe('1.2')
    expect(shiftDecimal(decimal('1200'), -2)).toBe('12')
  })

  it('multiplies by one without touching the text', () => {
    expect(multiplyDecimals(decimal('0.00000001'), decimal('1'))).toBe('0.00000001')
  })

  it('divides to the nearest of so many digits, half away from zero', () => {
    const size = (value: bigint) => (value < 0n ? -value : value)
    fc.assert(
      fc.property(exact, exact, fc.integer({ min: 1, max: 15 }), (a, b, digits) => {
        fc.pre(b.digits !== 0n)
        const [x, y] = aligned(a, b)
        // The place of the last digit, by trial: at it the quotient has as many as were asked for.
        let places = -60
        while (x !== 0n && size(x) * 10n ** BigInt(places + 60) < size(y) * 10n ** BigInt(digits + 59)) places += 1
        const [scaled, divisor] = [size(x) * 10n ** BigInt(places + 60), size(y) * 10n ** 60n]
        const rounded = scaled / divisor + (2n * (scaled % divisor) >= divisor ? 1n : 0n)
        const isBelowZero = x < 0n !== y < 0n
        const expected = `${isBelowZero ? -rounded : rounded}e${-places}`
        expect(divideDecimals(decimalOf(a), decimalOf(b), digits)).toBe(x === 0n ? '0' : decimal(expected))
      }),
    )
    expect(divideDecimals(decimal('1'), decimal('3'), 5)).toBe('0.33333')
    expect(divideDecimals(decimal('2000'), decimal('-3'), 2)).toBe('-670')
    expect(divideDecimals(decimal('9.995'), decimal('1'), 3)).toBe('10')
    expect(() => divideDecimals(decimal('1'), ZERO, 5)).toThrow(RangeError)
  })
})
