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
  exchanges = await startTestExchanges({ exchange: 'bybit' })
  rest = exchanges.urls.bybit?.spot ?? ''
})
beforeEach(async () => {
  exchanges.clock.set(START)
  await control(rest, { reset: true })
})
afterEach(() => stream.close())
afterAll(() => exchanges.stop())

type Category = 'spot' | 'linear'
const urlOf = (category: Category): string => `${exchanges.streamUrls.bybit?.[category]}/v5/public/${category}`

/** Opens a socket and subscribes; all that comes first has come. */
const subscribe = async (category: Category, ...args: readonly string[]): Promise<void> => {
  stream = await openStream(urlOf(category))
  stream.send({ op: 'subscribe', args })
  await catchUp()
}

/** Waits until all has come that the exchange has to say by now. */
const catchUp = async (): Promise<void> => {
  const from = stream.texts.length
  stream.send({ op: 'ping' })
  await stream.find(({ ret_msg }) => ret_msg === 'pong', from)
}

const advance = async (ms: number): Promise<void> => {
  exchanges.clock.advance(ms)
  await catchUp()
}

const push = z.object({
  topic: z.string(),
  type: z.enum(['snapshot', 'delta']),
  ts: z.int(),
  cts: z.int().optional(),
  data: z.unknown(),
})
const pushes = (topic: string): z.infer<typeof push>[] =>
  stream.all((frame) => frame['topic'] === topic).map((frame) => push.parse(frame))
/** Each record of a topic whose pushes are lists. */
const recordsOf = (topic: string): Readonly<Record<string, unknown>>[] =>
  pushes(topic).flatMap(({ data }) => z.array(z.record(z.string(), z.unknown())).parse(data))
const restList = async (path: string): Promise<unknown[]> =>
  z.object({ result: z.object({ list: z.array(z.unknown()) }) }).parse((await get(`${rest}/v5/market/${path}`)).body)
    .result.list
const answers = (): Frame[] => stream.all(({ op, ret_msg }) => op !== undefined && ret_msg !== 'pong')

const instrumentOf = (category: Category, symbol: string) => {
  const { states } = exchanges
  const kind = category === 'spot' ? 'spot' : 'perpetual'
  const instrument = states.bybit?.listings.find(kind, symbol, NOW)
  if (!states.bybit || !instrument) throw new Error(`no ${category} ${symbol}`)
  return { market: states.bybit.market, instrument }
}

