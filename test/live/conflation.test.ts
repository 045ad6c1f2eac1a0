import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { decimal } from '../../src/domain/decimal.ts'
import { bboData, bookData, candleData, TopicLine, tradeData } from '../../src/live/messages.ts'
import { createHub, type Received, TestClient } from './client.ts'

const OF = { exchange: 'okx', symbol: 'BTC-USDT', interval: null, depth: null }
const one = decimal('1')

/** A book as its client keeps it: sizes by side and price. */
type Book = Map<string, string>

/** What a market says, and what is true at each moment. */
class Market {
  readonly lines = {
    trades: new TopicLine({ ...OF, channel: 'trades' }, 'BTC-USDT'),
    bbo: new TopicLine({ ...OF, channel: 'bbo' }, 'BTC-USDT'),
    book: new TopicLine({ ...OF, channel: 'book', depth: 5 }, 'BTC-USDT'),
    candles: new TopicLine({ ...OF, channel: 'candles', interval: '1m' }, 'BTC-USDT'),
  }
  readonly book: Book = new Map()
  #sequence = 0

  bbo(price: number): string {
    const level = { price: decimal(`${price}`), size: one }
    return this.lines.bbo.next(1, 2, bboData(level, level))
  }

  trade(): string {
    const { trades } = this.lines
    return trades.next(1, 2, tradeData({ id: `${trades.seq + 1}`, price: one, size: one, side: 'buy' }))
  }

  candle(closed: boolean): string {
    const { candles } = this.lines
    const close = decimal(`${candles.seq + 1}`)
    const candle = { openTime: 0, open: one, high: close, low: one, close, volume: one, tradeCount: 1 }
    return candles.next(1, 2, candleData('1m', { ...candle, quoteVolume: null, closed: null }, closed))
  }

  bookUpdate(price: number, size: number, availableDepth = 5): string {
    this.book.set(`bids ${price}`, `${size}`)
    const bids = [{ price: decimal(`${price}`), size: decimal(`${size}`) }]
    const numbers = { prevSequence: this.#sequence, sequence: ++this.#sequence }
    return this.lines.book.next(
      1,
      2,
      bookData({ kind: 'update', depth: 5, availableDepth, bids, asks: [], ...numbers }),
    )
  }

  /** @param isNew a snapshot within the line, as after a resync: levels may have gone meanwhile */
  bookSnapshot(isNew: boolean): string {
    if (isNew) for (const key of [...this.book.keys()].slice(0, 2)) this.book.delete(key)
    const bids = Array.from(this.book, ([key, size]) => ({ price: decimal(key.slice(5)), size: decimal(size) }))
    const numbers = { prevSequence: null, sequence: this.#sequence }
    const data = bookData({ kind: 'snapshot', depth: 5, availableDepth: 5, bids, asks: [], ...numbers })
    return isNew ? this.lines.book.next(1, 2, data) : this.lines.book.state(1, 2, data)
  }
}

type Lines = Market['lines'][keyof Market['lines']][]

const step = fc.oneof(
  { weight: 4, arbitrary: fc.record({ do: fc.constant('bbo'), n: fc.integer({ min: 1, max: 9 }) }) },
  { weight: 4, arbitrary: fc.record({ do: fc.constant('trade'), n: fc.constant(0) }) },
  { weight: 6, arbitrary: fc.record({ do: fc.constant('book'), n: fc.integer({ min: 100, max: 140 }) }) },
  { weight: 3, arbitrary: fc.record({ do: fc.constant('candle'), n: fc.integer({ min: 0, max: 3 }) }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('snapshot'), n: fc.constant(0) }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('gap'), n: fc.integer({ min: 0, max: 3 }) }) },
  { weight: 3, arbitrary: fc.record({ do: fc.constant('flush'), n: fc.integer({ min: 0, max: 400 }) }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('configure'), n: fc.integer({ min: 0, max: 3 }) }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('leave'), n: fc.integer({ min: 0, max: 3 }) }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('join'), n: fc.integer({ min: 0, max: 3 }) }) },
)

const SETTINGS = [
  { conflateMs: 0, maxMessagesPerSecond: null },
  { conflateMs: 250, maxMessagesPerSecond: null },
  { conflateMs: null, maxMessagesPerSecond: 3 },
  { conflateMs: 100, maxMessagesPerSecond: 5 },
]

