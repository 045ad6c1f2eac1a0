import { env } from 'cloudflare:workers'
import { describe, expect, it } from 'vitest'
import { slotsIn } from '../../src/domain/interval.ts'
import { MINUTE, T0 } from '../store/seed.ts'
import { api, minutes, problem, type SeededSeries, seed } from './api.ts'

const at = (minute: number) => T0 + minute * MINUTE
const textOf = async (path: string) => new TextDecoder().decode(await (await api(path)).arrayBuffer())
const csv = (text: string) => text.trimEnd().split('\n')

async function fillMany({ seriesId }: SeededSeries, count: number): Promise<void> {
  await env.DB.batch([
    env.DB.prepare(
      `INSERT INTO candles (series_id, open_time, open, high, low, close, volume)
       WITH RECURSIVE n (i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i < ?3)
       SELECT ?1, CAST(?2 AS INTEGER) + i * 60000, '1', '2', '0.5', '1', '1' FROM n`,
    ).bind(seriesId, T0, count - 1),
    env.DB.prepare("INSERT INTO coverage VALUES (?1, ?2, ?3, 'test')").bind(seriesId, T0, at(count)),
  ])
}

describe('all=true', () => {
  it('streams the whole window of several symbols, each row once', async () => {
    const [first, second] = [await seed(), await seed()]
    await fillMany(first, 12_345)
    await second.fill(minutes(0, 10))
    const query = `&start=${at(0)}&end=${at(12_345)}&all=true`
    const rows = csv(await textOf(`${first.path}${query}&format=csv&symbols=${second.symbol},${first.symbol}`))
    expect(rows[0]).toBe('symbol,openTime,open,high,low,close,volume,quoteVolume,tradeCount')
    const expected = [
      ...[...slotsIn(minutes(0, 12_345), '1m')].map((time) => `${first.symbol},${time}`),
      ...[...slotsIn(minutes(0, 10), '1m')].map((time) => `${second.symbol},${time}`),
    ]
    expect(rows.slice(1).map((row) => row.split(',').slice(0, 2).join(','))).toEqual(expected)
  })

  it('goes on after any row', async () => {
    const [first, second] = [await seed(), await seed()]
    await first.fill(minutes(0, 10))
    await second.fill(minutes(0, 10))
    const url = `${first.path}&start=${at(0)}&end=${at(10)}&all=true&format=csv&symbols=${second.symbol}`
    const rows = csv(await textOf(url)).slice(1)
    for (const last of [0, 9, 10, 18]) {
      const [symbol, openTime] = rows[last]?.split(',') ?? []
      expect(csv(await textOf(`${url}&cursor=${symbol}:${openTime}`))).toEqual(rows.slice(last + 1))
    }
    expect(await textOf(`${url}&cursor=${second.symbol}:${at(9)}`)).toBe('')
  })

  it('says beforehand what will be missing, by symbol', async () => {
    const [first, second] = [await seed(), await seed()]
    await first.fill(minutes(0, 10))
    await second.fill(minutes(0, 10), [at(4)])
    const url = `${first.path}&start=${at(0)}&end=${at(10)}&all=true&format=ndjson&symbols=${second.symbol}`
    const { headers } = await api(url)
    expect(headers.get('X-Coverage-Complete')).toBe('false')
    expect(headers.get('X-Coverage-Missing')).toBe(`[["${second.symbol}",${at(4)},${at(5)},"not_loaded"]]`)
    expect(headers.get('Cache-Control')).toBe('no-store')
    expect((await api(`${url}&strict=true`)).status).toBe(409)
    const lines = csv(await textOf(url)).map((line) => JSON.parse(line))
    expect(lines[0]).toMatchObject({ symbol: first.symbol, openTime: at(0), close: '1', closed: true })
    expect(lines).toHaveLength(19)
  })

  it('claims nothing beyond the last range that it has read', async () => {
    const { path, symbol, seriesId } = await seed()
    await env.DB.batch([
      env.DB.prepare(
        `INSERT INTO coverage WITH RECURSIVE n (i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i < 4999)
         SELECT ?1, CAST(?2 AS INTEGER) + i * 120000, CAST(?2 AS INTEGER) + i * 120000 + 60000, 'test' FROM n`,
      ).bind(seriesId, T0),
      env.DB.prepare("INSERT INTO coverage VALUES (?1, ?2, ?3, 'test')").bind(seriesId, at(10_000), at(20_000)),
    ])
    const missing = async (end: number) => {
      const url = `${path.replace('1m', '5m')}&start=${at(0)}&end=${at(end)}&all=true&format=csv`
      const { headers } = await api(url)
      return [headers.get('X-Coverage-Missing'), headers.get('X-Coverage-Missing-Truncated')]
    }
    const holes = (end: number) => `[["${symbol}",${at(0)},${at(end)},"incomplete_input"]]`
    expect(await missing(20_000)).toEqual([holes(10_000), 'true'])
    expect(await missing(9_990)).toEqual([holes(9_990), null])
  })

  it('starts at the first candle without a start, derives, and tells what cannot be derived', async () => {
    const series = await seed()
    await series.fill(minutes(0, 180), [at(70)])
    const url = `${series.path.replace('1m', '1h')}&end=${at(180)}&all=true&format=csv`
    const response = await api(url)
    expect(response.headers.get('X-Coverage-Missing')).toBe(
      `[["${series.symbol}",${at(60)},${at(120)},"incomplete_input"]]`,
    )
    expect(csv(await response.text()).map((row) => row.split(',')[1])).toEqual(['openTime', `${at(0)}`, `${at(120)}`])
    await env.DB.prepare('UPDATE series SET first_candle_time = NULL WHERE id = ?1').bind(series.seriesId).run()
    expect(csv(await textOf(`${series.path}&end=${at(3)}&all=true&format=csv`))).toHaveLength(4)
  })

  it('holds nothing where nothing is recorded, and says so', async () => {
    const series = await seed('1h')
    const response = await api(`${series.path.replace('1h', '1m')}&start=${at(0)}&end=${at(2)}&all=true&format=csv`)
    expect(response.headers.get('X-Coverage-Missing')).toBe(`[["${series.symbol}",${at(0)},${at(2)},"not_recorded"]]`)
  })

  it.each([
    ['format=json', 'format'],
    ['format=array', 'format'],
    ['format=csv&order=desc', 'order'],
    ['format=csv&includeOpen=true', 'includeOpen'],
    ['format=csv&revision=0', 'revision'],
    ['format=csv&cursor=1767225600000', 'cursor'],
    ['format=csv&cursor=OTHER-USDT:1767225600000', 'cursor'],
    ['format=csv&symbols=NOPE-USDT', 'symbols'],
    ['format=csv&symbols=%27', 'symbols[0]'],
  ])('refuses %s', async (query, path) => {
    const { path: url, seriesId } = await seed()
    await env.DB.prepare('UPDATE series SET first_candle_time = NULL WHERE id = ?1').bind(seriesId).run()
    const response = await api(`${url}&all=true&${query}`)
    expect(await problem(response)).toMatchObject({ errors: [{ path }] })
  })

  it('refuses more stored candles than one export reads, however short what is recorded of a long life', async () => {
    const { path: url, seriesId } = await seed()
    expect((await api(`${url}&all=true&format=csv&start=2000-01-01`)).status).toBe(200)
    await env.DB.prepare("INSERT OR REPLACE INTO coverage VALUES (?1, 0, ?2, 'test')").bind(seriesId, T0).run()
    await env.DB.prepare('UPDATE series SET first_candle_time = 0 WHERE id = ?1').bind(seriesId).run()
    const response = await api(`${url}&all=true&format=csv&start=2000-01-01`)
    expect(await problem(response)).toMatchObject({ errors: [{ path: 'start' }] })
  })
})
