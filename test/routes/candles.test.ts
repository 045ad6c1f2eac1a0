import { env } from 'cloudflare:workers'
import { describe, expect, it } from 'vitest'
import { slotsIn } from '../../src/domain/interval.ts'
import { candleAt, MINUTE, T0 } from '../store/seed.ts'
import { api, candlesOf, insertInstrument, minutes, openTimes, problem, read, readAllPages, seed } from './api.ts'

const at = (minute: number) => T0 + minute * MINUTE
/** The one that was delisted last is found. */
let nextEnd = 0
const times = (from: number, to: number) => [...slotsIn(minutes(from, to), '1m')]

describe('a page of candles', () => {
  it('holds the candles of the window, in full', async () => {
    const { path, fill, symbol } = await seed()
    await fill(minutes(0, 10))
    const candle = { open: '1', high: '9', low: '0.5', close: '1', volume: '10', quoteVolume: '10.5', tradeCount: 3 }
    expect(await read(`${path}&start=${at(2)}&end=${at(4)}`)).toEqual({
      exchange: 'okx',
      symbol,
      exchangeSymbol: symbol,
      kind: 'spot',
      interval: '1m',
      source: 'exchange',
      derived: false,
      start: at(2),
      end: at(4),
      revision: 0,
      coverage: { complete: true, verifiedTo: at(4), missing: [], empty: [] },
      nextCursor: null,
      nextUrl: null,
      immutableUrl: `https://api.test${path}&start=${at(2)}&end=${at(4)}&revision=0`,
      data: [
        { openTime: at(2), ...candle, closed: true },
        { openTime: at(3), ...candle, closed: true },
      ],
    })
  })

  it('takes the slots that open in the window, whatever its edges', async () => {
    const { path, fill } = await seed()
    await fill(minutes(0, 10))
    const body = await read(`${path}&start=${at(2) + 1}&end=${at(4) + 1}`)
    expect(openTimes(body)).toEqual([at(3), at(4)])
    expect(body).toMatchObject({ start: at(3), end: at(5) })
    expect(openTimes(await read(`${path}&start=${at(2) + 1}&end=${at(2) + 2}`))).toEqual([])
  })

  it('is the newest ones without a start, ascending all the same', async () => {
    const { path, fill } = await seed()
    await fill(minutes(0, 10))
    const body = await read(`${path}&limit=3&end=${at(8)}`)
    expect(openTimes(body)).toEqual(times(5, 8))
    expect(body).toMatchObject({ start: at(5), end: at(8), coverage: { complete: true }, nextCursor: null })
    expect(openTimes(await read(`${path}&limit=3&end=${at(8)}&order=desc`))).toEqual(times(5, 8).reverse())
  })

  it('speaks for as many slots as were asked for where there are fewer candles', async () => {
    const { path, fill } = await seed()
    await fill(minutes(10, 12))
    const body = await read(`${path}&limit=5&end=${at(13)}`)
    expect(body).toMatchObject({ start: at(8), end: at(13) })
    expect(body['coverage']).toMatchObject({
      missing: [
        [at(8), at(10), 'not_loaded'],
        [at(12), at(13), 'not_loaded'],
      ],
    })
  })

  it.each(['asc', 'desc'])('leads to the next one, %s, until all are read once', async (order) => {
    const { path, fill } = await seed()
    await fill(minutes(0, 23), [at(4), at(5), at(11)])
    const pages = await readAllPages(`${path}&start=${at(0)}&end=${at(23)}&limit=5&order=${order}`)
    const expected = times(0, 23).filter((time) => ![at(4), at(5), at(11)].includes(time))
    expect(pages.flatMap(openTimes)).toEqual(order === 'asc' ? expected : expected.reverse())
    const missing = pages.flatMap((page) => candlesOf(page).coverage.missing)
    expect(missing.sort()).toEqual([
      [at(4), at(6), 'not_loaded'],
      [at(11), at(12), 'not_loaded'],
    ])
    expect(new Set(pages.map(({ revision }) => revision))).toEqual(new Set([0]))
  })

  it('reads the newest backward to the first candle there is', async () => {
    const { path, fill } = await seed()
    await fill(minutes(0, 7))
    const pages = await readAllPages(`${path}&end=${at(7)}&limit=3&order=desc`)
    expect(pages.flatMap(openTimes)).toEqual(times(0, 7).reverse())
    expect(pages).toHaveLength(3)
  })

  it('does not page through what is not loaded', async () => {
    const { path, fill } = await seed()
    await fill(minutes(100_000, 100_002))
    const body = await read(`${path}&start=${at(0)}&end=${at(100_002)}&limit=5`)
    expect(openTimes(body)).toEqual(times(100_000, 100_002))
    expect(body).toMatchObject({ coverage: { missing: [[at(0), at(100_000), 'not_loaded']] }, nextCursor: null })
  })

  it('ends earlier where the reasons alone would fill it', async () => {
    const { path, write } = await seed()
    const absent = times(0, 6_000).map((openTime) => ({ openTime, bracketed: false }))
    await write({ window: minutes(0, 6_000), absent })
    const pages = await readAllPages(`${path}&start=${at(0)}&end=${at(6_000)}`)
    expect(pages.flatMap((page) => candlesOf(page).coverage.missing)).toEqual([
      [at(0), at(5_000), 'absent'],
      [at(5_000), at(6_000), 'absent'],
    ])
    const newest = await read(`${path}&end=${at(6_000)}&order=desc`)
    expect(newest).toMatchObject({ start: at(1_000), coverage: { missing: [[at(1_000), at(6_000), 'absent']] } })
  })
})

