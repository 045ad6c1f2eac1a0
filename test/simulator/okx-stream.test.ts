import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { z } from 'zod'
import { control, get, NOW, startTestExchanges, type TestExchanges } from './client.ts'
import { isLiquidation } from './liquidations.ts'
import { bookSequenceAt, type Level, readBook } from './order-book.ts'
import { TestBook } from './rebuilt-book.ts'
import { type Frame, openStream, refusalOf, type TestStream } from './ws/client.ts'

const SECOND = 1000
const MINUTE = 60_000
/** Between two seconds. */
const START = NOW + 1

let exchanges: TestExchanges
let rest = ''
let stream: TestStream
beforeAll(async () => {
  exchanges = await startTestExchanges({ exchange: 'okx' })
  rest = exchanges.urls.okx?.spot ?? ''
})
beforeEach(async () => {
  exchanges.clock.set(START)
  await control(rest, { reset: true })
})
afterEach(() => stream.close())
afterAll(() => exchanges.stop())

const urlOf = (endpoint: 'public' | 'business'): string => `${exchanges.streamUrls.okx?.[endpoint]}/ws/v5/${endpoint}`

/** Opens a socket and subscribes; all that comes first has come. */
const subscribe = async (endpoint: 'public' | 'business', ...args: readonly object[]): Promise<void> => {
  stream = await openStream(urlOf(endpoint))
  stream.send({ op: 'subscribe', args })
  await catchUp()
}

/** Waits until all has come that the exchange has to say by now. */
const catchUp = async (): Promise<void> => {
  const from = stream.texts.length
  stream.send('ping')
  await stream.find((_, text) => text === 'pong', from)
}

/** Lets simulated time pass in steps in which no client falls silent. */
const advance = async (ms: number, step = 20 * SECOND): Promise<void> => {
  for (let left = ms; left > 0; left -= step) {
    exchanges.clock.advance(Math.min(left, step))
    await catchUp()
  }
}

const push = z.object({
  arg: z.looseObject({ channel: z.string() }),
  action: z.enum(['snapshot', 'update']).optional(),
  data: z.array(z.unknown()),
})
const pushes = (channel: string): z.infer<typeof push>[] =>
  stream
    .all((frame) => 'data' in frame)
    .map((frame) => push.parse(frame))
    .filter(({ arg }) => arg.channel === channel)
const rowsOf = (channel: string): unknown[] => pushes(channel).flatMap(({ data }) => data)
const restRows = async (path: string): Promise<unknown[]> =>
  z.object({ data: z.array(z.unknown()) }).parse((await get(`${rest}/api/v5/${path}`)).body).data
const errors = (): Frame[] => stream.all(({ event }) => event === 'error')

const instrumentOf = (instId: string) => {
  const { states } = exchanges
  const instrument = states.okx?.listings.find(instId.endsWith('-SWAP') ? 'perpetual' : 'spot', instId, NOW)
  if (!states.okx || !instrument) throw new Error(`no ${instId}`)
  return { market: states.okx.market, instrument }
}

const level = z.tuple([z.string(), z.string(), z.literal('0'), z.string()])
const book = z.object({
  asks: z.array(level),
  bids: z.array(level),
  ts: z.string().transform(Number),
  checksum: z.literal(0).optional(),
  seqId: z.int(),
  prevSeqId: z.int().optional(),
})
const booksOf = (channel: string) => rowsOf(channel).map((row) => book.parse(row))

