import { runInDurableObject } from 'cloudflare:test'
import { env, exports } from 'cloudflare:workers'
import { afterEach, describe, expect, it } from 'vitest'
import { z } from 'zod'
import { ClientSockets } from '../../durable-objects/client-sockets.ts'
import { StreamRelay } from '../../durable-objects/stream-relay.ts'
import { TopicIds } from '../../durable-objects/topic-ids.ts'
import type { ClientTopic } from '../../src/domain/topic.ts'
import { deps, until } from '../faults/scenario.ts'
import { createHub } from '../live/client.ts'

interface Message {
  readonly type: string
  readonly [name: string]: unknown
}

const numbered = z.object({ key: z.string() })
const opened: WebSocket[] = []
const status = { channel: 'status', exchange: 'okx' }
const subscribe = { op: 'subscribe', id: 1, args: [status] }
const relay = deps.relay('weur', 0)

/** A client of a relay. */
async function connect(query = '') {
  const { webSocket } = await relay.fetch(`https://relay/v1/stream${query}`, { headers: { Upgrade: 'websocket' } })
  if (webSocket === null) throw new Error('no WebSocket')
  const messages: Message[] = []
  const closes: number[] = []
  webSocket.addEventListener('message', ({ data }) => {
    for (const message of JSON.parse(String(data))) if (message.type !== 'ping') messages.push(message)
  })
  webSocket.addEventListener('close', ({ code }) => {
    closes.push(code)
  })
  webSocket.accept()
  opened.push(webSocket)
  return {
    messages,
    closes,
    socket: webSocket,
    say: (command: object | string) => webSocket.send(typeof command === 'string' ? command : JSON.stringify(command)),
    /** Waits for so many messages of a type, and gives all of them. */
    of: async (type: string, count = 1) => {
      await until(`${count} ${type}`, async () => messages.filter((message) => message.type === type).length >= count)
      return messages.filter((message) => message.type === type)
    },
  }
}

afterEach(() => {
  for (const socket of opened.splice(0)) socket.close(1000, 'done')
})

