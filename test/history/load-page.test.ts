import { describe, expect, it } from 'vitest'
import type { Candle } from '../../src/domain/candle.ts'
import { decimal } from '../../src/domain/decimal.ts'
import type { SeriesState } from '../../src/domain/series.ts'
import { judgePage } from '../../src/history/load-page.ts'

const MINUTE = 60_000
const T0 = Date.UTC(2026, 0, 1)
const minute = (n: number) => T0 + n * MINUTE

const series: SeriesState = {
  id: 7,
  instrument: {
    id: 1,
    exchange: 'coinbase',
    kind: 'spot',
    symbol: 'BTC-USD',
    exchangeSymbol: 'BTC-USD',
    base: 'BTC',
    quote: 'USD',
    settle: null,
    inverse: false,
    contractSize: null,
    tickSize: null,
    lotSize: null,
    active: true,
    listedAt: null,
    validTo: null,
    endFound: false,
  },
  interval: '1m',
  recordedFrom: T0,
  firstCandleTime: T0 - 1_000 * MINUTE,
  verifiedTo: null,
  revision: 0,
  failures: 0,
  nextAttemptAt: 0,
  lastError: null,
  backfills: [],
  covered: [],
  gaps: [],
  plannedFrom: Number.NEGATIVE_INFINITY,
}

function candle(n: number, part: Partial<Candle> = {}): Candle {
  const price = decimal('10')
  return {
    openTime: minute(n),
    open: price,
    high: price,
    low: price,
    close: price,
    volume: decimal('1'),
    quoteVolume: null,
    tradeCount: null,
    closed: null,
    ...part,
  }
}

const judge = (minutes: readonly number[], to = 10, readAt = minute(1_000), of = series) =>
  judgePage(
    { series: of, lane: 'backfill', window: { start: T0, end: minute(to) } },
    { candles: minutes.map((n) => candle(n)), bad: [] },
    readAt,
    60_000,
  )
const absent = (chunk: ReturnType<typeof judge>) =>
  chunk.absent.map(({ openTime, bracketed }) => [(openTime - T0) / MINUTE, bracketed])

describe('judgePage', () => {
  it('takes absence between two candles for evidence', () => {
    expect(absent(judge([0, 1, 2, 5, 6, 7, 8, 9]))).toEqual([
      [3, true],
      [4, true],
    ])
  })

  it('takes a page that is cut off at either end for no evidence', () => {
    expect(absent(judge([2, 3, 4, 5, 6, 7]))).toEqual([
      [0, false],
      [1, false],
      [8, false],
      [9, false],
    ])
    expect(absent(judge([], 2))).toEqual([
      [0, false],
      [1, false],
    ])
  })

  it('takes the one slot that an otherwise complete page lacks for evidence', () => {
    expect(absent(judge([0, 1, 2, 3, 4, 5, 6, 7, 8]))).toEqual([[9, true]])
  })

  it('knows nothing of slots that were not closed when the answer was made', () => {
    const chunk = judge([0, 1, 2, 3, 4, 5, 6, 7], 10, minute(6) + 59_999)
    expect(chunk.candles.map((c) => (c.openTime - T0) / MINUTE)).toEqual([0, 1, 2, 3, 4])
    expect(chunk.absent).toEqual([])
    expect(chunk.verifiedTo).toBe(minute(-4))
  })

  it('takes absence before the first trade of a new listing for evidence', () => {
    const young = { ...series, firstCandleTime: minute(0) }
    expect(absent(judge([2, 3, 4, 5, 6, 7, 8], 10, minute(1_000), young))).toEqual([
      [0, true],
      [1, true],
      [9, false],
    ])
  })

  it('looks for nothing before the first candle', () => {
    const young = { ...series, firstCandleTime: minute(3) }
    expect(absent(judge([3, 4, 5, 6, 7, 8], 10, minute(1_000), young))).toEqual([[9, true]])
  })

  it('sets a bad candle apart: its slot is neither stored nor absent', () => {
    const chunk = judgePage(
      { series, lane: 'tail', window: { start: T0, end: minute(3) } },
      {
        candles: [candle(0), candle(1, { high: decimal('1') }), candle(2), candle(2), candle(-1)],
        bad: [{ openTime: null, reason: 'malformed', raw: '[null]' }],
      },
      minute(1_000),
      60_000,
    )
    expect(chunk.candles.map((c) => c.openTime)).toEqual([minute(0), minute(2)])
    expect(chunk.bad.map(({ openTime, reason }) => [openTime, reason])).toEqual([
      [null, 'malformed'],
      [minute(1), 'high_below_body'],
      [minute(-1), 'outside_window'],
    ])
    expect(chunk.absent).toEqual([])
  })
})
