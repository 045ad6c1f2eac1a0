import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { createCatalogue, type Instrument } from './catalogue.ts'
import { WIDE } from './decimal-text.ts'
import { INTERVALS, type IntervalName } from './intervals.ts'
import { CLOSE, COLUMNS, COUNT, HIGH, LOW, Market, OPEN, QUOTE_HIGH, QUOTE_LOW, VOLUME } from './market.ts'
import { bookSequenceAt, readBook } from './order-book.ts'
import { MINUTE_MS } from './trade-tape.ts'

const EPOCH = Date.UTC(2026, 9, 14, 10, 7, 30)
const CATALOGUE = createCatalogue(EPOCH)
const market = new Market(7)

const find = (exchange: string, exchangeSymbol: string, kind = 'spot'): Instrument => {
  const found = CATALOGUE.find(
    (known) => known.exchange === exchange && known.exchangeSymbol === exchangeSymbol && known.kind === kind,
  )
  if (!found) throw new Error(`${exchangeSymbol} is not in the catalogue`)
  return found
}

/** A candle as plain exact values; undefined where there is none. */
const candleOf = (from: Market, instrument: Instrument, openTime: number, closeTime: number, until = closeTime) => {
  const row = new Float64Array(COLUMNS)
  if (!from.candle(instrument, openTime, closeTime, until, row)) return undefined
  const value = (column: number) => row[column] ?? Number.NaN
  return {
    open: value(OPEN),
    high: value(HIGH),
    low: value(LOW),
    close: value(CLOSE),
    volume: value(VOLUME),
    quote: BigInt(value(QUOTE_HIGH)) * BigInt(WIDE) + BigInt(value(QUOTE_LOW)),
    count: value(COUNT),
  }
}

const listed = fc.constantFrom(...CATALOGUE).chain((instrument) =>
  fc.record({
    instrument: fc.constant(instrument),
    at: fc.integer({ min: Math.max(instrument.listedAt, EPOCH - 300 * 86_400_000), max: EPOCH }),
  }),
)

