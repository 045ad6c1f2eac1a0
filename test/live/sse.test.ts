import { describe, expect, it } from 'vitest'
import { decimal } from '../../src/domain/decimal.ts'
import type { ClientTopic } from '../../src/domain/topic.ts'
import type { SubscribeRequest } from '../../src/live/hub-client.ts'
import { TopicLine, tradeData } from '../../src/live/messages.ts'
import { openEventStream, readEventTopics } from '../../src/live/sse.ts'
import { createHub } from './client.ts'

const exchanges = ['okx', 'binance']
const trades: ClientTopic = { channel: 'trades', exchange: 'okx', symbol: 'BTC-USDT', interval: null, depth: null }

function read(query: string, pathExchange: string | null = null) {
  return readEventTopics(new URL(`https://x/v1/stream?${query}`), exchanges, pathExchange)
}

/** A stream of trades, accepted, and how to read from it. */
async function open() {
  const hub = createHub()
  const line = new TopicLine(trades, 'BTC-USDT')
  const settle = (_: unknown, requests: readonly SubscribeRequest[]) => {
    for (const request of requests) hub.accept(request, { topic: trades, epoch: 'e', seq: 0, state: null })
  }
  const stream = await openEventStream({ hub, now: () => 0, settle }, [trades])
  if (!(stream instanceof ReadableStream)) throw new Error(stream.detail)
  const reader = stream.getReader()
  const next = async () => new TextDecoder().decode((await reader.read()).value)
  return { hub, line, reader, next }
}

function trade(padding = 0): string {
  return tradeData({ id: 'x'.repeat(padding), price: decimal('1'), size: decimal('2'), side: 'buy' })
}

describe('topic parameters', () => {
  it('name topics, with the exchange or without where the path has it', () => {
    const query =
      'topic=trades:okx:BTC-USDT&topic=candles:okx:BTC-USDT:5m&topic=book:okx:BTC/USDT:USDT:50&topic=status:okx'
    expect(read(query)).toMatchObject({
      ok: true,
      topics: [
        trades,
        { channel: 'candles', symbol: 'BTC-USDT', interval: '5m' },
        { channel: 'book', symbol: 'BTC-USDT-PERP', depth: 50 },
        { channel: 'status', symbol: null },
      ],
    })
    const short = 'topic=trades:BTC-USDT&topic=candles:BTC/USDT:USDT&topic=book:cryptopair_okx_btcusdt&topic=status'
    expect(read(short, 'okx')).toMatchObject({
      ok: true,
      topics: [
        trades,
        { channel: 'candles', exchange: 'okx', symbol: 'BTC-USDT-PERP', interval: '1m' },
        { channel: 'book', exchange: 'okx', symbol: 'cryptopair_okx_btcusdt', depth: 20 },
        { channel: 'status', exchange: 'okx' },
      ],
    })
  })

  it.each([
    ['', 'invalid_request'],
    ['topic=', 'invalid_request'],
    ['topic=klines:okx:BTC-USDT', 'invalid_request'],
    ['topic=trades:kraken:BTC-USDT', 'unknown_exchange'],
    ['topic=trades:BTC-USDT', 'unknown_exchange'],
    ['topic=trades:okx', 'invalid_request'],
    ['topic=candles:okx:BTC-USDT:7m', 'unknown_interval'],
    ['topic=book:okx:BTC-USDT:21', 'invalid_request'],
    [Array(201).fill('topic=trades:okx:BTC-USDT').join('&'), 'invalid_request'],
  ])('%s is refused', (query, code) => {
    expect(read(query)).toMatchObject({ ok: false, code, errors: [{ path: 'topic' }] })
  })

  it('are refused all at once, each by its place', () => {
    const query = 'topic=trades:okx:BTC-USDT&topic=candles:okx:BTC-USDT:7m&topic=arbitrage:*:BTC-USDT:abc'
    expect(read(query)).toEqual({
      ok: false,
      code: 'unknown_interval',
      detail: expect.stringMatching(/^topic\[1\]: candles:okx:BTC-USDT:7m: interval must be one of 1m, 3m, .*, 1M$/),
      errors: [
        { path: 'topic[1]', message: expect.stringContaining('interval must be') },
        { path: 'topic[2]', message: expect.stringContaining('threshold must be percent') },
      ],
    })
  })
})

describe('a stream of events', () => {
  it('carries the frames, and a comment after 15 s without one', async () => {
    const { hub, line, next } = await open()
    expect(await next()).toBe('retry: 2000\n\n')
    hub.flush(0)
    expect(JSON.parse((await next()).slice('data: '.length))).toMatchObject([{ type: 'subscribed', epoch: 'e' }])
    const message = line.next(1, 2, trade())
    hub.publish(line.key, message)
    hub.flush(100)
    expect(await next()).toBe(`data: [${message}]\n\n`)
    expect(hub.wakeAt).toBe(15_100)
    hub.flush(15_100)
    expect(await next()).toBe(': keep-alive\n\n')
  })

  it('is not opened where a topic is refused', async () => {
    const hub = createHub()
    const settle = (_: unknown, requests: readonly SubscribeRequest[]) => {
      for (const request of requests) hub.refuse(request, 'unknown_instrument', 'there is none')
    }
    const answer = await openEventStream({ hub, now: () => 0, settle }, [trades])
    expect(answer).toEqual({
      ok: false,
      code: 'unknown_instrument',
      detail: 'topic: there is none',
      errors: [{ path: 'topic', message: 'there is none' }],
    })
    expect(hub.size).toBe(0)
  })

  it('that nobody reads becomes slow at 1 MB and ends at 4, without pings', async () => {
    const { hub, line, next } = await open()
    for (let n = 0; n < 50; n++) {
      hub.publish(line.key, line.next(1, 2, trade(100_000)))
      hub.flush(n * 100)
    }
    expect(hub.size).toBe(0)
    let text = ''
    while (!text.includes('event: close')) text += await next()
    expect(text).toContain('{"type":"slow","data":{"conflated":true')
    expect(text).toContain('"code":1008')
    expect(text).not.toContain('"type":"ping"')
    expect(text.length).toBeLessThan(4_500_000)
  })

  it('that is read keeps up with any amount', async () => {
    const { hub, line, next } = await open()
    let length = 0
    for (let n = 0; n < 100; n++) {
      hub.publish(line.key, line.next(1, 2, trade(100_000)))
      hub.flush(n * 100)
      length += (await next()).length
    }
    expect(hub.size).toBe(1)
    expect(length).toBeGreaterThan(9_000_000)
  })

  it('ends with its reader', async () => {
    const { hub, reader } = await open()
    await reader.cancel()
    expect(hub.size).toBe(0)
  })
})
