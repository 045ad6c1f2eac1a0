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

let exchanges: TestExchanges
let spot = ''
let futures = ''
beforeAll(async () => {
  exchanges = await startTestExchanges({ exchange: 'binance' })
  spot = exchanges.urls.binance?.spot ?? ''
  futures = exchanges.urls.binance?.perpetual ?? ''
})
beforeEach(async () => {
  exchanges.clock.set(NOW)
  await control(spot, { reset: true })
})
afterAll(() => exchanges.stop())

const klines = (query: string): Promise<Answer> => get(`${spot}/api/v3/klines?symbol=BTCUSDT&interval=1m&${query}`)

describe('klines', () => {
  it('sends 500 rows unless asked for others, and at most 1,000, oldest first, the open one last', async () => {
    const times = openTimesOf(await klines(''))
    expect(times).toHaveLength(500)
    expect(times).toEqual(times.toSorted((a, b) => a - b))
    expect(times.at(-1)).toBe(OPEN_MINUTE)
    expect(openTimesOf(await klines('limit=1500'))).toHaveLength(1000)
  })

  it('includes both bounds, which are compared with the open time', async () => {
    const [from, to] = [OPEN_MINUTE - 10 * MINUTE, OPEN_MINUTE - 5 * MINUTE]
    const wanted = [10, 9, 8, 7, 6, 5].map((back) => OPEN_MINUTE - back * MINUTE)
    expect(openTimesOf(await klines(`startTime=${from}&endTime=${to}`))).toEqual(wanted)
    expect(openTimesOf(await klines(`startTime=${from + 1}&endTime=${to - 1}`))).toEqual(wanted.slice(1, -1))
  })

  it('takes the oldest from a start, the newest up to an end', async () => {
    const start = OPEN_MINUTE - 100 * MINUTE
    expect(openTimesOf(await klines(`startTime=${start}&limit=2`))).toEqual([start, start + MINUTE])
    expect(openTimesOf(await klines(`endTime=${start}&limit=2`))).toEqual([start - MINUTE, start])
  })

  it('begins with the listing for a start of 0', async () => {
    const { listings } = exchanges.states.binance ?? expect.fail()
    const listedAt = listings.find('spot', 'ZORAUSDT', NOW)?.listedAt
    const first = await get(`${spot}/api/v3/klines?symbol=ZORAUSDT&interval=1m&startTime=0&limit=1`)
    expect(openTimesOf(first)).toEqual([listedAt])
    expect((NOW - (listedAt ?? 0)) / 86_400_000).toBeCloseTo(40, 0)
  })

  it('crosses days without a seam, ascending from either end', async () => {
    const midnight = Date.UTC(2026, 9, 13)
    const across = await klines(`startTime=${midnight - 500 * MINUTE}&limit=1000`)
    const back = await klines(`endTime=${midnight + 499 * MINUTE}&limit=1000`)
    expect(across.text).toBe(back.text)
    const times = openTimesOf(across)
    expect(times.map((time, index) => time - index * MINUTE)).toEqual(times.map(() => midnight - 500 * MINUTE))
  })

  it('pads spot decimals to eight and futures to their own, and closes a millisecond before the next', async () => {
    const [row = []] = rowsOf(await klines('limit=1'))
    expect(row).toHaveLength(12)
    for (const column of [1, 2, 3, 4, 5, 7, 9, 10]) expect(row[column]).toMatch(/^\d+\.\d{8}$/)
    expect(row[6]).toBe(OPEN_MINUTE + MINUTE - 1)
    const [future = []] = rowsOf(await get(`${futures}/fapi/v1/klines?symbol=BTCUSDT&interval=1m&limit=1`))
    expect(future[1]).toMatch(/^\d+\.\d{2}$/)
    expect(future[5]).toMatch(/^\d+\.\d{3}$/)
  })

  it('grows the open candle with the trades so far', async () => {
    const early = rowsOf(await klines('limit=1'))[0] ?? []
    exchanges.clock.advance(29_000)
    const late = rowsOf(await klines('limit=1'))[0] ?? []
    expect(late[0]).toBe(early[0])
    expect(Number(late[8])).toBeGreaterThan(Number(early[8]))
    exchanges.clock.advance(2000)
    expect(openTimesOf(await klines('limit=1'))).toEqual([OPEN_MINUTE + MINUTE])
  })

  it('knows names of any script, and refuses those that cannot be names', async () => {
    const chinese = await get(`${spot}/api/v3/klines?symbol=${encodeURIComponent('币安人生USDT')}&interval=1m&limit=3`)
    expect(rowsOf(chinese)).toHaveLength(3)
    const blank = await get(`${spot}/api/v3/klines?symbol=AI%202USDT&interval=1m`)
    expect(blank).toMatchObject({ status: 400, body: { code: -1100 } })
    const { body } = await get(`${spot}/api/v3/exchangeInfo`)
    expect(body).toMatchObject({ symbols: expect.arrayContaining([expect.objectContaining({ symbol: 'AI 2USDT' })]) })
  })

  it.each([
    ['symbol=NOPEUSDT&interval=1m', 400, -1121],
    ['symbol=btcusdt&interval=1m', 400, -1100],
    ['interval=1m', 400, -1102],
    ['symbol=BTCUSDT', 400, -1102],
    ['symbol=BTCUSDT&interval=7m', 400, -1120],
    ['symbol=BTCUSDT&interval=1M&startTime=x', 400, -1100],
    ['symbol=BTCUSDT&interval=1m&limit=0', 400, -1130],
    ['symbol=BTCUSDT&interval=1m&since=1', 400, -1104],
    ['symbol=BTCUSDT&interval=1m&interval=1m', 400, -1101],
  ])('answers %s with %d and code %d', async (query, status, code) => {
    expect(await get(`${spot}/api/v3/klines?${query}`)).toMatchObject({ status, body: { code } })
  })

  it('serves up to 1,500 futures rows and refuses more', async () => {
    const page = (limit: number) => get(`${futures}/fapi/v1/klines?symbol=BTCUSDT&interval=1m&limit=${limit}`)
    expect(rowsOf(await page(1500))).toHaveLength(1500)
    expect(await page(1501)).toMatchObject({ status: 400, body: { code: -1130 } })
  })
})

