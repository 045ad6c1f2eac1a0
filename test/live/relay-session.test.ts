import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { z } from 'zod'
import { decimal } from '../../src/domain/decimal.ts'
import { type ClientTopic, topicKey } from '../../src/domain/topic.ts'
import type { ClientHub } from '../../src/live/client-hub.ts'
import type { SubscribeRequest } from '../../src/live/hub-client.ts'
import { bboData, keyOfMessage, splitFrame, TopicLine } from '../../src/live/messages.ts'
import { type RelayEffect, RelaySession } from '../../src/live/relay-session.ts'
import { createHub, TestClient } from './client.ts'

const symbols = ['BTC-USDT', 'ETH-USDT', 'SOL-USDT'] as const
const topicOf = (symbol: string): ClientTopic => ({
  channel: 'bbo',
  exchange: 'okx',
  symbol,
  interval: null,
  depth: null,
})
const command = (op: string, symbol: string) => ({
  op,
  id: symbol,
  args: [{ channel: 'bbo', exchange: 'okx', symbol }],
})

/** A relay whose link leads to a feed in the same process. */
class World {
  now = 0
  epoch = 1
  readonly hub: ClientHub = createHub({ exchanges: ['okx'] })
  readonly session = new RelaySession(this.hub, ['okx'], () => 1, 1)
  feed: ClientHub = createHub({ exchanges: ['okx'] })
  lines = new Map<string, TopicLine>()
  isFeedDown = false
  /** It wakes only for what it is told. */
  isFeedStopped = false
  /** Its database does not answer. */
  isRefusing = false
  connects = 0
  readonly sent: unknown[] = []
  #link: TestClient | undefined
  #handedOn = 0

  say(client: TestClient, op: string, symbol: string): void {
    this.#perform(this.session.request(client.say(command(op, symbol), this.now), this.now))
    this.settle()
  }

  publish(symbol: string): void {
    const line = this.#line(topicOf(symbol))
    const level = { price: decimal(`${line.seq + 1}`), size: decimal('1') }
    this.feed.publish(line.key, line.next(1, 2, bboData(level, level)))
  }

  lose(): void {
    this.#link = undefined
    this.#perform(this.session.closed('okx', 'the link was lost', this.now))
    this.settle()
  }

  /** Another feed: all its numbers start anew. */
  restartFeed(): void {
    this.feed = createHub({ exchanges: ['okx'] })
    this.lines = new Map()
    this.epoch += 1
    this.lose()
  }

  pass(ms: number): void {
    this.now += ms
    this.#perform(this.session.tick(this.now))
    this.settle()
  }

  /** Whatever is on its way arrives. */
  settle(): void {
    if (!this.isFeedStopped) this.feed.flush(this.now)
    const link = this.#link
    while (link !== undefined && link === this.#link && this.#handedOn < link.frames.length) {
      this.#perform(this.session.received('okx', link.frames[this.#handedOn++] ?? '', this.now))
      this.feed.flush(this.now)
    }
    this.hub.flush(this.now)
  }

  #perform(effects: readonly RelayEffect[]): void {
    for (const { effect } of effects) {
      if (effect === 'disconnect') this.#link = undefined
      else if (effect === 'connect') this.#connect()
      else this.#answer(effect.send)
    }
  }

  #connect(): void {
    this.connects += 1
    if (this.isFeedDown) {
      this.#perform(this.session.closed('okx', 'refused', this.now))
      return
    }
    this.#link = new TestClient(this.feed, this.now, true)
    this.#handedOn = 0
    this.#perform(this.session.opened('okx', this.now))
  }

  #answer(text: string): void {
    this.sent.push(JSON.parse(text))
    for (const request of this.#link?.say(text, this.now) ?? []) this.#accept(request)
    this.feed.flush(this.now)
  }

  #accept(request: SubscribeRequest): void {
    const { topic } = request
    if (this.isRefusing) {
      this.feed.refuse(request, 'storage_unavailable', 'try again in a moment')
      return
    }
    if (!symbols.some((symbol) => symbol === topic.symbol)) {
      this.feed.refuse(request, 'unknown_instrument', 'none')
      return
    }
    const line = this.#line(topic)
    const level = { price: decimal(`${line.seq}`), size: decimal('1') }
    const state = line.seq === 0 ? null : line.state(1, 2, bboData(level, level))
    this.feed.accept(request, { topic, epoch: `e${this.epoch}`, seq: line.seq, state })
  }

  #line(topic: ClientTopic): TopicLine {
    const known = this.lines.get(topicKey(topic))
    const line = known ?? new TopicLine(topic, topic.symbol)
    this.lines.set(line.key, line)
    return line
  }
}

