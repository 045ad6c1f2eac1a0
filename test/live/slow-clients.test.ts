import { describe, expect, it } from 'vitest'
import { decimal } from '../../src/domain/decimal.ts'
import type { ClientTopic } from '../../src/domain/topic.ts'
import type { ClientHub } from '../../src/live/client-hub.ts'
import { bboData, TopicLine, tradeData } from '../../src/live/messages.ts'
import { SlowWatch } from '../../src/live/slow-watch.ts'
import { createHub, TestClient } from './client.ts'

const MEGABYTE = 1_024 * 1_024
const bbo: ClientTopic = { channel: 'bbo', exchange: 'okx', symbol: 'BTC-USDT', interval: null, depth: null }
const trades: ClientTopic = { ...bbo, channel: 'trades' }

/** A hub, and one client who has both topics. */
function start(isInternal = false) {
  const hub = createHub()
  const client = new TestClient(hub, 0, isInternal)
  const lines = { bbo: new TopicLine(bbo, 'BTC-USDT'), trades: new TopicLine(trades, 'BTC-USDT') }
  for (const { topic } of Object.values(lines)) {
    const args = [{ channel: topic.channel, exchange: topic.exchange, symbol: topic.symbol }]
    for (const request of client.say({ op: 'subscribe', args })) {
      hub.accept(request, { topic, epoch: 'e', seq: 0, state: null })
    }
  }
  hub.flush(0)
  return { hub, client, ...lines }
}

/** So many characters of trades of 10,000 each, flushed. */
function send(hub: ClientHub, line: TopicLine, characters: number, now: number): void {
  for (let sent = 0; sent < characters; sent += 10_000) {
    const id = `${line.seq}`.padEnd(10_000 - 170, 'x')
    hub.publish(line.key, line.next(1, 2, tradeData({ id, price: decimal('1'), size: decimal('2'), side: 'buy' })))
  }
  hub.flush(now)
}

function quote(price: number): string {
  const level = { price: decimal(`${price}`), size: decimal('1') }
  return bboData(level, level)
}

describe('pings', () => {
  it('come after 256 kB, and after 5 s', () => {
    const { hub, client, trades } = start()
    client.read()
    send(hub, trades, 250_000, 1_000)
    expect(client.read().filter(({ type }) => type === 'ping')).toHaveLength(0)
    send(hub, trades, 20_000, 1_100)
    expect(client.read().filter(({ type }) => type === 'ping')).toHaveLength(1)
    expect(hub.wakeAt).toBe(6_100)
    hub.flush(6_100)
    expect(client.read()).toMatchObject([{ type: 'ping' }])
  })
})

describe('a client that answers', () => {
  it('gets everything, as much as it may be', () => {
    const { hub, client, trades } = start()
    for (let now = 0; now < 60_000; now += 1_000) {
      send(hub, trades, MEGABYTE / 2, now)
      client.pong(now)
    }
    expect(client.messages.filter(({ type }) => type === 'trade')).toHaveLength(trades.seq)
    expect(client.messages.some(({ type }) => type === 'slow')).toBe(false)
    expect(client.closed).toBeUndefined()
  })

  it('and then falls silent is slow after 10 s, and closed after 30', () => {
    const { hub, client } = start()
    hub.flush(5_000)
    client.pong(5_000)
    hub.flush(10_000)
    hub.flush(19_999)
    expect(client.messages.some(({ type }) => type === 'slow')).toBe(false)
    hub.flush(20_000)
    expect(client.messages.at(-1)).toMatchObject({ type: 'slow', data: { conflated: true } })
    hub.flush(39_999)
    expect(client.closed).toBeUndefined()
    hub.flush(40_000)
    expect(client.closed?.code).toBe(1008)
    expect(hub.size).toBe(0)
  })

  it('has only read what came before the ping that it answers', () => {
    const { hub, client, trades } = start()
    send(hub, trades, 300_000, 100)
    send(hub, trades, 0.6 * MEGABYTE, 200)
    const [ping] = client.read().filter(({ type }) => type === 'ping')
    client.say({ op: 'pong', id: ping?.id }, 300)
    send(hub, trades, 0.5 * MEGABYTE, 400)
    hub.flush(500)
    expect(client.read().some(({ type }) => type === 'slow')).toBe(true)
  })

  it('and catches up again gets every message again', () => {
    const { hub, client, trades, bbo } = start()
    send(hub, trades, 1.1 * MEGABYTE, 100)
    hub.flush(200)
    client.pong(200)
    expect(client.messages.findLast(({ type }) => type === 'slow')?.data).toMatchObject({ conflated: true })
    hub.flush(300)
    expect(client.read().at(0)).toMatchObject({ type: 'slow', data: { conflated: false } })
    for (const price of [1, 2, 3]) hub.publish(bbo.key, bbo.next(1, 2, quote(price)))
    hub.flush(400)
    expect(client.read().map(({ type }) => type)).toEqual(['bbo', 'bbo', 'bbo'])
  })
})

