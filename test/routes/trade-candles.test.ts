import { env } from 'cloudflare:workers'
import { beforeEach, describe, expect, it } from 'vitest'
import { decimal } from '../../src/domain/decimal.ts'
import { MINUTE, T0 } from '../store/seed.ts'
import { problem } from './api.ts'
import { HeardInstrument, HOUR, KEPT_FROM, NOW, type Page, tradeAt } from './heard-trades.ts'

let heard: HeardInstrument

beforeEach(async () => {
  heard = await HeardInstrument.create()
})

/** A window of minutes before `NOW`. */
const minutes = (from: number, to: number) => `start=${NOW - from * MINUTE}&end=${NOW - to * MINUTE}`
const at = (minutesAgo: number) => NOW - minutesAgo * MINUTE
const openTimes = ({ data }: Page) => data.map(({ openTime }) => openTime)

describe('candles from trades', () => {
  it('join what is stored with what the feed holds, and tell what only trades can', async () => {
    const [first, second, third, last] = [
      tradeAt(-62 * MINUTE, 1),
      tradeAt(-62 * MINUTE + 10, 2, { price: decimal('99'), size: decimal('0.5'), side: 'sell' }),
      tradeAt(-61 * MINUTE - 1, 3, { price: decimal('101'), size: decimal('0.01'), side: null }),
      tradeAt(-59 * MINUTE, 4),
    ]
    await heard.write([first, second, third])
    heard.live = { trades: [third, last], gaps: [], heard: { from: NOW - HOUR, to: NOW } }
    const { symbol } = heard.series
    expect(await heard.read(`interval=1m&${minutes(62, 58)}`)).toEqual({
      exchange: 'okx',
      symbol,
      exchangeSymbol: symbol,
      kind: 'spot',
      interval: '1m',
      source: 'trades',
      derived: false,
      start: at(62),
      end: at(58),
      revision: null,
      coverage: { complete: true, verifiedTo: null, missing: [], empty: [[at(61), at(59)]] },
      nextCursor: null,
      nextUrl: null,
      immutableUrl: null,
      compared: 0,
      differing: 0,
      differences: [],
      data: [
        {
          openTime: at(62),
          open: '100.5',
          high: '101',
          low: '99',
          close: '101',
          volume: '0.76',
          quoteVolume: '75.635',
          tradeCount: 3,
          vwap: '99.5197368421052632',
          buyVolume: '0.25',
          sellVolume: '0.5',
          closed: true,
        },
        {
          openTime: at(59),
          open: '100.5',
          high: '100.5',
          low: '100.5',
          close: '100.5',
          volume: '0.25',
          quoteVolume: '25.125',
          tradeCount: 1,
          vwap: '100.5',
          buyVolume: '0.25',
          sellVolume: '0',
          closed: true,
        },
      ],
    })
  })

  it('are of any interval', async () => {
    await heard.write([1, 2, 3, 4].map((id) => tradeAt(-2 * HOUR + id * 7 * MINUTE, id)))
    const counts = async (interval: string) => {
      const { data } = await heard.read(`interval=${interval}&${minutes(120, 60)}`)
      return data.map(({ openTime, tradeCount }) => [(openTime - at(120)) / MINUTE, tradeCount])
    }
    expect(await counts('5m')).toEqual([7, 14, 21, 28].map((minute) => [minute - (minute % 5), 1]))
    expect(await counts('15m')).toEqual([
      [0, 2],
      [15, 2],
    ])
    expect(await counts('1h')).toEqual([[0, 4]])
  })

  it('lack every slot of which a trade may be missing, with the reason', async () => {
    const lost = { from: at(300) + 10, to: at(298) + 1, reason: 'trades_missing' }
    const given = { from: at(280), to: at(279), reason: 'not_stored' }
    await heard.write(
      [301, 300, 298, 297, 280].map((ago, id) => tradeAt(-ago * MINUTE, id)),
      [lost, given],
    )
    heard.live = { trades: [], gaps: [], heard: { from: at(50) + 5, to: NOW } }
    const { coverage, ...answer } = await heard.read(`interval=1m&${minutes(301, 40)}`)
    expect(openTimes(answer as Page)).toEqual([at(301), at(297)])
    expect(coverage).toEqual({
      complete: false,
      verifiedTo: null,
      missing: [
        [at(300), at(297), 'trades_missing'],
        [at(280), at(279), 'trades_missing'],
        [at(60), at(49), 'not_recorded'],
      ],
      empty: [
        [at(296), at(280)],
        [at(279), at(60)],
        [at(49), at(40)],
      ],
    })
    const wide = await heard.read(`interval=1h&${minutes(360, 60)}`)
    expect(wide.coverage.missing).toEqual([[at(300), at(240), 'trades_missing']])
  })

  it('lack what is deleted, from the first slot that is whole', async () => {
    heard.now = NOW + 20_000
    await heard.write([tradeAt(KEPT_FROM - NOW + 30_000, 1), tradeAt(KEPT_FROM - NOW + MINUTE, 2)])
    const answer = await heard.read(`interval=1m&start=${T0}&end=${KEPT_FROM + 2 * MINUTE}`)
    expect(openTimes(answer)).toEqual([KEPT_FROM + MINUTE])
    expect(answer.coverage.missing).toEqual([[T0, KEPT_FROM + MINUTE, 'pruned']])
    expect(answer).toMatchObject({ start: T0, end: KEPT_FROM + 2 * MINUTE, nextUrl: null })
  })

  it('wait for the trades of a slot that has closed, for a minute', async () => {
    heard.now = NOW + 6_000
    const live = (to: number, ...times: number[]) => {
      heard.live = {
        trades: times.map((time, id) => tradeAt(time, id)),
        gaps: [],
        heard: { from: NOW - HOUR, to: NOW + to },
      }
    }
    const newest = () => heard.read('interval=1m&limit=2')
    // Nothing after its end has come: what comes next may belong to it.
    live(6_000, -MINUTE, -30_000)
    expect(await newest()).toMatchObject({ end: at(1), coverage: { complete: true } })
    live(6_000, -MINUTE, -30_000, 500)
    expect(await newest()).toMatchObject({ end: at(0), coverage: { complete: true, empty: [[at(2), at(1)]] } })
    // A quiet market is one in which nothing has come for as long as the feed itself waits.
    heard.now = NOW + 15_000
    live(15_000, -MINUTE, -30_000)
    expect(await newest()).toMatchObject({ end: at(0), coverage: { complete: true } })
    // What the feed waits for, it has not heard.
    live(-20_000, -MINUTE, -30_000)
    expect(await newest()).toMatchObject({ end: at(1), coverage: { complete: true } })
    heard.now = NOW + 70_000
    expect(await newest()).toMatchObject({ end: at(0), coverage: { missing: [[at(1), at(0), 'not_recorded']] } })
  })

  it('are those that are stored where the feed does not answer, and say so', async () => {
    heard.live = undefined
    await heard.write([tradeAt(-62 * MINUTE, 1)], [], { from: at(95), to: at(60) })
    const answer = await heard.read(`interval=1m&${minutes(100, 1)}`)
    expect(openTimes(answer)).toEqual([at(62)])
    expect(answer.coverage.missing).toEqual([
      [at(100), at(95), 'not_recorded'],
      [at(60), at(1), 'feed_unavailable'],
    ])
    // What is that old, the feed has stored.
    expect((await heard.read(`interval=1m&${minutes(90, 61)}`)).coverage.complete).toBe(true)
  })

  it('end with their instrument', async () => {
    await heard.write([tradeAt(-5 * HOUR, 1)])
    await env.DB.prepare('UPDATE instruments SET valid_to = ?2 WHERE id = ?1')
      .bind(heard.series.seriesId, NOW - 5 * HOUR + MINUTE)
      .run()
    const { coverage } = await heard.read(`interval=1m&${minutes(301, 60)}`)
    expect(coverage).toMatchObject({ complete: true, empty: [[at(301), at(300)]] })
  })

  it('of an exchange that no feed listens to are missing', async () => {
    await env.DB.batch([
      env.DB.prepare("INSERT INTO exchanges (exchange, name, registered_at) VALUES ('mine', 'Mine', 0)"),
      env.DB.prepare(
        `INSERT INTO instruments (exchange, kind, symbol, exchange_symbol, base, quote, inverse, active, valid_from)
         VALUES ('mine', 'spot', 'A-B', 'A-B', 'A', 'B', 0, 1, 0)`,
      ),
    ])
    const response = await heard.ask(`interval=1m&${minutes(3, 1)}`, 'A-B', 'mine')
    expect(await response.json()).toMatchObject({
      data: [],
      coverage: { missing: [[at(3), at(1), 'not_recorded']] },
    })
    expect(heard.asked).toBe(0)
  })
})

