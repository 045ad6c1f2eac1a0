import { env } from 'cloudflare:workers'
import { beforeEach, describe, expect, it } from 'vitest'
import { z } from 'zod'
import { decimal } from '../../src/domain/decimal.ts'
import type { IngestedTrade } from '../../src/domain/ingested-trade.ts'
import type { LiveTrades, StoredTrade, TradeGap } from '../../src/domain/trade-chunk.ts'
import { createApp } from '../../src/routes/app.ts'
import { FeedStore } from '../../src/store/feed-store.ts'
import { writeIngestedTrades } from '../../src/store/ingested-trades.ts'
import { claimLease } from '../../src/store/leases.ts'
import { StreamClient } from '../harness/stream-client.ts'
import { MINUTE, T0 } from '../store/seed.ts'
import { minutes, type SeededSeries, seed } from './api.ts'

const HOUR = 60 * MINUTE
const NOW = T0 + 30 * HOUR
/** What is replayed: later than what is deleted, earlier than what a feed may hold. */
const START = NOW - 20 * HOUR
const SETTLE_MS = 5_000

const line = z.looseObject({
  type: z.string(),
  channel: z.string().optional(),
  receivedTime: z.int().optional(),
  epoch: z.string().optional(),
  data: z.record(z.string(), z.unknown()).optional(),
})

let series: SeededSeries
let store: FeedStore
/** What the feed answers; `undefined`: nothing. */
let live: LiveTrades | undefined
let asked: number
let database: D1Database

beforeEach(async () => {
  series = await seed()
  store = new FeedStore(env.DB, await claimLease(env.DB, 'okx', 'feed'), () => crypto.randomUUID())
  live = { trades: [], gaps: [], heard: { from: NOW - HOUR, to: NOW } }
  asked = 0
  database = env.DB
})

/** By a clock that stands still, unless another is set: it runs a trillion times slower than the real one. */
function ask(
  query: string,
  init: RequestInit = {},
  settings: Readonly<Record<string, string | undefined>> = {},
  path = `okx/${series.symbol}`,
): Promise<Response> {
  const feed = {
    readTrades: async () => {
      asked++
      if (live === undefined) throw new Error('no feed')
      return { ok: true, value: live, exchangeTime: null, receivedTime: NOW, now: NOW }
    },
  }
  const bindings = {
    ...{ ...env, DB: database, TIME_SCALE: `0.000000000001@${NOW}`, EXCHANGE_FEED: { getByName: () => feed } },
    ...settings,
  }
  return Promise.resolve(createApp().request(`https://api.test/v1/replay/${path}?${query}`, init, bindings))
}

const windowOf = (from: number, to: number): string => `start=${START + from * MINUTE}&end=${START + to * MINUTE}`

/** The body of lines, which `text` warns of, as their type is none of text. */
async function textOf(response: Response): Promise<string> {
  return new TextDecoder().decode(await response.arrayBuffer())
}

async function lines(query: string, path?: string): Promise<z.infer<typeof line>[]> {
  const response = await ask(query, {}, {}, path)
  expect([response.status, response.headers.get('Content-Type')]).toEqual([200, 'application/x-ndjson'])
  const texts = (await textOf(response)).split('\n')
  expect(texts.pop()).toBe('')
  return texts.map((text) => line.parse(JSON.parse(text)))
}

/** What each message tells, short. */
const told = (messages: readonly z.infer<typeof line>[]): string[] =>
  messages.map(({ type, channel, data }) => {
    if (type === 'trade') return `trade ${data?.['id']}`
    if (type === 'candle') return `candle ${data?.['interval']} ${(Number(data?.['openTime']) - START) / MINUTE}`
    if (type !== 'gap') return type
    return `gap ${channel} ${Number(data?.['from']) - START} ${Number(data?.['to']) - START} ${data?.['reason']}`
  })

function tradeAt(ms: number, id: number, delayMs = 40): StoredTrade {
  const [price, size] = [decimal('100.5'), decimal('0.25')]
  const exchangeTime = START + ms
  const receivedTime = exchangeTime + delayMs
  return { id: String(id), price, size, side: 'buy', exchangeTime, receivedTime, seq: id }
}