describe('whatever is published, flushed, configured, left and joined', () => {
  it('the chain of each topic has no hole, trades are complete, and books and prices end right', () => {
    fc.assert(
      fc.property(fc.array(step, { minLength: 20, maxLength: 250 }), fc.boolean(), (steps, hasState) => {
        const market = new Market()
        const hub = createHub({ stateOf: () => (hasState ? market.bookSnapshot(false) : undefined) })
        const client = new TestClient(hub)
        const lines: Lines = Object.values(market.lines)
        let now = 0
        const say = (op: string, { topic }: TopicLine) => {
          const { channel, exchange, symbol, interval, depth } = topic
          const arg = { channel, exchange, symbol, interval: interval ?? undefined, depth: depth ?? undefined }
          for (const request of client.say({ op, args: [arg] }, now)) {
            const line = market.lines[channel as keyof typeof market.lines]
            const state = channel === 'book' ? market.bookSnapshot(false) : null
            hub.accept(request, { topic, epoch: 'e', seq: line.seq, state })
          }
        }
        for (const line of lines) say('subscribe', line)
        for (const { do: action, n } of steps) {
          const line = lines[n % lines.length]
          if (action === 'bbo') hub.publish(market.lines.bbo.key, market.bbo(n))
          if (action === 'trade') hub.publish(market.lines.trades.key, market.trade())
          if (action === 'book') hub.publish(market.lines.book.key, market.bookUpdate(n, (n * 7) % 5))
          if (action === 'candle') hub.publish(market.lines.candles.key, market.candle(n === 0))
          if (action === 'snapshot') hub.publish(market.lines.book.key, market.bookSnapshot(true))
          if (action === 'gap' && line !== undefined) hub.publish(line.key, line.notice('gap', now, '{}'))
          if (action === 'configure') client.say({ op: 'configure', ...SETTINGS[n] }, now)
          if (action === 'leave' && line !== undefined) say('unsubscribe', line)
          if (action === 'join' && line !== undefined) say('subscribe', line)
          if (action === 'flush') {
            now += n
            if (hub.isDue(now)) hub.flush(now)
          }
        }
        for (let n = 1; n <= 100; n++) hub.flush(now + n * 1_000)
        checkEverything(client.messages, market, hub)
      }),
      { numRuns: 300 },
    )
  })
})

function checkEverything(messages: readonly Received[], market: Market, hub: ReturnType<typeof createHub>): void {
  const seqs = new Map<string, number>()
  const book: Book = new Map()
  for (const { type, seq = null, prevSeq = null, data, ...rest } of messages) {
    const about = type === 'gap' || type === 'subscribed' || type === 'unsubscribed' ? rest['channel'] : channelOf(type)
    const channel = String(about)
    if (type === 'subscribed' && seq !== null) seqs.set(channel, seq)
    if (type === 'unsubscribed') seqs.delete(channel)
    if (prevSeq === null || seq === null) continue
    expect(`${channel} after ${prevSeq}`).toBe(`${channel} after ${seqs.get(channel)}`)
    // Nothing can stand for a trade, a closed candle or a gap.
    if (type === 'trade' || type === 'gap') expect(seq).toBe(prevSeq + 1)
    seqs.set(channel, seq)
    if (type !== 'book') continue
    if (data?.['kind'] === 'snapshot') book.clear()
    for (const level of levelsOf(data?.['bids'])) book.set(`bids ${level[0]}`, level[1])
  }
  for (const { key, topic, seq } of Object.values(market.lines)) {
    if (hub.audience(key) > 0) expect(`${key} ${seqs.get(topic.channel)}`).toBe(`${key} ${seq}`)
  }
  if (hub.audience(market.lines.book.key) > 0) expect(withoutZeros(book)).toEqual(withoutZeros(market.book))
}

function channelOf(type: string): string {
  return { trade: 'trades', candle: 'candles' }[type] ?? type
}

function levelsOf(value: unknown): [string, string][] {
  return Array.isArray(value) ? value.map(([price, size]) => [String(price), String(size)]) : []
}

function withoutZeros(book: Book): Book {
  return new Map([...book].filter(([, size]) => size !== '0').sort())
}

