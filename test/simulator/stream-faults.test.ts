/** Each fault of the streams once, as a client sees it. */

import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { z } from 'zod'
import { control, get, NOW, startTestExchanges, type TestExchanges } from './client.ts'
import { openStream, refusalOf, type TestStream } from './ws/client.ts'

let exchanges: TestExchanges
let spot = ''
let feed = ''
const open: TestStream[] = []
beforeAll(async () => {
  exchanges = await startTestExchanges()
  spot = exchanges.streamUrls.binance?.['spot'] ?? ''
  feed = exchanges.streamUrls.coinbase?.['feed'] ?? ''
})
beforeEach(async () => {
  for (const stream of open.splice(0)) stream.close()
  exchanges.clock.set(NOW)
  await Promise.all([spot, feed].map((url) => control(url, { reset: true })))
})
afterAll(() => exchanges.stop())

const DEPTH = 'btcusdt@depth'
const OTHER = 'ethusdt@depth'

const connect = async (): Promise<TestStream> => {
  const stream = await openStream(`${spot}/stream`)
  open.push(stream)
  return stream
}

const subscribe = async (stream: TestStream, ...params: string[]): Promise<void> => {
  const from = stream.texts.length
  stream.send({ method: 'SUBSCRIBE', params, id: 1 })
  await stream.find(({ id }) => id === 1, from)
}

const subscribed = async (...params: string[]): Promise<TestStream> => {
  const stream = await connect()
  await subscribe(stream, ...params)
  return stream
}

const pass = async (stream: TestStream, ms: number): Promise<void> => {
  const from = stream.texts.length
  exchanges.clock.advance(ms)
  stream.send({ method: 'LIST_SUBSCRIPTIONS', id: 'passed' })
  await stream.find(({ id }) => id === 'passed', from)
}

const fault = (type: string, options: Record<string, unknown> = {}, url = spot) =>
  control(url, { fault: { type, ...options } })

const ids = (stream: TestStream, name = DEPTH): number[] =>
  stream.all((frame) => frame['stream'] === name).map(({ data }) => z.object({ u: z.int() }).parse(data).u / 10)

const consecutive = (first: number, count: number): number[] =>
  Array.from({ length: count }, (_, index) => first + index)

