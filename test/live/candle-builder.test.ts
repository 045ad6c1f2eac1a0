import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { Candle } from '../../src/domain/candle.ts'
import { compareDecimals, decimal, multiplyDecimals, sumDecimals } from '../../src/domain/decimal.ts'
import { intervals, nextOpenTime } from '../../src/domain/interval.ts'
import type { Execution } from '../../src/domain/traded-slot.ts'
import { CandleBuilder } from '../../src/live/candle-builder.ts'

const MINUTE = 60_000
const SETTLE = 5_000

function at(exchangeTime: number, price: string, size = '1'): Execution {
  return { exchangeTime, price: decimal(price), size: decimal(size) }
}

/** One that has been heard from the start of minute 1 on. */
function begun(): CandleBuilder {
  const builder = new CandleBuilder('1m', SETTLE)
  builder.advance(MINUTE - 1)
  return builder
}

/** By the book: what `trades` (in order, of one slot) make. */
function candleOf(openTime: number, trades: readonly Execution[]): Candle {
  const prices = trades.map(({ price }) => price)
  const sorted = prices.toSorted(compareDecimals)
  return {
    openTime,
    open: prices[0] ?? decimal('0'),
    high: sorted.at(-1) ?? decimal('0'),
    low: sorted[0] ?? decimal('0'),
    close: prices.at(-1) ?? decimal('0'),
    volume: sumDecimals(trades.map(({ size }) => size)),
    quoteVolume: sumDecimals(trades.map(({ price, size }) => multiplyDecimals(price, size))),
    tradeCount: trades.length,
    closed: true,
  }
}