describe('conflated', () => {
  const start = (settings: object, stateOf?: () => string | undefined) => {
    const market = new Market()
    const hub = createHub(stateOf === undefined ? {} : { stateOf })
    const client = new TestClient(hub)
    for (const { topic } of Object.values(market.lines)) {
      const { channel, exchange, symbol, interval, depth } = topic
      const arg = { channel, exchange, symbol, interval: interval ?? undefined, depth: depth ?? undefined }
      for (const request of client.say({ op: 'subscribe', args: [arg] })) {
        hub.accept(request, { topic, epoch: 'e', seq: 0, state: null })
      }
    }
    client.say({ op: 'configure', id: 1, ...settings })
    hub.flush(0)
    expect(client.read().at(-1)).toMatchObject({ type: 'configured', id: 1, ...settings })
    return { market, hub, client }
  }

  it('updates of a book merge per price: last sizes, zeros kept, first and last numbers', () => {
    const { market, hub, client } = start({ conflateMs: 1_000 })
    hub.publish(market.lines.book.key, market.bookUpdate(100, 1))
    hub.flush(500)
    client.read()
    for (const [price, size] of [
      [101, 1],
      [102, 2],
      [101, 0],
    ] as const) {
      hub.publish(market.lines.book.key, market.bookUpdate(price, size))
    }
    hub.flush(1_499)
    expect(client.read()).toEqual([])
    expect(hub.wakeAt).toBe(1_500)
    hub.flush(1_500)
    expect(client.read()).toMatchObject([
      {
        seq: 4,
        prevSeq: 1,
        data: {
          kind: 'update',
          bids: [
            ['101', '0'],
            ['102', '2'],
          ],
          prevSequence: 1,
          sequence: 4,
        },
      },
    ])
  })

  it('the state of a topic follows its subscription, whatever comes after', () => {
    const { market, hub, client } = start({ conflateMs: 1_000 })
    const { bbo } = market.lines
    hub.publish(bbo.key, market.bbo(1))
    for (const request of client.say({
      op: 'subscribe',
      args: [{ channel: 'bbo', exchange: 'okx', symbol: 'BTC-USDT' }],
    })) {
      hub.accept(request, { topic: bbo.topic, epoch: 'e', seq: 1, state: bbo.state(1, 2, bboData(null, null)) })
    }
    hub.publish(bbo.key, market.bbo(2))
    hub.publish(bbo.key, market.bbo(3))
    hub.flush(2_000)
    expect(client.read().map(({ type, prevSeq, seq }) => [type, prevSeq, seq])).toEqual([
      ['bbo', 0, 1],
      ['subscribed', undefined, 1],
      ['bbo', 1, 1],
      ['bbo', 1, 3],
    ])
  })

  it.each([
    ['just now', 11, 5],
    ['as it was merged for the first time', 32, 5],
    ['and is merged for the second time', 63, 5],
    ['which is thin', 5, 2],
  ])('an update that has outgrown its book, %s, comes as a snapshot', (_, updates, levels) => {
    let state: string | undefined
    const { market, hub, client } = start({ conflateMs: 1_000 }, () => state)
    hub.flush(2_000)
    hub.publish(market.lines.bbo.key, market.bbo(1))
    hub.flush(2_000)
    client.read()
    for (let price = 100; price < 100 + updates; price++) {
      hub.publish(market.lines.book.key, market.bookUpdate(price, 1, levels))
    }
    state = market.bookSnapshot(false)
    hub.flush(3_000)
    expect(client.read()).toMatchObject([{ type: 'book', seq: updates, prevSeq: 0, data: { kind: 'snapshot' } }])
  })

  it('open candles keep the latest, closed ones and trades all come at once', () => {
    const { market, hub, client } = start({ conflateMs: 60_000 })
    hub.publish(market.lines.bbo.key, market.bbo(1))
    hub.flush(100)
    for (const closed of [false, false, true, false, false])
      hub.publish(market.lines.candles.key, market.candle(closed))
    hub.publish(market.lines.trades.key, market.trade())
    client.say({ op: 'ping', id: 9 })
    hub.flush(200)
    expect(client.read().map(({ type, prevSeq, seq }) => [type, prevSeq, seq])).toEqual([
      ['bbo', 0, 1],
      ['candle', 0, 2],
      ['candle', 2, 3],
      ['trade', 0, 1],
      ['pong', undefined, undefined],
    ])
    hub.flush(60_100)
    expect(client.read().at(0)).toMatchObject({ type: 'candle', prevSeq: 3, seq: 5 })
  })

  it('no more messages come in a second than were asked for', () => {
    const { market, hub, client } = start({ conflateMs: null, maxMessagesPerSecond: 5 })
    for (let now = 0; now < 10_000; now += 20) {
      hub.publish(market.lines.bbo.key, market.bbo(1))
      hub.publish(market.lines.book.key, market.bookUpdate(100 + (now % 7), 1))
      if (hub.isDue(now)) hub.flush(now)
    }
    const received = client.read().filter(({ type }) => type !== 'ping')
    expect(received.length).toBeGreaterThan(45)
    expect(received.length).toBeLessThanOrEqual(51)
    expect(new Set(received.map(({ type }) => type))).toEqual(new Set(['bbo', 'book']))
  })

  it('trades above that rate do not keep everything else away', () => {
    const { market, hub, client } = start({ conflateMs: null, maxMessagesPerSecond: 5 })
    for (let now = 0; now < 10_000; now += 20) {
      hub.publish(market.lines.bbo.key, market.bbo(1))
      hub.publish(market.lines.trades.key, market.trade())
      if (hub.isDue(now)) hub.flush(now)
    }
    const types = client.read().map(({ type }) => type)
    expect(types.filter((type) => type === 'trade')).toHaveLength(500)
    expect(types.filter((type) => type === 'bbo').length).toBeGreaterThan(5)
    expect(types.filter((type) => type === 'bbo').length).toBeLessThan(15)
  })
})
