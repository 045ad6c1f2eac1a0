import { describe, expect, it } from 'vitest'
import { decimal } from '../../src/domain/decimal.ts'
import type { ClientTopic } from '../../src/domain/topic.ts'
import type { ClientHub } from '../../src/live/client-hub.ts'
import type { SubscribeRequest } from '../../src/live/hub-client.ts'
import { splitFrame, TopicLine, tickerData, tradeData } from '../../src/live/messages.ts'
import { createHub, TestClient } from './client.ts'

const trades: ClientTopic = { channel: 'trades', exchange: 'okx', symbol: 'BTC-USDT', interval: null, depth: null }
const arg = { channel: 'trades', exchange: 'okx', symbol: 'BTC-USDT' }
const subscribe = { op: 'subscribe', id: 1, args: [arg] }

function acceptAll(
  hub: ClientHub,
  requests: readonly SubscribeRequest[],
  line: TopicLine,
  state: string | null = null,
) {
  for (const request of requests) hub.accept(request, { topic: line.topic, epoch: 'e1', seq: line.seq, state })
}

function trade(id: number, padding = 0): string {
  return tradeData({ id: `${id}${'x'.repeat(padding)}`, price: decimal('1'), size: decimal('2'), side: 'sell' })
}

describe('subscriptions', () => {
  it('are answered with epoch, seq and the state, and then get what is new', () => {
    const hub = createHub()
    const client = new TestClient(hub)
    const line = new TopicLine({ ...trades, channel: 'ticker' }, 'BTC-USDT')
    const values = { last: decimal('7'), open: null, high: null, low: null, volume: null, quoteVolume: null }
    line.next(1, 2, tickerData(values))
    const [request] = client.say({ ...subscribe, args: [{ ...arg, channel: 'ticker', symbol: 'BTC/USDT' }] })
    expect(request?.topic).toEqual(line.topic)
    hub.publish(line.key, 'nobody has it yet')
    acceptAll(hub, request ? [request] : [], line, line.state(1, 2, tickerData(values)))
    hub.publish(line.key, line.next(3, 4, tickerData(values)))
    hub.flush(0)
    expect(client.frames).toHaveLength(1)
    expect(client.read()).toMatchObject([
      { type: 'subscribed', id: 1, channel: 'ticker', symbol: 'BTC-USDT', epoch: 'e1', seq: 1, state: true },
      { type: 'ticker', seq: 1, prevSeq: 1, data: { last: '7' } },
      { type: 'ticker', seq: 2, prevSeq: 1 },
    ])
    expect(hub.audience(line.key)).toBe(1)
  })

  it('are refused one by one, with the arg', () => {
    const hub = createHub({ pathExchange: 'okx' })
    const client = new TestClient(hub)
    const args = [
      { channel: 'prices', symbol: 'BTC-USDT' },
      { channel: 'trades', exchange: 'kraken', symbol: 'BTC-USDT' },
      { channel: 'trades' },
      { channel: 'candles', symbol: 'BTC-USDT', interval: '7m' },
      { channel: 'book', symbol: 'BTC-USDT', depth: 21 },
      { channel: 'trades', symbol: 'cryptopair_binance_btcusdt' },
      'trades',
      { channel: 'trades', symbol: 'BTC-USDT', interval: '1m' },
      { channel: 'ticker', symbol: 'BTC-USDT', depth: 5 },
      { channel: 'bbo', symbol: 'BTC-USDT', quotes: 'usd-like' },
      { channel: 'bbo', exchange: '*', symbol: 'BTC-USDT', threshold: 1 },
      { channel: 'trades', symbol: 'XXX-YYY' },
    ]
    const requests = client.say({ op: 'subscribe', id: 'a', args })
    expect(requests).toHaveLength(1)
    for (const request of requests) hub.refuse(request, 'unknown_instrument', 'there is none')
    hub.flush(0)
    const codes = ['unknown_channel', 'unknown_exchange', 'invalid_request', 'unknown_interval', 'invalid_request']
    expect(client.read()).toMatchObject(
      [...codes, 'unknown_instrument', ...Array(5).fill('invalid_request'), 'unknown_instrument'].map(
        (code, index) => ({
          type: 'error',
          id: 'a',
          code,
          arg: args[index],
        }),
      ),
    )
    expect(client.closed).toBeUndefined()
  })

  it('may be asked for in the older form, and by ids of zvt', () => {
    const client = new TestClient(createHub({ pathExchange: 'okx' }))
    const params = { channel: 'kline', symbol: 'BTC-USDT', interval: '5m' }
    expect(client.say({ method: 'subscribe', params })).toMatchObject([
      { id: null, topic: { channel: 'candles', exchange: 'okx', symbol: 'BTC-USDT', interval: '5m' } },
    ])
    expect(
      client.say({ method: 'subscribe', id: 3, params: [{ channel: 'depth', symbol: 'BTC-USDT' }] }),
    ).toMatchObject([{ id: 3, topic: { channel: 'book', depth: 20 } }])
    expect(
      client.say({ op: 'subscribe', args: [{ channel: 'trade', symbol: 'cryptopair_okx_btcusdt' }] }),
    ).toMatchObject([{ topic: { channel: 'trades', exchange: 'okx', symbol: 'cryptopair_okx_btcusdt' } }])
  })

  it('end by the name under which they began', () => {
    const hub = createHub()
    const client = new TestClient(hub)
    const line = new TopicLine(trades, 'BTC-USDT')
    const args = [{ channel: 'trades', symbol: 'cryptopair_okx_btcusdt' }]
    acceptAll(hub, client.say({ op: 'subscribe', id: 1, args }), line)
    client.say({ op: 'list', id: 2 })
    client.say({ op: 'unsubscribe', id: 3, args })
    client.say({ op: 'unsubscribe', id: 4, args })
    hub.publish(line.key, line.next(1, 2, trade(1)))
    hub.flush(0)
    expect(client.read()).toMatchObject([
      { type: 'subscribed', id: 1, symbol: 'BTC-USDT' },
      { type: 'subscriptions', id: 2, topics: [arg] },
      { type: 'unsubscribed', id: 3, ...arg },
      { type: 'error', id: 4, code: 'not_subscribed' },
    ])
    expect(hub.audience(line.key)).toBe(0)
  })

  it('that end before they began are cancelled', () => {
    const hub = createHub()
    const client = new TestClient(hub)
    const line = new TopicLine(trades, 'BTC-USDT')
    const [request] = client.say(subscribe)
    client.say({ ...subscribe, op: 'unsubscribe', id: 2 })
    expect(request && hub.accept(request, { topic: trades, epoch: 'e', seq: 0, state: null })).toBe(false)
    hub.publish(line.key, line.next(1, 2, trade(1)))
    hub.flush(0)
    expect(client.read()).toMatchObject([
      { type: 'error', id: 1, code: 'cancelled' },
      { type: 'unsubscribed', id: 2 },
    ])
  })

  it('are at most 200 a connection, but not for a relay', () => {
    const hub = createHub()
    const client = new TestClient(hub)
    const relay = new TestClient(hub, 0, true)
    const many = Array.from({ length: 101 }, (_, n) => ({ ...arg, symbol: `A${n}-USDT` }))
    const more = Array.from({ length: 101 }, (_, n) => ({ ...arg, symbol: `B${n}-USDT` }))
    for (const args of [many, more]) {
      client.say({ op: 'subscribe', id: 1, args })
      relay.say({ op: 'subscribe', id: 1, args })
    }
    expect(client.client.requests.size).toBe(200)
    expect(relay.client.requests.size).toBe(202)
    hub.flush(0)
    expect(client.read()).toMatchObject(Array(2).fill({ type: 'error', code: 'too_many_subscriptions' }))
  })

  it('count once, however often they are asked for', () => {
    const hub = createHub()
    const client = new TestClient(hub)
    const args = (count: number, name: string) =>
      Array.from({ length: count }, (_, n) => ({ ...arg, symbol: `${name}${n}-USDT` }))
    for (const request of client.say({ op: 'subscribe', args: args(150, 'A') })) {
      hub.accept(request, { topic: request.topic, epoch: 'e', seq: 0, state: null })
    }
    expect(client.say({ op: 'subscribe', args: [...args(150, 'A'), ...args(50, 'B')] }, 60_000)).toHaveLength(200)
    expect(client.say({ op: 'subscribe', args: [...args(50, 'B'), ...args(1, 'C')] }, 120_000)).toHaveLength(50)
    hub.flush(120_000)
    const errors = client.read().filter(({ type }) => type === 'error')
    expect(errors).toMatchObject([{ code: 'too_many_subscriptions' }])
  })

  it('are asked for anew when the numbers start anew', () => {
    const hub = createHub()
    const clients = [new TestClient(hub), new TestClient(hub)]
    const line = new TopicLine(trades, 'BTC-USDT')
    for (const client of clients) acceptAll(hub, client.say(subscribe), line)
    const renewed = hub.renew(line.key)
    expect(renewed.map(({ client, id }) => [client, id])).toEqual(clients.map(({ client }) => [client, null]))
    const [first, second] = renewed
    if (first !== undefined) hub.accept(first, { topic: trades, epoch: 'e2', seq: 0, state: null })
    if (second !== undefined) hub.refuse(second, 'unknown_instrument', 'delisted')
    expect(hub.audience(line.key)).toBe(1)
  })

  it('survive as an attachment', () => {
    const hub = createHub()
    const client = new TestClient(hub)
    acceptAll(hub, client.say(subscribe), new TopicLine(trades, 'BTC-USDT'))
    client.say({ op: 'configure', id: 2, conflateMs: 500 })
    expect(hub.attachment(client.client)).toEqual({
      isInternal: false,
      settings: { conflateMs: 500, maxMessagesPerSecond: null },
      topics: ['trades:okx:BTC-USDT'],
    })
  })
})

