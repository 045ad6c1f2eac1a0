import { describe, expect, it } from 'vitest'
import type { Candle } from '../../../src/domain/candle.ts'
import { type Decimal, decimal } from '../../../src/domain/decimal.ts'
import type { Window } from '../../../src/domain/interval.ts'
import { type CheckInput, checkCandleQuality } from '../../../src/domain/quality/check.ts'
import { type FindingKind, findingKinds, severityOf } from '../../../src/domain/quality/finding.ts'
import { changeThresholds, DEFAULT_THRESHOLDS } from '../../../src/domain/quality/thresholds.ts'

const T0 = Date.UTC(2026, 0, 1)
const MINUTE = 60_000
const at = (minute: number) => T0 + minute * MINUTE

/** A market that moves by up to 0.1 % a minute around 100, and opens where it closed. */
function calm(count = 200): Candle[] {
  const closeAt = (minute: number) => 100 + 0.1 * Math.sin(minute * 1.7)
  return Array.from({ length: count }, (_, minute) => ohlcv(minute, closeAt(minute - 1), closeAt(minute)))
}

function ohlcv(minute: number, open: number, close: number): Candle {
  const text = (value: number) => decimal(value.toFixed(4))
  return {
    openTime: at(minute),
    open: text(open),
    high: text(Math.max(open, close) + 0.01),
    low: text(Math.min(open, close) - 0.01),
    close: text(close),
    volume: text(10 + Math.cos(minute)),
    quoteVolume: null,
    tradeCount: null,
    closed: null,
  }
}

const d = (value: number | string): Decimal => decimal(String(value))

function changed(candles: readonly Candle[], minute: number, part: Partial<Candle>): Candle[] {
  return candles.map((candle) => (candle.openTime === at(minute) ? { ...candle, ...part } : candle))
}

function found(
  candles: readonly Candle[],
  more: Partial<CheckInput> = {},
  kinds: readonly FindingKind[] = findingKinds,
  thresholds = DEFAULT_THRESHOLDS,
) {
  const window: Window = { start: 0, end: Number.MAX_SAFE_INTEGER }
  const none = { firstVersions: new Map(), peers: [] }
  const input = { exchange: 'okx', interval: '1m', candles, window, ...none, ...more } as const
  return checkCandleQuality(input, thresholds, kinds).faults
}

describe('price jumps', () => {
  it('are what stands apart from both sides, whether of a close, an open or whole candles', () => {
    expect(found(calm())).toEqual([])
    const close = found(changed(calm(), 100, { close: d(104), high: d(104) }))
    expect(close).toMatchObject([{ kind: 'price_jump', start: at(100), end: at(101), evidence: { measure: 'close' } }])
    const open = found(changed(calm(), 100, { open: d(96), low: d(96) }))
    expect(open).toMatchObject([{ start: at(100), end: at(101), evidence: { measure: 'open', value: '96' } }])
    let level = calm()
    for (const minute of [100, 101, 102]) level = changed(level, minute, { ...ohlcv(minute, 104, 104.05) })
    expect(found(level)).toMatchObject([{ kind: 'price_jump', start: at(100), end: at(103) }])
  })

  it('are not news: a price that moves and stays, however far', () => {
    const moved = calm().map((candle, minute) => (minute < 100 ? candle : ohlcv(minute, 120, 120.05)))
    expect(found(moved, {}, ['price_jump'])).toEqual([])
  })

  it('are apart all the way, from what was before and from what comes after', () => {
    const falling = changed(changed(calm(), 100, { close: d(104), high: d(104) }), 101, {
      ...{ open: d(101.5), high: d(101.5), close: d(97.8), low: d(97.8) },
    })
    expect(found(falling, {}, ['price_jump'])).toEqual([])
  })

  it('tell the nearer neighbour and how far prices go there', () => {
    const [fault] = found(changed(calm(), 100, { close: d(104), high: d(104) }))
    expect(fault?.evidence).toMatchObject({ value: '104', unit: 'percent', threshold: expect.any(Number) })
    expect(fault?.evidence.deviation).toBeCloseTo(4, 0)
    expect(fault?.evidence.neighbours.map(({ openTime }) => openTime)).toEqual([at(98), at(99), at(101), at(102)])
  })

  it('are wicks too, that nothing near them reaches', () => {
    expect(found(changed(calm(), 100, { high: d(106) }))).toMatchObject([
      { kind: 'price_jump', start: at(100), evidence: { measure: 'high', value: '106' } },
    ])
    expect(found(changed(calm(), 100, { low: d(0) }))).toMatchObject([
      { severity: 'critical', evidence: { measure: 'low', value: '0', deviation: 100 } },
    ])
    const [held] = found(changed(changed(calm(), 100, { high: d(106) }), 101, { high: d(101) }))
    expect(held).toMatchObject({ start: at(100), evidence: { reference: '101' } })
    const shared = changed(changed(calm(), 100, { high: d(106) }), 101, { high: d(106) })
    expect(found(shared)).toEqual([])
  })

  it('are judged by how far the market goes itself', () => {
    const wild = Array.from({ length: 200 }, (_, minute) =>
      ohlcv(minute, 100 + 3 * Math.sin((minute - 1) * 1.7), 100 + 3 * Math.sin(minute * 1.7)),
    )
    expect(found(changed(wild, 100, { close: d(112), high: d(112) }), {}, ['price_jump'])).toEqual([])
  })

  it('are not steps of a coarse tick', () => {
    const coarse = Array.from({ length: 200 }, (_, minute) => {
      const price = minute % 5 === 0 ? 0.0011 : 0.001
      return { ...ohlcv(minute, 1, 1), open: d(price), high: d(price), low: d(price), close: d(price) }
    })
    expect(found(coarse, {}, ['price_jump'])).toEqual([])
  })

  it('may be wider where slots are missing before them', () => {
    const candles = changed(calm(), 100, { ...ohlcv(100, 104, 104.05) })
    expect(found(candles, {}, ['price_jump'])).toHaveLength(1)
    const holed = candles.filter(({ openTime }) => openTime < at(60) || openTime >= at(100))
    expect(found(holed, {}, ['price_jump'])).toEqual([])
  })

  it('are not looked for where nearly nothing moves', () => {
    const still = calm().map((_, minute) => ohlcv(minute, 100, minute % 20 === 0 ? 100.01 : 100))
    expect(found(changed(still, 105, { close: d(110), high: d(110) }), {}, ['price_jump'])).toEqual([])
  })
})

