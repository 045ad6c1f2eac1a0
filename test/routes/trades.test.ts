import { env } from 'cloudflare:workers'
import { beforeEach, describe, expect, it } from 'vitest'
import { z } from 'zod'
import { decimal } from '../../src/domain/decimal.ts'
import type { LiveTrades, StoredTrade, TradeGap } from '../../src/domain/trade-chunk.ts'
import { createApp } from '../../src/routes/app.ts'
import { FeedStore } from '../../src/store/feed-store.ts'
import { claimLease } from '../../src/store/leases.ts'
import { MINUTE, T0 } from '../store/seed.ts'
import { insertInstrument, problem } from './api.ts'

const HOUR = 60 * MINUTE
const NOW = T0 + 30 * HOUR
const KEPT_FROM = NOW - 24 * HOUR

const page = z.looseObject({
  start: z.int(),
  end: z.int(),
  availableFrom: z.int(),
  gaps: z.array(z.tuple([z.int(), z.int(), z.string()])),
  nextUrl: z.string().nullable(),
  data: z.array(z.looseObject({ id: z.string(), exchangeTime: z.int(), seq: z.int() })),
})

let symbol: string
let instrumentId: number
let store: FeedStore
/** What the feed answers; `undefined`: nothing. */
let live: LiveTrades | undefined
let number = 0

beforeEach(async () => {
  symbol = `T${++number}-USDT`
  instrumentId = await insertInstrument({ symbol })
  store = new FeedStore(env.DB, await claimLease(env.DB, 'okx', 'feed'), () => crypto.randomUUID())
  live = { trades: [], gaps: [], heard: { from: NOW - HOUR, to: NOW } }
})

async function ask(query = '', name = symbol): Promise<Response> {
  const feed = {
    readTrades: async () => {
      if (live === undefined) throw new Error('no feed')
      return { ok: true, value: live, exchangeTime: null, receivedTime: NOW, now: NOW }
    },
  }
  // A clock that stands still: it runs a trillion times slower than the real one.
  const bindings = { ...env, TIME_SCALE: `0.000000000001@${NOW}`, EXCHANGE_FEED: { getByName: () => feed } }
  return createApp().request(`https://api.test/v1/trades/okx/${name}?${query}`, {}, bindings)
}

async function read(query = ''): Promise<z.infer<typeof page>> {
  const response = await ask(query)
  expect(response.status, await response.clone().text()).toBe(200)
  return page.parse(await response.json())
}

function tradeAt(time: number, id: number): StoredTrade {
  const [price, size] = [decimal('100.5'), decimal('0.25')]
  return { id: String(id), price, size, side: 'buy', exchangeTime: time, receivedTime: time + 40, seq: id }
}

async function write(trades: readonly StoredTrade[], gaps: readonly TradeGap[] = []): Promise<void> {
  const minutes = Map.groupBy(trades, ({ exchangeTime }) => exchangeTime - (exchangeTime % MINUTE))
  const chunks = [...minutes].map(([minute, trades]) => ({
    instrumentId,
    minute,
    part: 0,
    epoch: 'a',
    trades,
    gaps: [],
  }))
  const withGaps = { instrumentId, minute: 0, part: 0, epoch: 'a', trades: [], gaps }
  await store.writeTrades([...chunks, withGaps], [{ instrumentId, from: KEPT_FROM - MINUTE, to: NOW - HOUR }])
}

const ids = ({ data }: z.infer<typeof page>) => data.map(({ id }) => Number(id))

