import { request } from 'node:http'
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

const MINUTE = 60
const OPEN_MINUTE = NOW / 1000 - 30

let exchanges: TestExchanges
let url = ''
beforeAll(async () => {
  exchanges = await startTestExchanges({ exchange: 'coinbase' })
  url = exchanges.urls.coinbase?.spot ?? ''
})
beforeEach(async () => {
  exchanges.clock.set(NOW)
  await control(url, { reset: true })
})
afterAll(() => exchanges.stop())

const candles = (query: string, product = 'BTC-USDT'): Promise<Answer> =>
  get(`${url}/products/${product}/candles?granularity=60&${query}`)

describe('candles', () => {
  it('are the newest 300 slots, newest first, in the order time, low, high, open, close, volume', async () => {
    const rows = rowsOf(await candles(''))
    expect(rows[0]?.[0]).toBe(OPEN_MINUTE)
    expect(rows.length).toBeGreaterThan(290)
    for (const [, low, high, open, close] of rows) {
      expect(Number(low)).toBeLessThanOrEqual(Math.min(Number(open), Number(close)))
      expect(Number(high)).toBeGreaterThanOrEqual(Math.max(Number(open), Number(close)))
    }
  })

  it('include both bounds, in seconds or in ISO 8601', async () => {
    const [start, end] = [OPEN_MINUTE - 10 * MINUTE, OPEN_MINUTE - 8 * MINUTE]
    const wanted = [8, 9, 10].map((back) => OPEN_MINUTE - back * MINUTE)
    expect(openTimesOf(await candles(`start=${start}&end=${end}`))).toEqual(wanted)
    const iso = (seconds: number) => new Date(seconds * 1000).toISOString()
    expect(openTimesOf(await candles(`start=${iso(start)}&end=${iso(end)}`))).toEqual(wanted)
  })

  it('are 300 at most in one window', async () => {
    const start = OPEN_MINUTE - 1000 * MINUTE
    expect((await candles(`start=${start}&end=${start + 299 * MINUTE}`)).status).toBe(200)
    const refused = await candles(`start=${start}&end=${start + 300 * MINUTE}`)
    expect(refused).toMatchObject({ status: 400, body: { message: expect.stringContaining('exceeds 300') } })
  })

  it('leave out the slots without a trade, which the truth counts as empty', async () => {
    const start = OPEN_MINUTE - 1000 * MINUTE
    const end = start + 299 * MINUTE
    const times = openTimesOf(await candles(`start=${start}&end=${end}`, 'PEPE-USDT'))
    const truth = await get(`${url}/_truth?symbol=PEPE-USDT&start=${start * 1000}&end=${end * 1000 + 1}`)
    const empty = Array.from({ length: 300 }, (_, index) => start + index * MINUTE).filter(
      (time) => !times.includes(time),
    )
    expect(empty.length).toBeGreaterThan(0)
    expect(truth.body).toMatchObject({ empty: empty.map((time) => time * 1000) })
  })

  it('spell small prices with an exponent', async () => {
    expect((await candles('', 'PEPE-USD')).text).toMatch(/\[\d+,\d(\.\d+)?e-05,/)
    expect((await get(`${url}/products/PEPE-USD`)).body).toMatchObject({ quote_increment: '1e-08' })
  })

  it.each([
    ['/products/NOPE-USD/candles', 404, 'NotFound'],
    ['/products/BTC-USD/candles?granularity=180', 400, 'Unsupported granularity'],
    ['/products/BTC-USD/candles?start=x&end=1', 400, 'Invalid start'],
    ['/products/BTC-USD/candles?start=1700000060&end=1700000000', 400, 'End is required to be after start'],
    ['/products/BTC-USD/book?level=3', 401, 'Unauthorized.'],
    ['/nothing', 404, 'Route not found'],
  ])('answer %s with %d %s', async (path, status, message) => {
    expect(await get(`${url}${path}`)).toMatchObject({ status, body: { message } })
  })
})

it('refuses requests without a User-Agent', async () => {
  const status = await new Promise((resolve, reject) => {
    request(`${url}/time`, (response) => resolve(response.resume().statusCode))
      .on('error', reject)
      .end()
  })
  expect(status).toBe(400)
})

it('allows a burst of 15 and 10 requests a second', async () => {
  const ask = async (times: number) =>
    (await Promise.all(Array.from({ length: times }, () => get(`${url}/time`)))).map(({ status }) => status)
  expect(new Set(await ask(15))).toEqual(new Set([200]))
  expect(await get(`${url}/time`)).toMatchObject({ status: 429, body: { message: 'Public rate limit exceeded' } })
  exchanges.clock.advance(1000)
  expect((await ask(11)).filter((status) => status === 200)).toHaveLength(10)
})

it('pages trades by cursors in headers', async () => {
  const idsOf = ({ text }: Answer): number[] => [...text.matchAll(/"trade_id":(\d+)/g)].map(([, id]) => Number(id))
  const page = (query: string) => get(`${url}/products/BTC-USD/trades?${query}`)
  const newest = await page('limit=3')
  const [last = 0] = idsOf(newest)
  expect([newest.headers.get('cb-before'), newest.headers.get('cb-after')]).toEqual([String(last), String(last - 2)])
  expect(idsOf(await page(`limit=2&after=${last - 2}`))).toEqual([last - 3, last - 4])
  expect(idsOf(await page(`before=${last - 2}`))).toEqual([last, last - 1])
})
