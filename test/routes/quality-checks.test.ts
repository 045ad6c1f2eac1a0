import { beforeEach, describe, expect, it } from 'vitest'
import { decimal } from '../../src/domain/decimal.ts'
import { MINUTE, T0 } from '../store/seed.ts'
import { ADMIN, api, minutes, problem, read, type SeededSeries, seed, send } from './api.ts'
import { calmCandles, store, storeElsewhere, withClose } from './quality-series.ts'

const at = (minute: number) => T0 + minute * MINUTE

let series: SeededSeries

beforeEach(async () => {
  series = await seed()
})

function check(more: object = {}, headers: HeadersInit = ADMIN): Promise<Response> {
  const { symbol } = series
  const body = { exchange: 'okx', symbol, interval: '1m', start: T0, end: at(200), ...more }
  return send('POST', '/v1/quality/check', body, headers)
}

const findings = (more = '') => read(`/v1/quality/findings?exchange=okx&symbol=${series.symbol}${more}`)

/** The words of the schema library, which no caller knows. */
const RAW = /Invalid|Too (?:small|big)|expected/

describe('POST /v1/quality/check', () => {
  it('finds nothing in a calm market', async () => {
    await store(series, calmCandles(200))
    const response = await check()
    expect(response.status).toBe(200)
    expect(await response.json()).toEqual({
      exchange: 'okx',
      symbol: series.symbol,
      exchangeSymbol: series.symbol,
      interval: '1m',
      source: 'exchange',
      start: T0,
      end: at(200),
      judged: 200,
      found: 0,
      recorded: true,
      findings: [],
    })
  })

  it('records what it finds, and resolves it once it is not there any more', async () => {
    const calm = calmCandles(200)
    await store(series, withClose(calm, 100, '110'))
    const body = await (await check()).json()
    const found = {
      kind: 'price_jump',
      severity: 'warning',
      start: at(100),
      end: at(101),
      evidence: { measure: 'close', openTime: at(100), value: '110', unit: 'percent', sources: [] },
    }
    expect(body).toMatchObject({ found: 1, recorded: true, findings: [found] })
    expect(await findings()).toMatchObject({ data: [{ ...found, symbol: series.symbol, state: 'open' }] })
    const window = `exchange=okx&symbol=${series.symbol}&start=${T0}&end=${at(200)}`
    expect(await read(`/v1/quality?${window}`)).toMatchObject({
      findings: [found],
      findingsUrl: `https://api.test/v1/quality/findings?${window}&state=open`,
    })

    // The same again keeps the one finding; what comes later than it is not resolved by a check before it.
    await check()
    await check({ end: at(100) })
    expect(await findings('&state=open')).toMatchObject({ data: [found] })

    await store(series, calm)
    await check({ checks: ['price_jump', 'flat_run'] })
    expect(await findings('&state=open')).toMatchObject({ data: [] })
    expect(await findings('&kind=price_jump&state=resolved')).toMatchObject({ data: [{ start: at(100) }] })
    expect(await read(`/v1/quality?${window}`)).toMatchObject({ findings: [] })
  })

  it('tells what was stored first from what is true now', async () => {
    const calm = calmCandles(200)
    await store(series, withClose(withClose(calm, 100, '100.5'), 50, '100.02'))
    await store(series, withClose(calm, 50, '100.021'))
    expect(await (await check()).json()).toMatchObject({
      found: 1,
      findings: [{ kind: 'live_rest', start: at(100), evidence: { value: '100.5', reference: calm[100]?.close } }],
    })
  })

  it('does not take for live what a user revises, not even when asked to', async () => {
    const calm = calmCandles(200)
    const records = (close: string) =>
      withClose(calm, 100, close).map(({ closed: _, quoteVolume: __, tradeCount: ___, ...candle }) => {
        return { ...candle, exchange: 'okx', symbol: series.symbol, interval: '1m' }
      })
    for (const close of ['100.5', '100']) {
      expect((await send('POST', '/v1/ingest/candles?source=mine', records(close), ADMIN)).status).toBe(200)
    }
    expect(await (await check({ source: 'mine' })).json()).toMatchObject({ judged: 200, found: 0 })
    const asked = await check({ source: 'mine', checks: ['live_rest'] })
    expect(await asked.json()).toMatchObject({ judged: 200, found: 0, recorded: true })
  })

  it('holds the market against the same one elsewhere', async () => {
    const calm = calmCandles(200)
    const apart = calm.map((candle, index) => {
      if (index < 80 || index >= 90) return candle
      const times = (value: string) => decimal((Number(value) * 1.025).toFixed(4))
      const { open, high, low, close } = candle
      return { ...candle, open: times(open), high: times(high), low: times(low), close: times(close) }
    })
    await store(series, apart)
    await storeElsewhere('binance', series.symbol, calm)
    await storeElsewhere('bybit', series.symbol, calm)
    const body = await (await check()).json()
    expect(body).toMatchObject({
      found: 1,
      findings: [{ kind: 'cross_exchange', start: at(80), end: at(90), severity: 'warning' }],
    })
    expect(body).toMatchObject({
      findings: [
        {
          evidence: {
            sources: [{ exchange: 'okx' }, { exchange: 'binance' }, { exchange: 'bybit' }],
            deviation: expect.closeTo(2.5, 2),
          },
        },
      ],
    })
    // A window that begins inside goes on with the finding that there is.
    await check({ start: at(85) })
    expect(await findings()).toMatchObject({ data: [{ start: at(80), end: at(90) }] })
  })

  it('goes on with a price that stands still from one window to the next', async () => {
    const still = calmCandles(400).map((candle, index) => {
      if (index < 100 || index >= 250) return candle
      const close = decimal('100')
      return { ...candle, open: close, high: close, low: close, close }
    })
    await store(series, still)
    await check({ end: at(130) })
    expect(await findings()).toMatchObject({ data: [{ kind: 'flat_run', start: at(100) }] })
    await check({ start: at(200), end: at(300) })
    expect(await findings()).toMatchObject({
      data: [{ kind: 'flat_run', start: at(100), end: at(250), severity: 'critical', evidence: { deviation: 150 } }],
    })
  })

  it('records nothing by thresholds of the caller', async () => {
    await store(series, withClose(calmCandles(200), 100, '110'))
    const body = await (await check({ thresholds: { priceJump: { percent: 50 }, wick: { percent: 50 } } })).json()
    expect(body).toMatchObject({ found: 0, recorded: false })
    const finer = await (await check({ thresholds: { priceJump: { percent: 2 } } })).json()
    expect(finer).toMatchObject({ found: 1, recorded: false })
    expect(await findings()).toMatchObject({ data: [] })
  })

  it('looks at what is closed only', async () => {
    await store(series, calmCandles(20))
    const response = await check({ start: '2098-01-01', end: '2098-01-02' })
    expect(await response.json()).toMatchObject({ judged: 0, found: 0 })
  })

  it.each([
    [{ symbol: 'NOPE-USDT' }, 404, 'symbol'],
    [{ exchange: 'mtgox' }, 404, 'exchange'],
    [{ exchange: '' }, 400, 'exchange'],
    [{ interval: '1h' }, 404, 'interval'],
    [{ interval: '2m' }, 400, 'interval'],
    [{ source: 'mine' }, 404, 'interval'],
    [{ start: 'soon' }, 400, 'start'],
    [{ end: T0 - 1 }, 400, 'end'],
    [{ end: at(50_001) }, 400, 'end'],
    [{ checks: [] }, 400, 'checks'],
    [{ checks: ['spread'] }, 400, 'checks[0]'],
    [{ thresholds: { priceJump: { percent: 0 } } }, 400, 'thresholds.priceJump.percent'],
    [{ thresholds: { wick: 1 } }, 400, 'thresholds.wick'],
  ])('refuses %j, and records nothing', async (more, status, path) => {
    await store(series, withClose(calmCandles(200), 100, '110'))
    const refusal = await problem(await check(more))
    expect(refusal).toMatchObject({ status, errors: [{ path }] })
    expect(refusal['detail']).not.toMatch(RAW)
    expect(await findings()).toMatchObject({ data: [] })
  })

  it('is for the operator', async () => {
    expect(await problem(await check({}, {}))).toMatchObject({ status: 401 })
    expect(await problem(await send('POST', '/v1/quality/check', '{', ADMIN))).toMatchObject({ status: 400 })
  })
})

