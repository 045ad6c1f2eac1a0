import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { z } from 'zod'
import { AGGREGATES_BEHIND } from './binance-history.ts'
import { control, get, NOW, rowsOf, startTestExchanges, type TestExchanges } from './client.ts'
import { levelsSchema, readTrueBook, TestBook } from './rebuilt-book.ts'
import { openStream, refusalOf, type TestStream } from './ws/client.ts'

let exchanges: TestExchanges
let spot = ''
let futures = ''
const open: TestStream[] = []
beforeAll(async () => {
  exchanges = await startTestExchanges({ exchange: 'binance' })
  spot = exchanges.urls.binance?.spot ?? ''
  futures = exchanges.urls.binance?.perpetual ?? ''
})
beforeEach(async () => {
  for (const stream of open.splice(0)) stream.close()
  exchanges.clock.set(NOW)
  await control(spot, { reset: true })
})
afterAll(() => exchanges.stop())

const connect = async (url: string): Promise<TestStream> => {
  const stream = await openStream(url)
  open.push(stream)
  return stream
}

/** A socket at a combined path, subscribed. */
const subscribed = async (url: string, ...params: string[]): Promise<TestStream> => {
  const stream = await connect(url)
  stream.send({ method: 'SUBSCRIBE', params, id: 1 })
  await stream.find((frame) => frame['id'] === 1)
  return stream
}

const event = z.object({ stream: z.string(), data: z.record(z.string(), z.unknown()) })
/** The payloads of a stream so far. */
const payloads = (stream: TestStream, name: string) =>
  stream.all((frame) => frame['stream'] === name).map((frame) => event.parse(frame).data)

/** Lets simulated time pass and waits until all of it has been sent. */
const pass = async (stream: TestStream, ms: number): Promise<void> => {
  exchanges.clock.advance(ms)
  stream.send({ method: 'LIST_SUBSCRIPTIONS', id: 'passed' })
  await stream.find((frame) => frame['id'] === 'passed', stream.texts.length)
}

describe('subscribing', () => {
  it('is acknowledged by its id, listed, and ended', async () => {
    const stream = await subscribed(`${spot}/stream`, 'btcusdt@trade', 'ethusdt@trade')
    stream.send({ method: 'UNSUBSCRIBE', params: ['btcusdt@trade'], id: 'two' })
    stream.send({ method: 'LIST_SUBSCRIPTIONS', id: 3 })
    expect(await stream.find(({ id }) => id === 'two')).toEqual({ result: null, id: 'two' })
    expect(await stream.find(({ id }) => id === 3)).toEqual({ result: ['ethusdt@trade'], id: 3 })
    await pass(stream, 60_000)
    expect(new Set(stream.all((frame) => 'stream' in frame).map((frame) => frame['stream']))).toEqual(
      new Set(['ethusdt@trade']),
    )
  })

  it('takes streams from the URL, and wraps only at the combined path', async () => {
    const combined = await connect(`${spot}/stream?streams=btcusdt@trade/solusdt@trade`)
    const raw = await connect(`${spot}/ws/btcusdt@trade`)
    exchanges.clock.advance(60_000)
    const first = await raw.find((frame) => frame['e'] === 'trade')
    expect(await combined.find((frame) => frame['stream'] === 'btcusdt@trade')).toEqual({
      stream: 'btcusdt@trade',
      data: first,
    })
    await combined.find((frame) => frame['stream'] === 'solusdt@trade')
  })

  it('acknowledges streams that do not exist, and says nothing about them', async () => {
    const stream = await subscribed(`${spot}/stream`, 'nosuch@trade', 'BTCUSDT@trade', 'btcusdt@kline_7m')
    await pass(stream, 60_000)
    expect(stream.all((frame) => 'stream' in frame)).toEqual([])
  })

  it.each([
    ['nonsense', 3],
    [{ method: 'SUBSCRIBE', params: 'btcusdt@trade', id: 9 }, 2],
    [{ method: 'SUBSCRIBE', params: [], id: -1 }, 2],
    [{ method: 'subscribe', params: [], id: 9 }, 2],
  ])('refuses %j', async (message, code) => {
    const stream = await connect(`${spot}/stream`)
    stream.send(message)
    expect(await stream.find((frame) => 'error' in frame)).toMatchObject({ error: { code } })
  })
})

describe('the paths of USD-M', () => {
  it('are two, and the unrouted one is gone', async () => {
    expect((await refusalOf(`${futures}/stream`)).status).toBe(404)
    expect((await refusalOf(`${futures}/ws/btcusdt@trade`)).status).toBe(404)
    expect((await refusalOf(`${spot}/public/stream`)).status).toBe(404)
  })

  it('have streams of their own', async () => {
    const names = ['depth@100ms', 'bookTicker', 'trade', 'aggTrade', 'kline_1m', 'markPrice@1s', 'ticker']
    const params = names.map((name) => `btcusdt@${name}`)
    const streams = await Promise.all(
      ['public', 'market'].map((path) => subscribed(`${futures}/${path}/stream`, ...params)),
    )
    for (const stream of streams) await pass(stream, 60_000)
    const sent = streams.map((stream) =>
      names.filter((name) => stream.all((frame) => frame['stream'] === `btcusdt@${name}`).length > 0),
    )
    expect(sent).toEqual([names.slice(0, 3), names.slice(3)])
  })

  it('tell of liquidations, one every few minutes', async () => {
    const stream = await subscribed(`${futures}/market/stream`, 'btcusdt@forceOrder')
    await pass(stream, 3_600_000)
    const orders = payloads(stream, 'btcusdt@forceOrder')
    expect(orders.length).toBeGreaterThan(5)
    expect(orders.length).toBeLessThan(60)
    expect(orders[0]).toMatchObject({ e: 'forceOrder', o: { s: 'BTCUSDT', X: 'FILLED' } })
  })
})

