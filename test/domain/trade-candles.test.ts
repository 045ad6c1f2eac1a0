import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { Candle } from '../../src/domain/candle.ts'
import { type Decimal, decimal, divideDecimals } from '../../src/domain/decimal.ts'
import { deriveCandle } from '../../src/domain/derive.ts'
import { type Interval, slotsIn } from '../../src/domain/interval.ts'
import {
  formatTradeCandleLine,
  missingSlots,
  type SidedExecution,
  type TradeCandle,
  TradeCandles,
  type TradeHole,
  VWAP_DIGITS,
} from '../../src/domain/trade-candles.ts'

const MINUTE = 60_000
const HOUR = 60 * MINUTE
const HOUR_WINDOW = { start: 0, end: HOUR }

/** A trade in hundredths of the quote and thousandths of the base, so that the expected values are whole numbers. */
interface Units {
  readonly time: number
  readonly price: number
  readonly size: number
  readonly side: 'buy' | 'sell' | null
}

const scaledTo = (units: bigint, places: number): Decimal => decimal(`${units}e-${places}`)

function executionOf({ time, price, size, side }: Units): SidedExecution {
  return {
    price: scaledTo(BigInt(price), 2),
    size: scaledTo(BigInt(size), 3),
    exchangeTime: time,
    side,
  }
}

const trades = fc
  .array(
    fc.record({
      time: fc.nat(HOUR - 1),
      price: fc.integer({ min: 1, max: 9_999_999 }),
      size: fc.nat(999_999),
      side: fc.constantFrom('buy', 'sell', null),
    }),
    { maxLength: 120, size: 'max' },
  )
  .map((all) => all.sort((a, b) => a.time - b.time))

function build(all: readonly Units[], interval: Interval): TradeCandle[] {
  const candles = new TradeCandles(interval)
  for (const trade of all) candles.add(executionOf(trade))
  return candles.take(HOUR_WINDOW)
}

/** By the book: what trades of one slot, in order, make. */
function oracle(openTime: number, all: readonly Units[]): TradeCandle {
  const prices = all.map(({ price }) => BigInt(price))
  const sum = (values: readonly bigint[]) => values.reduce((total, value) => total + value, 0n)
  const sizeOf = (some: readonly Units[]) => scaledTo(sum(some.map(({ size }) => BigInt(size))), 3)
  const sorted = prices.toSorted((a, b) => (a < b ? -1 : Number(a > b)))
  const quoteVolume = scaledTo(sum(all.map(({ price, size }) => BigInt(price) * BigInt(size))), 5)
  const volume = sizeOf(all)
  return {
    openTime,
    open: scaledTo(prices[0] ?? 0n, 2),
    high: scaledTo(sorted.at(-1) ?? 0n, 2),
    low: scaledTo(sorted[0] ?? 0n, 2),
    close: scaledTo(prices.at(-1) ?? 0n, 2),
    volume,
    quoteVolume,
    tradeCount: all.length,
    closed: true,
    vwap: volume === '0' ? null : divideDecimals(quoteVolume, volume, VWAP_DIGITS),
    buyVolume: sizeOf(all.filter(({ side }) => side === 'buy')),
    sellVolume: sizeOf(all.filter(({ side }) => side === 'sell')),
  }
}

describe('candles from trades', () => {
  it('are those of their trades, exactly', () => {
    fc.assert(
      fc.property(trades, fc.constantFrom<Interval>('1m', '3m', '15m', '1h'), (all, interval) => {
        const expected = [...slotsIn(HOUR_WINDOW, interval)].flatMap((openTime, index, openTimes) => {
          const end = openTimes[index + 1] ?? HOUR
          const own = all.filter(({ time }) => time >= openTime && time < end)
          return own.length === 0 ? [] : [oracle(openTime, own)]
        })
        expect(build(all, interval)).toEqual(expected)
      }),
    )
  })

  it('are the same in whatever order the minutes come', () => {
    fc.assert(
      fc.property(trades, (all) => {
        const minutes = [...Map.groupBy(all, ({ time }) => Math.floor(time / MINUTE)).values()]
        expect(build(minutes.reverse().flat(), '5m')).toEqual(build(all, '5m'))
      }),
    )
  })

  it('of a longer interval are those derived from a shorter one', () => {
    const traded = trades.map((all) => all.map((trade) => ({ ...trade, size: trade.size + 1 })))
    fc.assert(
      fc.property(traded, (all) => {
        const byFive = Map.groupBy(build(all, '1m'), ({ openTime }) => openTime - (openTime % (5 * MINUTE)))
        const derived = [...byFive].map(([openTime, minutes]) => ({ ...deriveCandle(minutes, openTime), closed: true }))
        const plain = build(all, '5m').map(({ vwap, buyVolume, sellVolume, ...candle }): Candle => candle)
        expect(plain).toEqual(derived)
      }),
    )
  })

  it('are taken once, and no others with them', () => {
    const candles = new TradeCandles('1m')
    for (const time of [0, MINUTE, 2 * MINUTE]) candles.add(executionOf({ time, price: 1, size: 1, side: null }))
    expect(candles.take({ start: MINUTE, end: 2 * MINUTE }).map(({ openTime }) => openTime)).toEqual([MINUTE])
    expect(candles.take(HOUR_WINDOW).map(({ openTime }) => openTime)).toEqual([0, 2 * MINUTE])
  })

  it('have no average price where nothing was exchanged', () => {
    const [candle] = build([{ time: 5, price: 100, size: 0, side: 'buy' }], '1m')
    expect(candle).toMatchObject({ volume: '0', vwap: null, tradeCount: 1 })
    expect(candle && formatTradeCandleLine(candle)).toBe('0,1,1,1,1,0,0,1,,0,0')
  })
})

describe('missing slots', () => {
  const reasons = ['pruned', 'too_many_trades', 'trades_missing', 'not_recorded', 'feed_unavailable'] as const
  const hole = fc
    .tuple(fc.integer({ min: -HOUR, max: 2 * HOUR }), fc.nat(20 * MINUTE), fc.constantFrom(...reasons))
    .map(([start, length, reason]): TradeHole => ({ start, end: start + length, reason }))

  it('are those that a hole touches, each with its gravest reason', () => {
    fc.assert(
      fc.property(fc.array(hole, { maxLength: 8 }), fc.constantFrom<Interval>('1m', '5m'), (holes, interval) => {
        const length = interval === '1m' ? MINUTE : 5 * MINUTE
        const missing = missingSlots(HOUR_WINDOW, interval, holes)
        for (const openTime of slotsIn(HOUR_WINDOW, interval)) {
          const touching = holes.filter(
            ({ start, end }) => Math.max(start, openTime) < Math.min(end, openTime + length),
          )
          const expected = reasons.find((reason) => touching.some((each) => each.reason === reason))
          const found = missing.filter(({ start, end }) => start <= openTime && openTime < end)
          expect(found.map(({ reason }) => reason)).toEqual(expected === undefined ? [] : [expected])
        }
        const starts = missing.map(({ start }) => start)
        expect(starts).toEqual(starts.toSorted((a, b) => a - b))
      }),
    )
  })

  it('of a window without any slot are none', () => {
    expect(missingSlots({ start: HOUR, end: 0 }, '1m', [{ start: 0, end: HOUR, reason: 'pruned' }])).toEqual([])
  })
})
