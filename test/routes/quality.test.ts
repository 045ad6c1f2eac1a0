import { env } from 'cloudflare:workers'
import { describe, expect, it } from 'vitest'
import { z } from 'zod'
import { DAY } from '../../src/domain/interval.ts'
import { candleAt, MINUTE, T0 } from '../store/seed.ts'
import { api, minutes, problem, read, seed } from './api.ts'

const at = (minute: number) => T0 + minute * MINUTE
const DAY_MINUTES = 24 * 60

const days = z.array(
  z.looseObject({
    expected: z.int(),
    present: z.int(),
    confirmedEmpty: z.int(),
    missing: z.int(),
  }),
)

const url = (symbol: string, start: number, end: number, rest = '') =>
  `/v1/quality?exchange=okx&symbol=${symbol}&start=${start}&end=${end}${rest}`

describe('GET /v1/quality', () => {
  it('says of each day what is known of its slots', async () => {
    const { symbol, seriesId, fill, write } = await seed()
    await fill(minutes(0, DAY_MINUTES + 10), [at(2), at(6), at(7)])
    await env.DB.batch([
      env.DB.prepare('INSERT INTO empty_slots VALUES (?1, ?2, 0)').bind(seriesId, at(2)),
      env.DB.prepare(
        `INSERT INTO gaps (series_id, open_time, reason, first_seen, attempts, next_attempt_at)
         VALUES (?1, ?2, 'quarantined', 0, 1, 0), (?1, ?3, 'absent', 0, 1, 0)`,
      ).bind(seriesId, at(6), at(7)),
      env.DB.prepare("UPDATE candles SET close = '2' WHERE series_id = ?1 AND open_time = ?2").bind(seriesId, at(4)),
      env.DB.prepare('UPDATE series SET verified_to = ?2 WHERE id = ?1').bind(seriesId, at(DAY_MINUTES)),
      env.DB.prepare('INSERT INTO checked_series VALUES (?1, ?2, ?3, 77, 1)').bind(seriesId, at(0), at(30)),
    ])
    await fill(minutes(2, 3), [at(2)])
    // What was asked for in vain comes after all.
    await write({ window: minutes(7, 8), candles: [candleAt(at(7))] })
    const body = await read(url(symbol, at(-5), T0 + DAY + 5 * MINUTE))
    const series = { exchange: 'okx', symbol, exchangeSymbol: symbol, interval: '1m', source: 'exchange' }
    expect(body['data']).toEqual([
      {
        ...series,
        day: '2026-01-01',
        start: T0,
        end: T0 + DAY,
        expected: 1440,
        present: 1438,
        confirmedEmpty: 1,
        missing: 1,
        quarantined: 1,
        revised: 1,
        late: 1,
        completeness: 99.9305,
        lastVerified: T0 + DAY,
        lastChecked: 77,
      },
      {
        ...series,
        day: '2026-01-02',
        start: T0 + DAY,
        end: T0 + DAY + 5 * MINUTE,
        expected: 5,
        present: 5,
        confirmedEmpty: 0,
        missing: 0,
        quarantined: 0,
        revised: 0,
        late: 0,
        completeness: 100,
        lastVerified: null,
        lastChecked: null,
      },
    ])
  })

  it.each(['1m', '1h', '1d', '1w', '1M'] as const)('adds up to what /v1/coverage counts: %s', async (interval) => {
    const { symbol, seriesId, fill } = await seed(interval)
    const lengths = { '1m': MINUTE, '1h': 60 * MINUTE, '1d': DAY, '1w': 7 * DAY, '1M': 31 * DAY }
    const slot = (count: number) => {
      if (interval === '1M') return Date.UTC(2026, count, 1)
      return (interval === '1w' ? Date.UTC(2026, 0, 5) : T0) + count * lengths[interval]
    }
    await fill({ start: slot(0), end: slot(2) })
    await fill({ start: slot(3), end: slot(6) }, [slot(4)])
    await env.DB.batch([
      env.DB.prepare('INSERT INTO empty_slots VALUES (?1, ?2, 0)').bind(seriesId, slot(4)),
      env.DB.prepare('UPDATE instruments SET valid_to = ?2 WHERE id = ?1').bind(seriesId, slot(6) + 1),
    ])
    await fill({ start: slot(4), end: slot(5) }, [slot(4)])
    const window = `start=${T0 - DAY}&end=${T0 + 91 * DAY - 1}`
    const coverage = await read(`/v1/coverage?exchange=okx&symbol=${symbol}&interval=${interval}&${window}`)
    const quality = await read(`/v1/quality?exchange=okx&symbol=${symbol}&${window}`)
    const rows = days.parse(quality['data'])
    const sum = (name: 'expected' | 'present' | 'confirmedEmpty' | 'missing') =>
      rows.reduce((total, row) => total + row[name], 0)
    expect(sum('expected')).toBeGreaterThan(2)
    expect(coverage['slots']).toMatchObject({
      expected: sum('expected'),
      present: sum('present'),
      empty: sum('confirmedEmpty'),
      missing: sum('missing'),
    })
    for (const row of rows) expect(row.expected).toBe(row.present + row.confirmedEmpty + row.missing)
  })

  it('ends what users have sent where it ends', async () => {
    const { symbol, seriesId, fill } = await seed()
    await fill(minutes(0, 10))
    await env.DB.prepare(
      "UPDATE series SET source = 'mine', recorded_from = NULL, first_candle_time = NULL WHERE id = ?1",
    )
      .bind(seriesId)
      .run()
    const body = await read(url(symbol, T0 - DAY, T0 + 3 * DAY, '&source=mine'))
    expect(body['data']).toMatchObject([{ source: 'mine', expected: 10, present: 10, start: T0, end: at(10) }])
    expect(await read(url(symbol, T0 - DAY, T0 + 3 * DAY, '&source=other'))).toMatchObject({ data: [] })
  })

  it('lists its days in pages, each once', async () => {
    const { symbol, fill } = await seed('1h')
    await fill({ start: T0, end: T0 + 5 * DAY })
    const found: unknown[] = []
    for (let next: unknown = url(symbol, T0, T0 + 5 * DAY, '&limit=2'); typeof next === 'string'; ) {
      const body: Record<string, unknown> = await read(next.replace('https://api.test', ''))
      found.push(
        ...z
          .array(z.looseObject({ day: z.string() }))
          .parse(body['data'])
          .map(({ day }) => day),
      )
      next = body['nextUrl']
      expect(found.length).toBeLessThan(10)
    }
    expect(found).toEqual(['2026-01-01', '2026-01-02', '2026-01-03', '2026-01-04', '2026-01-05'])
  })

  it('shows the last seven days where nothing else is asked for', async () => {
    const { symbol } = await seed('1d')
    const body = await read(`/v1/quality?exchange=okx&symbol=${symbol}`)
    expect(days.parse(body['data']).length).toBe(6)
    expect(body['data']).toMatchObject(Array(6).fill({ present: 0, completeness: 0, lastVerified: null }))
  })

  it('goes over all exchanges and series', async () => {
    const one = await seed('1h')
    const other = await seed('1d')
    const body = await read(`/v1/quality?start=${T0}&end=${T0 + DAY}&limit=1000`)
    const symbols = z
      .array(z.looseObject({ symbol: z.string() }))
      .parse(body['data'])
      .map(({ symbol }) => symbol)
    expect(symbols).toEqual(expect.arrayContaining([one.symbol, other.symbol]))
  })

  it.each([
    ['exchange=mtgox', 404, 'exchange'],
    ['exchange=MtGox', 404, 'exchange'],
    ['symbol=cryptopair_okx_nope', 404, 'symbol'],
    ['symbol=!', 400, 'symbol'],
    ['interval=2m', 400, 'interval'],
    ['source=A', 400, 'source'],
    ['start=2&end=1', 400, 'end'],
    [`start=${T0}&end=${T0 + 92 * DAY + 1}`, 400, 'end'],
    ['start=2017-01-01', 400, 'end'],
    ['limit=1001', 400, 'limit'],
    ['cursor=!', 400, 'cursor'],
    ['kind=price_jump', 400, 'query'],
  ])('refuses ?%s', async (query, status, path) => {
    const body = await problem(await api(`/v1/quality?${query}`))
    expect(body).toMatchObject({ status })
    if (path !== 'query') expect(body).toMatchObject({ errors: [{ path }] })
  })
})