describe('what a page lacks', () => {
  it('is said with the reason of each range', async () => {
    const { path, write, fill, seriesId } = await seed()
    await fill(minutes(0, 3))
    await write({ window: minutes(3, 5), absent: times(3, 5).map((openTime) => ({ openTime, bracketed: false })) })
    await write({ window: minutes(5, 6), bad: [{ openTime: at(5), reason: 'high_below_body', raw: '{}' }] })
    const window = `&start=${at(0)}&end=${at(8)}`
    const body = await read(path + window)
    expect(body['coverage']).toMatchObject({
      complete: false,
      missing: [
        [at(3), at(5), 'absent'],
        [at(5), at(6), 'quarantined'],
        [at(6), at(8), 'not_loaded'],
      ],
    })
    expect(body).toMatchObject({ immutableUrl: null })
    await env.DB.prepare('UPDATE series SET failures = 2 WHERE id = ?1').bind(seriesId).run()
    const failing = candlesOf(await read(path + window))
    expect(failing.coverage.missing.at(-1)).toEqual([at(6), at(8), 'load_failing'])
  })

  it('is neither what is proven empty nor what lies outside of its life', async () => {
    const { path, fill, seriesId } = await seed()
    await fill(minutes(0, 10), [at(2), at(3)])
    await env.DB.prepare('INSERT INTO empty_slots VALUES (?1, ?2, 0), (?1, ?3, 0)').bind(seriesId, at(2), at(3)).run()
    await fill(minutes(2, 4), [at(2), at(3)])
    await env.DB.prepare('UPDATE instruments SET valid_to = ?2 WHERE id = ?1')
      .bind(seriesId, at(10) - 1)
      .run()
    const body = await read(`${path}&start=${at(-5)}&end=${at(15)}`)
    expect(body['coverage']).toEqual({ complete: true, verifiedTo: at(10), missing: [], empty: [[at(2), at(4)]] })
    expect(openTimes(body)).toEqual([...times(0, 2), ...times(4, 10)])
  })

  it('is everything where nothing is recorded that could answer', async () => {
    const { path, symbol } = await seed('1h')
    const body = await read(`${path.replace('1h', '1m')}&start=${at(0)}&end=${at(5)}`)
    expect(body).toMatchObject({ symbol, revision: null, derived: false, data: [], immutableUrl: null })
    expect(body['coverage']).toMatchObject({ missing: [[at(0), at(5), 'not_recorded']] })
    expect(await read(`${path}&limit=2&source=upload&end=${at(120)}`)).toMatchObject({
      coverage: { missing: [[at(0), at(120), 'not_recorded']] },
    })
  })

  it('is wanted by nobody any more once the series is dropped, except where a backfill asks for it', async () => {
    const { path, seriesId, fill } = await seed()
    await fill(minutes(0, 2))
    const window = `${path}&start=${at(-2)}&end=${at(8)}`
    await env.DB.prepare('UPDATE series SET first_candle_time = ?2 WHERE id = ?1').bind(seriesId, at(-2)).run()
    const recorded = await api(window)
    expect(await recorded.json()).toMatchObject({
      coverage: {
        verifiedTo: at(2),
        missing: [
          [at(-2), at(0), 'not_recorded'],
          [at(2), at(8), 'not_loaded'],
        ],
      },
    })
    await env.DB.prepare('UPDATE series SET recorded_from = NULL WHERE id = ?1').bind(seriesId).run()
    await env.DB.prepare(
      'INSERT INTO backfill_windows (backfill_id, series_id, start_time, end_time, covered_before) VALUES (?1, ?2, ?3, ?4, 0)',
    )
      .bind(`of ${seriesId}`, seriesId, at(4), at(6))
      .run()
    const dropped = await api(window, { headers: { 'If-None-Match': recorded.headers.get('ETag') ?? '' } })
    expect(dropped.status).toBe(200)
    expect(await dropped.json()).toMatchObject({
      coverage: {
        missing: [
          [at(-2), at(0), 'not_recorded'],
          [at(2), at(4), 'not_recorded'],
          [at(4), at(6), 'not_loaded'],
          [at(6), at(8), 'not_recorded'],
        ],
      },
    })
    const stream = await api(`${window}&all=true&format=csv`)
    expect(stream.headers.get('X-Coverage-Missing')).toContain(`${at(6)},${at(8)},"not_recorded"`)
    await stream.body?.cancel()
  })

  it('is verified nowhere where nothing is there', async () => {
    const { path, fill } = await seed()
    await fill(minutes(5, 10))
    expect(await read(`${path}&start=${at(0)}&end=${at(5)}`)).toMatchObject({
      data: [],
      coverage: { verifiedTo: null, missing: [[at(0), at(5), 'not_loaded']] },
    })
    expect(await read(`${path.replace('1m', '5m')}&start=${at(0)}&end=${at(5)}`)).toMatchObject({
      derived: true,
      data: [],
      coverage: { verifiedTo: null },
    })
  })

  it('makes a strict answer fail, naming the ranges', async () => {
    const { path, fill } = await seed()
    await fill(minutes(0, 5))
    expect((await api(`${path}&start=${at(0)}&end=${at(5)}&strict=true`)).status).toBe(200)
    const response = await api(`${path}&start=${at(0)}&end=${at(6)}&strict=true`)
    expect(await problem(response)).toMatchObject({
      status: 409,
      code: 'incomplete_window',
      errors: [
        { path: 'coverage.missing', message: '2026-01-01T00:05:00.000Z to 2026-01-01T00:06:00.000Z: not_loaded' },
      ],
    })
  })
})