describe('requests', () => {
  it('are acknowledged one argument after the other; what does not exist costs only itself', async () => {
    await subscribe(
      'public',
      { channel: 'tickers', instId: 'BTC-USDT' },
      { channel: 'tickers', instId: 'NOPE-USDT' },
      { channel: 'candle1m', instId: 'BTC-USDT' },
      { channel: 'funding-rate', instId: 'BTC-USDT' },
      { channel: 'liquidation-orders', instType: 'SWAP', instId: 'BTC-USDT-SWAP' },
    )
    const acks = stream.all(({ event }) => event === 'subscribe')
    expect(acks.map(({ arg }) => arg)).toEqual([
      { channel: 'tickers', instId: 'BTC-USDT' },
      { channel: 'liquidation-orders', instType: 'SWAP' },
    ])
    expect(acks[0]).toMatchObject({ connId: expect.stringMatching(/^[0-9a-f]{8}$/) })
    expect(errors().map(({ code, msg }) => [code, msg])).toEqual(
      ['tickers,instId:NOPE-USDT', 'candle1m,instId:BTC-USDT', 'funding-rate,instId:BTC-USDT'].map((name) => [
        '60018',
        expect.stringContaining(`Wrong URL or channel:${name} doesn't exist.`),
      ]),
    )
    expect(rowsOf('tickers')).toHaveLength(1)
  })

  it('carry their id back, and are refused where they are none', async () => {
    await subscribe('business', { channel: 'books', instId: 'BTC-USDT' })
    expect(errors()).toMatchObject([{ code: '60018' }])
    stream.send({ id: '7', op: 'subscribe', args: [{ channel: 'trades-all', instId: 'BTC-USDT' }] })
    stream.send({ id: '8', op: 'unsubscribe', args: [{ channel: 'trades-all', instId: 'BTC-USDT' }] })
    for (const bad of ['nonsense', { op: 'login' }, { op: 'subscribe', args: [] }, { op: 'subscribe', args: ['x'] }]) {
      stream.send(bad)
    }
    await catchUp()
    await advance(2 * MINUTE)
    expect(stream.all(({ id }) => id !== undefined)).toMatchObject([
      { id: '7', event: 'subscribe' },
      { id: '8', event: 'unsubscribe' },
    ])
    expect(errors().map(({ code }) => code)).toEqual(['60018', '60012', '60019', '60013', '60012'])
    expect(rowsOf('trades-all')).toEqual([])
  })

  it('are limited to 480 an hour and connection, connections to 3 a second and address', async () => {
    await subscribe('public')
    const arg = { channel: 'funding-rate', instId: 'BTC-USDT-SWAP' }
    for (let index = 0; index < 240; index++) {
      stream.send({ op: 'subscribe', args: [arg] })
      stream.send({ op: 'unsubscribe', args: [arg] })
    }
    await catchUp()
    expect(errors().map(({ code }) => code)).toEqual(['60013'])
    stream.send({ op: 'subscribe', args: [arg] })
    await catchUp()
    expect(errors().map(({ code }) => code)).toEqual(['60013', '60014'])
    const others = await Promise.all([openStream(urlOf('public')), openStream(urlOf('business'))])
    for (const endpoint of ['public', 'business'] as const) {
      expect((await refusalOf(urlOf(endpoint))).status).toBe(429)
    }
    exchanges.clock.advance(SECOND)
    others.push(await openStream(urlOf('public')))
    for (const other of others) other.close()
  })

  it('may be refused by a fault, for one topic', async () => {
    await control(rest, { fault: { type: 'reject', symbol: 'ETH-USDT', channel: 'bbo' } })
    await subscribe('public', ...['BTC-USDT', 'ETH-USDT'].map((instId) => ({ channel: 'bbo-tbt', instId })))
    expect(errors()).toMatchObject([{ code: '60018', msg: expect.stringContaining('bbo-tbt,instId:ETH-USDT') }])
    expect(pushes('bbo-tbt').map(({ arg }) => arg)).toEqual([{ channel: 'bbo-tbt', instId: 'BTC-USDT' }])
  })
})

it('ends with 4004 when the client is silent for 30 s, and stays with one that pings', async () => {
  await subscribe('public', { channel: 'tickers', instId: 'BTC-USDT' })
  await advance(2 * MINUTE, 29 * SECOND)
  exchanges.clock.advance(29 * SECOND)
  await stream.settle()
  exchanges.clock.advance(2 * SECOND)
  await stream.find(({ data }) => JSON.stringify(data)?.includes(`"ts":"${exchanges.clock.now() - 1}"`) ?? false)
  exchanges.clock.advance(SECOND)
  expect(await stream.closed).toBe(4004)
})

describe('trades and candles', () => {
  it.each(['BTC-USDT', 'DOGE-USDT-SWAP'])('of %s equal those of REST', async (instId) => {
    await subscribe('business', { channel: 'trades-all', instId }, { channel: 'candle1m', instId })
    await advance(3 * MINUTE)
    const trades = rowsOf('trades-all')
    expect(trades.length).toBeGreaterThan(5)
    expect(await restRows(`market/history-trades?instId=${instId}&limit=${trades.length}`)).toEqual(trades.reverse())
    const candles = rowsOf('candle1m').map((row) => z.array(z.string()).parse(row))
    const closed = candles.filter((row) => row[8] === '1')
    expect(candles).toHaveLength(3 * 60)
    expect(await restRows(`market/candles?instId=${instId}&limit=4`)).toEqual([
      expect.anything(),
      ...closed.toReversed(),
    ])
  })

  it('come with the number of fills in the channel that joins them', async () => {
    await subscribe('public', { channel: 'trades', instId: 'BTC-USDT-SWAP' })
    await advance(MINUTE)
    const trades = rowsOf('trades')
    expect(trades.length).toBeGreaterThan(0)
    expect(trades[0]).toMatchObject({ instId: 'BTC-USDT-SWAP', count: '1', tradeId: expect.stringMatching(/^\d+$/) })
  })
})

