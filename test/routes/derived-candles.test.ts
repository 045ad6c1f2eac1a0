import { env } from 'cloudflare:workers'
import { describe, expect, it } from 'vitest'
import { decimal } from '../../src/domain/decimal.ts'
import { type Interval, slotsIn, type Window } from '../../src/domain/interval.ts'
import { candleAt, MINUTE, T0 } from '../store/seed.ts'
import { api, candlesOf, minutes, openTimes, read, readAllPages, type SeededSeries, seed } from './api.ts'

const HOUR = 60
const DAY = 24 * HOUR
const at = (minute: number) => T0 + minute * MINUTE

/** Candles whose every field tells its minute. */
function distinct(window: Window) {
  return [...slotsIn(window, '1m')].map((time) => {
    const minute = (time - T0) / MINUTE
    return {
      ...candleAt(time, `${minute}.5`),
      open: decimal(String(minute)),
      high: decimal(`${minute}.9`),
      low: decimal(`0.${minute + 1}`),
      volume: decimal('0.1'),
      quoteVolume: decimal('0.0000000000000000001'),
      tradeCount: 1,
    }
  })
}

const hourly = ({ path }: SeededSeries) => path.replace('interval=1m', 'interval=1h')
const as = ({ path }: SeededSeries, interval: string) => path.replace('interval=1m', `interval=${interval}`)

/** Another interval of the same instrument, without data; its id is returned. */
async function addSeries({ seriesId }: SeededSeries, interval: Interval, recordedFrom: number | null) {
  const row = await env.DB.prepare(
    `INSERT INTO series (instrument_id, interval, source, recorded_from) VALUES (?1, ?2, 'exchange', ?3) RETURNING id`,
  )
    .bind(seriesId, interval, recordedFrom)
    .first<{ id: number }>()
  return row?.id ?? 0
}