describe('formats', () => {
  const window = `&start=${at(0)}&end=${at(3)}`

  it('array is that of ccxt, as numbers', async () => {
    const { path, fill } = await seed()
    await fill(minutes(0, 2))
    const response = await api(`${path}${window}&format=array`)
    expect(await response.json()).toEqual([
      [at(0), 1, 9, 0.5, 1, 10],
      [at(1), 1, 9, 0.5, 1, 10],
    ])
    expect(response.headers.get('X-Coverage-Complete')).toBe('false')
    expect(response.headers.get('X-Coverage-Missing')).toBe(`[[${at(2)},${at(3)},"not_loaded"]]`)
  })

  it('csv has a header, and the next page in the headers', async () => {
    const { path, fill } = await seed()
    await fill(minutes(0, 2))
    const response = await api(`${path}${window}&format=csv&limit=1`)
    expect(response.headers.get('Content-Type')).toBe('text/csv; charset=utf-8')
    expect(await response.text()).toBe(
      `openTime,open,high,low,close,volume,quoteVolume,tradeCount\n${at(0)},1,9,0.5,1,10,10.5,3\n`,
    )
    expect(response.headers.get('X-Next-Cursor')).toBe(String(at(1)))
    expect(response.headers.get('Link')).toContain(`cursor=${at(1)}&revision=0>; rel="next"`)
    expect(response.headers.get('X-Immutable-Url')).toContain('revision=0')
  })

  it('ndjson has an object a line, null where the exchange sends nothing', async () => {
    const { path, write } = await seed()
    await write({ window: minutes(0, 1), candles: [{ ...candleAt(at(0)), quoteVolume: null, tradeCount: null }] })
    const lines = (await (await api(`${path}${window}&format=ndjson`)).text()).trimEnd().split('\n')
    expect(lines.map((line) => JSON.parse(line))).toMatchObject([
      { openTime: at(0), quoteVolume: null, tradeCount: null },
    ])
  })

  it('lists the first hundred missing ranges in the header, and says that there are more', async () => {
    const { path, fill } = await seed()
    const odd = times(0, 300).filter((_, index) => index % 2 === 1)
    await fill(minutes(0, 300), odd)
    const { headers } = await api(`${path}&start=${at(0)}&end=${at(300)}&format=csv`)
    expect(JSON.parse(headers.get('X-Coverage-Missing') ?? '')).toHaveLength(100)
    expect(headers.get('X-Coverage-Missing-Truncated')).toBe('true')
  })
})