describe('GET /v1/quality/findings', () => {
  it('lists the newest first, in pages', async () => {
    let candles = calmCandles(400)
    for (const place of [80, 160, 240, 320]) candles = withClose(candles, place, '110')
    await store(series, candles)
    await check({ end: at(400) })
    const starts: unknown[] = []
    const path = `/v1/quality/findings?exchange=okx&symbol=${series.symbol}&limit=3`
    for (let next: unknown = path; typeof next === 'string'; ) {
      const body: Record<string, unknown> = await read(next.replace('https://api.test', ''))
      const { data } = body
      for (const row of Array.isArray(data) ? data : []) starts.push(Reflect.get(row, 'start'))
      next = body['nextUrl']
      expect(starts.length).toBeLessThan(10)
    }
    expect(starts).toEqual([at(320), at(240), at(160), at(80)])
    expect(await findings(`&start=${at(100)}&end=${at(200)}`)).toMatchObject({ data: [{ start: at(160) }] })
    expect(await findings('&severity=critical')).toMatchObject({ data: [] })
  })

  it.each(['kind=spread', 'severity=high', 'state=closed', 'start=2&end=1', 'limit=0', 'what=1'])(
    'refuses ?%s',
    async (query) => {
      const refusal = await problem(await api(`/v1/quality/findings?${query}`))
      expect(refusal).toMatchObject({ status: 400 })
      expect(refusal['detail']).not.toMatch(RAW)
    },
  )
})

