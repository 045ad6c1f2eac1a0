import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import {
  type Answer,
  control,
  get,
  NOW,
  openTimesOf,
  rowsOf,
  startTestExchanges,
  type TestExchanges,
} from './client.ts'

const MINUTE = 60_000
const OPEN_MINUTE = NOW - 30_000
/** Ten closed candles, the window of most faults here. */
const START = OPEN_MINUTE - 20 * MINUTE
const END = START + 10 * MINUTE

let exchanges: TestExchanges
let binance = ''
let futures = ''
let okx = ''
let bybit = ''
let coinbase = ''
beforeAll(async () => {
  exchanges = await startTestExchanges()
  const { urls } = exchanges
  binance = urls.binance?.spot ?? ''
  futures = urls.binance?.perpetual ?? ''
  okx = urls.okx?.spot ?? ''
  bybit = urls.bybit?.spot ?? ''
  coinbase = urls.coinbase?.spot ?? ''
})
beforeEach(async () => {
  exchanges.clock.set(NOW)
  await Promise.all([binance, okx, bybit, coinbase].map((url) => control(url, { reset: true })))
})
afterAll(() => exchanges.stop())

const klines = (symbol = 'BTCUSDT', interval = '1m'): Promise<Answer> =>
  get(`${binance}/api/v3/klines?symbol=${symbol}&interval=${interval}&startTime=${START}&endTime=${END - 1}`)
const truth = (symbol = 'BTCUSDT', interval = '1m', start = START, end = END): Promise<Answer> =>
  get(`${binance}/_truth?symbol=${symbol}&interval=${interval}&start=${start}&end=${end}`)
const slots = (from = START, to = END): number[] =>
  Array.from({ length: (to - from) / MINUTE }, (_, index) => from + index * MINUTE)

describe('faults of the network', () => {
  it('answer with a status as the exchange does, so many times', async () => {
    await control(binance, { fault: { type: 'status', status: 429, retryAfterSeconds: 7, times: 2 } })
    const refused = await klines()
    expect(refused).toMatchObject({ status: 429, body: { code: -1003 } })
    expect(refused.headers.get('retry-after')).toBe('7')
    expect((await get(`${futures}/fapi/v1/ping`)).status).toBe(429)
    expect((await klines()).status).toBe(200)
  })

  it.each([
    ['binance', 451, 451, '"code":0'],
    ['binance', 403, 403, 'CloudFront'],
    ['binance', 418, 418, 'IP banned until'],
    ['okx', 429, 429, '"code":"50011"'],
    ['bybit', 429, 200, '"retCode":10006'],
    ['bybit', 403, 403, 'access too frequent'],
    ['coinbase', 429, 429, 'Public rate limit exceeded'],
    ['coinbase', 502, 502, '<html>'],
  ] as const)('%s has its own answer for %d', async (exchange, status, sent, text) => {
    const url = { binance, okx, bybit, coinbase }[exchange]
    await control(url, { fault: { type: 'status', status } })
    const answer = await get(`${url}/anything`)
    expect(answer.status).toBe(sent)
    expect(answer.text).toContain(text)
  })

  it('take a body and headers of their own', async () => {
    await control(okx, { fault: { type: 'status', status: 418, body: { a: 1 }, headers: { 'X-Test': 'b' } } })
    const answer = await get(`${okx}/api/v5/public/time`)
    expect(answer).toMatchObject({ status: 418, body: { a: 1 } })
    expect(answer.headers.get('x-test')).toBe('b')
  })

  it('meet only the requests that they are meant for, for as long as they are meant to', async () => {
    const fault = { type: 'status', status: 500, host: 'spot', path: 'klines$', symbol: 'BTCUSDT', interval: '1h' }
    await control(binance, { fault: { ...fault, forMs: 1000 } })
    expect((await klines('BTCUSDT', '1h')).status).toBe(500)
    const others = [klines(), klines('ETHUSDT', '1h'), get(`${binance}/api/v3/ticker/price?symbol=BTCUSDT`)]
    const future = get(`${futures}/fapi/v1/klines?symbol=BTCUSDT&interval=1h`)
    expect((await Promise.all([...others, future])).map(({ status }) => status)).toEqual([200, 200, 200, 200])
    exchanges.clock.advance(1000)
    expect((await klines('BTCUSDT', '1h')).status).toBe(200)
  })

  it.each(['okx', 'bybit', 'coinbase'] as const)('know the intervals of %s by our names', async (exchange) => {
    const url = { okx, bybit, coinbase }[exchange]
    const path = {
      okx: '/api/v5/market/candles?instId=BTC-USDT&bar=1H',
      bybit: '/v5/market/kline?category=spot&symbol=BTCUSDT&interval=60',
      coinbase: '/products/BTC-USDT/candles?granularity=3600',
    }[exchange]
    await control(url, { fault: { type: 'status', status: 500, interval: '1m' } })
    expect((await get(`${url}${path}`)).status).toBe(200)
    await control(url, { fault: { type: 'status', status: 500, interval: '1h', host: 'spot' } })
    expect((await get(`${url}${path}`)).status).toBe(500)
  })

  it('delay, and never answer', async () => {
    const begin = performance.now()
    await control(binance, { fault: { type: 'delay', ms: 40, times: 1 } })
    expect((await klines()).status).toBe(200)
    expect(performance.now() - begin).toBeGreaterThan(39)
    await control(binance, { fault: { type: 'hang', times: 1 } })
    await expect(fetch(`${binance}/api/v3/ping`, { signal: AbortSignal.timeout(60) })).rejects.toThrow()
    expect((await klines()).status).toBe(200)
  })

  it('cut a body short, or make it garbage', async () => {
    const whole = await klines()
    await control(binance, { fault: { type: 'truncate', times: 1 } })
    const half = await klines()
    expect(half).toMatchObject({
      status: 200,
      body: undefined,
      text: whole.text.slice(0, Math.floor(whole.text.length / 2)),
    })
    await control(binance, { fault: { type: 'garbage', times: 1 } })
    expect(await klines()).toMatchObject({ status: 200, body: undefined })
    expect((await klines()).text).toBe(whole.text)
  })

  it('block a region, on one host alone where asked', async () => {
    await control(binance, { fault: { type: 'geo-block', host: 'perpetual' } })
    expect((await get(`${futures}/fapi/v1/ping`)).status).toBe(451)
    expect((await klines()).status).toBe(200)
    await control(bybit, { fault: { type: 'geo-block' } })
    const blocked = await get(`${bybit}/v5/market/time`)
    expect([blocked.status, blocked.headers.get('content-type')]).toEqual([403, 'text/html'])
  })

  it('ban the caller as after abuse', async () => {
    await control(binance, { ban: { forMs: 30_000, host: 'spot' } })
    const banned = await klines()
    expect([banned.status, banned.headers.get('retry-after')]).toEqual([418, '30'])
    expect((await get(`${futures}/fapi/v1/ping`)).status).toBe(200)
    exchanges.clock.advance(30_000)
    expect((await klines()).status).toBe(200)
  })
})

