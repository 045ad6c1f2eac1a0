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
  exchanges = await startTestExchanges({ exchange: 'bybit' })
  url = `${exchanges.urls.bybit?.spot}/v5/market`
})
beforeEach(async () => {
  exchanges.clock.set(NOW)
  await control(url.replace('/v5/market', ''), { reset: true })
})
afterAll(() => exchanges.stop())

const kline = (query: string): Promise<Answer> => get(`${url}/kline?category=spot&symbol=BTCUSDT&interval=1&${query}`)

describe('kline', () => {
  it('comes newest first, 200 unless asked for others and 1,000 at most', async () => {
    const times = openTimesOf(await kline(''))
    expect(times).toHaveLength(200)
    expect(times[0]).toBe(OPEN_MINUTE)
    expect(times).toEqual(times.toSorted((a, b) => b - a))
    expect(rowsOf(await kline('limit=5000'))).toHaveLength(1000)
  })

  it('includes both bounds, and the candle in whose middle the start lies', async () => {
    const [start, end] = [OPEN_MINUTE - 10 * MINUTE, OPEN_MINUTE - 8 * MINUTE]
    const wanted = [8, 9, 10].map((back) => OPEN_MINUTE - back * MINUTE)
    expect(openTimesOf(await kline(`start=${start}&end=${end}`))).toEqual(wanted)
    expect(openTimesOf(await kline(`start=${start + 1}&end=${end + MINUTE - 1}`))).toEqual(wanted)
  })

  it('takes the oldest from a start alone, the newest up to an end', async () => {
    const start = OPEN_MINUTE - 100 * MINUTE
    expect(openTimesOf(await kline(`start=${start}&limit=2`))).toEqual([start + MINUTE, start])
    expect(openTimesOf(await kline(`end=${start}&limit=2`))).toEqual([start, start - MINUTE])
    const both = await kline(`start=${start}&end=${OPEN_MINUTE}&limit=2`)
    expect(openTimesOf(both)).toEqual([OPEN_MINUTE, OPEN_MINUTE - MINUTE])
  })

  it('is of the linear market where no category is named', async () => {
    const { body } = await get(`${url}/kline?symbol=BTCUSDT&interval=D&limit=1`)
    expect(body).toMatchObject({ retCode: 0, result: { category: 'linear', symbol: 'BTCUSDT' } })
  })

  it.each([
    ['category=spot&symbol=NOPEUSDT&interval=1', 10001, 'Not supported symbols'],
    ['category=spot&symbol=BTCUSDT&interval=7', 10001, 'Invalid period!'],
    ['category=what&symbol=BTCUSDT&interval=1', 10001, 'params error: Category is invalid'],
    ['category=spot&symbol=BTCUSDT&interval=1&start=x', 10001, 'params error: start is invalid'],
  ])('answers %s with 200 and retCode %d', async (query, retCode, retMsg) => {
    const answer = await get(`${url}/kline?${query}`)
    expect(answer).toMatchObject({ status: 200, body: { retCode, retMsg, result: {} } })
  })
})

it('allows 600 requests in any 5 s, then says 10006, then bans for 10 minutes', async () => {
  const ask = (times: number) => Promise.all(Array.from({ length: times }, () => get(`${url}/time`)))
  const allowed = await ask(600)
  expect(allowed.every(({ body }) => JSON.stringify(body).includes('"retCode":0'))).toBe(true)
  const refused = await ask(20)
  expect(refused[0]).toMatchObject({ status: 200, body: { retCode: 10006 } })
  expect(refused[0]?.headers.get('x-bapi-limit-reset-timestamp')).toBe(String(NOW + 5000))
  expect(refused.every(({ status }) => status === 200)).toBe(true)
  expect(await get(`${url}/time`)).toMatchObject({ status: 403, text: 'access too frequent' })
  exchanges.clock.advance(10 * MINUTE - 1)
  expect((await get(`${url}/time`)).status).toBe(403)
  exchanges.clock.advance(1)
  expect((await get(`${url}/time`)).status).toBe(200)
})

describe('instruments-info', () => {
  const symbolsOf = ({ text }: Answer): string[] =>
    [...text.matchAll(/\{"symbol":"([^"]+)"/g)].map(([, name]) => name ?? '')

  it('is paged by a cursor for contracts', async () => {
    const all = symbolsOf(await get(`${url}/instruments-info?category=linear`))
    const paged: string[] = []
    let cursor = ''
    do {
      const page = await get(`${url}/instruments-info?category=linear&limit=3&cursor=${encodeURIComponent(cursor)}`)
      paged.push(...symbolsOf(page))
      cursor = /"nextPageCursor":"([^"]*)"/.exec(page.text)?.[1] ?? ''
    } while (cursor)
    expect(paged).toEqual(all)
    expect(all).toEqual(expect.arrayContaining(['BTCUSDT', 'BTCPERP', 'BTC-13DEC26']))
  })

  it('says when contracts were launched, and nothing of the kind on spot', async () => {
    const linear = await get(`${url}/instruments-info?category=linear&symbol=BTCUSDT`)
    expect(linear.body).toMatchObject({ result: { list: [{ launchTime: String(Date.UTC(2020, 2, 25, 10, 36)) }] } })
    const spot = await get(`${url}/instruments-info?category=spot&symbol=BTCUSDT`)
    expect(spot.body).toMatchObject({ result: { list: [{ symbol: 'BTCUSDT' }] } })
    expect(spot.text).not.toContain('launchTime')
  })

  it('answers for an unknown symbol with an empty list on spot and an error on linear', async () => {
    expect((await get(`${url}/instruments-info?category=spot&symbol=NO`)).body).toMatchObject({ result: { list: [] } })
    expect((await get(`${url}/instruments-info?category=linear&symbol=NO`)).body).toMatchObject({ retCode: 10001 })
  })

  it('keeps a closed contract under its status, and its history', async () => {
    await control(url.replace('/v5/market', ''), {
      delist: { symbol: 'XRPUSDT', kind: 'perpetual', at: NOW - 5 * MINUTE },
    })
    const list = async (status: string) =>
      symbolsOf(await get(`${url}/instruments-info?category=linear&status=${status}`))
    expect(await list('Trading')).not.toContain('XRPUSDT')
    expect(await list('Closed')).toEqual(['XRPUSDT'])
    const history = await get(`${url}/kline?category=linear&symbol=XRPUSDT&interval=1&limit=1`)
    expect(openTimesOf(history)[0]).toBe(OPEN_MINUTE - 5 * MINUTE)
  })
})

it('spells trade ids as numbers of 19 digits on spot and as UUIDs on linear', async () => {
  const spot = await get(`${url}/recent-trade?category=spot&symbol=BTCUSDT&limit=100`)
  expect([...spot.text.matchAll(/"execId":"229\d{16}"/g)]).toHaveLength(60)
  const linear = await get(`${url}/recent-trade?category=linear&symbol=BTCUSDT&limit=3`)
  expect([...linear.text.matchAll(/"execId":"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}"/g)]).toHaveLength(3)
})

it('refuses a funding history with a start alone', async () => {
  const history = (query: string) => get(`${url}/funding/history?category=linear&symbol=BTCUSDT&${query}`)
  expect((await history('startTime=1')).body).toMatchObject({ retCode: 10001, retMsg: 'params error: Time Is Invalid' })
  const { text } = await history('limit=2')
  expect([...text.matchAll(/"fundingRateTimestamp":"(\d+)"/g)].map(([, time]) => Number(time))).toEqual(
    [8, 0].map((hour) => Date.UTC(2026, 9, 14, hour)),
  )
})