describe('CandleBuilder', () => {
  it('gives the open candle as it stands, and closes it by the clock of the exchange alone', () => {
    const builder = begun()
    for (const trade of [at(MINUTE, '100.5', '0.2'), at(MINUTE + 1, '99', '0.01'), at(MINUTE + 2, '100', '3')])
      builder.add(trade)
    const candle = { openTime: MINUTE, open: '100.5', high: '100.5', low: '99', close: '100', volume: '3.21' }
    const whole = { ...candle, quoteVolume: '321.09', tradeCount: 3 }
    expect(builder.open()).toEqual({ ...whole, closed: false })
    // What was heard of minute 0 was not its beginning.
    expect(builder.advance(2 * MINUTE + SETTLE - 1)).toEqual({ candles: [], unsure: [{ start: 0, end: MINUTE }] })
    expect(builder.advance(2 * MINUTE + SETTLE)).toEqual({ candles: [{ ...whole, closed: true }], unsure: [] })
    expect(builder.open()).toBe(null)
  })

  it('counts late trades within the settling time, and names the slot of a later one', () => {
    const builder = begun()
    builder.add(at(MINUTE + 10, '100'))
    builder.add(at(2 * MINUTE + 10, '200'))
    builder.add(at(MINUTE + 20, '101'))
    builder.add(at(MINUTE + 15, '103'))
    builder.add(at(MINUTE + 5, '102'))
    builder.advance(2 * MINUTE)
    const [candle] = builder.advance(2 * MINUTE + SETTLE).candles
    expect(candle).toMatchObject({ open: '102', high: '103', close: '101', tradeCount: 4 })
    builder.add(at(MINUTE + 30, '90'))
    expect(builder.open()).toMatchObject({ openTime: 2 * MINUTE, tradeCount: 1, low: '200' })
    expect(builder.advance(2 * MINUTE + SETTLE + 1)).toEqual({
      candles: [],
      unsure: [{ start: MINUTE, end: 2 * MINUTE }],
    })
    expect(builder.advance(2 * MINUTE + SETTLE + 2)).toEqual({ candles: [], unsure: [] })
  })

  it('makes no candle of a minute without a trade', () => {
    const builder = begun()
    builder.add(at(MINUTE, '100'))
    builder.add(at(4 * MINUTE, '100'))
    expect(builder.advance(4 * MINUTE + SETTLE).candles.map(({ openTime }) => openTime)).toEqual([MINUTE])
  })

  it('leaves slots that a gap touches to REST, traded or not', () => {
    const builder = begun()
    builder.add(at(MINUTE, '100'))
    builder.taint(2 * MINUTE - 1, 4 * MINUTE)
    builder.add(at(4 * MINUTE + 1, '100'))
    expect(builder.open()).toBe(null)
    builder.add(at(5 * MINUTE, '100'))
    expect(builder.open()).toMatchObject({ openTime: 5 * MINUTE })
    const { candles, unsure } = builder.advance(4 * MINUTE + SETTLE)
    expect([candles, unsure]).toEqual([[], [{ start: 0, end: 4 * MINUTE }]])
    expect(builder.advance(6 * MINUTE + SETTLE)).toMatchObject({
      candles: [{ openTime: 5 * MINUTE }],
      unsure: [{ start: 4 * MINUTE, end: 5 * MINUTE }],
    })
  })

  it('does not begin while no trade can be vouched for', () => {
    const builder = new CandleBuilder('1m', SETTLE)
    expect(builder.advance(Number.NEGATIVE_INFINITY)).toEqual({ candles: [], unsure: [] })
    builder.add(at(MINUTE, '5'))
    expect(builder.open()).toBe(null)
    expect(builder.advance(2 * MINUTE + SETTLE)).toEqual({ candles: [], unsure: [{ start: MINUTE, end: 2 * MINUTE }] })
  })

  it('is exact: every slot is the candle of its trades, or named', () => {
    const text = fc.tuple(fc.nat(9_999_999), fc.nat(12)).map(([units, scale]) => `${units}e-${scale}`)
    const trade = fc.record({ after: fc.nat(50_000), price: text, size: text, isGap: fc.nat(20).map((n) => n === 0) })
    fc.assert(
      fc.property(
        fc.array(trade, { maxLength: 100, size: 'max' }),
        fc.constantFrom('1m', '5m', '1h'),
        (given, interval) => {
          const builder = new CandleBuilder(interval, SETTLE)
          const start = Date.UTC(2026, 0, 1, 12, 0, 30)
          const candles: Candle[] = []
          const unsure: { start: number; end: number }[] = []
          const slots = new Map<number, Execution[]>()
          let now = start
          const advance = (): void => {
            const closed = builder.advance(now)
            candles.push(...closed.candles)
            unsure.push(...closed.unsure)
          }
          for (const { after, price, size, isGap } of given) {
            now += after
            const execution = at(now, price, size)
            const openTime = intervalStart(now, interval)
            slots.set(openTime, [...(slots.get(openTime) ?? []), execution])
            if (isGap) builder.taint(now, now)
            else builder.add(execution)
            advance()
          }
          now = nextOpenTime(intervalStart(now, interval), interval) + SETTLE
          advance()
          const isNamed = (time: number) => unsure.some((window) => window.start <= time && time < window.end)
          const expected = [...slots]
            .filter(([openTime]) => !isNamed(openTime))
            .map(([openTime, trades]) => candleOf(openTime, trades))
          expect(candles).toEqual(expected)
        },
      ),
      { numRuns: 300 },
    )
  })

  it('is unsure of what closes while nobody vouches for the trades, and of nothing else', () => {
    const builder = begun()
    builder.add(at(MINUTE, '1'))
    builder.advance(2 * MINUTE + SETTLE)
    builder.add(at(2.5 * MINUTE, '2'))
    // Minute 2 stands open: it may still be vouched for.
    expect(builder.advanceUnvouched(2.5 * MINUTE, 3 * MINUTE)).toEqual({ candles: [], unsure: [] })
    expect(builder.open()).toMatchObject({ openTime: 2 * MINUTE })
    const unsure = [{ start: 2 * MINUTE, end: 4 * MINUTE }]
    expect(builder.advanceUnvouched(2.5 * MINUTE, 4 * MINUTE + SETTLE)).toEqual({ candles: [], unsure })
    builder.add(at(4.5 * MINUTE, '3'))
    expect(builder.advance(5 * MINUTE + SETTLE)).toMatchObject({ candles: [{ openTime: 4 * MINUTE }], unsure: [] })
  })

  it('is unsure of the slot before the time that is vouched for: trades of it may still come', () => {
    const builder = begun()
    builder.advance(2 * MINUTE)
    builder.add(at(2 * MINUTE + 1, '1'))
    const { unsure } = builder.advanceUnvouched(2 * MINUTE + 1, 3 * MINUTE + SETTLE)
    expect(unsure).toEqual([{ start: MINUTE, end: 3 * MINUTE }])
  })

  it('is unsure of all from where it begins, if nothing was ever vouched for', () => {
    const builder = new CandleBuilder('1m', SETTLE)
    const never = Number.NEGATIVE_INFINITY
    expect(builder.advanceUnvouched(never, 1.5 * MINUTE)).toEqual({ candles: [], unsure: [] })
    const unsure = [{ start: MINUTE, end: 3 * MINUTE }]
    expect(builder.advanceUnvouched(never, 3 * MINUTE + SETTLE)).toEqual({ candles: [], unsure })
  })

  it('aligns every interval', () => {
    for (const interval of intervals) {
      const builder = new CandleBuilder(interval, 0)
      const openTime = Date.UTC(2026, 5, 1)
      builder.advance(openTime - 1)
      builder.add(at(openTime, '1'))
      const end = nextOpenTime(openTime, interval)
      expect(builder.advance(end - 1).candles).toEqual([])
      expect(builder.advance(end).candles).toMatchObject([{ openTime }])
    }
  })
})

function intervalStart(time: number, interval: '1m' | '5m' | '1h'): number {
  const length = { '1m': MINUTE, '5m': 5 * MINUTE, '1h': 60 * MINUTE }[interval]
  return Math.floor(time / length) * length
}