describe('faults of connections', () => {
  it('drop: ends the sockets of the moment without a handshake, and lets new ones live', async () => {
    const [first, second] = [await subscribed(DEPTH), await subscribed(DEPTH)]
    await fault('drop')
    expect(await Promise.all([first.closed, second.closed])).toEqual([1006, 1006])
    await pass(await subscribed(DEPTH), 5_000)
  })

  it('drop: only so many, or only those with a topic, or for a time', async () => {
    const [first, second] = [await subscribed(DEPTH), await subscribed(OTHER)]
    await fault('drop', { symbol: 'ETHUSDT', channel: 'book' })
    expect(await second.closed).toBe(1006)
    const third = await subscribed(DEPTH)
    await fault('drop', { times: 1 })
    await Promise.race([first.closed, third.closed])
    const survivor = first.socket.readyState === first.socket.OPEN ? first : third
    await pass(survivor, 2_000)
    await fault('drop', { forMs: 10_000 })
    expect(await survivor.closed).toBe(1006)
    expect(await (await connect()).closed).toBe(1006)
    exchanges.clock.advance(10_000)
    await pass(await subscribed(DEPTH), 1_000)
  })

  it('close: with the code of the exchange, or another', async () => {
    const first = await connect()
    await fault('close')
    expect(await first.closed).toBe(1001)
    const second = await connect()
    await fault('close', { code: 1012, reason: 'restart' })
    expect(await second.closed).toBe(1012)
  })

  it('drop and close at a frame: send the end instead of it, and let others pass', async () => {
    const [first, second] = [await subscribed(DEPTH), await subscribed(OTHER)]
    const scope = { symbol: 'BTCUSDT', channel: 'book', atFrame: true, times: 1 }
    await fault('drop', scope)
    await pass(second, 0)
    expect(first.socket.readyState).toBe(first.socket.OPEN)
    await pass(second, 3_000)
    expect(await first.closed).toBe(1006)
    expect([ids(first).length, ids(second, OTHER).length]).toEqual([0, 3])
    const third = await subscribed(DEPTH)
    await fault('close', scope)
    await pass(second, 3_000)
    expect([await third.closed, ids(third).length]).toEqual([1001, 0])
  })

  it('announce-close: says so, goes on for a while, and ends then', async () => {
    const okx = exchanges.streamUrls.okx?.['public'] ?? ''
    const other = await openStream(`${okx}/ws/v5/public`)
    open.push(other)
    const stream = await subscribed(DEPTH)
    await Promise.all([spot, okx].map((url) => fault('announce-close', { afterMs: 20_000 }, url)))
    await stream.find(({ data }) => z.object({ e: z.literal('serverShutdown') }).safeParse(data).success)
    await other.find(({ event, code }) => event === 'notice' && code === '64008')
    await pass(stream, 19_000)
    expect(ids(stream)).toHaveLength(19)
    exchanges.clock.advance(1_000)
    expect(await Promise.all([stream.closed, other.closed])).toEqual([1001, 1001])
  })

  it('silence: the socket stays, and says nothing any more', async () => {
    const stream = await subscribed(DEPTH)
    const before = stream.texts.length
    await fault('silence')
    const other = await subscribed(DEPTH)
    stream.send({ method: 'LIST_SUBSCRIPTIONS', id: 'unanswered' })
    await pass(other, 60_000)
    expect(stream.texts.slice(before)).toEqual([])
    expect(stream.socket.readyState).toBe(stream.socket.OPEN)
    expect(ids(other)).toHaveLength(60)
  })

  it('silence: uses up no fault of frames that others are to meet', async () => {
    await subscribed(DEPTH)
    await fault('silence')
    const other = await subscribed(DEPTH)
    await pass(other, 1_000)
    await fault('skip', { times: 1 })
    await pass(other, 3_000)
    expect(ids(other)).toHaveLength(3)
  })

  it('silence of a topic: while the others flow, until it is subscribed again', async () => {
    const stream = await subscribed(DEPTH, OTHER)
    await fault('silence', { symbol: 'BTCUSDT', channel: 'book' })
    await pass(stream, 10_000)
    expect([ids(stream).length, ids(stream, OTHER).length]).toEqual([0, 10])
    stream.send({ method: 'UNSUBSCRIBE', params: [DEPTH], id: 2 })
    await subscribe(stream, DEPTH)
    await pass(stream, 10_000)
    expect([ids(stream).length, ids(stream, OTHER).length]).toEqual([10, 20])
  })

  it('refuse: resets the connection before any answer', async () => {
    await fault('refuse', { times: 1 })
    await expect(refusalOf(`${spot}/stream`)).rejects.toThrow('ECONNRESET')
    await connect()
  })

  it('status and geo-block: answer the upgrade', async () => {
    await fault('status', { on: 'stream', status: 429, retryAfterSeconds: 7, times: 1 })
    expect((await get(`${spot}/api/v3/ping`)).status).toBe(200)
    const refused = await refusalOf(`${spot}/stream`)
    expect(refused.status).toBe(429)
    expect(refused.headers['retry-after']).toBe('7')
    const bybit = exchanges.streamUrls.bybit?.['spot'] ?? ''
    await fault('status', { on: 'stream', status: 429, times: 1 }, bybit)
    expect((await refusalOf(`${bybit}/v5/public/spot`)).status).toBe(429)
    await fault('geo-block')
    expect((await refusalOf(`${spot}/stream`)).status).toBe(451)
    await fault('geo-block', {}, feed)
    expect((await refusalOf(feed)).status).toBe(403)
  })

  it('delay: acknowledges late, while data flows', async () => {
    const stream = await connect()
    // The clock of this test stands still: here a simulated ms is a real one.
    await fault('delay', { on: 'stream', ms: 100, times: 1 })
    stream.send({ method: 'SUBSCRIBE', params: [DEPTH], id: 'late' })
    await stream.settle()
    exchanges.clock.advance(1_000)
    await stream.find((frame) => frame['stream'] === DEPTH)
    expect(stream.all(({ id }) => id === 'late')).toEqual([])
    await stream.find(({ id }) => id === 'late')
  })

  it('reject: refuses a topic, and those in one request with it', async () => {
    await fault('reject', { symbol: 'BTCUSDT', channel: 'book' })
    const stream = await subscribed(DEPTH, OTHER)
    expect(stream.all((frame) => 'error' in frame)).toHaveLength(1)
    await subscribe(stream, OTHER, 'btcusdt@trade')
    await pass(stream, 60_000)
    expect([ids(stream).length, ids(stream, OTHER).length]).toEqual([0, 60])
  })
})