describe('limits', () => {
  it('counts weights by the minute and says so in headers', async () => {
    expect((await get(`${spot}/api/v3/exchangeInfo`)).headers.get('x-mbx-used-weight-1m')).toBe('20')
    expect((await klines('limit=1')).headers.get('x-mbx-used-weight-1m')).toBe('22')
    exchanges.clock.advance(MINUTE)
    expect((await klines('limit=1')).headers.get('x-mbx-used-weight-1m')).toBe('2')
  })

  it.each([
    ['limit=99', 1],
    ['limit=100', 2],
    ['', 5],
    ['limit=1000', 5],
    ['limit=1001', 10],
  ])('weighs futures klines with %s as %d', async (query, weight) => {
    const { headers } = await get(`${futures}/fapi/v1/klines?symbol=BTCUSDT&interval=1m&${query}`)
    expect(headers.get('x-mbx-used-weight-1m')).toBe(String(weight))
  })

  it('answers 429 with Retry-After, 418 to whoever goes on, and longer at the next offence', async () => {
    const spend = (times: number) => Promise.all(Array.from({ length: times }, () => get(`${spot}/api/v3/ticker/24hr`)))
    const statuses = async (times: number) => (await spend(times)).map(({ status }) => status)
    expect(new Set(await statuses(75))).toEqual(new Set([200]))
    const refused = await get(`${spot}/api/v3/ticker/24hr`)
    expect(refused).toMatchObject({ status: 429, body: { code: -1003 } })
    expect(refused.headers.get('retry-after')).toBe('30')
    expect((await statuses(9)).every((status) => status === 429)).toBe(true)
    const banned = await get(`${spot}/api/v3/ping`)
    expect(banned).toMatchObject({ status: 418, body: { code: -1003 } })
    expect(banned.headers.get('retry-after')).toBe('120')

    exchanges.clock.advance(119_000)
    expect((await get(`${spot}/api/v3/ping`)).status).toBe(418)
    expect((await get(`${futures}/fapi/v1/ping`)).status).toBe(200)
    exchanges.clock.advance(1000)
    expect((await get(`${spot}/api/v3/ping`)).status).toBe(200)

    await spend(85)
    expect((await get(`${spot}/api/v3/ping`)).headers.get('retry-after')).toBe('240')
  })

  it('are lifted and restored by control', async () => {
    await control(spot, { limits: false })
    const answers = await Promise.all(Array.from({ length: 90 }, () => get(`${spot}/api/v3/ticker/24hr`)))
    expect(answers.every(({ status }) => status === 200)).toBe(true)
    await control(spot, { limits: true })
    expect((await get(`${spot}/api/v3/ping`)).headers.get('x-mbx-used-weight')).toBe('1')
  })
})

describe('other endpoints', () => {
  it('page trades by id on both sides', async () => {
    const newest = await get(`${spot}/api/v3/aggTrades?symbol=BTCUSDT&limit=1`)
    const id = Number(/"a":(\d+)/.exec(newest.text)?.[1])
    const page = await get(`${spot}/api/v3/aggTrades?symbol=BTCUSDT&fromId=${id - 3}&limit=3`)
    expect([...page.text.matchAll(/"a":(\d+)/g)].map(([, found]) => Number(found))).toEqual([id - 3, id - 2, id - 1])
    expect((await get(`${spot}/api/v3/aggTrades?symbol=BTCUSDT&fromId=1&startTime=1`)).body).toMatchObject({
      code: -1128,
    })
  })

  it('sum the last 24 hours', async () => {
    const { body } = await get(`${spot}/api/v3/ticker/24hr?symbol=BTCUSDT`)
    const start = OPEN_MINUTE - 1439 * MINUTE
    const rows = [
      ...rowsOf(await klines(`startTime=${start}&limit=1000`)),
      ...rowsOf(await klines(`startTime=${start + 1000 * MINUTE}`)),
    ]
    const sum = (column: number) => rows.reduce((total, row) => total + Number(row[column]), 0)
    expect(body).toMatchObject({
      openTime: start,
      closeTime: NOW,
      openPrice: rows[0]?.[1],
      lastPrice: rows.at(-1)?.[4],
      count: sum(8),
      volume: sum(5).toFixed(8),
    })
  })

  it('has a book as deep as asked, weighed by its depth', async () => {
    const answer = await get(`${spot}/api/v3/depth?symbol=BTCUSDT&limit=1000`)
    expect(answer.headers.get('x-mbx-used-weight-1m')).toBe('50')
    expect([...answer.text.matchAll(/\["[\d.]+","[\d.]+"\]/g)]).toHaveLength(2000)
    expect((await get(`${futures}/fapi/v1/depth?symbol=BTCUSDT&limit=7`)).body).toMatchObject({ code: -4021 })
  })

  it('answer an unknown path with a page of HTML', async () => {
    const { status, headers } = await get(`${spot}/api/v3/nothing`)
    expect([status, headers.get('content-type')]).toEqual([404, 'text/html'])
  })

  it('tell the simulated time', async () => {
    const { body, headers } = await get(`${futures}/fapi/v1/time`)
    expect(body).toEqual({ serverTime: NOW })
    expect(headers.get('date')).toBe(new Date(NOW).toUTCString())
  })
})