describe('names and times', () => {
  it.each([
    ['BTC-EUR', 'BTC/EUR'],
    ['BTC-EUR', 'cryptopair_okx_btceur'],
    ['BTC-EUR-PERP', 'BTC/EUR:EUR'],
    ['BTC-EUR-PERP', 'cryptoperp_okx_btceur'],
    ['币安人生-EUR', '币安人生-EUR'],
  ])('%s is found as %s', async (symbol, name) => {
    const kind = symbol.endsWith('-PERP') ? 'perpetual' : 'spot'
    const exchangeSymbol = `${symbol} as ${name}`
    await insertInstrument({ symbol, kind, exchangeSymbol, validTo: T0 + nextEnd++ })
    const body = await read(`/v1/candles/okx/${encodeURIComponent(name)}?interval=1m&limit=1`)
    expect(body).toMatchObject({ symbol, exchangeSymbol, kind })
  })

  it('a symbol that was listed again is the new one', async () => {
    await insertInstrument({ symbol: 'RE-EUR', exchangeSymbol: 'NEW' })
    await insertInstrument({ symbol: 'RE-EUR', exchangeSymbol: 'OLD', validTo: T0 })
    expect(await read('/v1/candles/okx/RE-EUR?interval=1m&limit=1')).toMatchObject({ exchangeSymbol: 'NEW' })
  })

  it('times may be ISO 8601, with any zone', async () => {
    const { path, fill } = await seed()
    await fill(minutes(0, 5))
    const forms = ['2026-01-01', '2026-01-01T00:00', '2026-01-01T00:00:00.000Z', '2026-01-01T01:00+01:00', String(T0)]
    for (const start of forms) {
      expect(openTimes(await read(`${path}&start=${start}&limit=1`)), start).toEqual([T0])
    }
  })
})

describe('refuses', () => {
  it.each([
    ['interval=1m&start=5&end=5', 400, 'end'],
    ['interval=1m&start=2026-01-02&end=2026-01-01', 400, 'end'],
    ['interval=1m&start=NaN', 400, 'start'],
    ['interval=1m&start=-1', 400, 'start'],
    ['interval=1m&start=1e3', 400, 'start'],
    ['interval=1m&start=2026-13-01', 400, 'start'],
    ['interval=1m&end=99999999999999', 400, 'end'],
    ['interval=1m&end=9999999999999999999', 400, 'end'],
    ['interval=1m&limit=0', 400, 'limit'],
    ['interval=1m&limit=5001', 400, 'limit'],
    ['interval=1m&limit=NaN', 400, 'limit'],
    ['interval=1m&limit=1.5', 400, 'limit'],
    ['interval=1m&limit=1&limit=2', 400, 'limit'],
    ['interval=1m&order=up', 400, 'order'],
    ['interval=1m&format=xml', 400, 'format'],
    ['interval=1m&strict=yes', 400, 'strict'],
    ['interval=1m&cursor=x', 400, 'cursor'],
    ['interval=1m&cursor=A1-USDT:5', 400, 'cursor'],
    ['interval=1m&symbols=BTC-USDT', 400, 'symbols'],
    ['interval=1m&revision=-1', 400, 'revision'],
    ["interval=1m&source='%20OR%201=1", 400, 'source'],
    ['interval=1m&intervall=1h', 400, 'intervall'],
    ['', 400, 'interval'],
  ])('?%s, naming the field', async (query, status, path) => {
    const { symbol } = await seed()
    const response = await api(`/v1/candles/okx/${symbol}?${query}`)
    const body = await problem(response)
    expect(body).toMatchObject({ status, errors: [{ path, message: expect.any(String) }] })
  })

  it.each([
    ['/v1/candles/okx/A1-USDT?interval=7m', 400, 'unknown_interval', 'interval'],
    ['/v1/candles/nowhere/A1-USDT?interval=1m', 404, 'unknown_exchange', 'exchange'],
    ['/v1/candles/okx/NOPE-USDT?interval=1m', 404, 'unknown_instrument', 'symbol'],
    ['/v1/candles/okx/cryptopair_binance_btcusdt?interval=1m', 404, 'unknown_instrument', 'symbol'],
    ['/v1/candles/okx/A1%27%20OR%20%271%27=%271?interval=1m', 400, 'invalid_request', 'symbol'],
    [`/v1/candles/okx/${'A'.repeat(500)}-USDT?interval=1m`, 400, 'invalid_request', 'symbol'],
  ])('%s', async (path, status, code, field) => {
    expect(await problem(await api(path))).toMatchObject({ status, code, errors: [{ path: field }] })
  })
})