describe('pages of candles from trades', () => {
  it('without a start are the newest, and speak for as many slots', async () => {
    await heard.write([tradeAt(-90 * MINUTE, 1), tradeAt(-80 * MINUTE, 2), tradeAt(-70 * MINUTE, 3)])
    const two = await heard.read(`interval=1m&end=${at(65)}&limit=2`)
    expect(openTimes(two)).toEqual([at(80), at(70)])
    expect(two).toMatchObject({ start: at(80), end: at(65), nextUrl: null })
    const one = await heard.read('interval=1h&limit=30&order=desc')
    expect(openTimes(one)).toEqual([at(120)])
    expect(one).toMatchObject({ start: at(31 * 60), end: at(60), nextUrl: null })
    expect(one.coverage.missing).toEqual([[at(31 * 60), KEPT_FROM, 'pruned']])
  })

  it.each(['asc', 'desc'])('go through a window without leaving anything out (%s)', async (order) => {
    const gap = { from: at(150), to: at(149), reason: 'trades_missing' }
    const all = Array.from({ length: 40 }, (_, index) => tradeAt(-200 * MINUTE + index * 90_000, index))
    await heard.write(all, [gap])
    const whole = await heard.read(`interval=1m&${minutes(240, 61)}`)
    const pages = await heard.readAll(`interval=1m&${minutes(240, 61)}&limit=7&order=${order}`)
    expect(pages.length).toBeGreaterThan(3)
    const ordered = order === 'asc' ? pages : pages.toReversed()
    expect(ordered.flatMap(({ data }) => (order === 'asc' ? data : data.toReversed()))).toEqual(whole.data)
    expect(ordered.flatMap(({ coverage }) => coverage.missing)).toEqual(whole.coverage.missing)
    for (const [index, { start, end }] of ordered.entries()) {
      expect(start).toBe(index === 0 ? at(240) : ordered[index - 1]?.end)
      expect(end).toBeLessThanOrEqual(at(61))
    }
    expect(ordered.at(-1)?.end).toBe(at(61))
  })

  it('know of gaps beyond those that one query reads', async () => {
    const gaps = Array.from({ length: 1_300 }, (_, index) => {
      const from = at(23 * 60) + index * MINUTE
      return { from, to: from + 1, reason: 'trades_missing' }
    })
    await heard.write([tradeAt(-90 * MINUTE, 1)], gaps)
    const expected = [[at(23 * 60), at(80), 'trades_missing']]
    const { coverage } = await heard.read(`interval=1m&${minutes(23 * 60, 70)}`)
    expect(coverage).toMatchObject({ missing: expected, empty: [[at(80), at(70)]] })
    const backward = await heard.read(`interval=1m&${minutes(23 * 60, 70)}&order=desc`)
    expect(backward.coverage).toEqual(coverage)
  })

  it('count each trade once in however many parts they are read', async () => {
    const gaps = Array.from({ length: 1_300 }, (_, index) => {
      const from = at(23 * 60) + index * 1_000
      return { from, to: from + 1, reason: 'trades_missing' }
    })
    await heard.write([tradeAt(-90 * MINUTE, 1)], gaps)
    const live = [tradeAt(-90 * MINUTE, 1), tradeAt(-80 * MINUTE, 2)]
    heard.live = { trades: live, gaps: [], heard: { from: NOW - HOUR, to: NOW } }
    const { data } = await heard.read(`interval=1h&${minutes(24 * 60, 60)}`)
    expect(data).toMatchObject([{ openTime: at(120), tradeCount: 2 }])
  })
})