describe('the market', () => {
  it('has 1m candles that are exactly the sums of their trades', () => {
    fc.assert(
      fc.property(listed, ({ instrument, at }) => {
        const minute = Math.floor(at / MINUTE_MS)
        const trades = market.tape(instrument).minute(minute)
        const candle = candleOf(market, instrument, minute * MINUTE_MS, (minute + 1) * MINUTE_MS)
        const prices = trades.map(({ price }) => price)
        const before = market.lastPrice(instrument, minute * MINUTE_MS)
        expect(candle).toEqual({
          open: prices[0] ?? before,
          high: trades.length > 0 ? Math.max(...prices) : before,
          low: trades.length > 0 ? Math.min(...prices) : before,
          close: prices.at(-1) ?? before,
          volume: trades.reduce((sum, { size }) => sum + size, 0),
          quote: trades.reduce((sum, { price, size }) => sum + BigInt(price) * BigInt(size), 0n),
          count: trades.length,
        })
      }),
      { numRuns: 400 },
    )
  })

  it.each(['5m', '1h', '4h', '1d', '1w', '1M'] satisfies IntervalName[])('sums minutes to %s exactly', (name) => {
    const interval = INTERVALS[name]
    fc.assert(
      fc.property(listed, ({ instrument, at }) => {
        const openTime = interval.floor(at)
        const closeTime = interval.step(openTime, 1)
        const minutes: NonNullable<ReturnType<typeof candleOf>>[] = []
        for (let time = openTime; time < closeTime; time += MINUTE_MS) {
          const candle = candleOf(market, instrument, time, time + MINUTE_MS)
          if (candle && candle.count > 0) minutes.push(candle)
        }
        expect(candleOf(market, instrument, openTime, closeTime)).toEqual({
          open: minutes[0]?.open,
          high: Math.max(...minutes.map(({ high }) => high)),
          low: Math.min(...minutes.map(({ low }) => low)),
          close: minutes.at(-1)?.close,
          volume: minutes.reduce((sum, { volume }) => sum + volume, 0),
          quote: minutes.reduce((sum, { quote }) => sum + quote, 0n),
          count: minutes.reduce((sum, { count }) => sum + count, 0),
        })
      }),
      { numRuns: name === '1M' || name === '1w' ? 3 : 25 },
    )
  })

  it('makes the open candle of what was traded before now', () => {
    fc.assert(
      fc.property(listed, ({ instrument, at }) => {
        const openTime = INTERVALS['1h'].floor(at)
        const candle = candleOf(market, instrument, openTime, openTime + 3_600_000, at)
        const tape = market.tape(instrument)
        const trades = tape.from(tape.lastId(openTime) + 1, 2000, at)
        if (trades.length === 0) return
        expect(candle?.count).toBe(trades.length)
        expect(candle?.close).toBe(trades.at(-1)?.price)
        expect(candle?.high).toBe(Math.max(...trades.map(({ price }) => price)))
      }),
      { numRuns: 150 },
    )
  })

  it('numbers trades without a hole, in the order of their times', () => {
    const wrong: unknown[] = []
    for (const instrument of CATALOGUE) {
      const tape = market.tape(instrument)
      const from = Math.floor(EPOCH / MINUTE_MS) - 3000
      let id = tape.firstId(from)
      let time = 0
      for (let minute = from; minute < from + 3000; minute++) {
        for (const trade of tape.minute(minute)) {
          if (trade.id !== id || tape.minuteOf(id) !== minute || trade.time < time) wrong.push([instrument, trade])
          id++
          time = trade.time
        }
        if (tape.firstId(minute + 1) !== id) wrong.push([instrument, minute])
      }
    }
    expect(wrong).toEqual([])
  })

  it('is the same for the same seed, whatever was asked before, and another one for another', () => {
    const [first, second, other] = [new Market(1), new Market(1), new Market(2)]
    const instrument = find('okx', 'ETH-USDT-SWAP', 'perpetual')
    const days = [20_000, 19_000, 20_400]
    const read = (from: Market, order: number[]) =>
      order.map((day) => [day, candleOf(from, instrument, day * 86_400_000, (day + 1) * 86_400_000)] as const)
    expect(new Map(read(first, days))).toEqual(new Map(read(second, days.toReversed())))
    expect(read(first, days)).not.toEqual(read(other, days))
  })

  it('has prices near each other on all exchanges, but not equal', () => {
    const at = INTERVALS['1h'].floor(EPOCH) - 3_600_000
    const closes = CATALOGUE.filter(({ base }) => base === 'ETH').map(
      (known) => (candleOf(market, known, at, at + 3_600_000)?.close ?? 0) / 10 ** known.priceScale,
    )
    expect(closes).toHaveLength(8)
    expect(new Set(closes).size).toBeGreaterThan(5)
    expect(Math.max(...closes) / Math.min(...closes)).toBeLessThan(1.002)
  })

  it('begins with a trade in the minute of the listing', () => {
    for (const instrument of CATALOGUE) {
      const { listedAt } = instrument
      expect(candleOf(market, instrument, listedAt, listedAt + MINUTE_MS)?.count).toBeGreaterThan(0)
      expect(candleOf(market, instrument, listedAt - MINUTE_MS, listedAt)).toBeUndefined()
      const tape = market.tape(instrument)
      expect(tape.from(0, 1, EPOCH)[0]?.id).toBe(tape.firstId(listedAt / MINUTE_MS))
    }
  })

  it('has a trade in the minute of a listing and in the last of a day, even where every second minute has none', () => {
    const quiet = { ...find('okx', 'ETH-USDT'), emptyOneIn: 2 }
    const listedAt = INTERVALS['1d'].floor(EPOCH)
    for (let minute = 0; minute < 40; minute++) {
      const tape = new Market(minute).tape({ ...quiet, listedAt: listedAt + minute * MINUTE_MS })
      expect(tape.count(listedAt / MINUTE_MS + minute)).toBeGreaterThan(0)
      expect(tape.count(listedAt / MINUTE_MS + 1439)).toBeGreaterThan(0)
    }
  })

  it('leaves one minute in some hundred without a trade on Coinbase, fewer elsewhere', () => {
    const emptyMinutes = (instrument: Instrument): number => {
      let empty = 0
      for (let day = 20_300; day < 20_314; day++) {
        const { rows } = market.minutesOfDay(instrument, day)
        for (let offset = COUNT; offset < rows.length; offset += COLUMNS) if (rows[offset] === 0) empty++
      }
      return empty / 14
    }
    const coinbase = emptyMinutes(find('coinbase', 'DOGE-USDT'))
    expect(coinbase).toBeGreaterThan(4)
    expect(coinbase).toBeLessThan(11)
    expect(emptyMinutes(find('binance', 'DOGEUSDT'))).toBeLessThan(2)
  })

  it('changes a revised minute and every longer candle with it', () => {
    const instrument = find('binance', 'BTCUSDT')
    const revised = new Market(7)
    const start = INTERVALS['1h'].floor(EPOCH) - 3_600_000
    revised.setRevisions([{ instrument, start, end: start + MINUTE_MS }])
    const [before, after] = [market, revised].map((from) => candleOf(from, instrument, start, start + 3_600_000))
    const [minuteBefore, minuteAfter] = [market, revised].map((from) =>
      candleOf(from, instrument, start, start + MINUTE_MS),
    )
    expect(minuteAfter?.high).toBeGreaterThan(minuteBefore?.high ?? 0)
    expect((after?.volume ?? 0) - (before?.volume ?? 0)).toBe((minuteAfter?.volume ?? 0) - (minuteBefore?.volume ?? 0))
    expect((after?.quote ?? 0n) - (before?.quote ?? 0n)).toBe((minuteAfter?.quote ?? 0n) - (minuteBefore?.quote ?? 0n))
    expect(minuteAfter?.count).toBe((minuteBefore?.count ?? 0) + 1)
  })
})

describe('the order book', () => {
  it('is sorted, never crossed, of positive sizes, and the same when it is asked for again', () => {
    fc.assert(
      fc.property(listed, ({ instrument, at }) => {
        const sequence = bookSequenceAt(at)
        const book = readBook(market, instrument, sequence, 50)
        const rising = [...book.bids.toReversed(), ...book.asks]
        expect(rising.every(({ price }, index) => index === 0 || price > (rising[index - 1]?.price ?? 0))).toBe(true)
        expect(rising.every(({ size }) => size > 0)).toBe(true)
        expect(book.asks).toHaveLength(50)
        expect(readBook(market, instrument, sequence, 50)).toEqual(book)
      }),
      { numRuns: 100 },
    )
  })

  it('changes a little from one to the next', () => {
    const instrument = find('okx', 'BTC-USDT')
    const [now, next] = [0, 1].map((later) => readBook(market, instrument, bookSequenceAt(EPOCH) + later, 200))
    const known = new Set(now?.asks.map(({ price, size }) => `${price} ${size}`))
    const kept = next?.asks.filter(({ price, size }) => known.has(`${price} ${size}`)).length ?? 0
    expect(kept).toBeGreaterThan(100)
    expect(kept).toBeLessThan(200)
  })
})
