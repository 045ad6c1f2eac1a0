import { env } from 'cloudflare:workers'
import { beforeEach, describe, expect, it } from 'vitest'
import { z } from 'zod'
import { decimal } from '../../src/domain/decimal.ts'
import type { FundingChunk } from '../../src/domain/funding-history.ts'
import type { Window } from '../../src/domain/interval.ts'
import { createApp } from '../../src/routes/app.ts'
import { claimLease } from '../../src/store/leases.ts'
import { LoaderStore } from '../../src/store/loader-store.ts'
import { MINUTE, T0 } from '../store/seed.ts'
import { api, insertInstrument, problem } from './api.ts'

const HOUR = 60 * MINUTE
const at = (hours: number): number => T0 + hours * HOUR
const window = (from: number, to: number): Window => ({ start: at(from), end: at(to) })
/** Ten past an hour: its settlement can have been read. */
const NOW = at(100) + 10 * MINUTE
const READ_TO = at(100) + 30_000

const page = z.looseObject({
  start: z.int(),
  end: z.int(),
  coverage: z.looseObject({ complete: z.boolean(), missing: z.array(z.tuple([z.int(), z.int(), z.string()])) }),
  current: z.looseObject({}).nullable(),
  currentReason: z.string().nullable(),
  nextCursor: z.string().nullable(),
  nextUrl: z.string().nullable(),
  data: z.array(z.looseObject({ fundingTime: z.int() })),
})
type Page = z.infer<typeof page>

const LIVE = { rate: '0.0003', nextFundingTime: at(104), markPrice: '101.5', indexPrice: null }

let number = 0
let symbol: string
let instrumentId: number
let store: LoaderStore
/** What the feed answers; `undefined`: nothing. */
let live: object | undefined
let asked: unknown[]

beforeEach(async () => {
  symbol = `F${++number}-USDT-PERP`
  instrumentId = await insertInstrument({ symbol, kind: 'perpetual', exchangeSymbol: `F${number}-USDT-SWAP` })
  store = new LoaderStore(env.DB, await claimLease(env.DB, 'okx', 'loader'), () => crypto.randomUUID())
  const value = { exchangeSymbol: 'any', funding: LIVE }
  live = { ok: true, value, exchangeTime: NOW - 900, receivedTime: NOW - 800, now: NOW }
  asked = []
})

async function ask(query = '', name = symbol, exchange = 'okx'): Promise<Response> {
  const feed = {
    readFunding: async (...args: unknown[]) => {
      asked.push(args)
      if (live === undefined) throw new Error('no feed')
      return live
    },
  }
  // A clock that stands still: it runs a trillion times slower than the real one.
  const bindings = { ...env, TIME_SCALE: `0.000000000001@${NOW}`, EXCHANGE_FEED: { getByName: () => feed } }
  return createApp().request(`https://api.test/v1/funding-rates/${exchange}/${name}?${query}`, {}, bindings)
}

async function read(query = ''): Promise<Page> {
  const response = await ask(query)
  expect(response.status, await response.clone().text()).toBe(200)
  return page.parse(await response.json())
}

async function record(from: number, listedAt: number | null = null): Promise<void> {
  await env.DB.batch([
    env.DB.prepare(
      "INSERT INTO series (instrument_id, interval, source, recorded_from) VALUES (?1, '1h', 'exchange', ?2)",
    ).bind(instrumentId, at(from)),
    env.DB.prepare('UPDATE instruments SET listed_at = ?2 WHERE id = ?1').bind(instrumentId, listedAt),
  ])
}

function write(hours: readonly number[], part: Partial<FundingChunk> = {}): Promise<void> {
  const rates = hours.map((hour) => ({
    fundingTime: at(hour),
    rate: decimal('0.0001'),
    markPrice: decimal('100.5'),
    indexPrice: null,
  }))
  return store.writeFunding({
    instrumentId,
    window: window(0, 200),
    rates,
    proven: [],
    absent: [],
    readAt: NOW,
    ...part,
  })
}

const hoursOf = ({ data }: Page) => data.map(({ fundingTime }) => (fundingTime - T0) / HOUR)
const missingOf = ({ coverage }: Page) =>
  coverage.missing.map(([from, to, reason]) => [(from - T0) / HOUR, to === READ_TO ? 'now' : (to - T0) / HOUR, reason])