describe('volume outliers', () => {
  it('are far above what nearly all neighbours stay below', () => {
    expect(found(changed(calm(), 100, { volume: d(600) }))).toMatchObject([
      { kind: 'volume_outlier', start: at(100), evidence: { measure: 'volume', unit: 'times', value: '600' } },
    ])
    expect(found(changed(calm(), 100, { volume: d(400) }))).toEqual([])
  })

  it('are not bursts: several minutes in which much is traded', () => {
    let burst = calm()
    for (let minute = 100; minute < 108; minute++) burst = changed(burst, minute, { volume: d(600 + minute) })
    expect(found(burst)).toEqual([])
  })

  it('are not known where nearly nothing trades', () => {
    const thin = calm().map((candle, minute) => ({ ...candle, volume: minute % 6 === 0 ? d(1) : d(0) }))
    expect(found(changed(thin, 100, { volume: d(1000) }), {}, ['volume_outlier'])).toEqual([])
  })
})

describe('flat runs', () => {
  const still = (from: number, to: number, volume?: Decimal) =>
    calm().map((candle, minute) => {
      if (minute < from || minute >= to) return candle
      const flat = { open: d(100), high: d(100), low: d(100), close: d(100) }
      return { ...candle, ...flat, volume: volume ?? candle.volume }
    })

  it('are prices that stand still while they trade', () => {
    expect(found(still(100, 119))).toEqual([])
    expect(found(still(100, 120))).toMatchObject([
      { kind: 'flat_run', start: at(100), end: at(120), severity: 'info', evidence: { deviation: 20, unit: 'slots' } },
    ])
  })

  it('must be longer where nothing traded: a quiet hour is true', () => {
    expect(found(still(80, 139, d(0)))).toEqual([])
    expect(found(still(80, 140, d(0)))).toMatchObject([{ kind: 'flat_run', evidence: { threshold: 60 } }])
  })

  it('are normal in a market that stands still often', () => {
    const sleepy = calm().map((candle, minute) => (minute % 2 ? candle : { ...candle, ...calm()[minute - 1] }))
    const often = sleepy.map((candle, minute) => ({ ...candle, openTime: at(minute) }))
    const run = often.map((candle, minute) =>
      minute < 100 || minute >= 130 ? candle : { ...candle, ...ohlcv(minute, 100, 100) },
    )
    expect(found(run, {}, ['flat_run'])).toEqual([])
  })
})

