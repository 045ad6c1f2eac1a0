import { describe, expect, it } from 'vitest'
import type { InstrumentKind } from '../../src/domain/instrument.ts'
import { type Interval, intervals, shiftOpenTime, type Window } from '../../src/domain/interval.ts'
import type { RestCall } from '../../src/exchanges/connector.ts'
import { connectorFor, connectors, exchangeNames } from '../../src/exchanges/registry.ts'
import { instrument } from './instruments.ts'

const START = Date.UTC(2026, 0, 2)
const NOW = Date.UTC(2026, 0, 10)
const window: Window = { start: START, end: START + 3_600_000 }

const binanceSpot = instrument('binance', 'BTCUSDT')
const binanceUsdm = instrument('binance', 'BTCUSDT', 'perpetual')
const okxSpot = instrument('okx', 'BTC-USDT')
const okxSwap = instrument('okx', 'BTC-USDT-SWAP', 'perpetual')
const bybitSpot = instrument('bybit', 'BTCUSDT')
const bybitLinear = instrument('bybit', 'BTCUSDT', 'perpetual')
const coinbaseSpot = instrument('coinbase', 'BTC-USD')

const { binance, okx, bybit, coinbase } = connectors

function sent({ path, limit, weight }: RestCall<unknown>): readonly [path: string, limit: string, weight: number] {
  return [path, limit, weight]
}

describe('requests of Binance', () => {
  it('lists instruments', () => {
    expect(sent(binance.rest.instruments('spot'))).toEqual(['/api/v3/exchangeInfo', 'spot', 20])
    expect(sent(binance.rest.instruments('perpetual'))).toEqual(['/fapi/v1/exchangeInfo', 'usdm', 1])
  })

  it('asks for exactly the window, both ends being inclusive there', () => {
    expect(sent(binance.rest.candles(binanceSpot, '1m', window))).toEqual([
      '/api/v3/klines?symbol=BTCUSDT&interval=1m&startTime=1767312000000&endTime=1767315599999&limit=60',
      'spot',
      2,
    ])
  })

  it.each([
    [1, 1],
    [99, 1],
    [100, 2],
    [499, 2],
  ])('weighs %i USD-M candles as %i', (slots, weight) => {
    const end = shiftOpenTime(START, '1m', slots)
    const call = binance.rest.candles(binanceUsdm, '1m', { start: START, end })
    expect(call.path).toContain(`/fapi/v1/klines?symbol=BTCUSDT`)
    expect(call.path).toContain(`limit=${slots}`)
    expect([call.limit, call.weight]).toEqual(['usdm', weight])
  })

  it('asks for the trades that follow an id, which is inclusive there', () => {
    const { tradeHistory } = binance.rest
    expect(tradeHistory).toMatchObject({ from: 'oldest', pageSize: 1_000 })
    expect(sent(tradeHistory.page(binanceSpot, '9007199254740993'))).toEqual([
      '/api/v3/aggTrades?symbol=BTCUSDT&fromId=9007199254740994&limit=1000',
      'spot',
      4,
    ])
    expect(tradeHistory.page(binanceUsdm, '9').path).toBe('/fapi/v1/aggTrades?symbol=BTCUSDT&fromId=10&limit=1000')
  })

  it('finds the first candle from time zero', () => {
    const { firstCandle } = binance.rest
    expect(firstCandle.call(binanceSpot, '1d').path).toBe(
      '/api/v3/klines?symbol=BTCUSDT&interval=1d&startTime=0&limit=1',
    )
  })

  it('writes names of any script into the query', () => {
    const call = binance.rest.trades(instrument('binance', '币安人生USDT'), 1)
    expect(call.path).toBe('/api/v3/aggTrades?symbol=%E5%B8%81%E5%AE%89%E4%BA%BA%E7%94%9FUSDT&limit=1')
  })

  it('asks for trades up to the page limit', () => {
    expect(sent(binance.rest.trades(binanceSpot, 5_000))).toEqual([
      '/api/v3/aggTrades?symbol=BTCUSDT&limit=1000',
      'spot',
      4,
    ])
    expect(sent(binance.rest.trades(binanceUsdm, 10))).toEqual([
      '/fapi/v1/aggTrades?symbol=BTCUSDT&limit=10',
      'usdm',
      20,
    ])
  })

  it.each([
    [binanceSpot, 20, 20, 5],
    [binanceSpot, 101, 101, 25],
    [binanceSpot, 1_000, 1_000, 50],
    [binanceSpot, 20_000, 5_000, 250],
    [binanceUsdm, 7, 10, 2],
    [binanceUsdm, 50, 50, 2],
    [binanceUsdm, 101, 500, 10],
    [binanceUsdm, 5_000, 1_000, 20],
  ])('asks for a book ($kind) of %i levels', (of, depth, limit, weight) => {
    const call = binance.rest.orderBook(of, depth)
    expect(call.path).toMatch(new RegExp(`/depth\\?symbol=BTCUSDT&limit=${limit}$`))
    expect(call.weight).toBe(weight)
  })

  it('asks for funding rates under a limit of their own', () => {
    expect(sent(binance.rest.fundingRates(binanceUsdm, window))).toEqual([
      '/fapi/v1/fundingRate?symbol=BTCUSDT&startTime=1767312000000&endTime=1767315599999&limit=1000',
      'usdm-funding',
      1,
    ])
  })
})