async function writeTrades(trades: readonly StoredTrade[], gaps: readonly TradeGap[] = []): Promise<void> {
  const instrumentId = series.seriesId
  const byMinute = Map.groupBy(trades, ({ exchangeTime }) => exchangeTime - (exchangeTime % MINUTE))
  const chunks = [...byMinute].map(([minute, own]) => ({
    ...{ instrumentId, minute, part: 0, epoch: 'a', trades: own, gaps: [] },
  }))
  const heard = [{ instrumentId, from: START, to: NOW - HOUR }]
  await store.writeTrades([...chunks, { instrumentId, minute: 0, part: 0, epoch: 'a', trades: [], gaps }], heard)
}

/** Candles of minutes after the start. */
const writeCandles = (from: number, to: number, without: readonly number[] = []): Promise<void> => {
  const first = (START - T0) / MINUTE
  return series.fill(
    minutes(first + from, first + to),
    without.map((minute) => START + minute * MINUTE),
  )
}

async function socketOf(response: Response): Promise<StreamClient> {
  const { webSocket } = response
  if (webSocket === null) throw new Error(`no replay: ${response.status} ${await response.text()}`)
  const client = new StreamClient(webSocket, 'okx')
  webSocket.accept()
  return client
}

const UPGRADE = { headers: { Upgrade: 'websocket' } }

