import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { z } from 'zod'
import { control, get, NOW, startTestExchanges, type TestExchanges } from './client.ts'
import { BOOK_DEPTH } from './order-book.ts'
import { levelsSchema, readTrueBook, TestBook } from './rebuilt-book.ts'
import { openStream, refusalOf, type TestStream } from './ws/client.ts'

let exchanges: TestExchanges
let url = ''
const open: TestStream[] = []
beforeAll(async () => {
  exchanges = await startTestExchanges({ exchange: 'coinbase' })
  url = exchanges.streamUrls.coinbase?.['feed'] ?? ''
})
beforeEach(async () => {
  for (const stream of open.splice(0)) stream.close()
  exchanges.clock.set(NOW)
  await control(url, { reset: true })
})
afterAll(() => exchanges.stop())

const connect = async (): Promise<TestStream> => {
  const stream = await openStream(url)
  open.push(stream)
  return stream
}

const subscribed = async (...channels: string[]): Promise<TestStream> => {
  const stream = await connect()
  stream.send({ type: 'subscribe', product_ids: ['BTC-USD'], channels })
  await stream.find(({ type }) => type === 'subscriptions')
  return stream
}

const ofType = (stream: TestStream, ...types: string[]) => stream.all(({ type }) => types.includes(String(type)))

/** Lets simulated time pass and waits until all of it has been sent. */
const pass = async (stream: TestStream, ms: number): Promise<void> => {
  const from = stream.texts.length
  exchanges.clock.advance(ms)
  stream.send({ type: 'unsubscribe', product_ids: ['ETH-EUR'], channels: ['heartbeat'] })
  await stream.find(({ type }) => type === 'subscriptions', from)
}

describe('subscribing', () => {
  it('is acknowledged with all that is subscribed, under the names of the exchange', async () => {
    const stream = await subscribed('level2_batch', 'matches')
    stream.send({ type: 'subscribe', channels: [{ name: 'ticker', product_ids: ['ETH-USD', 'BTC-USD'] }] })
    const from = stream.texts.length
    expect(await stream.find(({ type }) => type === 'subscriptions', from)).toEqual({
      type: 'subscriptions',
      channels: [
        { name: 'level2_50', product_ids: ['BTC-USD'], account_ids: null },
        { name: 'matches', product_ids: ['BTC-USD'], account_ids: null },
        { name: 'ticker', product_ids: ['ETH-USD', 'BTC-USD'], account_ids: null },
      ],
    })
    stream.send({ type: 'unsubscribe', product_ids: ['BTC-USD'], channels: ['level2_batch', 'ticker'] })
    await stream.settle()
    expect(ofType(stream, 'subscriptions').at(-1)).toMatchObject({
      channels: [{ name: 'matches' }, { name: 'ticker', product_ids: ['ETH-USD'] }],
    })
  })

  it('fails as a whole for an unknown product', async () => {
    const stream = await connect()
    stream.send({ type: 'subscribe', product_ids: ['BTC-USD', 'NO-SUCH'], channels: ['matches'] })
    expect(await stream.find(({ type }) => type === 'error')).toEqual({
      type: 'error',
      message: 'Failed to subscribe',
      reason: 'NO-SUCH is not a valid product',
    })
    exchanges.clock.advance(4000)
    await stream.settle()
    expect(stream.texts).toHaveLength(1)
  })

  it.each([
    [{ type: 'subscribe', product_ids: ['BTC-USD'], channels: ['level2'] }, 'require authentication'],
    [{ type: 'subscribe', product_ids: ['BTC-USD'], channels: ['matches', 'full'] }, 'require authentication'],
    [{ type: 'subscribe', product_ids: ['BTC-USD'], channels: ['candles'] }, 'not a valid channel'],
    [{ type: 'subscribe', channels: ['ticker'] }, 'requires product_ids'],
    [{ type: 'hello' }, 'Type has to be'],
    ['nonsense', 'Malformed JSON'],
  ])('refuses %j', async (message, text) => {
    const stream = await connect()
    stream.send(message)
    await stream.find(({ type }) => type === 'error')
    expect(stream.texts[0]).toContain(text)
  })

  it('gives level2 to who signs', async () => {
    const stream = await connect()
    const login = { key: 'k', passphrase: 'p', timestamp: '1791972450', signature: `${'A'.repeat(43)}=` }
    stream.send({ type: 'subscribe', product_ids: ['BTC-USD'], channels: ['level2'], ...login })
    await stream.find(({ type }) => type === 'snapshot')
  })
})

