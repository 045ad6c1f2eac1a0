import { afterEach, describe, expect, it, vi } from 'vitest'
import { z } from 'zod'
import { decimal } from '../../src/domain/decimal.ts'
import type { BookLevel } from '../../src/domain/order-book.ts'
import { type ClientTopic, topicKey } from '../../src/domain/topic.ts'
import type { ClientHub } from '../../src/live/client-hub.ts'
import { ConsolidatedBook } from '../../src/live/consolidated-book.ts'
import { bookData, TopicLine } from '../../src/live/messages.ts'
import { MAX_OWN_FEES } from '../../src/live/relay-across.ts'
import { type RelayEffect, RelaySession } from '../../src/live/relay-session.ts'
import { createHub, type Received, TestClient } from './client.ts'

const EXCHANGES = ['okx', 'bybit', 'coinbase'] as const

const bboSchema = z.looseObject({
  bid: z.looseObject({ exchange: z.string(), price: z.string() }).nullable(),
  ask: z.looseObject({ exchange: z.string(), price: z.string() }).nullable(),
  exchanges: z.array(z.looseObject({ exchange: z.string(), symbol: z.string(), receivedTime: z.int() })),
  leftOut: z.array(z.object({ exchange: z.string(), symbol: z.string(), reason: z.string(), detail: z.string() })),
})
const arbitrageSchema = z.looseObject({
  above: z.boolean(),
  best: z.looseObject({ netPercent: z.string() }).nullable(),
})

const levels = (...rows: [price: number, size: number][]): BookLevel[] =>
  rows.map(([price, size]) => ({ price: decimal(String(price)), size: decimal(String(size)) }))

/** The feed of one exchange, as far as books go. */
class BookFeed {
  readonly exchange: string
  /** What it lists. */
  readonly symbols = new Set(['BTC-USDT'])
  readonly hub: ClientHub
  isDown = false
  link: TestClient | undefined
  handedOn = 0
  #lines = new Map<string, TopicLine>()

  constructor(exchange: string) {
    this.exchange = exchange
    this.hub = createHub({ exchanges: [exchange] })
  }

  answer(text: string, now: number): void {
    for (const request of this.link?.say(text, now) ?? []) {
      const { topic } = request
      const { seq } = this.line(topic)
      if (this.symbols.has(topic.symbol ?? '')) this.hub.accept(request, { topic, epoch: 'e', seq, state: null })
      else this.hub.refuse(request, 'unknown_instrument', `${this.exchange} lists no ${topic.symbol}`)
    }
  }

  /** Levels whose size is 0 are removed. */
  book(now: number, kind: 'snapshot' | 'update', bids: BookLevel[], asks: BookLevel[], symbol = 'BTC-USDT'): void {
    const line = this.line({ channel: 'book', exchange: this.exchange, symbol, interval: null, depth: 5 })
    const data = { kind, depth: 5, availableDepth: 5, bids, asks, prevSequence: null, sequence: null }
    this.hub.publish(line.key, line.next(now - 1, now, bookData(data)))
  }

  notice(now: number, type: 'gap' | 'resync' | 'stale', data: object): void {
    const line = this.line({ channel: 'book', exchange: this.exchange, symbol: 'BTC-USDT', interval: null, depth: 5 })
    this.hub.publish(line.key, line.notice(type, now, JSON.stringify(data)))
  }

  line(topic: ClientTopic): TopicLine {
    const known = this.#lines.get(topicKey(topic)) ?? new TopicLine(topic, 'BTCUSDT')
    this.#lines.set(known.key, known)
    return known
  }
}

/** A relay whose links lead to feeds in the same process. */
class World {
  now = 1_000
  readonly hub = createHub({ exchanges: EXCHANGES })
  readonly session = new RelaySession(this.hub, EXCHANGES, () => 0.5, 1)
  readonly feeds = new Map(EXCHANGES.map((exchange) => [exchange as string, new BookFeed(exchange)]))
  readonly client = new TestClient(this.hub, this.now)

  feed(exchange: string): BookFeed {
    return this.feeds.get(exchange) ?? expect.fail(`no feed of ${exchange}`)
  }