describe('requests', () => {
  it('succeed as a whole, with the words of their category', async () => {
    await subscribe('spot', 'tickers.BTCUSDT', 'orderbook.50.BTCUSDT')
    expect(answers()).toMatchObject([{ success: true, ret_msg: 'subscribe', op: 'subscribe' }])
    expect(answers()[0]).not.toHaveProperty('req_id')
    stream.send({ op: 'unsubscribe', req_id: 7, args: ['tickers.BTCUSDT', 'orderbook.50.BTCUSDT'] })
    await catchUp()
    await advance(5 * SECOND)
    expect(answers()[1]).toMatchObject({ success: true, req_id: '7', op: 'unsubscribe' })
    expect(stream.all(({ topic }) => topic !== undefined)).toHaveLength(2)
    stream.close()
    await subscribe('linear', 'tickers.BTCUSDT')
    expect(answers()).toMatchObject([{ success: true, ret_msg: '', req_id: '', op: 'subscribe' }])
    expect(stream.all(({ ret_msg }) => ret_msg === 'pong')).toMatchObject([{ success: true, req_id: '', op: 'ping' }])
  })

  it.each([
    ['spot', ['tickers.BTCUSDT', 'tickers.NOPEUSDT'], 'Invalid symbol :[tickers.NOPEUSDT]'],
    ['spot', ['allLiquidation.BTCUSDT'], 'error:handler not found,topic:allLiquidation.BTCUSDT'],
    ['linear', ['tickers.BTCUSDT', 'tickers.NOPEUSDT'], 'error:handler not found,topic:tickers.NOPEUSDT'],
    ['linear', ['orderbook.30.BTCUSDT'], 'error:handler not found,topic:orderbook.30.BTCUSDT'],
    ['linear', ['kline.2.BTCUSDT'], 'error:handler not found,topic:kline.2.BTCUSDT'],
    ['linear', ['tickers.BTCUSDT', 'tickers.BTCUSDT'], 'error:already subscribed,topic:tickers.BTCUSDT'],
  ] as const)('fail as a whole: %s %j', async (category, args, ret_msg) => {
    await subscribe(category, ...args)
    await advance(2 * SECOND)
    expect(answers()).toMatchObject([{ success: false, ret_msg, op: 'subscribe' }])
    expect(stream.all(({ topic }) => topic !== undefined)).toEqual([])
  })

  it('fail where a fault refuses one of their topics', async () => {
    await control(rest, { fault: { type: 'reject', symbol: 'ETHUSDT', host: 'perpetual' } })
    await subscribe('linear', 'tickers.BTCUSDT', 'tickers.ETHUSDT')
    expect(answers()).toMatchObject([{ success: false, ret_msg: 'error:handler not found,topic:tickers.ETHUSDT' }])
  })

  it('are refused where they are none', async () => {
    await subscribe('linear', 'tickers.BTCUSDT')
    for (const bad of ['nonsense', { op: 'nope' }, { op: 'subscribe', args: [{}] }]) stream.send(bad)
    await catchUp()
    expect(answers().slice(1)).toMatchObject([
      { success: false, ret_msg: 'Failed to decode incoming data:nonsense' },
      { success: false, ret_msg: 'error:invalid op' },
      { success: false, ret_msg: expect.stringContaining('Failed to decode') },
    ])
  })

  it('name at most 10 topics on spot, any number on linear, 21,000 characters a connection', async () => {
    const symbols = ['BTC', 'ETH', 'SOL', 'XRP'].map((base) => `${base}USDT`)
    const args = symbols.flatMap((symbol) => ['publicTrade', 'tickers', 'kline.1'].map((name) => `${name}.${symbol}`))
    await subscribe('spot', ...args)
    expect(answers()).toMatchObject([{ success: false, ret_msg: 'args size >10' }])
    stream.send({ op: 'subscribe', args: args.slice(0, 10) })
    stream.send({ op: 'subscribe', args: args.slice(10) })
    await catchUp()
    expect(answers().slice(1)).toMatchObject([{ success: true }, { success: true }])
    stream.close()
    await subscribe('linear', ...args)
    expect(answers()).toMatchObject([{ success: true }])
    stream.send({ op: 'subscribe', args: Array.from({ length: 3000 }, (_, index) => `x.${index}USDT`) })
    await catchUp()
    expect(answers()[1]).toMatchObject({ success: false })
  })

  it('need a connection: 500 in 5 minutes an address, of either category', async () => {
    await control(rest, { limits: true })
    const others = await Promise.all(
      Array.from({ length: 500 }, (_, index) => openStream(urlOf(index % 2 === 0 ? 'spot' : 'linear'))),
    )
    for (const category of ['spot', 'linear'] as const) expect((await refusalOf(urlOf(category))).status).toBe(429)
    for (const other of others) other.close()
    exchanges.clock.advance(5 * MINUTE)
    stream = await openStream(urlOf('spot'))
  })
})