describe('a client that never answers', () => {
  it('is not judged by time', () => {
    const { hub, client } = start()
    for (let now = 0; now < 600_000; now += 5_000) hub.flush(now)
    expect(client.closed).toBeUndefined()
    expect(client.messages.every(({ type }) => type === 'ping' || type === 'subscribed')).toBe(true)
  })

  it('is slow at 1 MB: what can be merged comes each second, trades all the same', () => {
    const { hub, client, trades, bbo } = start()
    send(hub, trades, 1.01 * MEGABYTE, 100)
    hub.flush(120)
    expect(client.read().findLast(({ type }) => type !== 'ping')?.type).toBe('slow')
    for (let now = 200; now < 3_200; now += 100) {
      hub.publish(bbo.key, bbo.next(1, 2, quote(now)))
      hub.flush(now)
    }
    send(hub, trades, 10_000, 3_250)
    const received = client.read().filter(({ type }) => type !== 'ping')
    expect(received.map(({ type, seq, prevSeq }) => [type, prevSeq, seq])).toEqual([
      ['bbo', 0, 1],
      ['bbo', 1, 11],
      ['bbo', 11, 21],
      ['bbo', 21, 30],
      ['trade', trades.seq - 1, trades.seq],
    ])
  })

  it('is closed at 4 MB, and does not slow the others', () => {
    const { hub, client, trades } = start()
    const other = new TestClient(hub)
    for (const request of other.say({
      op: 'subscribe',
      args: [{ channel: 'trades', exchange: 'okx', symbol: 'BTC-USDT' }],
    })) {
      hub.accept(request, { topic: trades.topic, epoch: 'e', seq: trades.seq, state: null })
    }
    for (let now = 100; now < 1_000; now += 100) {
      send(hub, trades, MEGABYTE / 2, now)
      other.pong(now)
    }
    // The object may have been too busy to hear its pongs.
    hub.flush(1_999)
    expect(client.closed).toBeUndefined()
    hub.flush(2_000)
    expect(client.closed?.code).toBe(1008)
    expect(other.closed).toBeUndefined()
    expect(other.messages.filter(({ type }) => type === 'trade')).toHaveLength(trades.seq)
  })
})

it('a client is closed at 16 MB, whenever it last answered', () => {
  const { hub, client, trades } = start()
  send(hub, trades, 15 * MEGABYTE, 100)
  hub.flush(200)
  expect(client.closed).toBeUndefined()
  send(hub, trades, 2 * MEGABYTE, 300)
  hub.flush(400)
  expect(client.closed?.code).toBe(1008)
})

it('clients that hold more than 32 MB together lose the slowest', () => {
  const hub = createHub()
  const relay = new TestClient(hub, 0, true)
  const clients = Array.from({ length: 4 }, () => new TestClient(hub))
  const fill = (client: TestClient, megabytes: number) => hub.sendTo(client.client, 'x'.repeat(megabytes * MEGABYTE))
  fill(relay, 15)
  for (const [index, client] of clients.entries()) fill(client, [8, 12, 4, 4][index] ?? 0)
  hub.flushAll(0)
  hub.flushAll(100)
  expect([relay, ...clients].map(({ closed }) => closed)).toEqual(Array(5).fill(undefined))
  for (const client of clients.slice(2)) fill(client, 3)
  hub.flushAll(200)
  expect(clients.map(({ closed }) => closed?.code)).toEqual([undefined, 1008, undefined, undefined])
  expect(relay.closed).toBeUndefined()
})

it('a relay is never slow, and ends at 16 MB', () => {
  const { hub, client, trades } = start(true)
  for (let now = 100; now < 3_000; now += 100) send(hub, trades, MEGABYTE / 2, now)
  expect(client.messages.some(({ type }) => type === 'slow')).toBe(false)
  expect(client.closed).toBeUndefined()
  for (let now = 3_000; now < 4_000; now += 100) send(hub, trades, MEGABYTE / 2, now)
  expect(client.closed?.code).toBe(1008)
})

it('clients that hold more than 32 MB together are slow before any is given up', () => {
  const { hub, trades } = start()
  const clients = Array.from({ length: 60 }, () => new TestClient(hub))
  for (const client of clients) {
    const args = [{ channel: 'trades', exchange: 'okx', symbol: 'BTC-USDT' }]
    for (const request of client.say({ op: 'subscribe', args })) {
      hub.accept(request, { topic: trades.topic, epoch: 'e', seq: trades.seq, state: null })
    }
  }
  for (let now = 100; hub.size > 61 - 10; now += 100) {
    send(hub, trades, 50_000, now)
    hub.flushAll(now)
  }
  const [closed] = clients.filter((client) => client.closed !== undefined)
  expect(closed?.closed?.code).toBe(1008)
  expect(closed?.messages.some(({ type }) => type === 'slow')).toBe(true)
})

it('clients that read well are not slow for what only waits for its slice', () => {
  const { hub, trades } = start()
  const clients = Array.from({ length: 1_000 }, () => new TestClient(hub))
  for (const client of clients) {
    const args = [{ channel: 'trades', exchange: 'okx', symbol: 'BTC-USDT' }]
    for (const request of client.say({ op: 'subscribe', args })) {
      hub.accept(request, { topic: trades.topic, epoch: 'e', seq: trades.seq, state: null })
    }
  }
  hub.flushAll(0)
  send(hub, trades, 50_000, 100)
  expect(hub.isMidRound).toBe(true)
  hub.flushAll(200)
  expect(clients.filter(({ closed }) => closed !== undefined)).toEqual([])
})

it('of the pings of a client that never answers few are remembered', () => {
  const watch = new SlowWatch(0, false, 1)
  for (let id = 0; id < 10_000; id++) watch.pinged(id, id * 5_000)
  expect(Array.from({ length: 9_800 }, (_, id) => id).filter((id) => id > 0 && watch.ponged(id))).toEqual([])
  expect(watch.ponged(9_999)).toBe(true)
})
