import { env, exports } from 'cloudflare:workers'
import { expect, inject } from 'vitest'
import { z } from 'zod'
import { floorToInterval } from '../../src/domain/interval.ts'
import { control, deps, load, MINUTE, prepare, until } from '../faults/scenario.ts'
import { type BookMoment, type StreamArg, StreamClient, type TopicLog } from '../harness/stream-client.ts'
import { AGGREGATES_BEHIND } from '../simulator/binance-history.ts'

export { control, deps, MINUTE, until }

export const EXCHANGES = ['binance', 'okx', 'bybit', 'coinbase'] as const
export type Exchange = (typeof EXCHANGES)[number]

/** After a fault has ended, all must be well again within this, simulated. */
const RECOVERY_MS = 30_000
/** The newest closed candle is stored within this, simulated. */
const TAIL_MS = 90_000
/** However fast the clock runs: what a busy machine needs by itself, real ms. */
const PATIENCE_MS = 6_000

export interface Market {
  readonly exchange: Exchange
  readonly symbol: string
  readonly exchangeSymbol: string
  readonly kind: 'spot' | 'perpetual'
}

const market = (exchange: Exchange, symbol: string, exchangeSymbol: string): Market => ({
  ...{ exchange, symbol, exchangeSymbol },
  kind: symbol.endsWith('-PERP') ? 'perpetual' : 'spot',
})

/** Two of each exchange: where it can be on two sockets, with two rules for their books. */
export const MARKETS: Readonly<Record<Exchange, readonly [Market, Market]>> = {
  binance: [market('binance', 'BTC-USDT', 'BTCUSDT'), market('binance', 'ETH-USDT-PERP', 'ETHUSDT')],
  okx: [market('okx', 'BTC-USDT', 'BTC-USDT'), market('okx', 'ETH-USDT-PERP', 'ETH-USDT-SWAP')],
  bybit: [market('bybit', 'BTC-USDT', 'BTCUSDT'), market('bybit', 'ETH-USDT-PERP', 'ETHUSDT')],
  coinbase: [market('coinbase', 'BTC-USD', 'BTC-USD'), market('coinbase', 'ETH-USD', 'ETH-USD')],
}

/** Opens a stream as a client does, through the worker. */
export async function open(exchange: Exchange): Promise<StreamClient> {
  const response = await exports.default.fetch(`http://worker/v1/stream/${exchange}`, {
    headers: { Upgrade: 'websocket' },
  })
  const { webSocket } = response
  if (webSocket === null) throw new Error(`no stream of ${exchange}: ${response.status} ${await response.text()}`)
  const client = new StreamClient(webSocket, exchange)
  webSocket.accept()
  return client
}

export const relay = deps.relay('weur', 0)

/** As {@link open}, of all exchanges by way of a relay. */
export async function openRelay(): Promise<StreamClient> {
  const { webSocket } = await relay.fetch('https://relay/v1/stream', { headers: { Upgrade: 'websocket' } })
  if (webSocket === null) throw new Error('no stream')
  const client = new StreamClient(webSocket)
  webSocket.accept()
  return client
}

const depthOf = (index: number): number => (index === 0 ? 20 : 5)

/** A client that stays connected: trades, candles and books of both markets. */
export class Listener {
  readonly exchange: Exchange
  readonly client: StreamClient

  private constructor(exchange: Exchange, client: StreamClient) {
    this.exchange = exchange
    this.client = client
  }

  /**
   * Reads the lists of instruments, subscribes, and waits for the first of each topic: of trades before the first one
   * nothing is known, so that an outage there is a gap.
   *
   * @param records whether candles and trades of the first market are stored, too
   */
  static async start(exchange: Exchange, { records = false } = {}): Promise<Listener> {
    await prepare(exchange)
    if (records) await record(MARKETS[exchange][0])
    const listener = await Listener.connect(exchange)
    await listener.client.until(() => listener.markets.every((each) => listener.trades(each).messages.length > 0))
    return listener
  }

