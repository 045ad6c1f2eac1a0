import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { decimalText, exponentText, spell, WIDE, wideDigits } from './decimal-text.ts'

describe('decimalText', () => {
  it.each([
    [0, 2, undefined, '0'],
    [5, 2, undefined, '0.05'],
    [1230, 2, undefined, '12.3'],
    [1200, 2, undefined, '12'],
    [1230, 2, 8, '12.30000000'],
    [7, 8, 8, '0.00000007'],
    [3, 0, undefined, '3'],
    [3, 0, 8, '3.00000000'],
    [3, -1, undefined, '30'],
    [0, -1, undefined, '0'],
    [-42, 1, undefined, '-4.2'],
  ])('spells %d of 10^-%d with %s decimals as %s', (units, scale, decimals, expected) => {
    expect(decimalText(units, scale, decimals)).toBe(expected)
  })

  it('keeps the value', () => {
    fc.assert(
      fc.property(fc.maxSafeNat(), fc.integer({ min: 0, max: 10 }), (units, scale) => {
        const [whole = '', fraction = ''] = decimalText(units, scale).split('.')
        expect(BigInt(whole + fraction.padEnd(scale, '0'))).toBe(BigInt(units))
        expect(fraction.endsWith('0')).toBe(false)
      }),
    )
  })
})

it('spells sums that no double holds', () => {
  expect(spell(wideDigits(123_456_789_012, 5), 7)).toBe('12345678901200.0000005')
  expect(wideDigits(0, WIDE - 1)).toBe('999999999')
})

it.each([
  ['0.00000001', '1e-08'],
  ['0.00001234', '1.234e-05'],
  ['0.0001', '0.0001'],
  ['65000.5', '65000.5'],
  ['0', '0'],
])('writes %s as Coinbase does: %s', (plain, expected) => {
  expect(exponentText(plain)).toBe(expected)
  expect(Number(expected)).toBe(Number(plain))
})