describe('records of an instrument', () => {
  it('equal those of REST at the same moment', async () => {
    const instId = 'BTC-USDT-SWAP'
    await subscribe('public', ...['tickers', 'mark-price'].map((channel) => ({ channel, instId })))
    await advance(7 * SECOND - 1)
    const [ticker] = await restRows(`market/ticker?instId=${instId}`)
    const [mark] = await restRows(`public/mark-price?instType=SWAP&instId=${instId}`)
    expect(rowsOf('tickers')).toHaveLength(1 + 7)
    expect(rowsOf('tickers').at(-1)).toEqual(ticker)
    expect(rowsOf('mark-price').at(-1)).toEqual(mark)
  })

  it('come at once and then at the pace of their channel', async () => {
    const instId = 'ETH-USDT-SWAP'
    const channels = ['funding-rate', 'open-interest'].map((channel) => ({ channel, instId }))
    await subscribe('public', ...channels, { channel: 'index-tickers', instId: 'ETH-USDT' })
    const [funding] = await restRows(`public/funding-rate?instId=${instId}`)
    expect(rowsOf('funding-rate')).toEqual([funding])
    const [openInterest] = rowsOf('open-interest')
    const { oi, oiCcy } = z.object({ oi: z.string(), oiCcy: z.string() }).parse(openInterest)
    expect(Number(oiCcy)).toBeCloseTo(Number(oi) / 10, 6)
    await advance(2 * MINUTE)
    expect(rowsOf('funding-rate')).toHaveLength(1 + 2)
    expect(rowsOf('open-interest')).toHaveLength(1 + 40)
    expect(rowsOf('index-tickers')).toHaveLength(1 + 120)
    expect(rowsOf('index-tickers')[0]).toMatchObject({ instId: 'ETH-USDT', idxPx: expect.stringMatching(/^\d/) })
  })

  it('are liquidations of all swaps in one topic, each a trade', async () => {
    await subscribe('public', { channel: 'liquidation-orders', instType: 'SWAP' })
    await advance(10 * MINUTE)
    const expected = exchanges.states.okx?.listings.all('perpetual', NOW).flatMap((instrument) => {
      const tape = instrumentOf(instrument.exchangeSymbol).market.tape(instrument)
      const trades = tape.from(tape.lastId(START) + 1, 1000, START + 10 * MINUTE)
      return trades.filter((trade) => isLiquidation(instrument, trade)).map(({ time }) => time)
    })
    const detail = z.object({ details: z.tuple([z.object({ ts: z.string(), side: z.string(), posSide: z.string() })]) })
    const found = rowsOf('liquidation-orders').map((row) => detail.parse(row).details[0])
    expect(found.map(({ ts }) => Number(ts))).toEqual(expected?.sort((a, b) => a - b))
    expect(found.length).toBeGreaterThan(3)
    for (const { side, posSide } of found) expect(posSide).toBe(side === 'buy' ? 'short' : 'long')
  })
})

