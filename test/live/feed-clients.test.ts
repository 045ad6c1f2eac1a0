import { describe, expect, it, vi } from 'vitest'
import { FeedClients, type KnownTopic } from '../../durable-objects/feed-clients.ts'
import { FeedRuntime } from '../../durable-objects/feed-runtime.ts'
import { TopicIds } from '../../durable-objects/topic-ids.ts'
import type { StoredInstrument } from '../../src/domain/series.ts'
import type { ClientTopic } from '../../src/domain/topic.ts'
import { connectorFor } from '../../src/exchanges/registry.ts'
import { FeedSession } from '../../src/live/feed-session.ts'
import type { FeedStore } from '../../src/store/feed-store.ts'
import { createHub, TestClient } from './client.ts'
import { memoryStorage } from './memory-storage.ts'

const instrument = (symbol: string, id: number): StoredInstrument => ({
  id,
  exchange: 'binance',
  kind: 'spot',
  symbol,
  exchangeSymbol: symbol.replace('-', ''),
  base: symbol.split('-')[0] ?? '',
  quote: 'USDT',
  settle: null,
  inverse: false,
  contractSize: null,
  tickSize: null,
  lotSize: null,
  active: true,
  listedAt: null,
  validTo: null,
  endFound: false,
})

/** A feed that is stopped, so that it connects nowhere, with a database that can be watched. */
async function createFeed(storage = memoryStorage(), sockets: readonly object[] = []) {
  const connector = connectorFor('binance')
  if (connector === undefined) throw new Error('no connector')
  let now = 1_000_000
  const clock = { now: () => now, realMs: (ms: number) => ms, at: (real: number) => real }
  const marks = { trades: {}, candles: {} }
  const session = new FeedSession({ connector, hosts: {}, epoch: 'e', random: Math.random, marks })
  const hub = createHub({ exchanges: ['binance'], pathExchange: 'binance' })
  const readInstrument = vi.fn(async (symbol: string) =>
    symbol.startsWith('NONE') ? undefined : instrument(symbol, 100 + symbol.charCodeAt(0)),
  )
  const store: unknown = { readInstrument }
  const runtime = new FeedRuntime({
    ...{ connector, session, hub, clock },
    loader: () => {
      throw new Error('nothing is asked of it')
    },
    openStore: async () => store as FeedStore,
    tradeRetentionMs: 1,
    onTick: () => undefined,
    onFlush: () => undefined,
    onSuperseded: () => undefined,
  })
  runtime.take({ kind: 'stop' })
  const ctx: unknown = { getWebSockets: () => sockets }
  const ids = await TopicIds.load<KnownTopic>(storage)
  const limits = { feedTopics: 3, feedBooks: 1 }
  const clients = new FeedClients(ctx as DurableObjectState, 'binance', runtime, ids, clock, limits)
  const ask = async (client: TestClient, ...args: object[]) => {
    clients.settle(client.say({ op: 'subscribe', args }, now))
    // The database answers at once.
    for (let turn = 0; turn < 10; turn++) await Promise.resolve()
    hub.flush(now)
    return client.read().flatMap(({ type, code }) => (type === 'ping' ? [] : [code ?? type]))
  }
  /** What was said to each of `ask`, without that nothing comes. */
  const answers = async (client: TestClient, ...args: object[]) =>
    (await ask(client, ...args)).filter((type) => type !== 'stale')
  const pass = (ms: number) => {
    now += ms
  }
  return { clients, hub, session, readInstrument, ids, ask, answers, pass }
}

const book = (symbol: string, depth = 5) => ({ channel: 'book', symbol, depth })
const trades = (symbol: string) => ({ channel: 'trades', symbol })

describe('the topics of a feed', () => {
  it('are as many as it may follow, whoever asks', async () => {
    const { hub, session, answers, clients } = await createFeed()
    const [first, second] = [new TestClient(hub), new TestClient(hub)]
    expect(await answers(first, book('A-USDT'), book('B-USDT'))).toEqual(['subscribed', 'too_many_topics'])
    expect(await answers(second, trades('A-USDT'), trades('B-USDT'), trades('C-USDT'))).toEqual([
      'subscribed',
      'subscribed',
      'too_many_topics',
    ])
    // One more client, or another depth, costs nothing upstream.
    expect(await answers(second, book('A-USDT', 20))).toEqual(['subscribed'])
    expect(session.count()).toEqual({ topics: 3, books: 1 })
    const topic: ClientTopic = {
      ...{ channel: 'bbo', exchange: 'binance', symbol: 'C-USDT' },
      ...{ interval: null, depth: null },
    }
    expect(() => clients.demandOnce(topic, instrument('C-USDT', 9))).toThrow('too_many_topics')
  })

  it('count in what is recorded, which is never refused', async () => {
    const { hub, session, answers } = await createFeed()
    const recorded = ['A-USDT', 'B-USDT', 'C-USDT', 'D-USDT'].map((symbol, index) => instrument(symbol, index))
    session.handle({ kind: 'record', instruments: recorded.map((each) => ({ instrument: each, intervals: [] })) }, 1)
    expect(session.count().topics).toBe(4)
    expect(await answers(new TestClient(hub), { channel: 'bbo', symbol: 'A-USDT' })).toEqual(['too_many_topics'])
  })
})