describe('GET /v1/funding-rates', () => {
  it('gives what was settled, what is announced, and that nothing is missing', async () => {
    await record(88)
    await write([88, 96], { proven: [{ start: at(88), end: READ_TO }] })
    expect(await read()).toEqual({
      exchange: 'okx',
      symbol,
      exchangeSymbol: `F${number}-USDT-SWAP`,
      kind: 'perpetual',
      start: at(88),
      end: NOW,
      coverage: { complete: true, settledTo: READ_TO, missing: [] },
      current: { ...LIVE, exchangeTime: NOW - 900, receivedTime: NOW - 800, ageMs: 800 },
      currentReason: null,
      nextCursor: null,
      nextUrl: null,
      data: [88, 96].map((hour) => ({
        ...{ fundingTime: at(hour), rate: '0.0001', markPrice: '100.5', indexPrice: null, revision: 0 },
      })),
    })
    expect(asked).toEqual([['okx', symbol]])
  })

  it('gives the newest ones without a start, in either order, and those of a window with one', async () => {
    await record(0)
    await write([0, 8, 16, 24, 32])
    expect(hoursOf(await read('limit=2'))).toEqual([24, 32])
    expect(hoursOf(await read('limit=2&order=desc'))).toEqual([32, 24])
    // The newest have nothing after them; what is older comes after them in the other order.
    expect(await read('limit=2')).toMatchObject({ nextCursor: null, nextUrl: null })
    expect(await read('limit=2&order=desc')).toMatchObject({ nextCursor: String(at(24)) })
    expect(hoursOf(await read(`start=${at(8)}&end=${at(32)}`))).toEqual([8, 16, 24])
    expect(hoursOf(await read(`start=${at(8)}&end=${at(32)}&order=desc`))).toEqual([24, 16, 8])
    expect(hoursOf(await read(`start=${at(9)}&limit=1`))).toEqual([16])
  })

  it.each(['asc', 'desc'])('goes through all of a window page by page (%s)', async (order) => {
    const all = Array.from({ length: 25 }, (_, index) => index * 4)
    await record(0)
    await write(all, { proven: [{ start: at(0), end: READ_TO }] })
    const found: number[] = []
    const spoken: Window[] = []
    let url: string | null = `start=${T0}&limit=7&order=${order}`
    for (let pages = 0; url !== null; pages++) {
      const answer: Page = await read(url)
      found.push(...hoursOf(answer))
      spoken.push({ start: answer.start, end: answer.end })
      url = answer.nextUrl === null ? null : new URL(answer.nextUrl).search.slice(1)
      expect(pages).toBeLessThan(5)
    }
    expect(found).toEqual(order === 'asc' ? all : all.toReversed())
    const ascending = order === 'asc' ? spoken : spoken.toReversed()
    expect(ascending.map(({ start }) => start).slice(1)).toEqual(ascending.map(({ end }) => end).slice(0, -1))
    expect([ascending[0]?.start, ascending.at(-1)?.end]).toEqual([T0, NOW])
  })

  it('names what is missing of its window, each time with its reason', async () => {
    await record(10, at(-20))
    await write([40], {
      proven: [window(40, 50), window(60, 90)],
      absent: [
        { ...window(20, 40), reason: 'out_of_reach', bracketed: false },
        { ...window(52, 60), reason: 'absent', bracketed: false },
      ],
    })
    expect(missingOf(await read(`start=${at(-50)}`))).toEqual([
      [-20, 10, 'not_recorded'],
      [10, 20, 'not_loaded'],
      [20, 40, 'out_of_reach'],
      [50, 52, 'not_loaded'],
      [52, 60, 'absent'],
      [90, 'now', 'not_loaded'],
    ])
    expect(missingOf(await read(`start=${at(55)}&end=${at(70)}`))).toEqual([[55, 60, 'absent']])
    expect(missingOf(await read(`start=${at(60)}&end=${at(90)}`))).toEqual([])
    // Without a start it is asked for what is recorded.
    expect((await read()).start).toBe(at(10))
    await store.recordFundingFailure(instrumentId, NOW, '503')
    expect(missingOf(await read(`start=${at(80)}`))).toEqual([[90, 'now', 'load_failing']])
  })

  it('misses nothing after a delisting, nor of what cannot have been settled yet', async () => {
    await record(0)
    await write([0], { proven: [window(0, 30)] })
    await env.DB.prepare('UPDATE instruments SET valid_to = ?2 WHERE id = ?1').bind(instrumentId, at(30)).run()
    expect(missingOf(await read(`start=${T0}`))).toEqual([])
    await env.DB.prepare('UPDATE instruments SET valid_to = NULL WHERE id = ?1').bind(instrumentId).run()
    expect(missingOf(await read(`start=${T0}`))).toEqual([[30, 'now', 'not_loaded']])
    await write([], { proven: [{ start: at(30), end: READ_TO }] })
    expect((await read(`start=${T0}`)).coverage).toEqual({ complete: true, settledTo: READ_TO, missing: [] })
    expect((await read(`start=${NOW - 1}`)).coverage).toEqual({ complete: true, settledTo: NOW - 1, missing: [] })
  })

  it('says of an instrument that nobody records that nothing is known', async () => {
    await env.DB.prepare('UPDATE instruments SET listed_at = ?2 WHERE id = ?1').bind(instrumentId, at(50)).run()
    const answer = await read()
    expect(answer).toMatchObject({ start: at(50), data: [], coverage: { complete: false }, current: LIVE })
    expect(missingOf(answer)).toEqual([[50, 'now', 'not_recorded']])
  })

  it('has the present only where the page reaches it', async () => {
    await record(0)
    await write([0, 8, 16])
    const ends = [
      `end=${at(99)}`,
      `start=${T0}&limit=2`,
      `start=${T0}&order=desc&cursor=${at(16)}`,
      `start=${NOW + HOUR}`,
    ]
    for (const query of ends) {
      expect(await read(query)).toMatchObject({ current: null, currentReason: 'window_ends_before_now' })
    }
    expect(asked).toEqual([])
    expect((await read(`start=${T0}&limit=3`)).current).toMatchObject(LIVE)
  })

  it('answers with the history whatever becomes of the feed', async () => {
    await record(0)
    await write([0, 8])
    live = { ok: false, code: 'no_data', detail: 'nothing has come yet' }
    expect(await read()).toMatchObject({ current: null, currentReason: 'no_data', data: [{}, {}] })
    live = undefined
    expect(await read()).toMatchObject({ current: null, currentReason: 'feed_unavailable', data: [{}, {}] })
  })

  it('serves an exchange of a user, which has nothing live', async () => {
    await env.DB.prepare("INSERT INTO exchanges (exchange, name, registered_at) VALUES ('mine', 'Mine', 0)").run()
    await insertInstrument({ symbol: 'OWN-USDT-PERP', kind: 'perpetual', exchange: 'mine' })
    const response = await ask('', 'OWN-USDT-PERP', 'mine')
    expect(await response.json()).toMatchObject({ data: [], current: null, currentReason: 'no_live_data' })
    expect(asked).toEqual([])
  })

  it('speaks CSV and NDJSON, and says in headers what is missing', async () => {
    await record(0)
    await write([0, 8, 16], { proven: [window(0, 30)] })
    const csv = await ask(`start=${T0}&end=${at(40)}&limit=2&format=csv`)
    expect(csv.headers.get('Content-Type')).toBe('text/csv; charset=utf-8')
    expect(await csv.text()).toBe(
      `fundingTime,rate,markPrice,indexPrice,revision\n${at(0)},0.0001,100.5,,0\n${at(8)},0.0001,100.5,,0\n`,
    )
    expect(csv.headers.get('X-Coverage-Complete')).toBe('true')
    expect(csv.headers.get('X-Next-Cursor')).toBe(String(at(8)))
    expect(csv.headers.get('Link')).toContain(`cursor=${at(8)}`)
    const ndjson = await ask(`start=${T0}&end=${at(40)}&format=ndjson`)
    expect(
      (await ndjson.text())
        .split('\n')
        .filter(Boolean)
        .map((line) => JSON.parse(line).fundingTime),
    ).toEqual([0, 8, 16].map(at))
    expect(JSON.parse(ndjson.headers.get('X-Coverage-Missing') ?? '')).toEqual([[at(30), at(40), 'not_loaded']])
    expect(asked).toEqual([])
  })
})

