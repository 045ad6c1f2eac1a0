import { env } from 'cloudflare:workers'
import { describe, expect, it } from 'vitest'
import { slotsIn } from '../../src/domain/interval.ts'
import { MINUTE, T0 } from '../store/seed.ts'
import { api, minutes, problem, read, seed } from './api.ts'

const at = (minute: number) => T0 + minute * MINUTE
const url = (symbol: string, query = '', interval = '1m') =>
  `/v1/coverage?exchange=okx&symbol=${symbol}&interval=${interval}${query}`

describe('GET /v1/coverage', () => {
  it('counts every slot of the window once', async () => {
    const { symbol, fill, seriesId } = await seed()
    await fill(minutes(0, 10), [at(2), at(6)])
    await env.DB.prepare('INSERT INTO empty_slots VALUES (?1, ?2, 0)').bind(seriesId, at(2)).run()
    await fill(minutes(2, 3), [at(2)])
    await env.DB.prepare('UPDATE instruments SET valid_to = ?2 WHERE id = ?1').bind(seriesId, at(12)).run()
    expect(await read(url(symbol, `&start=${at(-3)}&end=${at(14)}`))).toEqual({
      exchange: 'okx',
      symbol,
      exchangeSymbol: symbol,
      interval: '1m',
      source: 'exchange',
      start: at(-3),
      end: at(14),
      complete: false,
      firstCandleTime: T0,
      verifiedTo: at(10),
      revision: 0,
      slots: { expected: 12, present: 8, empty: 1, missing: 3, outside: 5 },
      ranges: [
        [at(0), at(6)],
        [at(7), at(10)],
      ],
      nextCursor: null,
      nextUrl: null,
    })
  })

  it('does not let what is stored outside of the instrument’s life stand for what is missing in it', async () => {
    const { symbol, fill, seriesId } = await seed()
    await fill(minutes(0, 10))
    await fill(minutes(15, 40))
    await env.DB.prepare('INSERT INTO empty_slots VALUES (?1, ?2, 0)').bind(seriesId, at(35)).run()
    await env.DB.prepare('UPDATE instruments SET valid_to = ?2 WHERE id = ?1')
      .bind(seriesId, at(30) - 1)
      .run()
    const whole = url(symbol, `&start=${at(-5)}&end=${at(45)}`)
    expect(await read(whole)).toMatchObject({
      complete: false,
      slots: { expected: 30, present: 25, empty: 0, missing: 5, outside: 20 },
      ranges: [
        [at(0), at(10)],
        [at(15), at(30)],
      ],
    })
    await env.DB.prepare('UPDATE series SET first_candle_time = ?2 WHERE id = ?1').bind(seriesId, at(20)).run()
    expect(await read(whole)).toMatchObject({
      complete: true,
      slots: { expected: 10, present: 10, empty: 0, missing: 0, outside: 40 },
    })
    expect(await read(url(symbol, `&start=${at(32)}&end=${at(38)}`))).toMatchObject({
      complete: true,
      slots: { expected: 0, present: 0, empty: 0, missing: 0, outside: 6 },
      ranges: [],
    })
  })

  it('begins with the first candle, and ends with the last closed slot', async () => {
    const { symbol, fill } = await seed()
    await fill(minutes(0, 10))
    const body = await read(url(symbol))
    expect(body).toMatchObject({ start: T0, complete: false, slots: { present: 10, outside: 0 } })
    expect(await read(url(symbol, `&end=${at(10)}`))).toMatchObject({ complete: true, end: at(10) })
    expect(await read(url(symbol, '&end=2099-01-01'))).toMatchObject({ start: T0, complete: false })
  })

  it('proves itself by a recount', async () => {
    const { symbol, fill, seriesId } = await seed()
    await fill(minutes(0, 10), [at(4)])
    const countWrite = () =>
      env.DB.prepare('UPDATE series SET version = version + 1 WHERE id = ?1').bind(seriesId).run()
    const ranges = [
      [at(0), at(4)],
      [at(5), at(10)],
    ]
    expect(await read(url(symbol, '&recount=true'))).toMatchObject({
      proof: { equal: true, ranges: 2, recounted: ranges },
    })
    await env.DB.prepare('DELETE FROM candles WHERE series_id = ?1 AND open_time = ?2').bind(seriesId, at(8)).run()
    await countWrite()
    expect(await read(url(symbol, '&recount=true'))).toMatchObject({ proof: { equal: false, ranges: 3 }, ranges })
    await env.DB.prepare('DELETE FROM candles WHERE series_id = ?1').bind(seriesId).run()
    await countWrite()
    expect(await read(url(symbol, '&recount=true'))).toMatchObject({ proof: { equal: false, ranges: 0 } })
  })

  it('lists its ranges in pages, and counts all of the window on each', async () => {
    const { symbol, fill } = await seed()
    await fill(
      minutes(0, 10),
      [...slotsIn(minutes(0, 10), '1m')].filter((_, index) => index % 2 === 1),
    )
    const found: unknown[] = []
    for (let next: unknown = url(symbol, `&end=${at(10)}&limit=2`); typeof next === 'string'; ) {
      const body: Record<string, unknown> = await read(next.replace('https://api.test', ''))
      expect(body).toMatchObject({ slots: { present: 5, missing: 5 } })
      found.push(body['ranges'])
      next = body['nextUrl']
    }
    expect(found.flat()).toEqual([0, 2, 4, 6, 8].map((minute) => [at(minute), at(minute + 1)]))
  })

  it('counts months by the calendar', async () => {
    const { symbol, fill } = await seed('1M')
    await fill({ start: T0, end: Date.UTC(2026, 4, 1) }, [Date.UTC(2026, 2, 1)])
    const body = await read(url(symbol, '&end=2026-05-01', '1M'))
    expect(body).toMatchObject({ slots: { expected: 4, present: 3, missing: 1 } })
  })

  it('is of stored series only', async () => {
    const { symbol } = await seed()
    const answer = await problem(await api(url(symbol, '', '1h')))
    expect(answer).toMatchObject({
      status: 404,
      errors: [{ path: 'interval', message: expect.stringContaining('1m') }],
    })
  })

  it.each([
    ['exchange=okx&interval=1m', 400, 'symbol'],
    ['symbol=BTC-USDT&interval=1m', 400, 'exchange'],
    ['exchange=okx&symbol=BTC-USDT&interval=2m', 400, 'interval'],
    ['exchange=okx&symbol=BTC-USDT&interval=1m&start=2&end=1', 400, 'end'],
    ['exchange=okx&symbol=BTC-USDT&interval=1m&recount=1', 400, 'recount'],
    ['exchange=okx&symbol=BTC-USDT&interval=1m&cursor=!', 400, 'cursor'],
    ['exchange=okx&symbol=NOPE-USDT&interval=1m', 404, 'symbol'],
    ['exchange=mtgox&symbol=BTC-USDT&interval=1m', 404, 'exchange'],
  ])('refuses ?%s', async (query, status, path) => {
    expect(await problem(await api(`/v1/coverage?${query}`))).toMatchObject({ status, errors: [{ path }] })
  })
})