describe('what is streamed', () => {
  it('is every trade, once, in order, with the ids of REST', async () => {
    const stream = await subscribed(`${spot}/stream`, 'btcusdt@trade', 'btcusdt@aggTrade')
    const start = exchanges.clock.now()
    for (let step = 0; step < 20; step++) await pass(stream, 7_000)
    await pass(stream, 600_000)
    const answer = await get(
      `${spot}/api/v3/aggTrades?symbol=BTCUSDT&startTime=${start}&endTime=${exchanges.clock.now() - 1}&limit=1000`,
    )
    const truth = z.array(z.object({ a: z.int(), p: z.string(), q: z.string(), T: z.int() })).parse(answer.body)
    expect(truth.length).toBeGreaterThan(50)
    const aggregates = payloads(stream, 'btcusdt@aggTrade')
    expect(aggregates.map(({ a, p, q, T }) => ({ a, p, q, T }))).toEqual(
      truth.map(({ a, p, q, T }) => ({ a, p, q, T })),
    )
    expect(payloads(stream, 'btcusdt@trade').map(({ t }) => t)).toEqual(truth.map(({ a }) => a + AGGREGATES_BEHIND))
  })

  it('keeps the order of time over all streams, whatever leap the clock makes', async () => {
    const stream = await subscribed(`${spot}/stream`, 'btcusdt@kline_1m', 'btcusdt@depth', 'ethusdt@trade')
    await pass(stream, 60_000)
    const times = stream.all((frame) => 'stream' in frame).map((frame) => Number(event.parse(frame).data['E']))
    expect(times.length).toBeGreaterThan(120)
    expect(times).toEqual(times.toSorted((a, b) => a - b))
  })

  it.each(['spot', 'usdm-market'] as const)('closes %s candles with the values of REST', async (endpoint) => {
    const [url, path, rest] =
      endpoint === 'spot' ? [spot, '/stream', `${spot}/api/v3`] : [futures, '/market/stream', `${futures}/fapi/v1`]
    const stream = await subscribed(`${url}${path}`, 'ethusdt@kline_1m', 'ethusdt@kline_5m')
    await pass(stream, 600_000)
    for (const [name, count] of [
      ['1m', 10],
      ['5m', 2],
    ] as const) {
      const closed = payloads(stream, `ethusdt@kline_${name}`)
        .map(({ k }) => z.record(z.string(), z.unknown()).parse(k))
        .filter(({ x }) => x === true)
      expect(closed).toHaveLength(count)
      const page = await get(
        `${rest}/klines?symbol=ETHUSDT&interval=${name}&startTime=${Number(closed[0]?.['t'])}&limit=${count}`,
      )
      expect(closed.map(({ t, o, h, l, c, v, T, q, n, V, Q, B }) => [t, o, h, l, c, v, T, q, n, V, Q, B])).toEqual(
        rowsOf(page),
      )
    }
  })

  it('has an open candle that grows', async () => {
    const stream = await subscribed(`${spot}/stream`, 'btcusdt@kline_1m')
    await pass(stream, 20_000)
    const counts = payloads(stream, 'btcusdt@kline_1m').map(({ k }) =>
      z.object({ n: z.int(), x: z.boolean() }).parse(k),
    )
    expect(counts).toHaveLength(20)
    expect(counts.every(({ x }) => !x)).toBe(true)
    expect(counts.at(-1)?.n).toBeGreaterThan(counts[0]?.n ?? 0)
  })
})

const depthEvent = z.object({
  U: z.int(),
  u: z.int(),
  pu: z.int().optional(),
  E: z.int(),
  b: levelsSchema,
  a: levelsSchema,
})
const depthSnapshot = z.object({ lastUpdateId: z.int(), bids: levelsSchema, asks: levelsSchema })

