import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { decimal } from '../../src/domain/decimal.ts'
import { percentOf } from '../../src/domain/percent.ts'

describe('percentOf', () => {
  it.each([
    ['1', '3', '33.333333'],
    ['-1', '3', '-33.333334'],
    ['-1', '4', '-25'],
    ['0', '7', '0'],
    ['0.00000001', '43000', '0'],
    ['-0.00000001', '43000', '-0.000001'],
    ['12.5', '0.05', '25000'],
  ])('%s of %s is %s: rounded down, whatever the sign', (part, whole, expected) => {
    expect(percentOf(decimal(part), decimal(whole))).toBe(expected)
  })

  it('is the greatest of 6 places that is not above the exact one', () => {
    const places = fc.integer({ min: 0, max: 6 })
    fc.assert(
      fc.property(
        fc.bigInt(-(10n ** 12n), 10n ** 12n),
        fc.bigInt(1n, 10n ** 12n),
        places,
        places,
        (part, whole, p, w) => {
          const text = percentOf(decimal(`${part}e-${p}`), decimal(`${whole}e-${w}`))
          const [head = '', tail = ''] = text.split('.')
          const told = BigInt(head + tail.padEnd(6, '0'))
          // told / 10^6 <= 100 * part * 10^(w-p) / whole < (told + 1) / 10^6
          const exact = part * 10n ** BigInt(8 + w)
          const unit = whole * 10n ** BigInt(p)
          expect(told * unit <= exact && exact < (told + 1n) * unit).toBe(true)
        },
      ),
    )
  })
})