describe('a derived interval', () => {
  it('is exact, and says so', async () => {
    const series = await seed()
    await series.write({ window: minutes(0, 10), candles: distinct(minutes(0, 10)) })
    const body = await read(`${as(series, '5m')}&start=${at(0)}&end=${at(10)}`)
    expect(body).toMatchObject({
      derived: true,
      interval: '5m',
      revision: 0,
      coverage: { complete: true, missing: [] },
    })
    const shared = { volume: '0.5', quoteVolume: '0.0000000000000000005', tradeCount: 5, closed: true }
    expect(body['data']).toEqual([
      { openTime: at(0), open: '0', high: '4.9', low: '0.1', close: '4.5', ...shared },
      { openTime: at(5), open: '5', high: '9.9', low: '0.1', close: '9.5', ...shared },
    ])
  })

  it('is missing over incomplete input, empty over none', async () => {
    const series = await seed()
    await series.fill(minutes(0, 4 * HOUR), [at(70)])
    const empty = [...slotsIn(minutes(2 * HOUR, 3 * HOUR), '1m')]
    await env.DB.batch([
      env.DB.prepare('DELETE FROM candles WHERE series_id = ?1 AND open_time >= ?2 AND open_time < ?3').bind(
        series.seriesId,
        at(2 * HOUR),
        at(3 * HOUR),
      ),
      ...empty.map((time) => env.DB.prepare('INSERT INTO empty_slots VALUES (?1, ?2, 0)').bind(series.seriesId, time)),
    ])
    const body = await read(`${hourly(series)}&start=${at(0)}&end=${at(4 * HOUR)}`)
    expect(openTimes(body)).toEqual([at(0), at(3 * HOUR)])
    expect(body['coverage']).toMatchObject({
      complete: false,
      missing: [[at(HOUR), at(2 * HOUR), 'incomplete_input']],
      empty: [[at(2 * HOUR), at(3 * HOUR)]],
    })
  })

  it('counts slots outside of the instrument’s life as empty', async () => {
    const series = await seed()
    await env.DB.prepare('UPDATE series SET first_candle_time = ?2 WHERE id = ?1').bind(series.seriesId, at(30)).run()
    await env.DB.prepare('UPDATE instruments SET valid_to = ?2 WHERE id = ?1').bind(series.seriesId, at(90)).run()
    await series.fill(minutes(30, 90))
    const body = await read(`${hourly(series)}&start=${at(-HOUR)}&end=${at(3 * HOUR)}`)
    expect(openTimes(body)).toEqual([at(0), at(HOUR)])
    expect(body['coverage']).toMatchObject({ complete: true, missing: [], empty: [] })
    expect(candlesOf(body).data.map(({ volume }) => volume)).toEqual(['300', '300'])
  })

  it.each(['asc', 'desc'])('is paged, %s', async (order) => {
    const series = await seed()
    await series.fill(minutes(0, 5 * HOUR), [at(130)])
    const pages = await readAllPages(`${hourly(series)}&start=${at(0)}&end=${at(5 * HOUR)}&limit=2&order=${order}`)
    const expected = [0, 1, 3, 4].map((hour) => at(hour * HOUR))
    expect(pages.flatMap(openTimes)).toEqual(order === 'asc' ? expected : expected.reverse())
    expect(pages).toHaveLength(3)
  })

  it('reads no more than its bound of input, and goes on by cursor', async () => {
    const series = await seed()
    await env.DB.prepare(
      `INSERT INTO candles (series_id, open_time, open, high, low, close, volume)
       WITH RECURSIVE n (i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i < 59999)
       SELECT ?1, CAST(?2 AS INTEGER) + i * 60000, '1', '2', '0.5', '1', '1' FROM n`,
    )
      .bind(series.seriesId, T0)
      .run()
    const whole = minutes(0, 60_000)
    await env.DB.prepare("INSERT INTO coverage VALUES (?1, ?2, ?3, 'test')")
      .bind(series.seriesId, whole.start, whole.end)
      .run()
    const pages = await readAllPages(`${as(series, '12h')}&start=${at(0)}&end=${at(60_000)}&limit=5000`)
    expect(pages.map((page) => page.data.length)).toEqual([69, 14])
    // The last slot of the window is cut off by its end, not by the data.
    expect(pages[1]?.coverage).toMatchObject({ complete: false })
  })

  it('passes over years without input in one page', async () => {
    const series = await seed()
    await series.fill(minutes(200 * DAY, 200 * DAY + HOUR))
    const window = `&start=${at(0)}&end=${at(200 * DAY + HOUR)}&limit=10`
    const pages = await readAllPages(hourly(series) + window)
    expect(pages.flatMap(openTimes)).toEqual([at(200 * DAY)])
    expect(pages).toHaveLength(2)
    expect(pages[0]?.coverage.missing).toEqual([[at(0), at(200 * DAY), 'incomplete_input']])
    const back = await readAllPages(`${hourly(series)}&start=${at(0)}&end=${at(300 * DAY)}&limit=10&order=desc`)
    expect(back.flatMap(openTimes)).toEqual([at(200 * DAY)])
    expect(back.length).toBeLessThan(4)
  })

  it('ends going backward where there is nothing older', async () => {
    const series = await seed()
    await env.DB.prepare('UPDATE series SET first_candle_time = NULL WHERE id = ?1').bind(series.seriesId).run()
    await series.fill(minutes(10 * DAY, 10 * DAY + HOUR))
    const pages = await readAllPages(`${hourly(series)}&end=${at(10 * DAY + HOUR)}&limit=2&order=desc`)
    expect(pages.flatMap(openTimes)).toEqual([at(10 * DAY)])
  })

  it('comes from the largest stored divisor', async () => {
    const series = await seed()
    await series.fill(minutes(0, 2 * DAY))
    await addSeries(series, '1h', T0)
    const body = await read(`${as(series, '4h')}&start=${at(0)}&end=${at(DAY)}`)
    expect(body).toMatchObject({ data: [], coverage: { missing: [[at(0), at(DAY), 'incomplete_input']] } })
    expect(openTimes(await read(`${as(series, '15m')}&start=${at(0)}&end=${at(15)}`))).toEqual([at(0)])
  })
})