describe('the order book', () => {
  it.each([
    ['spot', '/stream', '/api/v3/depth', 5000],
    ['perpetual', '/public/stream', '/fapi/v1/depth', 1000],
  ] as const)(
    'of %s is right at every update, from a snapshot that falls between two',
    async (kind, path, rest, limit) => {
      const url = kind === 'spot' ? spot : futures
      const stream = await subscribed(`${url}${path}`, 'btcusdt@depth@100ms')
      await pass(stream, 3_450)
      const answer = await get(`${url}${rest}?symbol=BTCUSDT&limit=${limit}`)
      const { lastUpdateId, bids, asks } = depthSnapshot.parse(answer.body)
      await pass(stream, 30_000)
      const book = new TestBook(bids, asks)
      const events = payloads(stream, 'btcusdt@depth@100ms').map((payload) => depthEvent.parse(payload))
      const later = events.filter(({ u }) => (kind === 'spot' ? u > lastUpdateId : u >= lastUpdateId))
      expect(later.length).toBe(30)
      const [first] = later
      expect(first?.U).toBeLessThanOrEqual(kind === 'spot' ? lastUpdateId + 1 : lastUpdateId)
      expect(lastUpdateId % 10).toBe(4)
      for (const [index, { U, u, pu, b, a }] of later.entries()) {
        const before = later[index - 1]
        if (before) expect(kind === 'spot' ? U : pu).toBe(kind === 'spot' ? before.u + 1 : before.u)
        expect(b.length + a.length).toBeGreaterThan(5)
        book.apply(b, a)
        expect(book.top(200)).toEqual(await readTrueBook(url, 'BTCUSDT', kind, `sequence=${u}`, 200))
      }
    },
  )

  it('knows a snapshot that is the event just sent', async () => {
    const stream = await subscribed(`${futures}/public/stream`, 'btcusdt@depth@100ms')
    await pass(stream, 2_000)
    const answer = await get(`${futures}/fapi/v1/depth?symbol=BTCUSDT&limit=5`)
    const last = payloads(stream, 'btcusdt@depth@100ms').at(-1)
    expect(depthEvent.parse(last).u).toBe(depthSnapshot.parse(answer.body).lastUpdateId)
  })
})

describe('limits', () => {
  it.each([
    ['spot', 5],
    ['perpetual', 10],
  ] as const)('of %s end a socket with 1008 after %d messages in a second', async (kind, limit) => {
    const stream = await connect(kind === 'spot' ? `${spot}/stream` : `${futures}/market/stream`)
    for (let id = 0; id < limit; id++) stream.send({ method: 'LIST_SUBSCRIPTIONS', id })
    await stream.find(({ id }) => id === limit - 1)
    exchanges.clock.advance(1000)
    for (let id = 0; id <= limit; id++) stream.send({ method: 'LIST_SUBSCRIPTIONS', id })
    expect(await stream.closed).toBe(1008)
  })

  it('refuse the 301st connection in 5 minutes with 429, over all endpoints of a host', async () => {
    const url = `${futures}/public/stream`
    const other = `${futures}/market/stream`
    for (let count = 0; count < 300; count++) (await openStream(count % 2 === 0 ? url : other)).close()
    for (const each of [url, other]) {
      const refused = await refusalOf(each)
      expect(refused.status).toBe(429)
      expect(Number(refused.headers['retry-after'])).toBe(300)
    }
    await connect(`${spot}/stream`)
    exchanges.clock.advance(300_000)
    await connect(url)
  })

  it('end a socket with more than 1,024 streams', async () => {
    const stream = await connect(`${spot}/stream`)
    const names = (from: number, count: number) => Array.from({ length: count }, (_, index) => `x${from + index}@trade`)
    stream.send({ method: 'SUBSCRIBE', params: names(0, 1024), id: 1 })
    await stream.find(({ id }) => id === 1)
    stream.send({ method: 'SUBSCRIBE', params: names(1024, 1), id: 2 })
    expect(await stream.closed).toBe(1008)
  })

  it('are lifted on request', async () => {
    await control(spot, { limits: false })
    const stream = await connect(`${spot}/stream`)
    for (let id = 0; id < 50; id++) stream.send({ method: 'LIST_SUBSCRIPTIONS', id })
    await stream.find(({ id }) => id === 49)
  })

  it('ping every 20 s, and end a socket after 24 hours', async () => {
    const stream = await connect(`${spot}/stream`)
    let pings = 0
    stream.socket.on('ping', () => pings++)
    await pass(stream, 61_000)
    expect(pings).toBe(3)
    await pass(stream, 86_400_000 - 61_001)
    exchanges.clock.advance(1)
    expect(await stream.closed).toBe(1001)
  })

  it('end a socket sooner on request', async () => {
    await control(futures, { maxAgeMs: 120_000 })
    const stream = await connect(`${futures}/market/stream`)
    await pass(stream, 119_000)
    exchanges.clock.advance(1_001)
    expect(await stream.closed).toBe(1001)
    await control(futures, { reset: true })
    await pass(await connect(`${futures}/market/stream`), 130_000)
  })
})

it('tells who listens to what', async () => {
  const [first] = await Promise.all([
    subscribed(`${spot}/stream`, 'btcusdt@trade'),
    subscribed(`${spot}/stream`, 'btcusdt@trade', 'ethusdt@trade'),
  ])
  const streams = async () => (await get(`${spot}/_control`)).body
  expect(await streams()).toMatchObject({
    streams: { sockets: { spot: 2 }, topics: { 'spot btcusdt@trade': 2, 'spot ethusdt@trade': 1 } },
  })
  first.close()
  await first.closed
  await expect.poll(streams).toMatchObject({ streams: { sockets: { spot: 1 }, topics: { 'spot btcusdt@trade': 1 } } })
})
