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
let url = ''
beforeAll(async () => {
  exchanges = await startTestExchanges({ exchange: 'okx' })
  url = `${exchanges.urls.okx?.spot}/api/v5`
})
beforeEach(async () => {
  exchanges.clock.set(NOW)
  await control(url.replace('/api/v5', ''), { reset: true })
})
afterAll(() => exchanges.stop())

const candles = (query: string, path = 'candles'): Promise<Answer> =>
  get(`${url}/market/${path}?instId=BTC-USDT&${query}`)

describe('candles', () => {
  it('come newest first, 100 unless asked for others and 300 at most, the open one unconfirmed', async () => {
    const rows = rowsOf(await candles(''))
    expect(rows).toHaveLength(100)
    expect(rows[0]?.[0]).toBe(String(OPEN_MINUTE))
    expect(rows.map((row) => row[8])).toEqual(['0', ...Array.from({ length: 99 }, () => '1')])
    const times = openTimesOf(await candles('limit=500'))
    expect(times).toHaveLength(300)
    expect(times).toEqual(times.toSorted((a, b) => b - a))
  })

  it('exclude both the row of after and that of before', async () => {
    const [older, newer] = [OPEN_MINUTE - 10 * MINUTE, OPEN_MINUTE - 6 * MINUTE]
    const wanted = [7, 8, 9].map((back) => OPEN_MINUTE - back * MINUTE)
    expect(openTimesOf(await candles(`before=${older}&after=${newer}`))).toEqual(wanted)
    expect(openTimesOf(await candles(`after=${newer}&limit=2`))).toEqual(wanted.slice(0, 2))
  })

  it('are the newest of the newer ones with before alone', async () => {
    const times = openTimesOf(await candles(`before=${OPEN_MINUTE - 200 * MINUTE}&limit=3`))
    expect(times).toEqual([OPEN_MINUTE, OPEN_MINUTE - MINUTE, OPEN_MINUTE - 2 * MINUTE])
  })

  it('reach back 1,440 rows; the rest is history, which has no open candle', async () => {
    const oldest = OPEN_MINUTE - 1439 * MINUTE
    expect(openTimesOf(await candles(`after=${oldest + 2 * MINUTE}`))).toEqual([oldest + MINUTE, oldest])
    const history = openTimesOf(await candles(`after=${oldest + 2 * MINUTE}&limit=3`, 'history-candles'))
    expect(history).toEqual([oldest + MINUTE, oldest, oldest - MINUTE])
    expect(openTimesOf(await candles('limit=1', 'history-candles'))).toEqual([OPEN_MINUTE - MINUTE])
  })

  it('begin their days at midnight in Hong Kong unless asked for UTC', async () => {
    const hour = async (bar: string) => new Date(openTimesOf(await candles(`bar=${bar}&limit=1`))[0] ?? 0).getUTCHours()
    expect([await hour('1D'), await hour('1Dutc'), await hour('6H'), await hour('6Hutc')]).toEqual([16, 0, 10, 6])
    const [week] = openTimesOf(await candles('bar=1Wutc&limit=1'))
    expect(new Date(week ?? 0).toISOString()).toBe('2026-10-12T00:00:00.000Z')
    const [month] = openTimesOf(await candles('bar=1M&limit=1'))
    expect(new Date(month ?? 0).toISOString()).toBe('2026-09-30T16:00:00.000Z')
  })

  it('count swaps in contracts, with the base units beside them', async () => {
    const { body } = await get(`${url}/public/instruments?instType=SWAP&instId=DOGE-USDT-SWAP`)
    expect(body).toMatchObject({ data: [{ ctVal: '1000', ctValCcy: 'DOGE', ctType: 'linear', settleCcy: 'USDT' }] })
    const rows = rowsOf(await get(`${url}/market/candles?instId=DOGE-USDT-SWAP&limit=20`))
    for (const row of rows) expect(Number(row[6])).toBeCloseTo(Number(row[5]) * 1000, 6)
  })

  it.each([
    ['instId=NOPE-USDT', '51001'],
    ['bar=1m', '50014'],
    ['instId=BTC-USDT&bar=1s', '51000'],
    ['instId=BTC-USDT&bar=1d', '51000'],
    ['instId=BTC-USDT&after=x', '51000'],
    ['instId=BTC-USDT&limit=0', '51000'],
  ])('answer %s with 200 and code %s', async (query, code) => {
    expect(await get(`${url}/market/candles?${query}`)).toMatchObject({ status: 200, body: { code, data: [] } })
  })
})