describe('faults of candles', () => {
  it('leave candles out until a time, while the truth has them', async () => {
    const window = { start: START + 2 * MINUTE, end: START + 4 * MINUTE }
    await control(binance, { fault: { type: 'missing', ...window, until: NOW + 1000, symbol: 'BTCUSDT' } })
    expect(openTimesOf(await klines())).toEqual(slots().filter((time) => time < window.start || time >= window.end))
    expect(openTimesOf(await klines('ETHUSDT'))).toEqual(slots())
    expect((await truth()).body).toMatchObject({ candles: { length: 10 }, empty: [] })
    exchanges.clock.advance(1000)
    expect(openTimesOf(await klines())).toEqual(slots())
  })

  it('fill a page with later candles where some are missing', async () => {
    await control(binance, { fault: { type: 'missing', start: START, end: START + MINUTE, symbol: 'BTCUSDT' } })
    const page = await get(`${binance}/api/v3/klines?symbol=BTCUSDT&interval=1m&startTime=${START}&limit=3`)
    expect(openTimesOf(page)).toEqual(slots().slice(1, 4))
  })

  it('leave candles out for ever, and then the truth counts the slots as empty', async () => {
    await control(binance, {
      fault: { type: 'missing', start: START, end: START + MINUTE, permanent: true, interval: '1m' },
    })
    expect(openTimesOf(await klines())).toEqual(slots().slice(1))
    expect((await truth()).body).toMatchObject({ candles: { length: 9 }, empty: [START] })
    const hour = await truth('BTCUSDT', '1h', START - 7_200_000, START)
    expect(hour.body).toMatchObject({ empty: [] })
  })

  it('revise closed candles, in the truth as well, so that they still add up', async () => {
    const before = rowsOf(await klines())
    await control(binance, { fault: { type: 'revise', symbol: 'BTCUSDT', start: START, end: START + MINUTE } })
    const after = rowsOf(await klines())
    expect(after.slice(1)).toEqual(before.slice(1))
    expect(Number(after[0]?.[2])).toBeCloseTo(Number(before[0]?.[2]) + 0.02, 6)
    expect(Number(after[0]?.[8])).toBe(Number(before[0]?.[8]) + 1)
    const { body } = await truth('BTCUSDT', '1m', START, START + MINUTE)
    expect(body).toMatchObject({
      candles: [[START, ...[1, 2, 3, 4, 5, 7].map((column) => canonical(after[0]?.[column])), Number(after[0]?.[8])]],
    })
    await control(binance, { clear: 'all' })
    expect(rowsOf(await klines())).toEqual(before)
  })

  it('send impossible candles so many times, and none in the truth', async () => {
    const good = await klines()
    const window = { start: START, end: START + MINUTE }
    for (const how of ['high-below-low', 'open-above-high', 'negative-volume']) {
      await control(binance, { fault: { type: 'invalid', ...window, how, symbol: 'BTCUSDT', times: 2 } })
      for (let time = 0; time < 2; time++) expect(isPossible(rowsOf(await klines())[0] ?? [])).toBe(false)
      expect((await klines()).text).toBe(good.text)
    }
    expect(rowsOf(good).every(isPossible)).toBe(true)
  })

  it('do not count an answer that holds none of the candles concerned', async () => {
    await control(binance, { fault: { type: 'invalid', start: START - MINUTE, end: START, times: 1 } })
    await klines()
    expect((await get(`${binance}/_control`)).body).toMatchObject({ faults: [{ left: 1, served: 0 }] })
  })

  it('put rows into a wrong order, or send some twice', async () => {
    await control(binance, { fault: { type: 'reorder', times: 1 } })
    expect(openTimesOf(await klines())).toEqual([...slots().slice(5), ...slots().slice(0, 5)])
    await control(binance, { fault: { type: 'duplicate', times: 1 } })
    const doubled = openTimesOf(await klines())
    expect(doubled).toHaveLength(14)
    expect([...new Set(doubled)]).toEqual(slots())
    expect(openTimesOf(await klines())).toEqual(slots())
  })
})