describe('GET /v1/funding-rates refuses', () => {
  it.each([
    ['start=never', 'start'],
    ['start=1700000000', 'start'],
    [`start=${T0}&end=${T0}`, 'end'],
    ['limit=0', 'limit'],
    ['limit=5001', 'limit'],
    ['order=up', 'order'],
    ['format=xml', 'format'],
    ['cursor=%2700', 'cursor'],
    ['cursor=99999999999999999', 'cursor'],
    ['interval=8h', 'interval'],
  ])('%s, naming the field', async (query, path) => {
    const response = await api(`/v1/funding-rates/okx/${symbol}?${query}`)
    expect(response.status).toBe(400)
    const { code, errors } = await problem(response)
    expect(code).toBe('invalid_request')
    expect(errors).toMatchObject([{ message: expect.any(String) }])
    expect(JSON.stringify(errors)).toContain(path)
  })

  it('spot, of which there is no funding', async () => {
    await insertInstrument({ symbol: 'FSPOT-USDT' })
    const response = await api('/v1/funding-rates/okx/FSPOT-USDT')
    const body = await problem(response)
    expect(body).toMatchObject({ status: 422, code: 'unprocessable', errors: [{ path: 'symbol' }] })
    expect(body['detail']).toContain('only perpetuals have funding rates')
  })

  it('what it does not know', async () => {
    expect(await problem(await api('/v1/funding-rates/okx/NO-NE-PERP'))).toMatchObject({ code: 'unknown_instrument' })
    expect(await problem(await api('/v1/funding-rates/nowhere/BTC-USDT-PERP'))).toMatchObject({
      code: 'unknown_exchange',
    })
    expect(await problem(await api('/v1/funding-rates/O%20K/BTC-USDT-PERP'))).toMatchObject({
      code: 'unknown_exchange',
    })
  })
})