describe('POST /v1/quality/compare', () => {
  const compare = (prices: unknown, more: object = {}, headers: HeadersInit = ADMIN) =>
    send('POST', '/v1/quality/compare', { prices, ...more }, headers)

  it('judges each price by the candle of its time', async () => {
    const { symbol, fill } = series
    await fill(minutes(0, 2))
    const price = { exchange: 'okx', symbol, time: at(1) + 30_000 }
    const reference = { openTime: at(1), low: '0.5', high: '9', close: '1' }
    const response = await compare([
      { ...price, price: '4.2' },
      { ...price, price: 9.09 },
      { ...price, price: '9.1' },
      { ...price, price: '0.25' },
      { ...price, price: '1', time: at(5) },
      { ...price, price: '1', interval: '1h' },
      { ...price, price: '1', source: 'mine' },
    ])
    expect(response.status).toBe(200)
    const common = { exchange: 'okx', symbol, time: at(1) + 30_000, interval: '1m' }
    expect(await response.json()).toEqual({
      threshold: 1,
      data: [
        { ...common, price: '4.2', reference, deviation: 0, verdict: 'agrees' },
        { ...common, price: '9.09', reference, deviation: 1, verdict: 'agrees' },
        { ...common, price: '9.1', reference, deviation: 1.1111, verdict: 'deviates' },
        { ...common, price: '0.25', reference, deviation: 50, verdict: 'deviates' },
        { ...common, price: '1', time: at(5), reference: null, deviation: null, verdict: 'no_data' },
        { ...common, price: '1', interval: '1h', reference: null, deviation: null, verdict: 'no_data' },
        { ...common, price: '1', reference: null, deviation: null, verdict: 'no_data' },
      ],
    })
    const loose = await compare([{ ...price, price: '9.1' }], { threshold: 2 })
    expect(await loose.json()).toMatchObject({ threshold: 2, data: [{ verdict: 'agrees' }] })
  })

  it('names every price that it cannot place', async () => {
    const price = { exchange: 'okx', symbol: series.symbol, time: T0, price: '1' }
    const response = await compare([
      price,
      { ...price, symbol: 'NOPE-USDT' },
      { ...price, exchange: 'mtgox' },
      { ...price, symbol: 'cryptopair_binance_btcusdt' },
    ])
    expect(await problem(response)).toMatchObject({
      status: 422,
      errors: [{ path: 'prices[1].symbol' }, { path: 'prices[3].symbol' }, { path: 'prices[2].exchange' }],
    })
  })

  it.each([
    [[], {}, 'prices'],
    [[{ exchange: 'okx', symbol: 'BTC-USDT', time: 0 }], {}, 'prices[0].price'],
    [[{ exchange: 'okx', symbol: 'BTC-USDT', time: 0, price: '-1' }], {}, 'prices[0].price'],
    [[{ exchange: 'okx', symbol: 'BTC-USDT', time: 'x', price: '1' }], {}, 'prices[0].time'],
    [[{ exchange: 'okx', symbol: 'BTC-USDT', time: 0, price: '1' }], { threshold: 0 }, 'threshold'],
    [[{ exchange: 'okx', symbol: 'BTC-USDT', time: 0, price: 0.1 + 0.2 }], {}, 'prices[0].price'],
    [[{ exchange: 'okx', symbol: 'BTC-USDT', time: 0, price: true }], {}, 'prices[0].price'],
  ])('refuses %j %j', async (prices, more, path) => {
    const refusal = await problem(await compare(prices, more))
    expect(refusal).toMatchObject({ status: 400, errors: [{ path }] })
    expect(refusal['detail']).not.toMatch(RAW)
  })

  it('is for the operator', async () => {
    expect(await problem(await compare([], {}, {}))).toMatchObject({ status: 401 })
  })
})