describe('listings', () => {
  it('end trading, as each exchange shows it', async () => {
    const at = NOW + 90_000
    for (const [url, symbol] of [
      [binance, 'XRPUSDT'],
      [okx, 'XRP-USDT'],
      [bybit, 'XRPUSDT'],
      [coinbase, 'XRP-USDT'],
    ]) {
      expect((await control(url ?? '', { delist: { symbol, at } })).status).toBe(200)
    }
    expect((await get(`${okx}/api/v5/market/candles?instId=XRP-USDT`)).body).toMatchObject({ code: '0' })
    exchanges.clock.advance(10 * MINUTE)
    const last = OPEN_MINUTE + 2 * MINUTE
    const kept = await get(`${binance}/api/v3/klines?symbol=XRPUSDT&interval=1m&limit=1`)
    expect(openTimesOf(kept)).toEqual([last - MINUTE])
    expect((await get(`${binance}/api/v3/exchangeInfo?symbol=XRPUSDT`)).body).toMatchObject({
      symbols: [{ status: 'BREAK' }],
    })
    expect((await get(`${okx}/api/v5/market/candles?instId=XRP-USDT`)).body).toMatchObject({ code: '51001' })
    const spot = await get(`${bybit}/v5/market/kline?category=spot&symbol=XRPUSDT&interval=1`)
    expect(spot.body).toMatchObject({ retCode: 10001, retMsg: 'Not supported symbols' })
    expect((await get(`${coinbase}/products/XRP-USDT`)).body).toMatchObject({
      status: 'delisted',
      trading_disabled: true,
    })
    const candles = (await truth('XRPUSDT', '1m', START, last + 10 * MINUTE)).body
    expect(candles).toMatchObject({ candles: { length: (last - START) / MINUTE } })
  })

  it('begin trading of a new asset', async () => {
    await control(okx, { list: { base: 'NEW', kind: 'perpetual', at: NOW - 5 * MINUTE } })
    const found = await get(`${okx}/api/v5/public/instruments?instType=SWAP&instId=NEW-USDT-SWAP`)
    expect(found.body).toMatchObject({ data: [{ listTime: String(OPEN_MINUTE - 5 * MINUTE) }] })
    expect(rowsOf(await get(`${okx}/api/v5/market/candles?instId=NEW-USDT-SWAP`))).toHaveLength(6)
    await control(okx, { reset: true })
    expect((await get(`${okx}/api/v5/market/candles?instId=NEW-USDT-SWAP`)).body).toMatchObject({ code: '51001' })
  })
})

