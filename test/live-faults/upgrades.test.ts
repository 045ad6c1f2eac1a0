import { exports } from 'cloudflare:workers'
import { describe, expect, it } from 'vitest'
import { connectors } from '../../src/exchanges/registry.ts'
import { prepare } from '../faults/scenario.ts'
import { Listener } from './listener.ts'
import { control, deps, type Exchange, feed, open, until } from './scenario.ts'
import { RETRY_LATE } from './timing.ts'

/**
 * What is taken for the maximum age, and when the exchange ends sockets: short of a day, so that one can wait for it. They
 * are replaced from half of the first on, and a stream that is quiet keeps the old one for a minute more.
 */
const [MAX_AGE_MS, END_MS] = [120_000, 140_000]
/** An announced end comes this long after it was announced. */
const NOTICE_MS = 30_000

const ONE_BY_ONE = { concurrent: false, retry: RETRY_LATE }

/** The object shares our isolate: it sees what is changed here. */
const { limits } = connectors.binance.stream

/**
 * Every socket is replaced by another, so that it is not lost when the exchange ends it: nobody is told anything, and
 * nothing is missing.
 *
 * @param begin what makes them be replaced
 * @param endsAfterMs when the exchange would have ended the youngest of them
 */
async function expectReplaced(exchange: Exchange, listener: Listener, begin: () => Promise<void>, endsAfterMs: number) {
  const status = () => feed(exchange).status(exchange)
  const mark = listener.mark()
  const before = await status()
  const begun = deps.clock.now()
  await begin()
  const oldest = async () => {
    const { sockets } = await status()
    return Math.min(...sockets.map(({ connectedAt }) => connectedAt ?? Number.NEGATIVE_INFINITY))
  }
  await until('every socket to be replaced', async () => (await oldest()) > begun)
  await until('the old ones to be ended', async () => deps.clock.now() > begun + endsAfterMs)
  const { reconnects, gaps, resyncs, lastError } = await status()
  const same = { reconnects: before.reconnects, gaps: before.gaps, resyncs: before.resyncs }
  expect({ lastError, reconnects, gaps, resyncs }).toEqual({ lastError: before.lastError, ...same })
  await listener.caughtUp()
  await listener.expectTruth(mark)
  listener.expectTold(mark)
}

describe.concurrent('sockets of Binance', () => {
  it('are replaced before the age at which the exchange ends them', ONE_BY_ONE, async () => {
    const { maxAgeMs } = limits
    Object.assign(limits, { maxAgeMs: MAX_AGE_MS })
    try {
      const listener = await Listener.start('binance', { records: true })
      const begin = () => control('binance', { maxAgeMs: END_MS })
      await expectReplaced('binance', listener, begin, END_MS)
      listener.client.close()
    } finally {
      Object.assign(limits, { maxAgeMs })
    }
  })

  it('are replaced when the exchange says that it will end them', ONE_BY_ONE, async () => {
    const listener = await Listener.start('binance', { records: true })
    const begin = () => control('binance', { fault: { type: 'announce-close', afterMs: NOTICE_MS } })
    await expectReplaced('binance', listener, begin, NOTICE_MS)
    listener.client.close()
  })

  it('to USD-M cost no spot market anything where the region is not served', ONE_BY_ONE, async () => {
    const listener = await Listener.start('binance')
    const [spot, perpetual] = listener.markets
    const mark = listener.mark()
    try {
      for (const type of ['geo-block', 'drop']) await control('binance', { fault: { type, host: 'perpetual' } })
      await until('its clients to be told', async () => listener.toldSince(mark, perpetual).includes('book stale'))
      expect((await feed('binance').status('binance')).state).toBe('geo-blocked')
      await listener.caughtUp(deps.clock.now(), { markets: [spot] })
      await listener.expectTruth(mark, [spot])
      expect(listener.toldSince(mark, spot)).toEqual([])
    } finally {
      await control('binance', { clear: 'all' })
    }
  })
})

describe.concurrent('sockets of OKX', () => {
  it('are replaced when the exchange says that it will end them', ONE_BY_ONE, async () => {
    const listener = await Listener.start('okx', { records: true })
    const begin = () => control('okx', { fault: { type: 'announce-close', afterMs: NOTICE_MS } })
    await expectReplaced('okx', listener, begin, NOTICE_MS)
    listener.client.close()
  })
})

describe.concurrent('a region that is not served', () => {
  it('is said to be so, and costs no other exchange anything', ONE_BY_ONE, async () => {
    const other = await Listener.start('coinbase')
    const mark = other.mark()
    await prepare('bybit')
    await control('bybit', { fault: { type: 'geo-block' } })
    try {
      const client = await open('bybit')
      const topics = ['trades', 'book'].map((channel) => ({ channel, symbol: 'BTC-USDT' }))
      for (const { type } of await client.subscribe({ channel: 'status' }, ...topics)) expect(type).toBe('subscribed')
      const states = () => client.topic({ channel: 'status' }).messages.map(({ data }) => data?.['state'])
      await client.until(() => states().at(-1) === 'geo-blocked')
      const told = () => [...client.topics.values()].map((log) => log.notices().map(({ type }) => type))
      await client.until(() => told().filter((types) => types.includes('stale')).length === topics.length)
      const { state, sockets } = await feed('bybit').status('bybit')
      expect([state, ...sockets.map((socket) => socket.state)]).toEqual(['geo-blocked', 'waiting'])
      const book = await exports.default.fetch('http://worker/v1/order-books/bybit/BTC-USDT')
      expect(book.status).toBe(503)
      expect(client.faults).toEqual([])
      await other.caughtUp()
      await other.expectTruth(mark)
      other.expectTold(mark)
    } finally {
      await control('bybit', { clear: 'all' })
    }
  })
})