describe('a relay', () => {
  it('subscribes once for all its clients, and gives each the state alone', () => {
    const world = new World()
    const [first, second] = [new TestClient(world.hub), new TestClient(world.hub)]
    world.publish('BTC-USDT')
    world.say(first, 'subscribe', 'BTC-USDT')
    world.publish('BTC-USDT')
    world.settle()
    world.say(second, 'subscribe', 'BTC-USDT')
    world.publish('BTC-USDT')
    world.settle()
    const told = (client: TestClient) => client.read().map(({ type, prevSeq, seq }) => [type, prevSeq, seq])
    expect(told(first)).toEqual([
      ['subscribed', undefined, 1],
      ['bbo', 1, 1],
      ['bbo', 1, 2],
      ['bbo', 2, 3],
    ])
    expect(told(second)).toEqual([
      ['subscribed', undefined, 2],
      ['bbo', 2, 2],
      ['bbo', 2, 3],
    ])
    expect(world.feed.audience('bbo:okx:BTC-USDT')).toBe(1)
  })

  it('hands data and notices on byte for byte, however frames divide them', () => {
    const world = new World()
    const client = new TestClient(world.hub)
    world.say(client, 'subscribe', 'BTC-USDT')
    const line = new TopicLine(topicOf('BTC-USDT'), '币安"},{"type":"bbo",\\\n[{}]')
    const messages: string[] = []
    for (let n = 0; n < 500; n++) {
      const level = { price: decimal(`${n}.${n}`), size: n % 2 === 0 ? null : decimal('1') }
      const notice = line.notice.bind(line, (['gap', 'resync', 'stale'] as const)[n % 3] ?? 'gap')
      messages.push(
        n % 7 === 0 ? notice(n, JSON.stringify({ reason: '"}]},{' })) : line.next(n, n, bboData(level, null)),
      )
      world.feed.publish(line.key, messages.at(-1) ?? '')
      if (n % 30 === 0) world.settle()
    }
    world.settle()
    const got = client.frames.flatMap(splitFrame).filter((message) => keyOfMessage(message) === line.key)
    expect(got).toEqual(messages)
  })

  it('hands refusals on with what the client sent', () => {
    const world = new World()
    const client = new TestClient(world.hub)
    world.say(client, 'subscribe', 'XXX-YYY')
    expect(client.read()).toMatchObject([
      { type: 'error', id: 'XXX-YYY', code: 'unknown_instrument', arg: { symbol: 'XXX-YYY' } },
    ])
  })

  it('keeps what its clients have where the feed refuses it to one more', () => {
    const world = new World()
    const [first, second] = [new TestClient(world.hub), new TestClient(world.hub)]
    world.say(first, 'subscribe', 'BTC-USDT')
    world.isRefusing = true
    world.say(second, 'subscribe', 'BTC-USDT')
    world.publish('BTC-USDT')
    world.settle()
    expect(second.read()).toMatchObject([{ type: 'error', code: 'storage_unavailable' }])
    expect(first.read()).toMatchObject([{ type: 'subscribed' }, { type: 'bbo', prevSeq: 0, seq: 1 }])
  })

  it('tells a gap when the link is lost, connects again with backoff, then starts each topic anew', () => {
    const world = new World()
    const client = new TestClient(world.hub)
    world.say(client, 'subscribe', 'BTC-USDT')
    world.publish('BTC-USDT')
    world.settle()
    client.read()
    world.isFeedDown = true
    world.restartFeed()
    expect(client.read()).toMatchObject([
      { type: 'gap', symbol: 'BTC-USDT', seq: null, data: { reason: 'the link was lost' } },
    ])
    world.pass(499)
    world.isFeedDown = false
    world.publish('BTC-USDT')
    expect(client.read()).toEqual([])
    world.pass(1)
    expect(client.read()).toMatchObject([
      { type: 'subscribed', id: null, epoch: 'e2', seq: 1 },
      { type: 'bbo', seq: 1, prevSeq: 1 },
    ])
  })

  it('refuses after 10 s what a feed that is away does not answer', () => {
    const world = new World()
    const client = new TestClient(world.hub)
    world.isFeedDown = true
    world.say(client, 'subscribe', 'BTC-USDT')
    for (let n = 0; n < 9; n++) world.pass(1_000)
    expect(client.read().filter(({ type }) => type !== 'ping')).toEqual([])
    world.pass(1_000)
    expect(client.read().at(0)).toMatchObject({ type: 'error', code: 'feed_unavailable' })
  })

  it('asks again for what a lost link has not answered', () => {
    const session = new RelaySession(createHub(), ['okx'], () => 1, 1)
    const ask = { exchange: 'okx', effect: { send: expect.stringContaining('"op":"subscribe"') } }
    session.request(new TestClient(createHub()).say(command('subscribe', 'BTC-USDT')), 0)
    expect(session.opened('okx', 0)).toEqual([ask])
    session.closed('okx', 'the link was lost', 100)
    expect(session.tick(600)).toEqual([{ exchange: 'okx', effect: 'connect' }])
    expect(session.opened('okx', 700)).toEqual([ask])
  })

  it('lets topics go that nobody wants any more, and then the link', () => {
    const world = new World()
    const client = new TestClient(world.hub)
    for (const symbol of ['BTC-USDT', 'ETH-USDT']) world.say(client, 'subscribe', symbol)
    world.say(client, 'unsubscribe', 'BTC-USDT')
    for (let n = 0; n < 12; n++) world.pass(1_000)
    expect(world.sent.filter((sent) => JSON.stringify(sent).includes('unsubscribe'))).toMatchObject([
      { op: 'unsubscribe', args: [{ channel: 'bbo', exchange: 'okx', symbol: 'BTC-USDT' }] },
    ])
    expect(['BTC-USDT', 'ETH-USDT'].map((symbol) => world.feed.audience(`bbo:okx:${symbol}`))).toEqual([0, 1])
    world.hub.remove(client.client)
    for (let n = 0; n < 24; n++) world.pass(1_000)
    expect(world.session.wakeAt(world.now)).toBe(Number.POSITIVE_INFINITY)
  })

  it('takes a silent link for dead', () => {
    const world = new World()
    const client = new TestClient(world.hub)
    world.say(client, 'subscribe', 'BTC-USDT')
    expect(world.session.tick(9_999)).toEqual([])
    expect(world.session.tick(10_000)).toEqual([{ exchange: 'okx', effect: { send: '{"op":"ping"}' } }])
    expect(world.session.tick(19_999)).toEqual([])
    expect(world.session.tick(20_000)).toEqual([{ exchange: 'okx', effect: 'disconnect' }])
    world.hub.flush(20_000)
    expect(client.read()).toContainEqual(expect.objectContaining({ type: 'gap', symbol: 'BTC-USDT' }))
    expect(world.session.tick(20_500)).toEqual([{ exchange: 'okx', effect: 'connect' }])
  })

  it('keeps the link to a feed that is stopped: it says nothing, and answers', () => {
    const world = new World()
    world.say(new TestClient(world.hub), 'subscribe', 'BTC-USDT')
    world.isFeedStopped = true
    for (let n = 0; n < 600; n++) world.pass(1_000)
    expect(world.connects).toBe(1)
  })

  it('answers the pings of the feed at once', () => {
    const session = new RelaySession(createHub(), ['okx'], () => 1, 1)
    expect(session.received('okx', '[{"type":"ping","id":7}]', 0)).toEqual([
      { exchange: 'okx', effect: { send: '{"op":"pong","id":7}' } },
    ])
  })
})