describe('order books', () => {
  /** The book after each push, as a client keeps it, is the true one of that time. */
  const expectTrue = (instId: string): void => {
    const { market, instrument } = instrumentOf(instId)
    const pairs = (levels: z.infer<typeof level>[]) => levels.map(([price, size]): [string, string] => [price, size])
    const { priceScale, sizeScale } = instrument
    const numbers = (side: readonly Level[]) =>
      side.map(({ price, size }) => [price / 10 ** priceScale, size / 10 ** sizeScale])
    let rebuilt = new TestBook([], [])
    for (const { asks, bids, ts, prevSeqId } of booksOf('books')) {
      if (prevSeqId === -1) rebuilt = new TestBook(pairs(bids), pairs(asks))
      else rebuilt.apply(pairs(bids), pairs(asks))
      const truth = readBook(market, instrument, bookSequenceAt(ts), 400)
      expect(rebuilt.top(401)).toEqual({ bids: numbers(truth.bids), asks: numbers(truth.asks) })
    }
  }

  it.each(['BTC-USDT', 'XRP-USDT-SWAP'])(
    'of %s are right after every update, each linked to the last',
    async (instId) => {
      await subscribe('public', { channel: 'books', instId })
      await advance(40 * SECOND)
      expectTrue(instId)
      const books = booksOf('books')
      expect(books).toHaveLength(1 + 40)
      expect(books.map(({ prevSeqId }) => prevSeqId)).toEqual([-1, ...books.map(({ seqId }) => seqId).slice(0, -1)])
      expect(await restRows(`market/books?instId=${instId}&sz=1`)).toMatchObject([{ seqId: books.at(-1)?.seqId }])
    },
  )

  it('let seqId fall after maintenance, still linked, over REST as well', async () => {
    await subscribe('public', { channel: 'books', instId: 'BTC-USDT' })
    await advance(3 * SECOND)
    await control(rest, { fault: { type: 'restart', symbol: 'BTC-USDT', times: 1 } })
    await advance(4 * SECOND, SECOND)
    const ids = booksOf('books').map(({ seqId, prevSeqId }) => [prevSeqId, seqId])
    const before = bookSequenceAt(NOW)
    const fallen = ids.findIndex(([previous = 0, id = 0]) => id < previous)
    expect(ids[fallen]).toEqual([before + fallen - 1, 1])
    expect(ids.slice(fallen + 1)).toEqual(ids.slice(fallen + 1).map((_, index) => [index + 1, index + 2]))
    expect(await restRows('market/books?instId=BTC-USDT')).toMatchObject([{ seqId: ids.at(-1)?.[1] }])
  })

  it('say every minute that they live, once nothing changes any more', async () => {
    await subscribe('public', ...['books', 'bbo-tbt'].map((channel) => ({ channel, instId: 'ETH-USDT' })))
    await control(rest, { delist: { symbol: 'ETH-USDT', at: NOW + 2 * SECOND } })
    await advance(2 * MINUTE + 3 * SECOND)
    const last = bookSequenceAt(NOW + 2 * SECOND)
    const alive = booksOf('books').filter(({ seqId, prevSeqId }) => seqId === prevSeqId)
    expect(alive).toMatchObject(
      [1, 2].map((count) => ({ asks: [], bids: [], seqId: last, ts: NOW + 2 * SECOND + count * MINUTE })),
    )
    const best = booksOf('bbo-tbt').slice(-2)
    expect(best[1]).toEqual(best[0])
  })

  it('show their best levels whole when these change', async () => {
    const instId = 'DOGE-USDT'
    await subscribe('public', ...['bbo-tbt', 'books5', 'books'].map((channel) => ({ channel, instId })))
    await advance(30 * SECOND)
    const { market, instrument } = instrumentOf(instId)
    for (const [channel, depth] of [
      ['bbo-tbt', 1],
      ['books5', 5],
    ] as const) {
      const seen = booksOf(channel)
      expect(seen.length).toBeGreaterThan(1)
      for (const { asks, ts, seqId } of seen) {
        expect(seqId).toBe(bookSequenceAt(ts))
        const truth = readBook(market, instrument, seqId, depth).asks
        expect(asks.map(([price, size]) => [Number(price), Number(size)])).toEqual(
          truth.map(({ price, size }) => [price / 10 ** instrument.priceScale, size / 10 ** instrument.sizeScale]),
        )
      }
      for (const [index, one] of seen.slice(2).entries())
        expect(one.asks.concat(one.bids)).not.toEqual(seen[index + 1]?.asks.concat(seen[index + 1]?.bids ?? []))
    }
  })

  it('are crossed, or begin with a wrong level, where a fault says so', async () => {
    await control(rest, { fault: { type: 'wrong-snapshot', on: 'stream', times: 1 } })
    await subscribe('public', { channel: 'books', instId: 'BTC-USDT' })
    await control(rest, { fault: { type: 'crossed', symbol: 'BTC-USDT', times: 1 } })
    await advance(2 * SECOND)
    const [snapshot, ...updates] = booksOf('books')
    const { market, instrument } = instrumentOf('BTC-USDT')
    const truth = readBook(market, instrument, snapshot?.seqId ?? 0, 3)
    expect(snapshot?.bids.slice(0, 3).map(([, size]) => Number(size) * 1e8)).not.toEqual(
      truth.bids.map(({ size }) => size),
    )
    const crossing = updates.filter(({ bids, ts }) => {
      const best = readBook(market, instrument, bookSequenceAt(ts), 1).asks[0]?.price ?? 0
      return bids.some(([price, size]) => size !== '0' && Math.round(Number(price) * 10) > best)
    })
    expect(crossing).toHaveLength(1)
  })

  it('are wrong over REST, too, where a fault says so', async () => {
    await subscribe('public')
    await control(rest, { fault: { type: 'wrong-snapshot', times: 1 } })
    const path = 'market/books?instId=BTC-USDT&sz=3'
    expect(await restRows(path)).not.toEqual(await restRows(path))
    expect(await restRows(path)).toEqual(await restRows(path))
  })
})