  say(op: string, arg: object, client = this.client): void {
    this.#perform(this.session.request(client.say({ op, id: 1, args: [arg] }, this.now), this.now))
    this.settle()
  }

  quote(exchange: string, bid: number, ask: number, size = 1): void {
    this.feed(exchange).book(this.now, 'snapshot', levels([bid, size]), levels([ask, size]))
    this.settle()
  }

  pass(ms: number): void {
    for (const end = this.now + ms; this.now < end; ) {
      this.now = Math.min(end, this.now + 500)
      this.#perform(this.session.tick(this.now))
      this.settle()
    }
  }

  lose(exchange: string): void {
    this.feed(exchange).link = undefined
    this.#perform(this.session.closed(exchange, 'the link to the feed was lost', this.now))
    this.settle()
  }

  /** Whatever is on its way arrives: twice, for what is made of it goes out after it. */
  settle(): void {
    for (let round = 0; round < 3; round++) {
      for (const [exchange, feed] of this.feeds) {
        feed.hub.flush(this.now)
        while (feed.link !== undefined && feed.handedOn < feed.link.frames.length) {
          this.#perform(this.session.received(exchange, feed.link.frames[feed.handedOn++] ?? '', this.now))
        }
      }
      this.hub.flush(this.now)
      this.session.served(this.now)
    }
  }

  read(): Received[] {
    return this.client.read().filter(({ type }) => type !== 'ping')
  }

  /** The data of the newest message. */
  newest(): z.infer<typeof bboSchema> {
    return bboSchema.parse(this.read().at(-1)?.data)
  }

  #perform(effects: readonly RelayEffect[]): void {
    for (const { exchange, effect } of effects) {
      const feed = this.feed(exchange)
      if (effect === 'disconnect') feed.link = undefined
      else if (effect === 'connect') this.#connect(feed)
      else feed.answer(effect.send, this.now)
    }
  }

  #connect(feed: BookFeed): void {
    if (feed.isDown) {
      this.#perform(this.session.closed(feed.exchange, 'the feed cannot be reached', this.now))
      return
    }
    feed.link = new TestClient(feed.hub, this.now, true)
    feed.handedOn = 0
    this.#perform(this.session.opened(feed.exchange, this.now))
  }
}

const BBO = { channel: 'bbo', exchange: '*', symbol: 'BTC-USDT' }
const ARBITRAGE = { channel: 'arbitrage', exchange: '*', symbol: 'BTC-USDT', threshold: '0.5' }

/** A world with a book of each exchange, and a client that has the topic. */
function begun(arg: object = BBO): World {
  const world = new World()
  world.say('subscribe', arg)
  world.quote('okx', 99, 101)
  world.quote('bybit', 98, 102)
  world.quote('coinbase', 97, 103)
  return world
}