  /** Connects to a feed whose instruments are known. */
  static async connect(exchange: Exchange): Promise<Listener> {
    const listener = new Listener(exchange, await open(exchange))
    await listener.subscribe()
    return listener
  }

  async subscribe(): Promise<void> {
    const answers = await this.client.subscribe(...this.args())
    expect(answers.map(({ type, code }) => code ?? type)).toEqual(this.args().map(() => 'subscribed'))
    // On a busy machine clients may be told first that there is no book yet.
    const hasBook = (each: Market): boolean => this.book(each).messages.some(({ type }) => type === 'book')
    await this.client.until(() => this.markets.every(hasBook))
  }

  get markets(): readonly [Market, Market] {
    return MARKETS[this.exchange]
  }

  trades({ symbol }: Market): TopicLog {
    return this.client.topic({ channel: 'trades', symbol })
  }

  book({ symbol }: Market): TopicLog {
    return this.client.topic({ channel: 'book', symbol, depth: depthOf(this.#indexOf(symbol)) })
  }

  candles({ symbol }: Market): TopicLog {
    return this.client.topic({ channel: 'candles', symbol, interval: '1m' })
  }

  /** What was said about data since a mark: `book resync`. */
  toldSince(mark: Mark): string[] {
    const told = [...this.client.topics.values()].flatMap((log) =>
      log.notices(mark.get(log.key)).map(({ type, channel }) => `${channel} ${type}`),
    )
    return [...new Set(told)].sort()
  }

  mark(): Mark {
    return new Map([...this.client.topics].map(([key, { messages }]) => [key, messages.length]))
  }

  /** Waits until books and trades are known up to a moment, or were said not to be. */
  async caughtUp(to = deps.clock.now()): Promise<void> {
    const timeoutMs = deps.clock.realMs(RECOVERY_MS) + PATIENCE_MS
    const books = this.markets.map((each) => this.book(each))
    const isBookThere = (log: TopicLog): boolean => log.messages.at(-1)?.type === 'book' && log.dataTime >= to
    await until(`books of ${this.exchange}`, async () => books.every(isBookThere), timeoutMs)
    for (const each of this.markets) {
      const log = this.trades(each)
      const knows = (id: string): boolean => log.trades().some((trade) => trade.id === id)
      const expected = (await trueTrades(each, log.trades()[0]?.exchangeTime ?? to, to)).map(({ id }) => id)
      const isTold = (): boolean => log.gaps().some((gap) => gap.to >= to)
      const isThere = async () => isTold() || expected.slice(-1).every(knows)
      await until(`trades of ${this.exchange} ${each.symbol}`, isThere, timeoutMs)
    }
  }

  /** What every fault must end with; looks at all that has come since the mark. */
  async expectTruth(mark: Mark = new Map()): Promise<void> {
    expect(this.client.faults).toEqual([])
    for (const each of this.markets) {
      await expectTrades(each, this.trades(each))
      const book = this.book(each)
      const compared = await expectBooks(each, book, mark.get(book.key) ?? 0)
      expect(compared).toBeGreaterThan(0)
    }
  }

  /** The candles of the first market as clients were told them: one that a late trade has changed is told again. */
  async expectCandles(): Promise<void> {
    const [each] = this.markets
    const log = this.candles(each)
    const told = new Map(log.closedCandles().map((candle) => [candle.openTime, candle]))
    const openTimes = [...told.keys()].sort((a, b) => a - b)
    const [first, last] = [openTimes[0], openTimes.at(-1)]
    if (first === undefined || last === undefined) throw new Error('no candle has closed')
    const expected = await trueCandles(each, first, last + MINUTE)
    const isGap = (openTime: number) => log.gaps().some(({ from, to }) => from <= openTime && openTime < to)
    const seen = openTimes.map((openTime) => {
      const { open, high, low, close, volume } = told.get(openTime) ?? {}
      return [openTime, open, high, low, close, volume]
    })
    expect(seen).toEqual(expected.filter(([openTime]) => told.has(Number(openTime)) || !isGap(Number(openTime))))
  }

  /** What is stored of the first market since it was recorded, up to a moment: waits until it is there. */
  async expectStored(to = deps.clock.now()): Promise<void> {
    const [each] = this.markets
    const end = floorToInterval(to, '1m')
    const timeoutMs = deps.clock.realMs(TAIL_MS + RECOVERY_MS) + PATIENCE_MS
    const isThere = async () => Number((await storedCandles(each)).at(-1)?.[0]) >= end - MINUTE
    await until(`stored candles of ${this.exchange}`, isThere, timeoutMs)
    const stored = await storedCandles(each)
    const from = Number(stored[0]?.[0])
    expect(stored.filter(([openTime]) => Number(openTime) < end)).toEqual(await trueCandles(each, from, end))
  }

  args(): StreamArg[] {
    return this.markets.flatMap(({ symbol }, index) => [
      { channel: 'trades', symbol },
      { channel: 'book', symbol, depth: depthOf(index) },
      { channel: 'candles', symbol, interval: '1m' },
    ])
  }

  #indexOf(symbol: string): number {
    return this.markets.findIndex((each) => each.symbol === symbol)
  }
}

/** How many messages there were of each topic. */
export type Mark = ReadonlyMap<string, number>

const trueTradesSchema = z.object({
  trades: z.array(
    z.object({ id: z.string(), time: z.int(), price: z.string(), size: z.string(), side: z.enum(['buy', 'sell']) }),
  ),
})
const candlesSchema = z.object({ candles: z.array(z.array(z.union([z.string(), z.int(), z.null()]))) })
type TrueCandle = readonly (string | number | null)[]
const levels = z.array(z.tuple([z.string(), z.string()]))
const trueBookSchema = z.object({ bids: levels, asks: levels })

async function truthOf<T>(
  { exchange, kind, exchangeSymbol }: Market,
  path: string,
  query: object,
  schema: z.ZodType<T>,
) {
  const host = inject('exchangeHosts')[exchange]?.[kind]
  const parameters = Object.entries({ symbol: exchangeSymbol, kind, ...query }).map(
    ([name, value]) => `${name}=${value}`,
  )
  const response = await fetch(`${host}/_truth${path}?${parameters.join('&')}`)
  return schema.parse(await response.json())
}

/** The trades of [from, to), as they really were, under the ids of those that the exchange streams. */
export async function trueTrades(each: Market, from: number, to: number) {
  const query = { start: from, end: Math.max(from, to), limit: 10_000 }
  const { trades } = await truthOf(each, '/trades', query, trueTradesSchema)
  if (each.exchange !== 'binance') return trades
  return trades.map((trade) => ({ ...trade, id: String(Number(trade.id) - AGGREGATES_BEHIND) }))
}

/** The closed candles of [from, to): open time, open, high, low, close, volume. */
async function trueCandles(each: Market, from: number, to: number): Promise<TrueCandle[]> {
  const { candles } = await truthOf(each, '', { interval: '1m', start: from, end: to }, candlesSchema)
  return candles.map((candle) => candle.slice(0, 6))
}

async function storedCandles({ exchange, symbol }: Market): Promise<TrueCandle[]> {
  const { results } = await database
    .prepare(
      `SELECT open_time, open, high, low, close, volume FROM candles JOIN series ON series.id = series_id
       JOIN instruments ON instruments.id = instrument_id
       WHERE exchange = ?1 AND symbol = ?2 AND interval = '1m' ORDER BY open_time`,
    )
    .bind(exchange, symbol)
    .all<Record<string, string | number>>()
  return results.map((row) => Object.values(row))
}

/** Wants the candles of a market from now on. */
async function record({ exchange, exchangeSymbol, kind }: Market): Promise<void> {
  const start = floorToInterval(deps.clock.now(), '1m')
  await load({ exchange, exchangeSymbol, kind, interval: '1m' }, { start, end: start + MINUTE }, true)
}

/** Each once, as it was, and none missing between the first and the last but for what was said to be. */
async function expectTrades(each: Market, log: TopicLog): Promise<void> {
  const trades = log.trades()
  const [first, last] = [trades[0], trades.at(-1)]
  if (first === undefined || last === undefined) return
  // A feed that restarts tells once more what came after its last checkpoint.
  if (log.epochs.length === 1) expect(trades.map(({ id }) => id)).toEqual([...new Set(trades.map(({ id }) => id))])
  const times = trades.map(({ exchangeTime }) => exchangeTime)
  const all = await trueTrades(each, Math.min(...times), Math.max(...times) + 1)
  const expected = all.slice(all.findIndex(({ id }) => id === first.id))
  const known = new Map(expected.map((trade) => [trade.id, trade]))
  for (const { exchangeTime, ...trade } of trades) expect({ ...trade, time: exchangeTime }).toEqual(known.get(trade.id))
  const seen = new Set(trades.map(({ id }) => id))
  const untold = expected.filter(
    ({ id, time }) => !seen.has(id) && !log.gaps().some(({ from, to }) => from <= time && time < to),
  )
  expect(untold.filter(({ id }) => id !== last.id && !isAtEnd(id, last.id, expected))).toEqual([])
}

/** Several trades may share the last millisecond. */
function isAtEnd(id: string, lastId: string, trades: readonly { readonly id: string }[]): boolean {
  const order = trades.map((trade) => trade.id)
  return order.indexOf(id) > order.indexOf(lastId)
}

/** Books are counted by seconds since 2015; one that was numbered anew is far behind, and known by its time only. */
const FEWEST_SECONDS = 100_000_000

const trueBooks = new Map<string, Promise<z.infer<typeof trueBookSchema>>>()

/** The book that really was at a moment of a client's. */
function trueBook(each: Market, { sequence, exchangeTime }: BookMoment, depth: number) {
  const isCounted = sequence !== null && sequence > FEWEST_SECONDS
  const at = isCounted ? { sequence } : { time: exchangeTime }
  const key = JSON.stringify([each.exchange, each.symbol, at, depth])
  const known = trueBooks.get(key) ?? truthOf(each, '/order-book', { ...at, depth }, trueBookSchema)
  trueBooks.set(key, known)
  return known
}

/**
 * The client's book was the true one after every message.
 *
 * @param depth of the truth that is asked for, where one answer is to do for several topics
 * @returns how many were compared
 */
export async function expectBooks(each: Market, log: TopicLog, since = 0, depth?: number): Promise<number> {
  let compared = 0
  for (const moment of log.books(since)) {
    const truth = await trueBook(each, moment, depth ?? moment.depth)
    const { availableDepth: available, bids, asks, sequence, exchangeTime } = moment
    const seen = [bids.slice(0, available), asks.slice(0, available)]
    const expected = [truth.bids.slice(0, available), truth.asks.slice(0, available)]
    // As text first: to compare thousands of levels one by one takes longer than to stream them.
    if (JSON.stringify(seen) !== JSON.stringify(expected)) {
      expect({ key: log.key, sequence, exchangeTime, seen }).toEqual({
        key: log.key,
        sequence,
        exchangeTime,
        seen: expected,
      })
    }
    compared++
  }
  return compared
}

const controlSchema = z.object({
  faults: z.array(z.object({ served: z.int(), left: z.int().nullable() })),
  streams: z.object({ sockets: z.record(z.string(), z.int()) }),
})

async function controlOf(exchange: Exchange) {
  const response = await fetch(`${inject('exchangeHosts')[exchange]?.['spot']}/_control`)
  return controlSchema.parse(await response.json())
}

/** The faults that a simulated exchange has been told of, and has not used up. */
export async function faultsInForce(exchange: Exchange) {
  return (await controlOf(exchange)).faults
}

/** How many sockets an exchange has to serve. */
export async function socketsOf(exchange: Exchange): Promise<number> {
  return Object.values((await controlOf(exchange)).streams.sockets).reduce((a, b) => a + b, 0)
}

export function feed(exchange: Exchange) {
  return deps.feed(exchange)
}

export const database = env.DB