describe('requests of OKX', () => {
  it('lists instruments', () => {
    expect(okx.rest.instruments('spot').path).toBe('/api/v5/public/instruments?instType=SPOT')
    expect(okx.rest.instruments('perpetual').path).toBe('/api/v5/public/instruments?instType=SWAP')
  })

  it('asks for exactly the window, both bounds being exclusive there', () => {
    expect(sent(okx.rest.candles(okxSwap, '1h', window, NOW))).toEqual([
      '/api/v5/market/candles?instId=BTC-USDT-SWAP&bar=1H&before=1767311999999&after=1767315600000&limit=1',
      'candles',
      1,
    ])
  })

  it('takes old candles from the history, which has a budget of its own', () => {
    const recent = shiftOpenTime(NOW, '1m', -1_437)
    for (const [start, path] of [
      [recent, 'candles'],
      [recent - 60_000, 'history-candles'],
    ] as const) {
      const call = okx.rest.candles(okxSpot, '1m', { start, end: start + 60_000 }, NOW + 30_000)
      expect(call.path).toContain(`/api/v5/market/${path}?`)
      expect(call.limit).toBe(path)
    }
  })

  it('opens its days and weeks in UTC', () => {
    const bars = intervals.map((interval) => okx.rest.intervals[interval])
    expect(bars.slice(8)).toEqual(['6Hutc', '12Hutc', '1Dutc', '1Wutc', '1Mutc'])
  })

  it('asks for trades, book and funding rates', () => {
    expect(sent(okx.rest.trades(okxSpot, 9_999))).toEqual([
      '/api/v5/market/trades?instId=BTC-USDT&limit=500',
      'trades',
      1,
    ])
    expect(okx.rest.orderBook(okxSpot, 1_000).path).toBe('/api/v5/market/books?instId=BTC-USDT&sz=400')
    expect(okx.rest.fundingRates(okxSwap, window).path).toBe(
      '/api/v5/public/funding-rate-history?instId=BTC-USDT-SWAP&before=1767311999999&after=1767315600000&limit=100',
    )
  })
})