describe('abuse', () => {
  it.each([
    ['no JSON', 'subscribe', 'invalid_request'],
    ['no command', '{"op":"explode"}', 'invalid_request'],
    ['no args', '{"op":"subscribe","args":[]}', 'invalid_request'],
    ['a setting that does not exist', '{"op":"configure","conflatems":500}', 'invalid_request'],
    ['over 16 kB', JSON.stringify({ op: 'ping', id: 1, x: 'x'.repeat(17_000) }), 'payload_too_large'],
  ])('%s: an error, then 1008', (_, text, code) => {
    const hub = createHub()
    const client = new TestClient(hub)
    client.say(text)
    expect(client.read()).toMatchObject([{ type: 'error', code }])
    expect(client.closed?.code).toBe(1008)
    expect(hub.size).toBe(0)
  })

  it('is told with the id of the command, where there is one', () => {
    const says = (command: object) => {
      const client = new TestClient(createHub())
      client.say(command)
      return client.read()
    }
    expect(says({ op: 'configure', id: 7, conflatems: 500 })).toMatchObject([
      { type: 'error', id: 7, detail: 'conflatems: there is no such setting' },
    ])
    expect(says({ op: 'list', id: { a: 1 } })).toMatchObject([
      { type: 'error', id: null, detail: 'id: must be a text of at most 64 characters, or an integer' },
    ])
  })

  it('is nothing in the older form', () => {
    const hub = createHub()
    const client = new TestClient(hub)
    hub.flush(5_000)
    const [ping] = client.read()
    client.say({ method: 'pong', params: { id: ping?.id } })
    client.say({ method: 'list', id: 'l', params: null })
    client.say({ method: 'configure', params: { id: 3, conflateMs: 100 } })
    hub.flush(10_000)
    expect(client.read()).toMatchObject([
      { type: 'subscriptions', id: 'l' },
      { type: 'configured', id: 3, conflateMs: 100 },
      { type: 'ping' },
    ])
  })

  it('takes 300 commands at once, then 20 a second', () => {
    const hub = createHub()
    const client = new TestClient(hub)
    for (let n = 0; n < 300; n++) client.say({ op: 'ping', id: n }, 1_000)
    for (let n = 0; n < 20; n++) client.say({ op: 'ping', id: n }, 2_000)
    expect(client.closed).toBeUndefined()
    client.say({ op: 'ping' }, 2_000)
    expect(client.closed?.code).toBe(1008)
    expect(client.messages.at(-1)).toMatchObject({ type: 'error', code: 'rate_limited' })
  })

  it('counts each topic that is asked for', () => {
    const client = new TestClient(createHub())
    const args = Array.from({ length: 150 }, (_, n) => ({ ...arg, symbol: `A${n}-USDT` }))
    for (let n = 0; n < 2; n++) client.say({ op: 'subscribe', args })
    expect(client.closed).toBeUndefined()
    client.say({ op: 'subscribe', args: [arg] })
    expect(client.closed?.code).toBe(1008)
  })

  it('counts pongs that answer no ping', () => {
    const client = new TestClient(createHub())
    for (let n = 0; n <= 300; n++) client.say({ op: 'pong', id: n })
    expect(client.closed?.code).toBe(1008)
  })
})