describe('bbo across exchanges', () => {
  it('begins with the state, once the books of all have come', () => {
    const world = new World()
    world.say('subscribe', BBO)
    world.quote('okx', 99, 101)
    world.quote('bybit', 98, 102)
    expect(world.read()).toEqual([])
    world.quote('coinbase', 97, 103)
    const [subscribed, state, ...rest] = world.read()
    expect(subscribed).toMatchObject({
      type: 'subscribed',
      id: 1,
      ...BBO,
      seq: 0,
      state: true,
      epoch: expect.any(String),
    })
    expect(state).toMatchObject({
      type: 'bbo',
      exchange: '*',
      symbol: 'BTC-USDT',
      seq: 0,
      prevSeq: 0,
      exchangeTime: null,
    })
    expect(state?.data).toMatchObject({
      bid: { exchange: 'okx', price: '99', size: '1' },
      ask: { exchange: 'okx', price: '101' },
      ...{ mid: '100', spread: '2', spreadPercent: '2', crossed: false, leftOut: [] },
    })
    expect(bboSchema.parse(state?.data).exchanges.map(({ exchange }) => exchange)).toEqual(EXCHANGES)
    expect(rest).toEqual([])
  })

  it('does not wait for one for ever: it is named as out of sync, and comes in with its first snapshot', () => {
    const world = new World()
    world.say('subscribe', BBO)
    world.quote('okx', 99, 101)
    world.pass(2_500)
    expect(world.newest().leftOut).toMatchObject([
      { exchange: 'bybit', symbol: 'BTC-USDT', reason: 'unsynced' },
      { exchange: 'coinbase', symbol: 'BTC-USDT', reason: 'unsynced' },
    ])
    world.quote('bybit', 100, 102)
    expect(world.newest()).toMatchObject({ bid: { exchange: 'bybit' }, leftOut: [{ exchange: 'coinbase' }] })
  })

  it('tells each change in a chain without holes, and nothing where nothing changes', () => {
    const world = begun()
    world.read()
    world.feed('bybit').book(world.now, 'update', levels([99.5, 2]), [])
    world.settle()
    expect(world.read()).toMatchObject([
      { type: 'bbo', seq: 1, prevSeq: 0, data: { bid: { exchange: 'bybit', size: '2' } } },
    ])
    world.feed('bybit').book(world.now, 'update', levels([99.5, 0]), [])
    world.settle()
    expect(world.read()).toMatchObject([{ seq: 2, prevSeq: 1, data: { bid: { exchange: 'okx', price: '99' } } }])
    // Below the best level: nobody sees it.
    world.feed('bybit').book(world.now, 'update', levels([97, 1]), [])
    world.settle()
    expect(world.read()).toEqual([])
  })

  it('tells of times alone once a second at most', () => {
    const world = begun()
    world.read()
    world.pass(1_000)
    world.feed('bybit').book(world.now, 'update', levels([97, 1]), [])
    world.settle()
    expect(world.read()).toHaveLength(1)
    world.feed('bybit').book(world.now + 1, 'update', levels([97, 2]), [])
    world.settle()
    expect(world.read()).toEqual([])
  })

  it.each([
    ['resync', { reason: 'the book was crossed' }, 'crossed'],
    ['resync', { reason: 'an update is missing' }, 'unsynced'],
    ['stale', { since: 5 }, 'stale'],
    ['gap', { reason: 'rejected by the exchange: no' }, 'unsynced'],
  ] as const)('takes a book out at %s %j until its next snapshot', (type, data, reason) => {
    const world = begun()
    world.feed('okx').notice(world.now, type, data)
    world.settle()
    expect(world.newest()).toMatchObject({ bid: { exchange: 'bybit' }, leftOut: [{ exchange: 'okx', reason }] })
    world.feed('okx').book(world.now, 'update', levels([99.5, 1]), [])
    world.settle()
    expect(world.read()).toEqual([])
    world.quote('okx', 99, 101)
    expect(world.newest()).toMatchObject({ bid: { exchange: 'okx' }, leftOut: [] })
  })

  it('tells when a book that is out stays out for another reason', () => {
    const world = begun()
    world.feed('okx').notice(world.now, 'resync', { reason: 'an update is missing' })
    world.settle()
    world.read()
    world.feed('okx').notice(world.now, 'stale', { since: 5 })
    world.settle()
    expect(world.newest().leftOut).toMatchObject([{ exchange: 'okx', reason: 'stale' }])
  })

  it('leaves out a book that is crossed in itself, and none that is only quiet', () => {
    const world = begun()
    world.quote('okx', 102, 101)
    expect(world.newest()).toMatchObject({
      bid: { exchange: 'bybit' },
      leftOut: [{ exchange: 'okx', reason: 'crossed' }],
    })
    world.pass(10 * 60_000)
    world.quote('okx', 99, 101)
    expect(world.newest()).toMatchObject({ exchanges: [{}, {}, {}], leftOut: [] })
  })

  it('says when two exchanges cross each other', () => {
    const world = begun()
    world.quote('okx', 102.5, 103)
    expect(world.newest()).toMatchObject({
      ...{ bid: { exchange: 'okx' }, ask: { exchange: 'bybit' } },
      ...{ spread: '-0.5', crossed: true },
    })
  })

  it('names an exchange whose link is lost, and takes it in again', () => {
    const world = begun()
    world.feed('okx').isDown = true
    world.lose('okx')
    expect(world.newest()).toMatchObject({
      bid: { exchange: 'bybit' },
      leftOut: [{ exchange: 'okx', reason: 'unreachable' }],
    })
    world.feed('okx').isDown = false
    world.pass(5_000)
    world.quote('okx', 99, 101)
    expect(world.newest()).toMatchObject({ bid: { exchange: 'okx' }, leftOut: [] })
  })

  it('names those that do not list it, and refuses what nobody lists', () => {
    const world = new World()
    world.feed('coinbase').symbols.clear()
    world.say('subscribe', BBO)
    world.quote('okx', 99, 101)
    world.quote('bybit', 98, 102)
    expect(world.newest().leftOut).toMatchObject([{ exchange: 'coinbase', reason: 'not_listed' }])
    world.say('subscribe', { ...BBO, symbol: 'XXX-YYY' })
    expect(world.read()).toMatchObject([
      { type: 'error', code: 'unknown_instrument', detail: 'no exchange lists XXX-YYY' },
    ])
  })

  it('goes on without an exchange that cannot be reached, which comes in later', () => {
    const world = new World()
    world.feed('okx').isDown = true
    world.say('subscribe', BBO)
    world.quote('bybit', 98, 102)
    world.quote('coinbase', 97, 103)
    world.pass(15_000)
    world.quote('bybit', 98, 102)
    expect(world.newest().leftOut).toMatchObject([{ exchange: 'okx', reason: 'unreachable' }])
    world.feed('okx').isDown = false
    world.pass(40_000)
    world.quote('okx', 99, 101)
    expect(world.newest()).toMatchObject({ bid: { exchange: 'okx' } })
  })

  it('takes quotes for one where it is asked to', () => {
    const world = new World()
    world.feed('coinbase').symbols.add('BTC-USD')
    world.say('subscribe', { ...BBO, quotes: 'usd-like' })
    world.say('subscribe', BBO)
    for (const exchange of EXCHANGES) world.quote(exchange, 98, 102)
    world.feed('coinbase').book(world.now, 'snapshot', levels([99, 1]), levels([100, 1]), 'BTC-USD')
    world.settle()
    const states = world.read().filter(({ type }) => type === 'bbo')
    expect(states.map((each) => [each['quotes'], bboSchema.parse(each.data).bid])).toMatchObject([
      [undefined, { exchange: 'okx', price: '98' }],
      ['usd-like', { exchange: 'coinbase', symbol: 'BTC-USD', price: '99' }],
    ])
    expect(bboSchema.parse(states.at(-1)?.data).leftOut).toEqual([])
  })

  it('gives one who comes later the state alone, and lets all go with the last', () => {
    const world = begun()
    const late = new TestClient(world.hub, world.now)
    world.say('subscribe', BBO, late)
    expect(late.read()).toMatchObject([
      { type: 'subscribed', seq: 0 },
      { type: 'bbo', seq: 0, prevSeq: 0 },
    ])
    world.say('unsubscribe', BBO, late)
    world.hub.remove(world.client.client)
    world.pass(30_000)
    world.hub.remove(late.client)
    world.pass(2_000)
    expect(world.hub.size).toBe(0)
    for (const { hub } of world.feeds.values()) expect(hub.audience('book:okx:BTC-USDT:5')).toBe(0)
    expect(world.session.wakeAt(world.now)).toBe(Number.POSITIVE_INFINITY)
  })
})