describe('the forms of candles from trades', () => {
  beforeEach(() => heard.write([tradeAt(-90 * MINUTE, 1), tradeAt(-89 * MINUTE, 2, { size: decimal('0') })]))
  const query = `interval=1m&${minutes(90, 88)}`

  it('is a table with three more columns', async () => {
    const response = await heard.ask(`${query}&format=csv`)
    expect(response.headers.get('Content-Type')).toBe('text/csv; charset=utf-8')
    expect(response.headers.get('Cache-Control')).toBe('no-store')
    expect(response.headers.get('X-Candles-Compared')).toBe('0')
    expect(response.headers.get('X-Candles-Differing')).toBe('0')
    expect(await response.text()).toBe(
      `openTime,open,high,low,close,volume,quoteVolume,tradeCount,vwap,buyVolume,sellVolume
${at(90)},100.5,100.5,100.5,100.5,0.25,25.125,1,100.5,0.25,0
${at(89)},100.5,100.5,100.5,100.5,0,0,1,,0,0
`,
    )
  })

  it('is an array as of any other source', async () => {
    const response = await heard.ask(`${query}&format=array&limit=1`)
    expect(await response.json()).toEqual([[at(90), 100.5, 100.5, 100.5, 100.5, 0.25]])
    expect(response.headers.get('Link')).toContain('rel="next"')
  })

  it('is lines of objects', async () => {
    const lines = (await (await heard.ask(`${query}&format=ndjson`)).text()).trimEnd().split('\n')
    expect(lines.map((line) => JSON.parse(line))).toMatchObject([
      { openTime: at(90), vwap: '100.5', buyVolume: '0.25', sellVolume: '0', closed: true },
      { openTime: at(89), vwap: null },
    ])
  })
})

describe('candles from trades refuse', () => {
  it.each([
    ['interval=1m&includeOpen=true', 'includeOpen'],
    ['interval=1m&revision=1', 'revision'],
    ['interval=1m&cursor=A-B:5', 'cursor'],
    ['interval=1m&all=true', 'format'],
    ['', 'interval'],
  ])('?%s, naming the field', async (query, path) => {
    expect(await problem(await heard.ask(query))).toMatchObject({ status: 400, errors: [{ path }] })
    expect(heard.asked).toBe(0)
  })

  it('an incomplete window where the caller takes no other', async () => {
    await heard.write([], [{ from: at(89), to: at(89) + 1, reason: 'trades_missing' }])
    const response = await heard.ask(`interval=1m&strict=true&${minutes(90, 88)}`)
    expect(await problem(response)).toMatchObject({
      status: 409,
      code: 'incomplete_window',
      errors: [{ path: 'coverage.missing', message: expect.stringContaining('trades_missing') }],
    })
  })
})