describe('GET /v1/trades', () => {
  it('joins what is stored with what the feed has not stored yet', async () => {
    await write([tradeAt(NOW - 2 * HOUR, 1), tradeAt(NOW - MINUTE, 2)])
    live = { ...(live ?? { gaps: [], heard: null }), trades: [tradeAt(NOW - MINUTE, 2), tradeAt(NOW - 1_000, 3)] }
    const answer = await read()
    expect(answer).toEqual({
      exchange: 'okx',
      symbol,
      exchangeSymbol: symbol,
      kind: 'spot',
      source: 'exchange',
      start: KEPT_FROM,
      end: NOW,
      availableFrom: KEPT_FROM,
      gaps: [],
      nextCursor: null,
      nextUrl: null,
      data: [tradeAt(NOW - 2 * HOUR, 1), tradeAt(NOW - MINUTE, 2), tradeAt(NOW - 1_000, 3)],
    })
  })

  it('gives the newest ones without a start, in either order, and those of a window with one', async () => {
    await write([1, 2, 3, 4, 5].map((id) => tradeAt(NOW - 3 * HOUR + id * MINUTE, id)))
    expect(ids(await read('limit=2'))).toEqual([4, 5])
    expect(ids(await read('limit=2&order=desc'))).toEqual([5, 4])
    const [from, to] = [NOW - 3 * HOUR + 2 * MINUTE, NOW - 3 * HOUR + 5 * MINUTE]
    expect(ids(await read(`start=${from}&end=${to}`))).toEqual([2, 3, 4])
    expect(ids(await read(`start=${from}&end=${to}&order=desc`))).toEqual([4, 3, 2])
    expect(ids(await read(`start=${from}&end=${to}&limit=1`))).toEqual([2])
  })

  it.each(['asc', 'desc'])('goes through all of a window page by page (%s)', async (order) => {
    // Several a millisecond, several milliseconds a minute, the last ones unstored.
    const all = Array.from({ length: 40 }, (_, index) =>
      tradeAt(NOW - 10 * MINUTE + Math.floor(index / 3) * 20_000, index),
    )
    await write(all.slice(0, 30))
    live = { trades: all.slice(25), gaps: [], heard: { from: NOW - HOUR, to: NOW } }
    const found: number[] = []
    let url: string | null = `start=${NOW - HOUR}&limit=7&order=${order}`
    for (let pages = 0; url !== null; pages++) {
      const answer: z.infer<typeof page> = await read(url)
      found.push(...ids(answer))
      expect(answer.gaps).toEqual([])
      url = answer.nextUrl === null ? null : new URL(answer.nextUrl).search.slice(1)
      expect(pages).toBeLessThan(7)
    }
    const expected = all.map(({ id }) => Number(id))
    expect(found.toSorted((a, b) => a - b)).toEqual(expected)
    expect(found.map((id) => all[id]?.exchangeTime ?? 0)).toEqual(
      (order === 'asc' ? expected : expected.toReversed()).map((id) => all[id]?.exchangeTime ?? 0),
    )
  })

  it('names what is missing of its window: lost, not listened to, deleted', async () => {
    const lost = { from: NOW - 5 * HOUR, to: NOW - 4 * HOUR, reason: 'connection_lost' }
    await write([tradeAt(NOW - 3 * HOUR, 1)], [lost])
    live = { trades: [], gaps: [], heard: { from: NOW - MINUTE, to: NOW } }
    const answer = await read(`start=${KEPT_FROM - HOUR}`)
    expect(answer.gaps).toEqual([
      [KEPT_FROM - HOUR, KEPT_FROM, 'pruned'],
      [lost.from, lost.to, lost.reason],
      [NOW - HOUR, NOW - MINUTE, 'not_recorded'],
    ])
    expect(answer.start).toBe(KEPT_FROM - HOUR)
    const later = await read(`start=${NOW - 4.5 * HOUR}&end=${NOW - 2 * HOUR}`)
    expect(later.gaps).toEqual([[NOW - 4.5 * HOUR, lost.to, lost.reason]])
    expect(later.end).toBe(NOW - 2 * HOUR)
  })

  it('names only the gaps that a page speaks for', async () => {
    const lost = { from: NOW - 2 * HOUR, to: NOW - 90 * MINUTE, reason: 'connection_lost' }
    await write(
      [3, 2.5, 1.25].map((hours, id) => tradeAt(NOW - hours * HOUR, id)),
      [lost],
    )
    const start = NOW - 4 * HOUR
    expect((await read(`start=${start}&limit=2`)).gaps).toEqual([])
    expect((await read(`start=${start}&limit=3`)).gaps).toEqual([[lost.from, lost.to, lost.reason]])
    expect((await read('limit=1')).gaps).toEqual([])
    expect((await read('limit=2')).gaps).toEqual([[lost.from, lost.to, lost.reason]])
  })

  it('says gaps of the feed that are not stored yet', async () => {
    live = {
      trades: [tradeAt(NOW - 500, 9)],
      gaps: [{ from: NOW - 3_000, to: NOW - 2_000, reason: 'connection_lost' }],
      heard: { from: NOW - HOUR, to: NOW },
    }
    expect((await read(`start=${NOW - 10_000}`)).gaps).toEqual([[NOW - 3_000, NOW - 2_000, 'connection_lost']])
  })

  it('answers from what is stored where the feed does not, and says so', async () => {
    await write([tradeAt(NOW - 2 * HOUR, 1)])
    live = undefined
    const answer = await read(`start=${NOW - 3 * HOUR}`)
    expect(ids(answer)).toEqual([1])
    expect(answer.gaps).toEqual([[NOW - HOUR, NOW, 'feed_unavailable']])
    // What is that old, the feed has stored.
    expect((await read(`start=${NOW - 3 * HOUR}&end=${NOW - 1.5 * HOUR}`)).gaps).toEqual([])
  })

  it('has a window before what is kept for deleted', async () => {
    const answer = await read(`start=${T0}&end=${T0 + HOUR}`)
    expect(answer).toMatchObject({ start: T0, end: T0 + HOUR, data: [], availableFrom: KEPT_FROM })
    expect(answer.gaps).toEqual([[T0, T0 + HOUR, 'pruned']])
  })

  it('renders lines and tables, with what is missing in the headers', async () => {
    await write([tradeAt(NOW - 2 * HOUR, 1), { ...tradeAt(NOW - 2 * HOUR + 1, 2), id: 'a,"b"', side: null }])
    live = { trades: [], gaps: [], heard: null }
    const csv = await ask(`start=${NOW - 2 * HOUR}&format=csv`)
    expect(csv.headers.get('Content-Type')).toBe('text/csv; charset=utf-8')
    expect(csv.headers.get('Cache-Control')).toBe('no-store')
    expect(csv.headers.get('X-Coverage-Complete')).toBe('false')
    expect(csv.headers.get('X-Coverage-Missing')).toBe(JSON.stringify([[NOW - HOUR, NOW, 'not_recorded']]))
    const time = NOW - 2 * HOUR
    expect(await csv.text()).toBe(
      `id,price,size,side,exchangeTime,receivedTime,seq\n1,100.5,0.25,buy,${time},${time + 40},1\n"a,""b""",100.5,0.25,,${time + 1},${time + 41},2\n`,
    )
    const lines = await ask(`start=${NOW - 2 * HOUR}&format=ndjson&limit=1`)
    expect(lines.headers.get('Link')).toContain('rel="next"')
    expect(lines.headers.get('X-Next-Cursor')).toBe(`${time}:1`)
    expect(JSON.parse(await lines.text())).toEqual(tradeAt(time, 1))
  })

  it.each([
    ['start=5&end=4', 400, 'invalid_request'],
    ['cursor=abc', 400, 'invalid_request'],
    ['limit=5001', 400, 'invalid_request'],
    ['format=array', 400, 'invalid_request'],
    ['interval=1m', 400, 'invalid_request'],
  ])('refuses %s', async (query, status, code) => {
    expect(await problem(await ask(query))).toMatchObject({ status, code })
  })

  it('refuses what is not an instrument', async () => {
    expect(await problem(await ask('', 'NO-NE'))).toMatchObject({ status: 404, code: 'unknown_instrument' })
  })
})
