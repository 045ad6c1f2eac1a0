import { evictDurableObject, runInDurableObject } from 'cloudflare:test'
import { describe, expect, it } from 'vitest'
import type { StreamClient } from '../harness/stream-client.ts'
import {
  deps,
  type Exchange,
  expectBooks,
  feed,
  Listener,
  MARKETS,
  open,
  pass,
  RECOVERY_MS,
  RETRY_LATE,
  socketsOf,
  until,
  within,
} from './scenario.ts'

/** As a deployment or a broken machine does it: memory and sockets are gone, what was stored is not. */
async function abort(exchange: Exchange): Promise<void> {
  await runInDurableObject(feed(exchange), (_feed, state) => state.abort('gone')).catch(() => undefined)
}

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

  it('a client that answers no ping, as one that never reads, at no cost to the others', async () => {
    const listener = await Listener.start('coinbase')
    const mark = listener.mark()
    const deaf = await open('coinbase')
    deaf.answersPings = false
    const arg = { channel: 'book', symbol: 'BTC-USD', depth: 1000 }
    for (let commands = 0; deaf.closeCode === undefined && commands < 400; commands++) {
      deaf.say({ op: 'subscribe', id: commands, args: [arg] })
      deaf.say({ op: 'unsubscribe', id: commands, args: [arg] })
      await pass(500)
    }
    expect(await deaf.closed).toBe(1008)
    expect(deaf.closeReason).toContain('too slow')
    expect(deaf.messages.map(({ type }) => type)).toContain('slow')
    await listener.caughtUp()
    await listener.expectTruth(mark)
    listener.expectTold(mark)
  })
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