describe('GET /v1/replay', () => {
  it('tells trades, closed candles and what is missing of both, as lines and as frames', async () => {
    await writeCandles(0, 5, [2])
    const lost = { from: START + 70_000, to: START + 80_001, reason: 'trades_missing' }
    const late = tradeAt(30_000, 3, 100_000)
    await writeTrades([tradeAt(1_000, 1), late, tradeAt(70_000, 2), tradeAt(80_000, 4), tradeAt(6 * MINUTE, 5)], [lost])
    const messages = await lines(`${windowOf(0, 6)}&channels=trades,candles`)
    expect(told(messages)).toEqual([
      'subscribed',
      'subscribed',
      'trade 1',
      'candle 1m 0',
      'trade 2',
      'gap trades 70000 80001 trades_missing',
      'trade 4',
      'candle 1m 1',
      'trade 3',
      'gap candles 120000 180000 not_loaded',
      'candle 1m 3',
      'candle 1m 4',
      'gap candles 300000 360000 not_loaded',
      'end',
    ])
    expect(messages[0]?.epoch).toBe(`replay-${START}-${START + 6 * MINUTE}`)
    expect(messages[3]?.receivedTime).toBe(START + MINUTE + SETTLE_MS)
    expect(messages.at(-1)?.data).toEqual({ start: START, end: START + 6 * MINUTE, messages: 11 })
    const client = await socketOf(await ask(`${windowOf(0, 6)}&channels=trades,candles`, UPGRADE))
    expect(await client.closed).toBe(1000)
    expect(client.faults).toEqual([])
    expect(client.messages).toEqual(messages)
    expect(asked).toBe(0)
  })

  it('goes through many pages of trades, each once', async () => {
    const all = Array.from({ length: 4_500 }, (_, index) => tradeAt(index * 100, index))
    await writeTrades(all)
    const ids = (await lines(`${windowOf(0, 10)}&channels=trades`)).slice(1, -1).map(({ data }) => Number(data?.['id']))
    expect(ids).toEqual(all.map((_, index) => index))
  })

  it('takes in what the feed has not stored yet, and tells what it does not know', async () => {
    const recent = (ms: number, id: number) => tradeAt(20 * HOUR - ms, id)
    live = { trades: [recent(30_000, 2), recent(1_000, 3)], gaps: [], heard: { from: NOW - 2 * MINUTE, to: NOW } }
    await store.writeTrades(
      [
        {
          instrumentId: series.seriesId,
          minute: NOW - 2 * MINUTE,
          part: 0,
          epoch: 'a',
          trades: [recent(90_000, 1)],
          gaps: [],
        },
      ],
      [{ instrumentId: series.seriesId, from: NOW - 4 * MINUTE, to: NOW - 2 * MINUTE }],
    )
    const query = `start=${NOW - 5 * MINUTE}&end=${NOW}&channels=trades`
    const gap = `gap trades ${20 * HOUR - 5 * MINUTE} ${20 * HOUR - 4 * MINUTE} not_recorded`
    expect(told(await lines(query)).slice(1, -1)).toEqual([gap, 'trade 1', 'trade 2', 'trade 3'])
    live = undefined
    const unknown = `gap trades ${20 * HOUR - 2 * MINUTE} ${20 * HOUR} feed_unavailable`
    expect(told(await lines(query)).slice(1, -1)).toEqual([gap, 'trade 1', unknown])
  })

  it('says what is deleted, and that nobody listened', async () => {
    const before = NOW - 25 * HOUR
    const query = `start=${before}&end=${NOW - 2 * HOUR}&channels=trades`
    expect(told(await lines(query)).slice(1, -1)).toEqual([
      `gap trades ${before - START} ${before + HOUR - START} pruned`,
      `gap trades ${before + HOUR - START} ${18 * HOUR} not_recorded`,
    ])
  })

  it('tells candles of several intervals, stored or derived, of whole slots only', async () => {
    await writeCandles(0, 12)
    const messages = await lines(`start=${START + 30_000}&end=${START + 11 * MINUTE}&channels=candles:5m,candles`)
    expect(told(messages).slice(2, -1)).toEqual([
      ...[1, 2, 3, 4, 5, 6, 7, 8].map((minute) => `candle 1m ${minute}`),
      ...['candle 5m 5', 'candle 1m 9', 'candle 1m 10'],
    ])
  })

  it('tells no candle that is not final yet', async () => {
    const messages = await lines(`start=${NOW - 2 * MINUTE}&end=${NOW}&channels=candles`)
    expect(told(messages).slice(1, -1)).toEqual([
      `gap candles ${20 * HOUR - 2 * MINUTE} ${20 * HOUR - MINUTE} not_loaded`,
    ])
  })

  it('tells ingested candles of an exchange of a user, and asks no feed for its trades', async () => {
    await env.DB.batch([
      env.DB.prepare("UPDATE instruments SET exchange = 'my_exchange' WHERE id = ?1").bind(series.seriesId),
      env.DB.prepare("UPDATE series SET source = 'ingest', recorded_from = NULL WHERE id = ?1").bind(series.seriesId),
    ])
    await writeCandles(0, 2)
    const path = `my_exchange/${series.symbol}`
    const query = `${windowOf(0, 2)}&channels=candles`
    expect(told(await lines(`${query}&source=ingest`, path)).slice(1, -1)).toEqual(['candle 1m 0', 'candle 1m 1'])
    expect(told(await lines(query, path))[1]).toContain('not_recorded')
    expect(told(await lines(`start=${NOW - MINUTE}&end=${NOW}&channels=trades`, path))[1]).toContain('not_recorded')
    expect(asked).toBe(0)
  })

  it('tells ingested trades where they were final, with the time that is stored, and that nothing proves them', async () => {
    const trade = (ms: number, id: number, receivedTime: number | null): IngestedTrade => {
      const { price, size, side, exchangeTime } = tradeAt(ms, id)
      return { exchange: 'okx', symbol: series.symbol, id: String(id), price, size, side, exchangeTime, receivedTime }
    }
    const records = [trade(1_000, 2, null), trade(500, 1, START + 520), trade(3 * MINUTE, 3, START + 9 * MINUTE)]
    const groups = [{ instrumentId: series.seriesId, records }]
    await writeIngestedTrades(env.DB, groups, { source: 'ingest', batchId: 'a', receivedTime: NOW })
    await writeTrades([tradeAt(2_000, 9)])
    const messages = await lines(`${windowOf(0, 5)}&channels=trades&source=ingest`)
    expect(told(messages)).toEqual([
      ...['subscribed', 'trade 1', 'trade 2', 'trade 3', `gap trades 0 ${5 * MINUTE} unproven`, 'end'],
    ])
    expect(messages.slice(1, 4).map(({ receivedTime }) => Number(receivedTime) - START)).toEqual([
      ...[520, 20 * HOUR, 9 * MINUTE],
    ])
    expect(told(await lines(`${windowOf(0, 5)}&channels=trades&source=other`)).length).toBe(3)
  })

  it('comes as fast as it was, or so many times as fast', async () => {
    const began = Date.now()
    live = {
      trades: [0, 100, 200].map((ms, id) => ({
        ...tradeAt(0, id),
        exchangeTime: began - 500 + ms,
        receivedTime: began - 500 + ms,
      })),
      gaps: [],
      heard: { from: began - HOUR, to: began },
    }
    const asked = performance.now()
    const response = await ask(
      `start=${began - 500}&end=${began}&channels=trades&speed=2`,
      {},
      { TIME_SCALE: undefined },
    )
    const text = await textOf(response)
    expect(performance.now() - asked).toBeGreaterThanOrEqual(95)
    expect(text.match(/"type":"trade"/g)?.length).toBe(3)
  })
})