describe.each([
  ['spot', 'ETHUSDT'],
  ['linear', 'SOLUSDT'],
] as const)('%s %s', (category, symbol) => {
  it('streams the trades of REST', async () => {
    await subscribe(category, `publicTrade.${symbol}`)
    await advance(3 * MINUTE)
    const trades = recordsOf(`publicTrade.${symbol}`)
    expect(trades.length).toBeGreaterThan(5)
    const list = await restList(`recent-trade?category=${category}&symbol=${symbol}&limit=${trades.length}`)
    const named = trades.map(({ T, S, v, p, i, seq }) => ({
      execId: i,
      price: p,
      size: v,
      side: S,
      time: String(T),
      seq: String(seq),
    }))
    expect(list).toMatchObject(named.toReversed())
  })

  it('streams each candle every second until it is confirmed as over REST', async () => {
    await subscribe(category, `kline.1.${symbol}`)
    await advance(3 * MINUTE)
    const candles = recordsOf(`kline.1.${symbol}`)
    expect(candles).toHaveLength(3 * 60)
    const closed = candles
      .filter(({ confirm }) => confirm === true)
      .map(({ start, open, high, low, close, volume, turnover }) => [
        String(start),
        open,
        high,
        low,
        close,
        volume,
        turnover,
      ])
    expect(closed).toHaveLength(3)
    const list = await restList(`kline?category=${category}&symbol=${symbol}&interval=1&limit=4`)
    expect(list.slice(1)).toEqual(closed.toReversed())
  })

  it('streams the ticker of REST', async () => {
    await subscribe(category, `tickers.${symbol}`)
    const seconds = 30
    const merged: Record<string, unknown> = {}
    for (let second = 0; second < seconds; second++) {
      await advance(second === 0 ? SECOND - 1 : SECOND)
      for (const { data } of pushes(`tickers.${symbol}`)) Object.assign(merged, data)
      const [ticker] = await restList(`tickers?category=${category}&symbol=${symbol}`)
      expect(ticker).toMatchObject(merged)
    }
    const types = pushes(`tickers.${symbol}`).map(({ type }) => type)
    const others = category === 'spot' ? 'snapshot' : 'delta'
    expect(types).toEqual(['snapshot', ...types.slice(1).map(() => others)])
    expect(Object.keys(merged).includes('bid1Price')).toBe(category === 'linear')
    if (category === 'linear') {
      const fields = pushes(`tickers.${symbol}`).map(({ data }) => Object.keys(z.looseObject({}).parse(data)).length)
      expect(Math.max(...fields.slice(1))).toBeLessThan(fields[0] ?? 0)
    }
  })
})