const snapshotFrame = z.object({ bids: levelsSchema, asks: levelsSchema })
const updateFrame = z.object({
  time: z.string(),
  changes: z.array(z.tuple([z.enum(['buy', 'sell']), z.string(), z.string()])),
})

describe('what is streamed', () => {
  it('is a snapshot of the book and every change of it', async () => {
    const stream = await subscribed('level2_batch')
    await pass(stream, 30_400)
    const snapshot = snapshotFrame.parse(ofType(stream, 'snapshot')[0])
    const book = new TestBook(snapshot.bids, snapshot.asks)
    expect(book.top(BOOK_DEPTH)).toEqual(await readTrueBook(url, 'BTC-USD', 'spot', `time=${NOW}`, BOOK_DEPTH))
    const updates = ofType(stream, 'l2update').map((frame) => updateFrame.parse(frame))
    expect(updates).toHaveLength(30)
    for (const { time, changes } of updates) {
      const of = (side: 'buy' | 'sell') =>
        changes.flatMap(([known, price, size]): [string, string][] => (known === side ? [[price, size]] : []))
      book.apply(of('buy'), of('sell'))
      const truth = await readTrueBook(url, 'BTC-USD', 'spot', `time=${Date.parse(time)}`, 300)
      expect(book.top(300)).toEqual(truth)
    }
  })

  it('is the last match, then every match, with the fields of REST', async () => {
    const stream = await subscribed('matches')
    await pass(stream, 300_000)
    const frames = ofType(stream, 'last_match', 'match').map((frame) =>
      z
        .object({ type: z.string(), trade_id: z.int(), side: z.string(), price: z.string(), time: z.string() })
        .parse(frame),
    )
    expect(frames.map(({ type }) => type).lastIndexOf('last_match')).toBe(0)
    const { body } = await get(`${url}/products/BTC-USD/trades?limit=${frames.length}`)
    const truth = z
      .array(z.object({ trade_id: z.int(), side: z.string(), price: z.string(), time: z.string() }))
      .parse(body)
    const read = ({ trade_id, side, price, time }: (typeof truth)[number]) => [trade_id, side, Number(price), time]
    expect(frames.length).toBeGreaterThan(20)
    expect(frames.map(read)).toEqual(truth.toReversed().map(read))
  })

  it('is a ticker with each match, and one at first', async () => {
    const stream = await subscribed('matches', 'ticker')
    await pass(stream, 300_000)
    const ids = (...types: string[]) => ofType(stream, ...types).map((frame) => frame['trade_id'])
    expect(ids('ticker').length).toBeGreaterThan(20)
    expect(ids('ticker')).toEqual(ids('last_match', 'match'))
    const [ticker, match] = ['ticker', 'match'].map((type) => ofType(stream, type).at(-1))
    // One says the side of the taker, the other that of the maker.
    expect(new Set([ticker?.['side'], match?.['side']])).toEqual(new Set(['buy', 'sell']))
  })

  it('has heartbeats each second and the status of all products each five', async () => {
    const stream = await subscribed('heartbeat', 'status')
    await pass(stream, 20_000)
    expect(ofType(stream, 'heartbeat')).toHaveLength(20)
    expect(ofType(stream, 'status').length).toBeGreaterThan(1)
    expect(ofType(stream, 'status')[0]).toMatchObject({ products: expect.any(Array), currencies: expect.any(Array) })
  })
})

describe('limits', () => {
  it('disconnect whoever does not subscribe within 5 s', async () => {
    const stream = await connect()
    const other = await subscribed('heartbeat')
    await pass(other, 6000)
    expect(await stream.closed).toBe(1008)
    await other.settle()
  })

  it('disconnect whoever sends more than 100 messages in a second', async () => {
    const stream = await subscribed('heartbeat')
    for (let count = 0; count < 100; count++) stream.send('{}')
    expect(await stream.closed).toBe(1008)
  })

  it('refuse more than 8 connections a second with 429, 20 in a burst', async () => {
    await Promise.all(Array.from({ length: 20 }, connect))
    const refused = await refusalOf(url)
    expect([refused.status, refused.headers['retry-after']]).toEqual([429, '3'])
    exchanges.clock.advance(2_500)
    await connect()
  })

  it('count the messages of all connections of an address together', async () => {
    const [one, other] = [await subscribed('heartbeat'), await subscribed('heartbeat')]
    for (let count = 0; count < 60; count++) one.send('{}')
    for (let count = 0; count < 60; count++) other.send('{}')
    const closed = await Promise.race([one.closed, other.closed])
    expect(closed).toBe(1008)
  })
})