describe('a reader of a replay', () => {
  /** Counts the pages that are read; the `failsAt`th fails. */
  function watchDatabase(failsAt = Number.POSITIVE_INFINITY): { pages: number } {
    const watched = { pages: 0 }
    const counting = <T extends object>(target: T): T =>
      new Proxy(target, {
        get: (_, name) => {
          if (name === 'batch' && ++watched.pages >= failsAt) throw new Error('D1_ERROR: secret')
          const value: unknown = Reflect.get(target, name)
          if (typeof value !== 'function') return value
          return (...args: unknown[]) => {
            const result: unknown = Reflect.apply(value, target, args)
            return name === 'withSession' && typeof result === 'object' && result !== null ? counting(result) : result
          }
        },
      })
    database = counting(env.DB)
    return watched
  }

  /** Two pages, and one that is empty. */
  const writePages = () =>
    writeTrades(
      Array.from({ length: 50_000 }, (_, index) =>
        tradeAt(Math.floor(index / 12_500) * MINUTE + (index % 12_500), index),
      ),
    )

  it('that leaves ends the work; what is not read is not looked for', async () => {
    await writePages()
    const watched = watchDatabase()
    const response = await ask(`${windowOf(0, 10)}&channels=trades`)
    const reader = response.body?.getReader()
    const first = await reader?.read()
    expect(first?.value?.length).toBeGreaterThan(10_000)
    await reader?.read()
    expect(watched.pages).toBe(1)
    await reader?.cancel()
    await textOf(await ask(`${windowOf(0, 10)}&channels=trades`))
    expect(watched.pages).toBe(1 + 2)
  })

  it('hears in band that it broke off', async () => {
    await writePages()
    watchDatabase(2)
    const text = await textOf(await ask(`${windowOf(0, 10)}&channels=trades`))
    const last = text.trimEnd().split('\n').at(-1) ?? ''
    expect(JSON.parse(last)).toMatchObject({ type: 'error', code: 'storage_unavailable' })
    expect(text).not.toContain('secret')
    watchDatabase(2)
    const client = await socketOf(await ask(`${windowOf(0, 10)}&channels=trades`, UPGRADE))
    expect(await client.closed).toBe(1011)
    expect(client.messages.at(-1)).toMatchObject({ type: 'error', code: 'storage_unavailable' })
  })

  it('is answered over a WebSocket, and can leave out what it does not want', async () => {
    await writePages()
    await writeCandles(0, 5)
    const client = await socketOf(await ask(`${windowOf(0, 5)}&channels=trades,candles&speed=0.1`, UPGRADE))
    client.say({ op: 'unsubscribe', id: 1, args: [{ channel: 'trades', symbol: series.symbol }] })
    client.say({ op: 'list', id: 2 })
    await client.until(() => client.messages.some(({ id }) => id === 2))
    expect(client.messages.filter(({ id }) => id != null)).toEqual([
      expect.objectContaining({ type: 'unsubscribed', id: 1, channel: 'trades' }),
      {
        type: 'subscriptions',
        id: 2,
        topics: [{ channel: 'candles', exchange: 'okx', symbol: series.symbol, interval: '1m' }],
      },
    ])
    client.close()
    await client.closed
  })
})
