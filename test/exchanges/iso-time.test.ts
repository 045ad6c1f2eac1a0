import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { readIsoTime } from '../../src/exchanges/iso-time.ts'

const time = fc.date({
  min: new Date('0000-01-01T00:00:00.000Z'),
  max: new Date('9999-12-31T23:59:59.999Z'),
  noInvalidDate: true,
})

describe('ISO times', () => {
  it('read as the runtime reads them, down to the millisecond', () => {
    fc.assert(
      fc.property(time, fc.nat({ max: 999_999 }), fc.nat({ max: 9 }), (date, rest, digits) => {
        const fraction = `${date.toISOString().slice(20, 23)}${String(rest).padStart(6, '0')}`.slice(0, digits)
        const text = `${date.toISOString().slice(0, 19)}${digits === 0 ? '' : `.${fraction}`}Z`
        expect(readIsoTime(text)).toBe(Date.parse(text))
      }),
    )
  })

  it.each([
    '',
    '2026-01-02',
    '2026-01-02T00:00:00',
    '2026-01-02T00:00:00+00:00',
    '2026-01-02T00:00:00.Z',
    '2026-1-2T00:00:00Z',
  ])('have one layout: %o is none', (text) => {
    expect(readIsoTime(text)).toBeUndefined()
  })

  it.each([
    '2026-00-02T00:00:00Z',
    '2026-01-32T00:00:00Z',
    '2026-01-02T24:00:00Z',
    '2026-01-02T00:60:00Z',
    '2021-02-29T00:00:00Z',
    '2021-02-31T00:00:00Z',
    '1900-02-29T00:00:00Z',
    '2026-04-31T00:00:00Z',
  ])('exist: %s does not', (text) => {
    expect(readIsoTime(text)).toBeUndefined()
  })

  it('are those of the first century, not of the last', () => {
    for (const text of ['0001-01-01T00:00:00Z', '0099-02-21T16:43:30Z', '2024-02-29T00:00:00Z'])
      expect(readIsoTime(text)).toBe(Date.parse(text))
  })
})