describe('arbitrage', () => {
  const dataOf = (messages: Received[]) => messages.map(({ data }) => arbitrageSchema.parse(data))

  it('is told while it is at or above the threshold, and once when it has fallen below', () => {
    const world = begun(ARBITRAGE)
    const [subscribed, state] = world.read()
    expect(subscribed).toMatchObject({ type: 'subscribed', ...ARBITRAGE })
    expect(state).toMatchObject({ type: 'arbitrage', threshold: '0.5', seq: 0, data: { above: false } })
    world.quote('bybit', 101.5, 102)
    expect(world.read()).toEqual([])
    // 102.5 * 0.999 - 101 * 1.001 = 1.2965
    world.quote('bybit', 102.5, 103, 3)
    world.quote('bybit', 102.6, 103, 3)
    const above = world.read()
    expect(above).toMatchObject([
      { seq: 1, prevSeq: 0 },
      { seq: 2, prevSeq: 1 },
    ])
    expect(dataOf(above)).toMatchObject([
      { above: true, best: { buy: { exchange: 'okx' }, sell: { exchange: 'bybit' }, size: '1', netSpread: '1.2965' } },
      { above: true, best: { netPercent: '1.382574' } },
    ])
    world.quote('bybit', 100, 103)
    world.quote('bybit', 99, 103)
    expect(dataOf(world.read())).toMatchObject([{ above: false }])
  })

  it('is looked for once, however many thresholds clients have', () => {
    const looksFor = (thresholds: number) => {
      const world = begun(ARBITRAGE)
      for (let n = 1; n < thresholds; n++) world.say('subscribe', { ...ARBITRAGE, threshold: String(n / 100) })
      world.pass(1_000)
      const looks = countLooks()
      world.quote('bybit', 110, 111)
      expect(dataOf(world.read().filter(({ seq }) => seq === 1))).toHaveLength(thresholds)
      return looks()
    }
    expect(looksFor(40)).toBe(looksFor(1))
  })

  it('is net of the fees of the client', () => {
    const world = begun(ARBITRAGE)
    const own = { ...ARBITRAGE, fees: 'okx:0,bybit:0' }
    world.say('subscribe', own)
    world.pass(1_000)
    world.quote('bybit', 102, 103)
    const told = world.read().filter(({ type, seq }) => type === 'arbitrage' && seq === 1)
    expect(told.map(({ fees }) => fees)).toEqual([undefined, 'bybit:0,okx:0'])
    const [published, mine] = dataOf(told).map(({ best }) => Number(best?.netPercent))
    expect(mine).toBeGreaterThan(published ?? Number.NaN)
    world.say('unsubscribe', { ...own, fees: 'bybit:0.0,okx:0' })
    expect(world.read().at(-1)).toMatchObject({ type: 'unsubscribed', fees: 'bybit:0,okx:0' })
  })

  it('is counted with the fees of so many clients and no more, until some of them go', () => {
    const world = begun(ARBITRAGE)
    const feesOf = (n: number) => ({ ...ARBITRAGE, fees: `okx:${n / 10_000}` })
    for (let n = 0; n < MAX_OWN_FEES; n++) world.say('subscribe', feesOf(n))
    world.read()
    world.say('subscribe', feesOf(MAX_OWN_FEES))
    expect(world.read()).toMatchObject([{ type: 'error', code: 'too_many_topics' }])
    world.say('unsubscribe', feesOf(0))
    world.pass(2_000)
    world.read()
    world.say('subscribe', feesOf(MAX_OWN_FEES))
    world.pass(1_000)
    expect(world.read()).toMatchObject([{ type: 'subscribed' }, { type: 'arbitrage' }])
  })

  it.each([
    { ...ARBITRAGE, treshold: 1 },
    { ...ARBITRAGE, limit: 5 },
  ])('%j is refused by itself', (arg) => {
    const world = begun(ARBITRAGE)
    world.read()
    const [unknown = ''] = Object.keys(arg).slice(-1)
    const refusal = { type: 'error', code: 'invalid_request', detail: expect.stringMatching(`^${unknown}: `), arg }
    world.client.say({ op: 'subscribe', id: 2, args: [arg] }, world.now)
    world.client.say({ method: 'subscribe', id: 3, params: arg }, world.now)
    world.settle()
    expect(world.read()).toMatchObject([
      { ...refusal, id: 2 },
      { ...refusal, id: 3 },
    ])
  })

  it('falls below with the book that it stands on', () => {
    const world = begun(ARBITRAGE)
    world.quote('bybit', 110, 111)
    world.read()
    world.feed('bybit').notice(world.now, 'resync', { reason: 'an update is missing' })
    world.settle()
    expect(world.read()).toMatchObject([
      { data: { above: false, leftOut: [{ exchange: 'bybit', reason: 'unsynced' }] } },
    ])
  })
})

afterEach(() => {
  vi.restoreAllMocks()
})

const { read } = ConsolidatedBook.prototype

/** Counts how often the age of a book is looked at from now on. */
function countLooks(): () => number {
  let looks = 0
  vi.spyOn(ConsolidatedBook.prototype, 'read').mockImplementation(function (this: ConsolidatedBook, now) {
    return new Proxy(read.call(this, now), {
      get(book, name) {
        if (name === 'ageMs') looks += 1
        return Reflect.get(book, name)
      },
    })
  })
  return () => looks
}