const step = fc.record({
  do: fc.constantFrom(
    'publish',
    'publish',
    'publish',
    'settle',
    'subscribe',
    'subscribe',
    'unsubscribe',
    'pass',
    'lose',
    'restart',
    'refuse',
    'refuse',
  ),
  client: fc.nat(2),
  symbol: fc.constantFrom(...symbols),
  n: fc.integer({ min: 0, max: 3_000 }),
})

it('whatever happens, each client sees a chain without a hole, or is told', () => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 80, size: 'max' }), (steps) => {
      const world = new World()
      const clients = [0, 1, 2].map(() => new TestClient(world.hub))
      for (const { do: action, client: index, symbol, n } of steps) {
        const client = clients[index]
        if (action === 'publish') world.publish(symbol)
        if (action === 'settle') world.settle()
        if (action === 'pass') world.pass(n)
        if (action === 'lose') world.lose()
        if (action === 'restart') world.restartFeed()
        if (action === 'refuse') world.isRefusing = !world.isRefusing
        if (client !== undefined && action === 'subscribe') world.say(client, 'subscribe', symbol)
        if (client !== undefined && action === 'unsubscribe') world.say(client, 'unsubscribe', symbol)
      }
      world.isRefusing = false
      for (let n = 0; n < 60; n++) world.pass(1_000)
      for (const client of clients) checkChains(client, world)
    }),
    { numRuns: 300 },
  )
})

const refused = z.looseObject({ arg: z.looseObject({ symbol: z.string() }) })

function checkChains(client: TestClient, world: World): void {
  /** `undefined`: not subscribed; `null`: told that something is missing. */
  const seqs = new Map<unknown, number | null>()
  for (const { type, seq = null, prevSeq = null, ...rest } of client.messages) {
    const symbol = rest['symbol']
    if (type === 'error') seqs.delete(refused.parse(rest).arg.symbol)
    if (type === 'subscribed') seqs.set(symbol, seq)
    if (type === 'unsubscribed') seqs.delete(symbol)
    if (type === 'gap') seqs.set(symbol, null)
    if (type !== 'bbo') continue
    expect(seqs.get(symbol)).toBe(prevSeq)
    seqs.set(symbol, seq)
  }
  for (const [symbol, seq] of seqs) {
    expect(seq).toBe(world.lines.get(`bbo:okx:${symbol}`)?.seq)
  }
}