describe('requests of Bybit', () => {
  it('lists instruments, page by page where there are pages', () => {
    expect(bybit.rest.instruments('spot').path).toBe('/v5/market/instruments-info?category=spot')
    expect(bybit.rest.instruments('perpetual', 'first%3DX').path).toBe(
      '/v5/market/instruments-info?category=linear&limit=1000&cursor=first%253DX',
    )
  })

  it('asks for exactly the window, both ends being inclusive there', () => {
    expect(sent(bybit.rest.candles(bybitLinear, '1m', window))).toEqual([
      '/v5/market/kline?category=linear&symbol=BTCUSDT&interval=1&start=1767312000000&end=1767315599999&limit=60',
      'address',
      1,
    ])
  })

  it('asks for trades, book and funding rates', () => {
    expect(bybit.rest.trades(bybitSpot, 1_000).path).toBe(
      '/v5/market/recent-trade?category=spot&symbol=BTCUSDT&limit=60',
    )
    expect(bybit.rest.trades(bybitLinear, 1_000).path).toContain('category=linear&symbol=BTCUSDT&limit=1000')
    expect(bybit.rest.orderBook(bybitSpot, 1_000).path).toBe(
      '/v5/market/orderbook?category=spot&symbol=BTCUSDT&limit=200',
    )
    expect(bybit.rest.fundingRates(bybitLinear, window).path).toBe(
      '/v5/market/funding/history?category=linear&symbol=BTCUSDT&startTime=1767312000000&endTime=1767315599999&limit=200',
    )
  })
})

describe('requests of Coinbase', () => {
  it('asks from the first opening to the last, both inclusive', () => {
    expect(sent(coinbase.rest.candles(coinbaseSpot, '1m', window))).toEqual([
      '/products/BTC-USD/candles?granularity=60&start=2026-01-02T00%3A00%3A00.000Z&end=2026-01-02T00%3A59%3A00.000Z',
      'public',
      1,
    ])
  })

  it('asks for products, trades and book', () => {
    expect(coinbase.rest.instruments().path).toBe('/products')
    expect(coinbase.rest.trades(coinbaseSpot, 5_000).path).toBe('/products/BTC-USD/trades?limit=1000')
    expect(coinbase.rest.orderBook(coinbaseSpot, 1).path).toBe('/products/BTC-USD/book?level=1')
    expect(coinbase.rest.orderBook(coinbaseSpot, 2).path).toBe('/products/BTC-USD/book?level=2')
  })

  it('asks for the trades that precede an id, or the newest', () => {
    const { tradeHistory } = coinbase.rest
    expect(tradeHistory).toMatchObject({ from: 'newest', pageSize: 1_000 })
    expect(tradeHistory.page(coinbaseSpot, '77').path).toBe('/products/BTC-USD/trades?limit=1000&after=77')
    expect(tradeHistory.page(coinbaseSpot, null).path).toBe('/products/BTC-USD/trades?limit=1000')
  })

  it('says who it is, without which it is refused', () => {
    expect(coinbase.rest.headers).toEqual({ 'User-Agent': 'zvt-crypto' })
  })

  it('has no 30-minute candles', () => {
    expect(() => coinbase.rest.candles(coinbaseSpot, '30m', window)).toThrow('unknown_interval')
  })
})

describe.each(exchangeNames)('the tables of %s', (exchange) => {
  const connector = connectors[exchange]
  const { rest } = connector

  it('name a limit for every call', () => {
    const names: readonly string[] = rest.rateLimits.map(({ name }) => name)
    const kinds: readonly InstrumentKind[] = rest.baseUrl.spot === undefined ? [] : ['spot']
    for (const kind of 'perpetual' in rest.baseUrl ? [...kinds, 'perpetual' as const] : kinds) {
      const of = instrument(exchange, 'BTC-USD', kind)
      const calls = [
        connectorFor(exchange)?.rest.instruments(kind),
        connectorFor(exchange)?.rest.candles(of, '1m', window, NOW),
        rest.trades(of, 10),
        rest.orderBook(of, 10),
        connectorFor(exchange)?.rest.fundingRates?.(of, window),
      ]
      for (const call of calls) if (call !== undefined) expect(names).toContain(call.limit)
    }
  })

  it('spell each interval in its own way', () => {
    const spellings = Object.values(rest.intervals)
    expect(new Set(spellings).size).toBe(spellings.length)
    for (const interval of Object.keys(rest.intervals) as Interval[]) expect(intervals).toContain(interval)
  })

  it('are found by name, and nothing else is', () => {
    expect(connectorFor(exchange)).toBe(connector)
    for (const other of ['', 'kraken', 'toString', '__proto__']) expect(connectorFor(other)).toBeUndefined()
  })
})