describe('control', () => {
  it('tells what is in force and what was asked', async () => {
    const { body } = await control(binance, { fault: { type: 'status', status: 500, times: 3 } })
    await klines()
    await get(`${futures}/fapi/v1/ping`)
    expect((await get(`${binance}/_control`)).body).toMatchObject({
      exchange: 'binance',
      now: NOW,
      limits: true,
      faults: [{ type: 'status', status: 500, left: 1, served: 2 }],
      requests: { '/api/v3/klines': 1, '/fapi/v1/ping': 1 },
      statuses: { 500: 2 },
      injected: { 500: 2 },
      maxInFlight: 1,
    })
    expect(body).toMatchObject({ ok: true, id: expect.any(Number) })
  })

  it('clears one fault by its id', async () => {
    const first = await control(binance, { fault: { type: 'status', status: 500 } })
    await control(binance, { fault: { type: 'status', status: 503, path: 'time' } })
    const { id } = JSON.parse(first.text)
    expect((await control(binance, { clear: id })).status).toBe(200)
    expect((await klines()).status).toBe(200)
    expect((await get(`${binance}/api/v3/time`)).status).toBe(503)
    expect((await control(binance, { clear: id })).status).toBe(400)
  })

  it.each([
    [{}],
    [{ reset: false }],
    [{ fault: { type: 'flood' } }],
    [{ fault: { type: 'status' } }],
    [{ fault: { type: 'status', status: 500, path: '(' } }],
    [{ fault: { type: 'hang', every: 2 } }],
    [{ delist: { symbol: 'NOPE' } }],
    ['not JSON at all'],
  ])('refuses %j and says why', async (command) => {
    const answer = await control(binance, command)
    expect(answer).toMatchObject({ status: 400, body: { error: expect.any(String) } })
  })
})

describe('faults that could never meet anything are refused:', () => {
  it.each([
    ['binance', { type: 'restart' }],
    ['coinbase', { type: 'restart' }],
    ['bybit', { type: 'announce-close' }],
    ['binance', { type: 'wrong-snapshot', on: 'stream' }],
    ['coinbase', { type: 'skip', channel: 'candles' }],
    ['coinbase', { type: 'crossed', host: 'perpetual' }],
    ['okx', { type: 'skip', symbol: 'BTCUSDT' }],
    ['binance', { type: 'status', status: 500, symbol: 'PEPEUSDT', host: 'perpetual' }],
  ] as const)('%s %j', async (exchange, fault) => {
    const url = { binance, okx, bybit, coinbase }[exchange]
    expect(await control(url, { fault })).toMatchObject({ status: 400, body: { error: expect.any(String) } })
    expect((await get(`${url}/_control`)).body).toMatchObject({ faults: [] })
  })
})

it('lets no time pass within an answer, however fast the clock', () => {
  const { binance: state } = exchanges.states
  if (!state) return expect.fail()
  const times = state.atOneMoment(() => {
    const before = state.now()
    exchanges.clock.advance(MINUTE)
    return [before, state.now()]
  })
  expect(times).toEqual([NOW, NOW])
  expect(state.now()).toBe(NOW + MINUTE)
})

describe('truth', () => {
  it('holds closed candles only, in base units', async () => {
    const { body } = await get(
      `${okx}/_truth?symbol=BTC-USDT-SWAP&kind=perpetual&start=${START}&end=${NOW + 10 * MINUTE}`,
    )
    const rows = rowsOf(await get(`${okx}/api/v5/market/candles?instId=BTC-USDT-SWAP&before=${START - 1}`)).reverse()
    const expected = rows
      .filter((row) => row[8] === '1')
      .map((row) => [Number(row[0]), ...[1, 2, 3, 4, 6, 7].map((column) => canonical(row[column])), null])
    expect(body).toEqual({ candles: expected, empty: [] })
    expect(expected).toHaveLength(20)
  })

  it.each([
    ['/_truth?symbol=NOPE&start=0&end=1', 404],
    ['/_truth?symbol=BTCUSDT&start=0', 400],
    ['/_truth?symbol=BTCUSDT&start=0&end=x', 400],
    ['/_truth?symbol=BTCUSDT&start=0&end=1&interval=7m', 400],
    ['/_truth/nothing?symbol=BTCUSDT', 404],
  ])('answers %s with %d', async (path, status) => {
    expect(await get(`${binance}${path}`)).toMatchObject({ status, body: { error: expect.any(String) } })
  })
})

const canonical = (text: string | number | undefined): string =>
  String(text)
    .replace(/(\.\d*?)0+$/, '$1')
    .replace(/\.$/, '')

/** Do open and close lie between low and high, and is nothing negative? */
const isPossible = (row: (string | number)[]): boolean => {
  const [open = 0, high = 0, low = 0, close = 0, volume = 0] = row.slice(1, 6).map(Number)
  return low <= Math.min(open, close) && high >= Math.max(open, close) && volume >= 0
}
