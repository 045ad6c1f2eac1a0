import { beforeEach, describe, expect, it } from 'vitest'
import { MINUTE } from '../store/seed.ts'
import { problem } from './api.ts'
import { HeardInstrument, HOUR, KEPT_FROM, NOW, tradeAt } from './heard-trades.ts'

let heard: HeardInstrument

beforeEach(async () => {
  heard = await HeardInstrument.create()
})

const at = (minutesAgo: number) => NOW - minutesAgo * MINUTE
const query = (from: number, to: number, format = 'csv') =>
  `interval=1m&all=true&format=${format}&start=${at(from)}&end=${at(to)}`
const rowsOf = async (response: Response): Promise<string[]> => {
  expect(response.status, await response.clone().text()).toBe(200)
  return new TextDecoder()
    .decode(await response.arrayBuffer())
    .trimEnd()
    .split('\n')
}

describe('an export of candles from trades', () => {
  it('holds the whole window, of several symbols, and says what is missing', async () => {
    const other = await HeardInstrument.create()
    const gap = { from: at(80), to: at(79), reason: 'trades_missing' }
    await heard.write(
      [90, 80, 70].map((ago, id) => tradeAt(-ago * MINUTE, id)),
      [gap],
    )
    await other.write([tradeAt(-85 * MINUTE, 7)])
    const [first, second] = [heard.series.symbol, other.series.symbol]
    const response = await heard.ask(`${query(90, 65)}&symbols=${second}`)
    expect(response.headers.get('X-Coverage-Complete')).toBe('false')
    expect(response.headers.get('X-Coverage-Missing')).toBe(
      JSON.stringify([[first, gap.from, gap.to, 'trades_missing']]),
    )
    expect(response.headers.get('Cache-Control')).toBe('no-store')
    const values = '100.5,100.5,100.5,100.5,0.25,25.125,1,100.5,0.25,0'
    expect(await rowsOf(response)).toEqual([
      'symbol,openTime,open,high,low,close,volume,quoteVolume,tradeCount,vwap,buyVolume,sellVolume',
      `${first},${at(90)},${values}`,
      `${first},${at(70)},${values}`,
      `${second},${at(85)},${values}`,
    ])
  })

  it('goes on after its last row, without its head', async () => {
    await heard.write([90, 80, 70].map((ago, id) => tradeAt(-ago * MINUTE, id)))
    const { symbol } = heard.series
    const rows = await rowsOf(await heard.ask(`${query(90, 65, 'ndjson')}&cursor=${symbol}:${at(90)}`))
    expect(rows.map((row) => JSON.parse(row))).toMatchObject([
      { symbol, openTime: at(80), vwap: '100.5', closed: true },
      { symbol, openTime: at(70) },
    ])
    const refused = await heard.ask(`${query(90, 65)}&cursor=X-Y:${at(90)}`)
    expect(await problem(refused)).toMatchObject({ status: 400, errors: [{ path: 'cursor' }] })
  })

  it('begins without a start where something was heard first', async () => {
    await heard.write([tradeAt(-90 * MINUTE, 1)], [], { from: at(100) + 1, to: NOW - HOUR })
    const response = await heard.ask('interval=1m&all=true&format=csv')
    expect(response.headers.get('X-Coverage-Complete')).toBe('true')
    expect(await rowsOf(response)).toHaveLength(2)
    const bounded = await heard.ask(`interval=1m&all=true&format=csv&start=${KEPT_FROM}`)
    expect(JSON.parse(bounded.headers.get('X-Coverage-Missing') ?? '')).toEqual([
      [heard.series.symbol, KEPT_FROM, at(99), 'not_recorded'],
    ])
  })

  it('knows of all gaps, however many there are', async () => {
    const gaps = Array.from({ length: 1_300 }, (_, index) => {
      const from = at(23 * 60) + index * MINUTE
      return { from, to: from + 1, reason: 'trades_missing' }
    })
    await heard.write([], gaps)
    const response = await heard.ask(query(23 * 60, 60))
    expect(JSON.parse(response.headers.get('X-Coverage-Missing') ?? '')).toEqual([
      [heard.series.symbol, at(23 * 60), at(80), 'trades_missing'],
    ])
    expect(await problem(await heard.ask(`${query(90, 65)}&strict=true`))).toMatchObject({ status: 409 })
  })

  it('is empty where nothing was ever heard, and not complete', async () => {
    heard.live = { trades: [], gaps: [], heard: null }
    const response = await heard.ask('interval=1m&all=true&format=csv')
    expect(response.headers.get('X-Coverage-Complete')).toBe('false')
    expect(await rowsOf(response)).toHaveLength(1)
  })
})
