import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { Candle } from '../../src/domain/candle.ts'
import { formatCandleLine, openTimeOf, parseCandleLine } from '../../src/domain/candle-line.ts'
import { type Decimal, decimal } from '../../src/domain/decimal.ts'
import { chooseBase, deriveCandle, deriveCandles } from '../../src/domain/derive.ts'

const MINUTE = 60_000
const at = (minute: number) => minute * MINUTE

/** Prices and volumes in hundredths, so that the expected values are plain integers. */
const hundredths = (value: number): Decimal => decimal(`${value}e-2`)

interface Trades {
  readonly open: number
  readonly close: number
  readonly high: number
  readonly low: number
  readonly volume: number
}

function candle(minute: number, { open, close, high, low, volume }: Trades, changes: Partial<Candle> = {}): Candle {
  const [o, h, l, c, v] = [open, high, low, close, volume].map(hundredths) as [
    Decimal,
    Decimal,
    Decimal,
    Decimal,
    Decimal,
  ]
  const shared = { openTime: at(minute), quoteVolume: v, tradeCount: volume, closed: null }
  return { open: o, high: h, low: l, close: c, volume: v, ...shared, ...changes }
}

const flat = (minute: number, price: number) =>
  candle(minute, { open: price, close: price, high: price, low: price, volume: 0 })
const trades = fc
  .tuple(
    fc.array(fc.integer({ min: 1, max: 10_000 }), { minLength: 1, maxLength: 5 }),
    fc.integer({ min: 1, max: 10_000 }),
  )
  .map(([prices, volume]) => ({
    open: prices[0] ?? 1,
    close: prices.at(-1) ?? 1,
    high: Math.max(...prices),
    low: Math.min(...prices),
    volume,
  }))

describe('chooseBase', () => {
  it.each([
    ['1h', ['1m', '15m', '30m'], '30m'],
    ['1d', ['1m', '1h', '1d'], '1h'],
    ['1w', ['1m', '1d'], '1d'],
    ['1M', ['1w', '4h'], '4h'],
    ['1M', ['1w'], undefined],
    ['5m', ['3m'], undefined],
    ['1m', ['1m'], undefined],
    ['1h', [], undefined],
  ] as const)('%s of %j is %s', (target, stored, base) => {
    expect(chooseBase(stored, target)).toBe(base)
  })
})

describe('deriveCandle', () => {
  it('is exact over all of its inputs', () => {
    fc.assert(
      fc.property(fc.array(trades, { minLength: 1, maxLength: 60 }), (inputs) => {
        const derived = deriveCandle(
          inputs.map((input, minute) => candle(minute, input)),
          at(0),
        )
        const volume = inputs.reduce((sum, input) => sum + input.volume, 0)
        const expected = candle(0, {
          open: inputs[0]?.open ?? 0,
          close: inputs.at(-1)?.close ?? 0,
          high: Math.max(...inputs.map(({ high }) => high)),
          low: Math.min(...inputs.map(({ low }) => low)),
          volume,
        })
        expect(derived).toEqual(expected)
      }),
    )
  })

  it('knows no quote volume or trade count where an input does not', () => {
    const one = { open: 1, close: 1, high: 1, low: 1, volume: 1 }
    const inputs = [candle(0, one), candle(1, one, { quoteVolume: null }), candle(2, one, { tradeCount: null })]
    expect(deriveCandle(inputs, 0)).toMatchObject({ volume: '0.03', quoteVolume: null, tradeCount: null })
    expect(deriveCandle(inputs.slice(0, 2), 0)).toMatchObject({ quoteVolume: null, tradeCount: 2 })
  })

  it('spans the trades, not the flat candles between them', () => {
    const traded = { open: 50, close: 60, high: 70, low: 40, volume: 1 }
    expect(deriveCandle([flat(0, 99), candle(1, traded), flat(2, 60)], 0)).toEqual(candle(0, traded))
    expect(deriveCandle([flat(0, 99), flat(1, 99)], 0)).toEqual(flat(0, 99))
  })

  it('is open while an input is', () => {
    const one = { open: 1, close: 1, high: 1, low: 1, volume: 1 }
    expect(deriveCandle([candle(0, one), candle(1, one, { closed: false })], 0).closed).toBe(false)
  })

  it('comes from at least one', () => {
    expect(() => deriveCandle([], 0)).toThrow(RangeError)
  })
})

describe('deriveCandles', () => {
  const one = { open: 1, close: 1, high: 1, low: 1, volume: 1 }

  it('puts every slot into one list, by its input', () => {
    const slot = fc.constantFrom('candle', 'empty', 'missing')
    fc.assert(
      fc.property(fc.array(slot, { minLength: 15, maxLength: 15 }), (slots) => {
        const candles = slots.flatMap((state, minute) => (state === 'candle' ? [candle(minute, one)] : []))
        const complete: { start: number; end: number }[] = []
        for (const [minute, state] of slots.entries()) {
          const last = complete.at(-1)
          if (state === 'missing') continue
          if (last?.end === at(minute)) complete[complete.length - 1] = { start: last.start, end: at(minute + 1) }
          else complete.push({ start: at(minute), end: at(minute + 1) })
        }
        const result = deriveCandles({ target: '5m', window: { start: 0, end: at(15) }, candles, complete })
        for (const from of [0, 5, 10]) {
          const states = slots.slice(from, from + 5)
          const count = states.filter((state) => state === 'candle').length
          const isIncomplete = states.includes('missing')
          expect(result.incomplete.includes(at(from))).toBe(isIncomplete)
          expect(result.empty.includes(at(from))).toBe(!isIncomplete && count === 0)
          const derived = result.candles.find(({ openTime }) => openTime === at(from))
          expect(derived?.tradeCount).toBe(isIncomplete || count === 0 ? undefined : count)
        }
      }),
    )
  })
})

describe('a candle line', () => {
  it('is read back as it was written', () => {
    const whole = candle(7, { open: 123, close: 5, high: 9_999, low: 1, volume: 30 })
    for (const written of [whole, { ...whole, quoteVolume: null }, { ...whole, tradeCount: null }]) {
      expect(parseCandleLine(formatCandleLine(written))).toEqual(written)
      expect(openTimeOf(formatCandleLine(written))).toBe(at(7))
    }
    expect(formatCandleLine(whole)).toBe('420000,1.23,99.99,0.01,0.05,0.3,0.3,30')
  })
})