describe('a series that only a backfill wanted', () => {
  /** Covered between two minutes, and unrecorded. */
  async function backfilled(series: SeededSeries, interval: Interval, from: number, to: number): Promise<void> {
    const id = await addSeries(series, interval, null)
    await env.DB.prepare("INSERT INTO coverage VALUES (?1, ?2, ?3, 'test')").bind(id, at(from), at(to)).run()
  }
  const window = (from: number, to: number) => `&start=${at(from)}&end=${at(to)}`

  it('does not hide what can be derived from a recorded one', async () => {
    const series = await seed()
    await series.fill(minutes(0, 4 * HOUR))
    await backfilled(series, '1h', 0, 2 * HOUR)
    await addSeries(series, '30m', null)
    const body = await read(`${hourly(series)}${window(0, 4 * HOUR)}`)
    expect(body).toMatchObject({ derived: true, coverage: { complete: true } })
    expect(await read(`${as(series, '2h')}${window(0, 4 * HOUR)}`)).toMatchObject({ coverage: { complete: true } })
    expect(await read(`${hourly(series)}&end=${at(4 * HOUR)}&limit=2`)).toMatchObject({ derived: true })
    const rows = await (await api(`${hourly(series)}${window(0, 4 * HOUR)}&all=true&format=csv`)).text()
    expect(rows.trimEnd().split('\n')).toHaveLength(5)
  })

  it('answers where it reaches further than a recorded one', async () => {
    const series = await seed()
    await series.fill(minutes(0, 4 * HOUR))
    await backfilled(series, '1h', -10 * HOUR, 2 * HOUR)
    expect(await read(`${hourly(series)}${window(-10 * HOUR, 4 * HOUR)}`)).toMatchObject({ derived: false })
    expect(await read(`${hourly(series)}${window(0, 4 * HOUR)}`)).toMatchObject({ derived: true })
    expect(await read(`${hourly(series)}${window(-10 * HOUR, -8 * HOUR)}`)).toMatchObject({ derived: false })
  })

  it('answers where nothing else can', async () => {
    const series = await seed('1h')
    await env.DB.prepare('UPDATE series SET recorded_from = NULL WHERE id = ?1').bind(series.seriesId).run()
    await series.fill(minutes(0, 4 * HOUR))
    const url = series.path.replace('interval=1h', 'interval=2h')
    expect(openTimes(await read(`${url}${window(0, 4 * HOUR)}`))).toEqual([at(0), at(2 * HOUR)])
    expect(await read(`${series.path}${window(100 * DAY, 101 * DAY)}`)).toMatchObject({ derived: false, data: [] })
  })

  it('gives way to the interval itself where that is recorded', async () => {
    const series = await seed()
    await series.fill(minutes(0, 4 * HOUR))
    await addSeries(series, '1h', at(3 * HOUR))
    expect(await read(`${hourly(series)}${window(0, 4 * HOUR)}`)).toMatchObject({ derived: false, data: [] })
  })
})

describe('a day and longer', () => {
  const rollup = (seriesId: number, interval: string, from: number, to: number, close: string) =>
    env.DB.prepare(`INSERT INTO rollups VALUES (?1, ?2, ?3, ?4, '1', '9', '0.5', ?5, '7', NULL, NULL)`)
      .bind(seriesId, interval, at(from), at(to), close)
      .run()

  it('is read from what is rolled up, and derived where it is not', async () => {
    const series = await seed()
    await series.fill(minutes(0, 3 * DAY))
    await rollup(series.seriesId, '1d', 0, DAY, '77')
    await rollup(series.seriesId, '1d', 2 * DAY, 3 * DAY, '78')
    const page = candlesOf(await read(`${as(series, '1d')}&start=${at(0)}&end=${at(3 * DAY)}`))
    expect(page.data.map(({ openTime, close }) => [openTime, close])).toEqual([
      [at(0), '77'],
      [at(DAY), '1'],
      [at(2 * DAY), '78'],
    ])
    expect(page.coverage).toMatchObject({ complete: true })
    const newest = candlesOf(await read(`${as(series, '1d')}&end=${at(3 * DAY)}&limit=2&order=desc`))
    expect(newest.data.map(({ close }) => close)).toEqual(['78', '1'])
  })

  it('months and weeks have their own edges', async () => {
    const series = await seed()
    await series.fill(minutes(0, 40 * DAY))
    const months = candlesOf(await read(`${as(series, '1M')}&start=2026-01-01&end=2026-02-01`))
    expect(months.data).toMatchObject([{ openTime: Date.UTC(2026, 0, 1), volume: String(31 * DAY * 10) }])
    const weeks = candlesOf(await read(`${as(series, '1w')}&start=2026-01-01&end=2026-01-20`))
    expect(weeks.data.map(({ openTime }) => new Date(openTime).getUTCDay())).toEqual([1, 1, 1])
  })
})