it('allows 20 requests in any 2 s for history, each endpoint for itself, and answers 50011 beyond', async () => {
  const ask = async (times: number, path = 'history-candles') =>
    (await Promise.all(Array.from({ length: times }, () => candles('limit=1', path)))).map(({ status }) => status)
  expect((await ask(20)).every((status) => status === 200)).toBe(true)
  const refused = await candles('limit=1', 'history-candles')
  expect(refused).toMatchObject({ status: 429, body: { code: '50011' } })
  expect(await ask(1, 'candles')).toEqual([200])
  exchanges.clock.advance(1999)
  expect(await ask(1)).toEqual([429])
  exchanges.clock.advance(1)
  expect((await ask(20)).every((status) => status === 200)).toBe(true)
})

describe('other endpoints', () => {
  const idsOf = ({ text }: Answer): number[] => [...text.matchAll(/"tradeId":"(\d+)"/g)].map(([, id]) => Number(id))

  it('page trades by id, newest first, exclusive on both sides', async () => {
    const newest = idsOf(await get(`${url}/market/trades?instId=BTC-USDT&limit=5`))
    expect(newest).toEqual(newest.toSorted((a, b) => b - a))
    const [last = 0] = newest
    const page = (query: string) => get(`${url}/market/history-trades?instId=BTC-USDT&${query}`)
    expect(idsOf(await page(`after=${last}&limit=2`))).toEqual([last - 1, last - 2])
    expect(idsOf(await page(`before=${last - 2}`))).toEqual([last, last - 1])
    const older = await page(`type=2&after=${OPEN_MINUTE - 60 * MINUTE}&limit=1`)
    expect(Number(/"ts":"(\d+)"/.exec(older.text)?.[1])).toBeLessThan(OPEN_MINUTE - 60 * MINUTE)
  })

  it('list other kinds of contracts where they belong', async () => {
    const list = async (type: string) => (await get(`${url}/public/instruments?instType=${type}`)).text
    expect(await list('SWAP')).toContain('"instId":"BTC-USD-SWAP"')
    expect(await list('FUTURES')).toContain('"instId":"BTC-USDT-261213"')
    expect(await list('OPTION')).toContain('-80000-C"')
    expect(await list('SPOT')).not.toContain('SWAP')
    expect((await get(`${url}/public/instruments`)).body).toMatchObject({ code: '50014' })
  })

  it('give funding of the last three months out, which settles as often as its instrument does', async () => {
    const history = async (symbol: string, query: string) => {
      const { text } = await get(`${url}/public/funding-rate-history?instId=${symbol}&${query}`)
      return [...text.matchAll(/"fundingTime":"(\d+)"/g)].map(([, time]) => Number(time))
    }
    const day = 86_400_000
    const times = await history('BTC-USDT-SWAP', 'before=1')
    expect(times).toHaveLength(92 * 3)
    expect(await history('BTC-USDT-SWAP', `before=1&after=${times.at(-1)}`)).toEqual([])
    const [newest = 0] = times
    expect(await history('DOGE-USDT-SWAP', `before=${newest - day}&after=${newest}`)).toHaveLength(23)
    expect(await history('XRP-USDT-SWAP', `before=${newest - day}&after=${newest}`)).toHaveLength(5)
  })

  it('page the history of funding every eight hours', async () => {
    const { text } = await get(`${url}/public/funding-rate-history?instId=BTC-USDT-SWAP&limit=3`)
    const times = [...text.matchAll(/"fundingTime":"(\d+)"/g)].map(([, time]) => Number(time))
    expect(times).toEqual([8, 0, -8].map((hour) => Date.UTC(2026, 9, 14, hour)))
    expect((await get(`${url}/public/funding-rate?instId=BTC-USDT`)).body).toMatchObject({ code: '51000' })
  })
})