describe('live against REST', () => {
  it('tells what was stored first from what is stored now, by more than 0.1 %', () => {
    const candles = changed(calm(), 100, { close: d(100), high: d(100.2), low: d(99.8) })
    const first = (close: number) => new Map([[at(100), { ...candles[100], ...ohlcv(100, 100, 100), close: d(close) }]])
    const judge = (close: number) =>
      found(changed(candles, 100, { ...ohlcv(100, 100, 100), close: d(100) }), { firstVersions: first(close) }, [
        'live_rest',
      ])
    expect(judge(100.1)).toEqual([])
    expect(judge(100.11)).toMatchObject([
      {
        start: at(100),
        severity: 'info',
        evidence: { measure: 'close', value: '100.11', reference: '100', deviation: 0.11 },
      },
    ])
    expect(judge(101)).toMatchObject([{ severity: 'critical' }])
  })

  it('is finite where there is nothing to divide by', () => {
    const candles = changed(calm(), 100, { volume: d(0) })
    const firstVersions = new Map([[at(100), { ...ohlcv(100, 100, 100), ...candles[100], volume: d(5) }]])
    expect(found(candles, { firstVersions }, ['live_rest'])).toMatchObject([{ evidence: { deviation: 100 } }])
  })
})

describe('across exchanges', () => {
  const peer = (exchange: string, times: number) => ({
    exchange,
    closes: new Map(calm().map(({ openTime, close }) => [openTime, d((Number(close) * times).toFixed(6))])),
  })

  it('is what is off the median of three by more than 1 %, named with all of them', () => {
    expect(found(calm(), { peers: [peer('bybit', 1.005), peer('binance', 1.009)] })).toEqual([])
    const [fault, ...others] = found(calm(), { peers: [peer('bybit', 1.02), peer('binance', 1.03)] })
    expect(others).toEqual([])
    expect(fault).toMatchObject({ kind: 'cross_exchange', start: at(0), end: at(200) })
    expect(fault?.evidence.sources.map(({ exchange }) => exchange)).toEqual(['okx', 'bybit', 'binance'])
  })

  it('leaves alone the one that agrees with another', () => {
    const [agreeing, other] = [peer('bybit', 1.0001), peer('binance', 1.5)]
    expect(found(calm(), { peers: [agreeing, other] })).toEqual([])
    expect(found(calm(), { peers: [other, agreeing] })).toEqual([])
  })

  it('names both of two', () => {
    expect(found(calm(), { peers: [peer('bybit', 1.02)] })).toMatchObject([
      { evidence: { sources: [{ exchange: 'okx' }, { exchange: 'bybit' }] } },
    ])
  })

  it('compares nothing with what did not trade', () => {
    const quiet = calm().map((candle) => ({ ...candle, volume: d(0) }))
    expect(found(quiet, { peers: [peer('bybit', 1.02)] }, ['cross_exchange'])).toEqual([])
    expect(found(calm(), { peers: [{ exchange: 'bybit', closes: new Map() }] })).toEqual([])
  })
})

describe('the checks', () => {
  it('judge the window, and look at its neighbours', () => {
    const candles = changed(calm(), 100, { close: d(104), high: d(104) })
    const judge = (start: number, end: number) => found(candles, { window: { start: at(start), end: at(end) } })
    expect(judge(100, 101)).toHaveLength(1)
    expect(judge(90, 100)).toEqual([])
    expect(judge(101, 110)).toEqual([])
    expect(judge(500, 600)).toEqual([])
  })

  it('say one thing of a kind of a candle', () => {
    const candles = changed(calm(), 100, { close: d(104), high: d(104), low: d(90) })
    expect(found(candles)).toMatchObject([{ evidence: { measure: 'low' } }])
  })

  it('grade by how many times the threshold is exceeded', () => {
    expect([1, 1.99, 2, 4.99, 5].map(severityOf)).toEqual(['info', 'info', 'warning', 'warning', 'critical'])
  })

  it('take thresholds one by one', () => {
    const wide = changeThresholds(DEFAULT_THRESHOLDS, { priceJump: { percent: 5 } })
    expect(wide.priceJump).toEqual({ percent: 5, deviations: DEFAULT_THRESHOLDS.priceJump.deviations })
    expect(found(changed(calm(), 100, { close: d(104), high: d(104) }), {}, findingKinds, wide)).toEqual([])
  })

  it('have nothing to say of no candles', () => {
    expect(found([])).toEqual([])
  })
})