describe('order books', () => {
  const book = z.object({
    s: z.string(),
    b: z.array(z.tuple([z.string(), z.string()])),
    a: z.array(z.tuple([z.string(), z.string()])),
    u: z.int(),
    seq: z.int(),
  })
  const booksOf = (topic: string) => pushes(topic).map(({ data, ...rest }) => ({ ...rest, ...book.parse(data) }))

  /** The book after each push, as a client keeps it, is the true one of that time. */
  const expectTrue = (topic: string, category: Category, symbol: string, depth: number): void => {
    const { market, instrument } = instrumentOf(category, symbol)
    const { priceScale, sizeScale } = instrument
    const numbers = (side: readonly Level[]) =>
      side.map(({ price, size }) => [price / 10 ** priceScale, size / 10 ** sizeScale])
    let rebuilt = new TestBook([], [])
    for (const { type, b, a, cts = 0 } of booksOf(topic)) {
      if (type === 'snapshot') rebuilt = new TestBook(b, a)
      else rebuilt.apply(b, a)
      const truth = readBook(market, instrument, bookSequenceAt(cts), depth)
      expect(rebuilt.top(depth + 1)).toEqual({ bids: numbers(truth.bids), asks: numbers(truth.asks) })
    }
  }

  it.each([
    ['spot', 'BTCUSDT', 50],
    ['spot', 'PEPEUSDT', 200],
    ['linear', 'BTCUSDT', 1000],
  ] as const)(
    'of %s %s to depth %d are right after every delta, numbered without a gap',
    async (category, symbol, depth) => {
      const topic = `orderbook.${depth}.${symbol}`
      await subscribe(category, topic)
      await advance(30 * SECOND)
      const books = booksOf(topic)
      expect(books.map(({ type }) => type)).toEqual(['snapshot', ...Array.from({ length: 30 }, () => 'delta')])
      expect(books.map(({ u }) => u)).toEqual(books.map((_, index) => (books[0]?.u ?? 0) + index))
      expectTrue(topic, category, symbol, depth)
      const { body } = await get(`${rest}/v5/market/orderbook?category=${category}&symbol=${symbol}`)
      expect(body).toMatchObject({ result: { u: books.at(-1)?.u, seq: books.at(-1)?.seq } })
    },
  )

  it('send the best prices when these change, and again with the same u after 3 s without a change', async () => {
    const topic = 'orderbook.1.PEPEUSDT'
    await subscribe('spot', topic)
    await advance(2 * MINUTE)
    expectTrue(topic, 'spot', 'PEPEUSDT', 1)
    const books = booksOf(topic).slice(1)
    const repeated = books.filter(({ u }, index) => u === books[index - 1]?.u)
    expect(repeated.length).toBeGreaterThan(2)
    for (const [index, { u, ts, a, b }] of books.entries()) {
      const before = books[index - 1]
      if (!before) continue
      if (u === before.u) expect([ts - before.ts, a, b]).toEqual([3 * SECOND, before.a, before.b])
      else expect([a, b]).not.toEqual([before.a, before.b])
    }
    expect(repeated.length).toBeLessThan(books.length)
  })

  it('are old or wrong where a fault says so, streamed and over REST', async () => {
    await control(rest, { fault: { type: 'wrong-snapshot', how: 'old', on: 'stream', times: 1 } })
    await subscribe('spot', 'orderbook.50.BTCUSDT')
    expect(booksOf('orderbook.50.BTCUSDT')[0]?.u).toBe(bookSequenceAt(START) - 30)
    await control(rest, { fault: { type: 'wrong-snapshot', times: 1 } })
    const read = () => get(`${rest}/v5/market/orderbook?category=spot&symbol=BTCUSDT&limit=3`)
    const [wrong, right] = [await read(), await read()]
    expect(wrong.text).not.toBe(right.text)
    expect((await read()).text).toBe(right.text)
  })

  it('begin anew with u = 1 after a restart, all depths and REST alike', async () => {
    const topics = ['orderbook.50.BTCUSDT', 'orderbook.200.BTCUSDT']
    await subscribe('linear', ...topics, 'orderbook.1.BTCUSDT')
    await advance(2 * SECOND)
    await control(rest, { fault: { type: 'restart', symbol: 'BTCUSDT', host: 'perpetual', times: 1 } })
    await advance(SECOND)
    await advance(3 * SECOND)
    const before = bookSequenceAt(NOW)
    for (const topic of topics) {
      const books = booksOf(topic)
      expect(books.map(({ type, u }) => [type, u])).toEqual([
        ['snapshot', before],
        ...[1, 2, 3].map((count) => ['delta', before + count]),
        ['snapshot', 1],
        ['delta', 2],
        ['delta', 3],
      ])
    }
    expectTrue('orderbook.50.BTCUSDT', 'linear', 'BTCUSDT', 50)
    expect(booksOf('orderbook.1.BTCUSDT').map(({ u }) => u)).toContain(1)
    const { body } = await get(`${rest}/v5/market/orderbook?category=linear&symbol=BTCUSDT`)
    expect(body).toMatchObject({ result: { u: 3 } })
  })
})

it('streams liquidations with the side of the position, each a trade', async () => {
  await subscribe('linear', 'allLiquidation.XRPUSDT')
  await advance(60 * MINUTE)
  const { market, instrument } = instrumentOf('linear', 'XRPUSDT')
  const tape = market.tape(instrument)
  const expected = tape
    .from(tape.lastId(START) + 1, 10_000, START + 60 * MINUTE)
    .filter((trade) => isLiquidation(instrument, trade))
  const found = recordsOf('allLiquidation.XRPUSDT')
  expect(expected.length).toBeGreaterThan(3)
  expect(found.map(({ T, S, s }) => [T, S, s])).toEqual(
    expected.map(({ time, takerBuys }) => [time, takerBuys ? 'Sell' : 'Buy', 'XRPUSDT']),
  )
})
