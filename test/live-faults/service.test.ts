import { evictDurableObject, runInDurableObject } from 'cloudflare:test'
import { describe, expect, it } from 'vitest'
import type { StreamClient } from '../harness/stream-client.ts'
import { Listener } from './listener.ts'
import {
  control,
  database,
  deps,
  type Exchange,
  feed,
  MARKETS,
  type Market,
  MINUTE,
  open,
  socketsOf,
  until,
} from './scenario.ts'
import { pass, RECOVERY_MS, RETRY_LATE, within } from './timing.ts'
import { expectBooks } from './truth.ts'

/** As a deployment or a broken machine does it: memory and sockets are gone, what was stored is not. */
async function abort(exchange: Exchange): Promise<void> {
  await runInDurableObject(feed(exchange), (_feed, state) => state.abort('gone')).catch(() => undefined)
}

/** Clients are given up in real time: after half a minute without an answer. */
const LONG = { timeout: 90_000 }

describe.concurrent('the feed survives', { retry: RETRY_LATE }, () => {
  it('an eviction that its clients outlive', async () => {
    const listener = await Listener.start('okx')
    const { client } = listener
    client.say({ op: 'configure', conflateMs: 250 })
    await client.until(() => client.messages.some(({ type }) => type === 'configured'))
    const before = await feed('okx').status('okx')
    // One that has sockets of its own open cannot be evicted here.
    await feed('okx').stop('okx')
    await evictDurableObject(feed('okx'))
    expect((await feed('okx').status('okx')).state).toBe('stopped')
    const after = await feed('okx').start('okx')
    expect(after).toMatchObject({ clients: 1, topics: before.topics })
    expect(after.epoch > before.epoch).toBe(true)
    await client.until(() => listener.args().every((arg) => client.topic(arg).epochs.at(-1) === after.epoch))
    await listener.caughtUp()
    await listener.expectTruth()
    client.say({ op: 'configure', id: 'settings' })
    const settings = () => client.messages.find(({ id }) => id === 'settings')
    await client.until(() => settings() !== undefined)
    expect(settings()).toMatchObject({ type: 'configured', conflateMs: 250 })
    client.close()
  })

  it('being gone, and resumes by itself', async () => {
    const listener = await Listener.start('binance', { records: true })
    const before = await feed('binance').status('binance')
    await until('the candles to be subscribed', async () => (await socketsOf('binance')) > 0)
    await pass(35_000)
    await abort('binance')
    expect(await listener.client.closed).toBeGreaterThan(1000)
    await until('its sockets to be back', async () => (await socketsOf('binance')) > 0)
    const again = await Listener.connect('binance')
    await again.caughtUp()
    await again.expectTruth()
    await again.expectStored()
    expect((await feed('binance').status('binance')).epoch).not.toBe(before.epoch)
  })

  it('a client that answers pings no more, as one that stops reading, at no cost to the others', LONG, async () => {
    const listener = await Listener.start('coinbase')
    const mark = listener.mark()
    const deaf = await open('coinbase')
    const arg = { channel: 'book', symbol: 'BTC-USD', depth: 1000 }
    await deaf.subscribe({ ...arg, depth: 5 })
    await until('a ping to be answered', async () => deaf.pongs > 0)
    deaf.answersPings = false
    // It asks for ever more all the same: soon that waits for room.
    while (deaf.closeCode === undefined) {
      deaf.say({ op: 'subscribe', args: [arg] })
      deaf.say({ op: 'unsubscribe', args: [arg] })
      await pass(1_000)
    }
    expect(await deaf.closed).toBe(1008)
    expect(deaf.closeReason).toContain('too slow')
    expect(deaf.messages.map(({ type }) => type)).toContain('slow')
    await listener.caughtUp()
    await listener.expectTruth(mark)
    listener.expectTold(mark)
  })
})

/** What the feed and the loader read and write. */
const TABLES = ['series', 'instruments', 'trade_chunks']

async function rename(nameOf: (table: string) => readonly [from: string, to: string]): Promise<void> {
  for (const table of TABLES) {
    const [from, to] = nameOf(table)
    await database.prepare(`ALTER TABLE ${from} RENAME TO ${to}`).run()
  }
}

// It is the database of all: nothing else runs meanwhile.
it('the feed survives a minute without the database, and so do books that start anew meanwhile', {
  retry: RETRY_LATE,
}, async () => {
  const starts = [Listener.start('bybit', { records: true }), Listener.start('binance')] as const
  const [listener, books] = await Promise.all(starts)
  const [mark, booksMark] = [listener.mark(), books.mark()]
  const isAnew = (each: Market): boolean => {
    const log = books.book(each)
    const told = log.messages.slice(booksMark.get(log.key)).map(({ type }) => type)
    return told.includes('resync') && told.at(-1) === 'book'
  }
  await pass(10_000)
  const back = pass(MINUTE)
  await rename((table) => [table, `${table}_away`])
  try {
    for (const { exchangeSymbol: symbol } of books.markets) {
      await control('binance', { fault: { type: 'skip', symbol, channel: 'book', times: 1 } })
    }
    await books.client.until(() => books.markets.every(isAnew))
    await expect(database.prepare('SELECT id FROM instruments').all()).rejects.toThrow('no such table')
    expect((await feed('binance').status('binance')).unsynced).toEqual([])
    await back
  } finally {
    await rename((table) => [`${table}_away`, table])
  }
  await books.caughtUp()
  await books.expectTruth(booksMark)
  expect(books.toldSince(booksMark)).toContain('book resync')
  await listener.caughtUp()
  await listener.expectTruth(mark)
  expect(listener.toldSince(mark)).toEqual([])
  await listener.expectStored()
})

describe('a thousand clients', () => {
  const CLIENTS = 1_000
  const [each] = MARKETS.okx
  const arg = { channel: 'book', symbol: each.symbol, depth: 5 }

  /** Merged updates and no pongs, for all of them share one thread with the feed. */
  async function connect(): Promise<StreamClient> {
    const client = await open('okx')
    client.answersPings = false
    client.say({ op: 'configure', conflateMs: 10_000 })
    await client.subscribe(arg)
    return client
  }
  const connectAll = () => Promise.all(Array.from({ length: CLIENTS }, connect))
  const hasBook = (client: StreamClient, since: number): boolean => client.topic(arg).dataTime >= since

  it('come back at once, and each has its book again', { retry: RETRY_LATE }, async () => {
    const clients = async () => (await feed('okx').status('okx')).clients
    await until('those before to leave', async () => (await clients()) === 0)
    const first = await connectAll()
    expect(await clients()).toBe(CLIENTS)
    // As many as the setting allows: the next one is sent to the relays.
    await expect(open('okx')).rejects.toThrow('feed_full')
    await abort('okx')
    await Promise.all(first.map(({ closed }) => closed))
    const second = await connectAll()
    const back = deps.clock.now()
    await within('their books', back + RECOVERY_MS, async () => second.every((client) => hasBook(client, back)))
    for (const client of second) {
      expect(client.faults).toEqual([])
      await expectBooks(each, client.topic(arg))
      client.close()
    }
  })
})