describe('StreamRelay', () => {
  it('hands on what the feed says, the state first', async () => {
    const client = await connect()
    client.say(subscribe)
    expect(await client.of('subscribed')).toMatchObject([{ id: 1, ...status, epoch: expect.any(String), state: true }])
    const [state] = await client.of('status')
    expect(state).toMatchObject({ exchange: 'okx', data: { state: expect.any(String) } })
    expect(state?.['seq']).toBe(state?.['prevSeq'])
    client.say({ op: 'list', id: 2 })
    expect(await client.of('subscriptions')).toMatchObject([{ id: 2, topics: [status] }])
  })

  it('begins with the topics of the URL, or does not open', async () => {
    const client = await connect('?topic=status:okx&topic=status:okx')
    expect(await client.of('subscribed')).toMatchObject([{ id: null, ...status }])
    const refused = await relay.fetch('https://relay/v1/stream?topic=prices:okx', { headers: { Upgrade: 'websocket' } })
    expect(refused.status).toBe(400)
    expect(await refused.json()).toMatchObject({ code: 'invalid_request', errors: [{ path: 'topic' }] })
  })

  it('counts the topics of the URL as commands, each once', async () => {
    const client = await connect(`?${Array(200).fill('topic=status:okx').join('&')}`)
    client.say({ op: 'list' })
    await client.of('subscriptions')
    expect(await client.of('subscribed')).toHaveLength(1)
  })

  it('refuses more clients than it may have', async () => {
    await runInDurableObject(deps.relay('weur', 2), async (_, state) => {
      const full = new StreamRelay(state, { ...env, RELAY_CLIENTS: '1' })
      await state.blockConcurrencyWhile(async () => undefined)
      const open = () => full.fetch(new Request('https://relay/v1/stream', { headers: { Upgrade: 'websocket' } }))
      const { webSocket } = await open()
      const refused = await open()
      expect(refused.status).toBe(503)
      expect(await refused.json()).toMatchObject({ ok: false, code: 'relay_full' })
      webSocket?.accept()
      webSocket?.close(1000, 'done')
    })
  })

  it('hands on refusals of the feed, with what the client sent', async () => {
    const client = await connect()
    const arg = { channel: 'trades', exchange: 'okx', symbol: 'XXX-YYY' }
    client.say({ op: 'subscribe', id: 'x', args: [arg] })
    expect(await client.of('error')).toMatchObject([{ id: 'x', code: 'unknown_instrument', arg }])
  })

  it('takes up its clients after an eviction: they are told a gap, and get each topic anew', async () => {
    const client = await connect()
    client.say({ op: 'configure', id: 0, conflateMs: 50 })
    client.say(subscribe)
    await client.of('status')
    // An object with sockets of its own cannot be evicted here: another instance finds what the first has left.
    await runInDurableObject(relay, async (_, state) => {
      new StreamRelay(state, env)
      await state.blockConcurrencyWhile(async () => undefined)
    })
    expect((await client.of('subscribed', 2))[1]).toMatchObject({ id: null, ...status, state: true })
    // The feed has not restarted, so the epoch is the same: nothing else says that something may be missing.
    const told = client.messages.filter(({ type }) => type === 'subscribed' || type === 'gap')
    expect(told.map(({ type, epoch }) => [type, epoch])).toEqual([
      ['subscribed', told[0]?.['epoch']],
      ['gap', undefined],
      ['subscribed', told[0]?.['epoch']],
    ])
    expect(told[1]).toMatchObject({ ...status, seq: null, data: { reason: 'the relay restarted' } })
    expect(client.closes).toEqual([])
  })

  it('keeps 200 topics with the longest names with a socket', async () => {
    // Another one: its storage is not looked at by the tests below.
    await runInDurableObject(deps.relay('weur', 1), async (_, state) => {
      const hub = createHub({ exchanges: ['coinbase'], pathExchange: 'coinbase' })
      const ids = await TopicIds.load<ClientTopic>(state.storage)
      const clients = new ClientSockets(state, {
        ...{ hub, exchanges: ['coinbase'], pathExchange: 'coinbase', gapReason: null },
        clock: { now: () => 0, realMs: (ms) => ms, at: (real) => real },
        idOf: (key, topic) => ids.idOf(key, topic),
        topicOf: (id) => ids.valueOf(id),
        retain: () => undefined,
        settle: (requests) => {
          for (const request of requests) {
            hub.accept(request, { topic: request.topic, epoch: 'e', seq: 0, state: null })
          }
        },
      })
      const before = new Set(state.getWebSockets())
      await clients.open(new Request('https://feed/', { headers: { Upgrade: 'websocket' } }), false)
      const socket = state.getWebSockets().find((each) => !before.has(each))
      if (socket === undefined) throw new Error('no socket')
      const args = Array.from({ length: 200 }, (_, n) => {
        const symbol = `${String(n).padStart(3, '0')}${'币'.repeat(29)}-${'W'.repeat(32)}-PERP`
        return { channel: 'book', symbol, depth: 1000 }
      })
      clients.received(socket, JSON.stringify({ op: 'configure', conflateMs: 60_000, maxMessagesPerSecond: 10_000 }))
      clients.received(socket, JSON.stringify({ op: 'subscribe', args: args.slice(0, 100) }))
      clients.received(socket, JSON.stringify({ op: 'subscribe', args: args.slice(100) }))
      clients.keep()
      const kept = z.object({ topics: z.array(z.int()) }).parse(socket.deserializeAttachment())
      expect(kept.topics.map((id) => ids.valueOf(id)?.symbol)).toEqual(args.map(({ symbol }) => symbol))
      socket.close(1000, 'done')
    })
  })

  it('forgets the numbers of topics that no client has any more', async () => {
    const client = await connect()
    const stored = () => runInDurableObject(relay, (_, { storage }) => storage.list({ prefix: 'topic:' }))
    const topics = async () => [...(await stored()).values()].map((entry) => numbered.parse(entry).key).sort()
    const others = ['binance', 'bybit', 'coinbase'].map((exchange) => ({ ...status, exchange }))
    client.say({ op: 'subscribe', id: 1, args: [status, ...others] })
    await client.of('subscribed', 4)
    const all = ['status:binance', 'status:bybit', 'status:coinbase', 'status:okx']
    await until('all to be numbered', async () => (await topics()).join() === all.join())
    client.say({ op: 'unsubscribe', id: 2, args: others })
    await until('others to be forgotten', async () => (await topics()).join() === 'status:okx')
  })

  it('tells a gap where a link is lost, then starts its topics anew', async () => {
    const client = await connect()
    client.say(subscribe)
    await client.of('subscribed')
    await runInDurableObject(deps.feed('okx'), (_, state) => {
      for (const link of state.getWebSockets()) link.close(1012, 'restart')
    })
    expect(await client.of('gap')).toMatchObject([{ ...status, seq: null, data: { reason: expect.any(String) } }])
    await client.of('subscribed', 2)
    const types = client.messages.map(({ type }) => type).filter((type) => type !== 'status')
    expect(types).toEqual(['subscribed', 'gap', 'subscribed'])
  })

  it('ends a client that sends no commands, and answers one that closes', async () => {
    const rude = await connect()
    rude.say('hello')
    expect(await rude.of('error')).toMatchObject([{ code: 'invalid_request' }])
    await until('the close', async () => rude.closes.length > 0)
    expect(rude.closes).toEqual([1008])
    const polite = await connect()
    polite.socket.close(1000, 'bye')
    await until('the close', async () => polite.closes.length > 0)
    expect(polite.closes).toEqual([1000])
  })

  it('streams events to those who cannot open a socket', async () => {
    const url = 'https://zvt/v1/stream?topic=status:okx'
    const response = await exports.default.fetch(url, { headers: { Accept: 'text/event-stream' } })
    expect(response.headers.get('content-type')).toBe('text/event-stream')
    const reader = response.body?.pipeThrough(new TextDecoderStream()).getReader()
    let text = ''
    while (reader !== undefined && !text.includes('"type":"status"')) text += (await reader.read()).value ?? ''
    // On this clock a keep-alive may be due before the feed has answered.
    expect(text).toMatch(/^retry: 2000\n\n(: keep-alive\n\n)*data: \[\{"type":"subscribed"/)
    await reader?.cancel()
  })

  it('refuses a stream of events whose topics are not to be had', async () => {
    for (const [topic, status, code] of [
      ['trades:okx', 400, 'invalid_request'],
      ['trades:okx:XXX-YYY', 404, 'unknown_instrument'],
    ] as const) {
      const response = await exports.default.fetch(`https://zvt/v1/stream?topic=${topic}`, {
        headers: { Accept: 'text/event-stream' },
      })
      expect(response.status).toBe(status)
      expect(await response.json()).toMatchObject({ code })
    }
  })
})
