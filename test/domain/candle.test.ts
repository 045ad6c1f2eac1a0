import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { type Candle, candleFault, checkCandles, isSameCandle } from '../../src/domain/candle.ts'
import { compareDecimals, decimal } from '../../src/domain/decimal.ts'

const MINUTE = 60_000
const START = Date.UTC(2026, 0, 2)
const window = { start: START, end: START + 10 * MINUTE }
const CLOSED = window.end

const sound: Candle = {
  ...{ openTime: START, open: decimal('10'), high: decimal('12'), low: decimal('9'), close: decimal('11') },
  ...{ volume: decimal('1.5'), quoteVolume: decimal('16'), tradeCount: 3, closed: null },
}

function at(slot: number, changes: Partial<Candle> = {}): Candle {
  return { ...sound, openTime: START + slot * MINUTE, ...changes }
}

describe('a candle’s fault', () => {
  it.each([
    [undefined, {}],
    [undefined, { high: decimal('11'), low: decimal('10') }],
    [undefined, { open: decimal('0'), high: decimal('0'), low: decimal('0'), close: decimal('0') }],
    [undefined, { volume: decimal('0'), quoteVolume: null, tradeCount: null }],
    ['outside_window', { openTime: START - MINUTE }],
    ['outside_window', { openTime: window.end }],
    ['misaligned', { openTime: START + 1 }],
    ['high_below_body', { high: decimal('10.999') }],
    ['high_below_body', { open: decimal('12.0000000000000000001') }],
    ['low_above_body', { low: decimal('10.001') }],
    ['low_above_body', { close: decimal('8.9999999999999999999') }],
    ['negative_value', { low: decimal('-1') }],
    ['negative_value', { volume: decimal('-0.1') }],
    ['negative_value', { quoteVolume: decimal('-1') }],
    ['negative_value', { tradeCount: -1 }],
  ] as const)('is %s with %o', (fault, changes) => {
    expect(candleFault({ ...sound, ...changes }, '1m', window)).toBe(fault)
  })
})

describe('a page of candles', () => {
  it('loses its unfinished ones', () => {
    const page = [at(0), at(1, { closed: false }), at(2, { closed: true }), at(3)]
    const { candles, bad } = checkCandles(page, '1m', window, START + 3 * MINUTE)
    expect(candles).toEqual([at(0), at(2, { closed: true })])
    expect(bad).toEqual([])
  })

  it('sets bad ones apart with their reason and keeps the others', () => {
    const broken = at(1, { high: decimal('1') })
    const { candles, bad } = checkCandles([at(0), broken, at(2)], '1m', window, CLOSED)
    expect(candles).toEqual([at(0), at(2)])
    expect(bad).toEqual([{ openTime: broken.openTime, reason: 'high_below_body', raw: JSON.stringify(broken) }])
  })

  it('drops a repeated row, and both where they differ', () => {
    const other = at(1, { close: decimal('10.5') })
    const { candles, bad } = checkCandles([at(0), at(0), at(1), other, at(1)], '1m', window, CLOSED)
    expect(candles).toEqual([at(0)])
    expect(bad.map(({ openTime, reason }) => [openTime, reason])).toEqual([[at(1).openTime, 'conflicting_duplicate']])
    expect(JSON.parse(bad[0]?.raw ?? '')).toEqual([at(1), other])
  })

  const price = fc.integer({ min: -2, max: 20 }).map((value) => decimal(String(value)))
  const anyCandle = fc.record({
    ...{ openTime: fc.integer({ min: -2, max: 12 }).map((slot) => START + slot * MINUTE), open: price, high: price },
    ...{ low: price, close: price, volume: price, quoteVolume: fc.option(price), tradeCount: fc.option(fc.nat()) },
    closed: fc.option(fc.boolean()),
  })
  const mixed = fc.array(
    fc.oneof(
      anyCandle,
      fc.integer({ min: 0, max: 9 }).map((slot) => at(slot)),
    ),
    { maxLength: 20 },
  )

  it('comes out ascending, unique, closed and sound, whatever came in', () => {
    fc.assert(
      fc.property(mixed, fc.integer({ min: 0, max: 10 }), (page, closedSlots) => {
        const closedTo = START + closedSlots * MINUTE
        const { candles, bad } = checkCandles(page, '1m', window, closedTo)
        const times = candles.map(({ openTime }) => openTime)
        expect(times).toEqual([...new Set(times)].toSorted((a, b) => a - b))
        for (const candle of candles) {
          expect(candleFault(candle, '1m', window)).toBeUndefined()
          expect(candle.openTime < closedTo && candle.closed !== false).toBe(true)
          expect(compareDecimals(candle.high, candle.low)).toBeGreaterThanOrEqual(0)
        }
        for (const { openTime, reason } of bad) {
          if (reason === 'conflicting_duplicate') expect(times).not.toContain(openTime)
        }
      }),
    )
  })

  it('does not depend on the order of its rows', () => {
    const shuffled = mixed.chain((page) =>
      fc.tuple(fc.constant(page), fc.shuffledSubarray(page, { minLength: page.length })),
    )
    fc.assert(
      fc.property(shuffled, ([page, other]) => {
        const values = (rows: readonly Candle[]) =>
          checkCandles(rows, '1m', window, CLOSED).candles.map(({ closed, ...rest }) => rest)
        expect(values(other)).toEqual(values(page))
      }),
    )
  })
})

it('is the same candle whether or not the exchange says that it is closed', () => {
  expect(isSameCandle(at(0), at(0, { closed: true }))).toBe(true)
  for (const field of ['open', 'high', 'low', 'close', 'volume', 'quoteVolume'] as const) {
    expect(isSameCandle(at(0), at(0, { [field]: decimal('99') }))).toBe(false)
  }
  expect(isSameCandle(at(0), at(0, { tradeCount: null }))).toBe(false)
})