describe('a name that nobody has', () => {
  it('is looked up once in 10 s', async () => {
    const { hub, readInstrument, ask, pass } = await createFeed()
    const client = new TestClient(hub)
    for (let n = 0; n < 5; n++) expect(await ask(client, trades('NONE-USDT'))).toEqual(['unknown_instrument'])
    expect(readInstrument).toHaveBeenCalledTimes(1)
    pass(10_000)
    await ask(client, trades('NONE-USDT'))
    expect(readInstrument).toHaveBeenCalledTimes(2)
  })

  it('is forgotten where there are too many', async () => {
    const { readInstrument, clients } = await createFeed()
    for (let n = 0; n <= 1_000; n++) await clients.instrument(`NONE${n}-USDT`)
    await clients.instrument('NONE1-USDT')
    expect(readInstrument).toHaveBeenCalledTimes(1_001)
    await clients.instrument('NONE0-USDT')
    expect(readInstrument).toHaveBeenCalledTimes(1_002)
  })
})

describe('after an eviction', () => {
  const old = (symbol: string): KnownTopic => ({
    topic: { channel: 'trades', exchange: 'binance', symbol, interval: null, depth: null },
    instrument: instrument(symbol, symbol.charCodeAt(0) - 'A'.charCodeAt(0) + 1),
  })

  /** The socket of a client that outlived the instance before. */
  const socketOf = (topics: readonly number[]) => ({
    deserializeAttachment: () => ({
      isInternal: false,
      settings: { conflateMs: null, maxMessagesPerSecond: null },
      topics,
    }),
    send: () => undefined,
    close: () => undefined,
  })

  it('only those who had a topic get the instrument of then; ids that nobody holds are forgotten', async () => {
    const storage = memoryStorage()
    const before = await TopicIds.load<KnownTopic>(storage)
    const id = before.idOf('trades:binance:A-USDT', old('A-USDT'))
    before.idOf('trades:binance:B-USDT', old('B-USDT'))
    const { clients, readInstrument, ids } = await createFeed(storage, [socketOf([id])])
    clients.sockets.restore()
    for (let turn = 0; turn < 10; turn++) await Promise.resolve()
    expect(readInstrument).not.toHaveBeenCalled()
    expect((await clients.instrument('A-USDT'))?.id).not.toBe(1)
    expect(readInstrument).toHaveBeenCalledTimes(1)
    expect((await storage.list()).size).toBe(1)
    // What has changed of a topic is kept under its number.
    const relisted = { ...old('A-USDT'), instrument: instrument('A-USDT', 7) }
    expect(ids.idOf('trades:binance:A-USDT', relisted)).toBe(id)
    expect((await TopicIds.load<KnownTopic>(storage)).valueOf(id)).toEqual(relisted)
  })
  it('there are no more topics than the feed may follow', async () => {
    const storage = memoryStorage()
    const before = await TopicIds.load<KnownTopic>(storage)
    const topics = ['A', 'B', 'C', 'D', 'E'].map((asset) => before.idOf(asset, old(`${asset}-USDT`)))
    const { clients, session } = await createFeed(
      storage,
      topics.map((id) => socketOf([id])),
    )
    clients.sockets.restore()
    for (let turn = 0; turn < 10; turn++) await Promise.resolve()
    expect(session.count().topics).toBe(3)
  })
})

describe('one who subscribes', () => {
  it('to a feed that is stopped is told at once that nothing comes, as those after are', async () => {
    const { hub, ask } = await createFeed()
    const [first, second] = [new TestClient(hub), new TestClient(hub)]
    expect(await ask(first, trades('BTC-USDT'))).toEqual(['subscribed', 'stale'])
    expect(await ask(second, trades('BTC-USDT'))).toEqual(['subscribed', 'stale'])
    expect(await ask(first, { channel: 'status' })).toEqual(['subscribed', 'status'])
  })

  it('is refused what the exchange refuses', async () => {
    const { hub, session, ask } = await createFeed()
    vi.spyOn(session, 'rejection').mockReturnValue('no such symbol')
    expect(await ask(new TestClient(hub), trades('BTC-USDT'))).toEqual(['unprocessable'])
  })
})