it('counts clients without the relays among them', () => {
  const hub = createHub()
  for (const isInternal of [true, false, true]) new TestClient(hub, 0, isInternal)
  expect([hub.size, hub.outsiders]).toEqual([3, 1])
})

describe('frames', () => {
  it('go at once when idle, then together each 20 ms', () => {
    const hub = createHub({ timeScale: 10 })
    const client = new TestClient(hub, 0)
    const line = new TopicLine(trades, 'BTC-USDT')
    acceptAll(hub, client.say(subscribe), line)
    hub.flush(0)
    hub.publish(line.key, line.next(1, 2, trade(1)))
    expect(hub.isDue(100)).toBe(false)
    expect(hub.wakeAt).toBe(200)
    hub.publish(line.key, line.next(1, 2, trade(2)))
    expect(hub.isDue(200)).toBe(true)
    hub.flush(200)
    expect(client.frames).toHaveLength(2)
    hub.publish(line.key, line.next(1, 2, trade(3)))
    expect(hub.isDue(1_000)).toBe(true)
  })

  it('go at once when they have 100 messages or 64 kB', () => {
    const hub = createHub()
    const client = new TestClient(hub)
    const line = new TopicLine(trades, 'BTC-USDT')
    acceptAll(hub, client.say(subscribe), line)
    hub.flush(0)
    for (let n = 0; n < 99; n++) hub.publish(line.key, line.next(1, 2, trade(n)))
    expect(client.frames).toHaveLength(1)
    hub.publish(line.key, line.next(1, 2, trade(99)))
    expect(client.frames).toHaveLength(2)
    hub.publish(line.key, line.next(1, 2, trade(100)))
    hub.flush(20)
    expect(client.frames).toHaveLength(3)
    for (let n = 0; n < 7; n++) hub.publish(line.key, line.next(1, 2, trade(n, 20_000)))
    expect(client.frames).toHaveLength(4)
  })

  it('go less often where sending takes more than half a core', () => {
    const hub = createHub()
    const line = new TopicLine(trades, 'BTC-USDT')
    for (let n = 0; n < 600; n++) acceptAll(hub, new TestClient(hub).say(subscribe), line)
    hub.flushAll(0)
    hub.publish(line.key, line.next(1, 2, trade(1)))
    expect(hub.wakeAt).toBeGreaterThan(60)
    expect(hub.wakeAt).toBeLessThan(70)
    for (let n = 0; n < 600; n++) acceptAll(hub, new TestClient(hub).say(subscribe), line)
    hub.flushAll(100)
    hub.publish(line.key, line.next(1, 2, trade(2)))
    expect(hub.wakeAt).toBe(200)
  })

  it('go to many clients in slices, half of the time at most, with what has come in between', () => {
    const hub = createHub()
    const line = new TopicLine(trades, 'BTC-USDT')
    const clients = Array.from({ length: 500 }, () => new TestClient(hub))
    for (const client of clients) acceptAll(hub, client.say(subscribe), line)
    hub.flushAll(0)
    const served = () => clients.filter(({ frames }) => frames.length > 1).length
    hub.publish(line.key, line.next(1, 2, trade(1)))
    hub.flush(100)
    expect(hub.isMidRound).toBe(true)
    expect(served()).toBeGreaterThan(80)
    expect(served()).toBeLessThan(120)
    hub.publish(line.key, line.next(1, 2, trade(2)))
    for (let now = 100, before = served(); hub.isMidRound; before = served()) {
      expect(hub.wakeAt - now).toBeGreaterThan(9)
      expect(hub.wakeAt - now).toBeLessThan(12)
      now = hub.wakeAt
      hub.flush(now)
      expect(served() - before).toBeLessThan(120)
    }
    expect(clients[0]?.frames.flatMap(splitFrame)).toHaveLength(2)
    for (const client of clients.slice(150)) expect(client.frames.flatMap(splitFrame)).toHaveLength(3)
    expect(hub.isWaiting).toBe(true)
    expect(hub.wakeAt).toBeGreaterThan(150)
    hub.flushAll(hub.wakeAt)
    for (const client of clients) expect(client.read().map(({ seq }) => seq)).toEqual([0, 1, 2])
  })

  it('go to many clients at once after an idle time, with a turn between slices', () => {
    const hub = createHub()
    const line = new TopicLine(trades, 'BTC-USDT')
    for (let n = 0; n < 500; n++) acceptAll(hub, new TestClient(hub).say(subscribe), line)
    let slices = 0
    do hub.flush(1_000)
    while (++slices < 100 && hub.isMidRound && hub.isDue(1_000))
    expect(hub.isMidRound).toBe(false)
    expect(slices).toBeGreaterThan(3)
  })

  it('go less often where the thread is short of time, and more often again when it is not', () => {
    const hub = createHub()
    const client = new TestClient(hub)
    const line = new TopicLine(trades, 'BTC-USDT')
    acceptAll(hub, client.say(subscribe), line)
    hub.flush(0)
    let now = 0
    /** What waits goes out so many ms after it was due. @returns how far the next round is */
    const round = (lateMs: number): number => {
      hub.publish(line.key, line.next(1, 2, trade(1)))
      hub.putOff()
      now = hub.wakeAt + lateMs
      hub.flush(now)
      hub.publish(line.key, line.next(1, 2, trade(1)))
      return hub.wakeAt - now
    }
    for (let n = 0; n < 20; n++) round(15)
    expect(round(15)).toBeGreaterThan(40)
    for (let n = 0; n < 60; n++) round(0)
    expect(round(0)).toBe(20)
    // What comes after an idle time is not late.
    for (let n = 0; n < 20; n++) {
      now += 60
      hub.publish(line.key, line.next(1, 2, trade(1)))
      hub.flush(now)
    }
    hub.publish(line.key, line.next(1, 2, trade(1)))
    expect(hub.wakeAt - now).toBe(20)
  })

  it('of a socket that is gone end the client, and nobody else', () => {
    const hub = createHub()
    const [gone, other] = [new TestClient(hub), new TestClient(hub)]
    const line = new TopicLine(trades, 'BTC-USDT')
    for (const client of [gone, other]) acceptAll(hub, client.say(subscribe), line)
    gone.isBroken = true
    hub.publish(line.key, line.next(1, 2, trade(1)))
    hub.flush(0)
    expect(hub.size).toBe(1)
    expect(other.read().map(({ type }) => type)).toEqual(['subscribed', 'trade'])
    hub.closeAll(1012, 'restart')
    expect(other.closed).toEqual({ code: 1012, reason: 'restart' })
  })
})