describe('faults of frames', () => {
  it('skip: leaves some out', async () => {
    const stream = await subscribed(DEPTH, OTHER)
    await fault('skip', { symbol: 'BTCUSDT', times: 2 })
    await pass(stream, 10_000)
    const [all, left] = [ids(stream, OTHER), ids(stream)]
    expect(left).toEqual(all.slice(2))
  })

  it('skip: also trades', async () => {
    const stream = await subscribed('btcusdt@trade')
    await fault('skip', { channel: 'trades', times: 1 })
    await pass(stream, 60_000)
    const trades = stream.all((frame) => frame['stream'] === 'btcusdt@trade')
    const other = await subscribed('btcusdt@trade')
    await pass(other, 60_000)
    const list = await get(`${spot}/api/v3/trades?symbol=BTCUSDT&limit=1000`)
    const truth = z
      .array(z.object({ time: z.int() }))
      .parse(list.body)
      .filter(({ time }) => time > NOW && time < NOW + 60_000)
    expect(trades).toHaveLength(truth.length - 1)
  })

  it('duplicate: sends some twice', async () => {
    const stream = await subscribed(DEPTH)
    await fault('duplicate', { on: 'stream', times: 1 })
    await pass(stream, 3_000)
    const [first = 0] = ids(stream)
    expect(ids(stream)).toEqual([first, ...consecutive(first, 3)])
  })

  it('reorder: sends one after the next of its topic', async () => {
    const stream = await subscribed(DEPTH)
    await fault('reorder', { on: 'stream', times: 1 })
    await pass(stream, 3_000)
    const first = Math.min(...ids(stream))
    expect(ids(stream)).toEqual([first + 1, first, first + 2])
  })

  it('garbage and truncate: send what is no JSON', async () => {
    const stream = await subscribed(DEPTH)
    await fault('garbage', { on: 'stream', times: 1 })
    await pass(stream, 2_000)
    await fault('truncate', { on: 'stream', share: 0.4, times: 1 })
    await pass(stream, 2_000)
    const broken = stream.texts.filter((text) => {
      try {
        JSON.parse(text)
        return false
      } catch {
        return true
      }
    })
    expect(broken).toHaveLength(2)
    expect(ids(stream)).toHaveLength(2)
    expect(broken[1]).toContain('{"stream":"btcusdt@depth","data":{"e":"depthUpdate"')
  })

  it('crossed: puts a bid above the best ask', async () => {
    const stream = await subscribed(DEPTH)
    await fault('crossed', { times: 1 })
    await pass(stream, 2_000)
    const [crossed, sound] = stream
      .all((frame) => frame['stream'] === DEPTH)
      .map(({ data }) => z.object({ u: z.int(), b: z.array(z.array(z.string())) }).parse(data))
    const bestAsk = async (u = 0) => {
      const { body } = await get(`${spot}/_truth/order-book?symbol=BTCUSDT&sequence=${u}&depth=1`)
      return Number(z.object({ asks: z.array(z.array(z.string())) }).parse(body).asks[0]?.[0])
    }
    expect(Number(crossed?.b[0]?.[0])).toBeGreaterThan(await bestAsk(crossed?.u))
    expect(Number(sound?.b.find(([, size]) => Number(size) > 0)?.[0])).toBeLessThan(await bestAsk(sound?.u))
  })

  it('wrong-snapshot: over REST, with a wrong level or too old', async () => {
    const depth = async () => (await get(`${spot}/api/v3/depth?symbol=BTCUSDT&limit=5`)).body
    const schema = z.object({ lastUpdateId: z.int(), bids: z.array(z.array(z.string())) })
    const right = schema.parse(await depth())
    await fault('wrong-snapshot', { times: 1 })
    const wrong = schema.parse(await depth())
    expect(wrong.bids.map(([price]) => price)).toEqual(right.bids.map(([price]) => price))
    expect(wrong.bids.map(([, size], index) => size === right.bids[index]?.[1])).toEqual([
      true,
      true,
      false,
      true,
      true,
    ])
    await fault('wrong-snapshot', { how: 'old', times: 1 })
    expect(schema.parse(await depth()).lastUpdateId).toBe(right.lastUpdateId - 300)
    expect(schema.parse(await depth())).toEqual(right)
  })

  it('wrong-snapshot: at the begin of a stream', async () => {
    const first = async () => {
      const stream = await openStream(feed)
      open.push(stream)
      stream.send({ type: 'subscribe', product_ids: ['BTC-USD'], channels: ['level2_batch'] })
      const { bids } = z
        .object({ bids: z.array(z.array(z.string())) })
        .parse(await stream.find(({ type }) => type === 'snapshot'))
      return bids.slice(0, 3)
    }
    const right = await first()
    await fault('wrong-snapshot', { on: 'stream', times: 1 }, feed)
    const wrong = await first()
    expect(wrong.slice(0, 2)).toEqual(right.slice(0, 2))
    expect(wrong[2]?.[1]).not.toBe(right[2]?.[1])
    expect(await first()).toEqual(right)
  })
})

it('faults of requests do not meet streams, nor those of streams requests', async () => {
  const stream = await subscribed(DEPTH)
  await fault('garbage', { times: 1 })
  await fault('skip', { times: 1 })
  const answer = await get(`${spot}/api/v3/ping`)
  expect(answer.text).not.toBe('{}')
  await pass(stream, 3_000)
  expect(ids(stream)).toHaveLength(2)
})
