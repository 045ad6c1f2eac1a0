import { runInDurableObject } from 'cloudflare:test'
import { env, exports } from 'cloudflare:workers'
import { expect } from 'vitest'
import { z } from 'zod'
import { floorToInterval } from '../../src/domain/interval.ts'
import { settleMsOf } from '../../src/exchanges/registry.ts'
import { control, deps, hostOf, load, MINUTE, prepare, until } from '../faults/scenario.ts'
import { type BookMoment, type StreamArg, StreamClient, type TopicLog } from '../harness/stream-client.ts'
import { AGGREGATES_BEHIND } from '../simulator/binance-history.ts'

export { control, deps, MINUTE, until }

export const EXCHANGES = ['binance', 'okx', 'bybit', 'coinbase'] as const
export type Exchange = (typeof EXCHANGES)[number]

/** After a fault has ended, all must be well again within this, simulated. */
export const RECOVERY_MS = 30_000
/** The newest closed candle is stored within this, simulated. */
const TAIL_MS = 90_000
/** However fast the clock runs: what a busy machine needs by itself, real ms. Whoever is late fails all the same. */
const PATIENCE_MS = 20_000
/** A machine on which a look around takes longer is too busy to judge times by, real ms. */
const BUSY_MS = 250
/** Data that come this late have met such a machine, simulated. */
const LATE_MS = 2_500

/** The machine was too slow for the clock: that says nothing of the system. */
class Untimely extends Error {
  constructor(what: string) {
    super(`untimely: ${what}`)
  }
}

/** What was late on a busy machine is tried once more. What was wrong stays wrong. */
export const RETRY_LATE = { count: 1, condition: /^untimely: / }

export const sleep = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms))

/** Simulated time passes. */
export const pass = (ms: number): Promise<void> => sleep(deps.clock.realMs(ms))

/**
 * Waits until it holds, with the patience that a busy machine needs, and fails where that is later than it may be.
 *
 * @param deadline ms UTC, simulated
 * @throws Untimely where it came at last, and the machine was too busy to tell why so late
 */
export async function within(what: string, deadline: number, holds: () => Promise<boolean>): Promise<void> {
  const end = Date.now() + Math.max(0, deps.clock.realMs(deadline - deps.clock.now())) + PATIENCE_MS
  for (let slowest = 0; ; ) {
    const began = Date.now()
    const isHeld = await holds()
    const lateBy = deps.clock.now() - deadline
    if (isHeld && lateBy <= 0) return
    slowest = Math.max(slowest, Date.now() - began)
    if (isHeld || Date.now() > end) {
      if (!isHeld) throw new Error(`${what}: had not come ${lateBy} ms after the deadline`)
      const text = `${what}: came ${lateBy} ms after the deadline`
      throw slowest > BUSY_MS ? new Untimely(text) : new Error(text)
    }
    await sleep(20)
    slowest = Math.max(slowest, Date.now() - began - 20)
  }
}

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
  /** Open time of the first candle of both markets that the feed stores; `null` where it stores none. */
  #storedFrom: number | null = null

  private constructor(exchange: Exchange, client: StreamClient) {
    this.exchange = exchange
    this.client = client
  }

  /**
   * Reads the lists of instruments, subscribes, and waits for the first trade of each market: before it nothing is known
   * of trades, so that an outage there is a gap.
   *
   * @param records whether candles and trades of both markets are stored, too, by the feed alone: the loader answers
   *   its questions, and does nothing by itself
   */
  static async start(exchange: Exchange, { records = false } = {}): Promise<Listener> {
    await prepare(exchange)
    if (records) {
      for (const each of MARKETS[exchange]) await record(each)
      await silenceLoader(exchange)
    }
    const listener = await Listener.connect(exchange)
    await listener.client.until(() => listener.markets.every((each) => listener.trades(each).trades().length > 0))
    if (records) await listener.#expectCandlesStored()
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

  /** From the first candle on that the feed has heard of both markets: those before it are the loader's. */
  async #expectCandlesStored(): Promise<void> {
    const logs = this.markets.map((each) => this.candles(each))
    const firsts = () => logs.map(({ messages }) => messages.find(({ type }) => type === 'candle')?.data?.['openTime'])
    await this.client.until(() => firsts().every((openTime) => openTime !== undefined))
    this.#storedFrom = Math.max(...firsts().map(Number))
  }

  /** What was said about data since a mark, of one market or all: `book resync`. */
  toldSince(mark: Mark, each?: Market): string[] {
    const told = [...this.client.topics.values()].flatMap((log) =>
      log
        .notices(mark.get(log.key))
        .flatMap((message) =>
          each === undefined || message.symbol === each.symbol ? [`${message.channel} ${message.type}`] : [],
        ),
    )
    return [...new Set(told)].sort()
  }

  /**
   * Clients of either market were told all that they must be, and nothing else.
   *
   * @param allowed what they may be told
   * @throws Untimely where they were told more, and data came late: that streams are stale is then right
   */
  expectTold(mark: Mark, told: readonly string[] = [], allowed: readonly string[] = []): void {
    for (const each of this.markets) {
      const heard = this.toldSince(mark, each)
      const excess = heard.filter((notice) => !told.includes(notice) && !allowed.includes(notice))
      if (excess.length > 0) for (const other of this.markets) expectTimely(this.book(other), mark)
      const { symbol } = each
      expect({ symbol, excess, heard }).toEqual({ symbol, excess: [], heard: expect.arrayContaining([...told]) })
    }
  }

  mark(): Mark {
    return new Map([...this.client.topics].map(([key, { messages }]) => [key, messages.length]))
  }

  /**
   * Books and trades are known up to a moment at which the exchange is well, or were said not to be, and candles that had
   * closed by then are stored, all that soon after it.
   *
   * @param backoffMs how long the feed may wait by itself before it tries again
   */
  async caughtUp(
    to = deps.clock.now(),
    {
      markets = this.markets,
      backoffMs = 0,
    }: { readonly markets?: readonly Market[]; readonly backoffMs?: number } = {},
  ): Promise<void> {
    const deadline = to + backoffMs + RECOVERY_MS
    // Before that moment nobody knows what will have happened by then.
    while (deps.clock.now() <= to) await pass(to - deps.clock.now() + 1)
    const books = markets.map((each) => this.book(each))
    const isBookThere = (log: TopicLog): boolean => log.messages.at(-1)?.type === 'book' && log.dataTime >= to
    // All at once: what waits for another is found late.
    await Promise.all([
      within(`books of ${this.exchange}`, deadline, async () => books.every(isBookThere)),
      ...markets.map((each) => this.#tradesCaughtUp(each, to, deadline)),
      this.#storedFrom === null ? undefined : this.#candlesCaughtUp(this.#storedFrom, to),
    ])
  }

  async #tradesCaughtUp(each: Market, to: number, deadline: number): Promise<void> {
    const log = this.trades(each)
    const [first] = log.trades()
    const all = await trueTrades(each, first?.exchangeTime ?? to, to)
    const expected = all.slice(all.findIndex(({ id }) => id === first?.id))
    const isKnown = async (): Promise<boolean> => {
      const known = new Set(log.trades().map(({ id }) => id))
      const gaps = log.gaps()
      return expected.every(({ id, time }) => known.has(id) || gaps.some(({ from, to }) => from <= time && time < to))
    }
    await within(`trades of ${each.exchange} ${each.symbol}`, deadline, isKnown)
  }

  /** Those that had closed by a moment, of both markets, as they really were. */
  async #candlesCaughtUp(from: number, to: number): Promise<void> {
    const end = floorToInterval(to, '1m')
    // What the feed cannot know by itself it asks for, once that is final.
    const deadline = Math.max(to, end + settleMsOf(this.exchange)) + RECOVERY_MS
    const compare = async (each: Market): Promise<void> => {
      const stored = async () =>
        (await storedCandles(each)).filter(([time]) => from <= Number(time) && Number(time) < end)
      const expected = await trueCandles(each, from, end)
      await within(`stored candles of ${each.exchange} ${each.symbol}`, deadline, async () => {
        return (await stored()).length >= expected.length
      })
      expect({ symbol: each.symbol, stored: await stored() }).toEqual({ symbol: each.symbol, stored: expected })
    }
    await Promise.all(this.markets.map(compare))
    const isAwake = await runInDurableObject(deps.loader(this.exchange), async (_, { storage }) => storage.getAlarm())
    if (isAwake !== null) throw new Error(`the loader of ${this.exchange} has an alarm: it may have stored the candles`)
  }

  /**
   * The moment from which all must become well again, once the exchange is: what it was refused last the feed tries
   * again as soon as it may.
   */
  async mayReconnectAt(): Promise<number> {
    const sockets = async () => (await feed(this.exchange).status(this.exchange)).sockets
    // Those that were on their way may have been refused still.
    await until('upgrades to be answered', async () => (await sockets()).every(({ state }) => state !== 'connecting'))
    return Math.max(deps.clock.now(), ...(await sockets()).map(({ retryAt }) => retryAt ?? 0))
  }

  /** At least one trade of each market has fallen into the time since a moment. */
  async untilTrades(since: number): Promise<void> {
    const hasTraded = async (each: Market) => (await trueTrades(each, since, deps.clock.now())).length > 0
    await until(`trades of ${this.exchange}`, async () =>
      (await Promise.all(this.markets.map(hasTraded))).every(Boolean),
    )
  }

  /** What every fault must end with; looks at all that has come since the mark. */
  async expectTruth(mark: Mark = new Map(), markets: readonly Market[] = this.markets): Promise<void> {
    expect(this.client.faults).toEqual([])
    for (const each of markets) {
      await expectTrades(each, this.trades(each))
      const book = this.book(each)
      const compared = await expectBooks(each, book, mark.get(book.key) ?? 0)
      expect(compared).toBeGreaterThan(0)
    }
  }

  /** The candles as clients were told them: one that a late trade has changed is told again. */
  async expectCandles(): Promise<void> {
    for (const each of this.markets) await this.#expectCandles(each)
  }

  async #expectCandles(each: Market): Promise<void> {
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

  /** What is stored since it was recorded, up to a moment, whoever has stored it: wakes the loader. */
  async expectStored(to = deps.clock.now()): Promise<void> {
    await deps.loader(this.exchange).poke(this.exchange)
    this.#storedFrom = null
    const end = floorToInterval(to, '1m')
    for (const each of this.markets) {
      const isThere = async () => Number((await storedCandles(each)).at(-1)?.[0]) >= end - MINUTE
      await within(`stored candles of ${this.exchange}`, to + TAIL_MS + RECOVERY_MS, isThere)
      const stored = await storedCandles(each)
      const from = Number(stored[0]?.[0])
      expect(stored.filter(([openTime]) => Number(openTime) < end)).toEqual(await trueCandles(each, from, end))
    }
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

/**
 * Whether what was told of a topic says anything: where data came late, it was rightly said to be stale.
 *
 * @param log of a book, whose data come each second
 * @throws Untimely
 */
function expectTimely(log: TopicLog, mark: Mark = new Map()): void {
  const data = log.messages.slice(mark.get(log.key)).filter(({ type }) => type === 'book')
  const delays = data.map(({ exchangeTime, receivedTime }) => (receivedTime ?? 0) - (exchangeTime ?? receivedTime ?? 0))
  const lateBy = Math.max(0, ...delays)
  if (lateBy > LATE_MS) throw new Untimely(`the data of ${log.key} came ${lateBy} ms late`)
}

/** Nothing was said about a book but what it was. @throws Untimely where that came late */
export function expectUntold(log: TopicLog): void {
  if (log.notices().length > 0) expectTimely(log)
  expect(log.notices()).toEqual([])
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
  const host = hostOf(exchange, kind)
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

/** Lets the loader of an exchange answer the feed, and do nothing else. */
async function silenceLoader(exchange: Exchange): Promise<void> {
  const isAsleep = async () => {
    await runInDurableObject(deps.loader(exchange), async (_, { storage }) => storage.deleteAlarm())
    // A run that is under way arms it once more.
    await sleep(200)
    return runInDurableObject(deps.loader(exchange), async (_, { storage }) => (await storage.getAlarm()) === null)
  }
  await until(`the loader of ${exchange} to sleep`, async () => (await isAsleep()) && (await isAsleep()))
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
  now: z.int(),
  faults: z.array(z.object({ served: z.int(), left: z.int().nullable() })),
  requests: z.record(z.string(), z.int()),
  statuses: z.record(z.string(), z.int()),
  injected: z.record(z.string(), z.int()),
  upgrades: z.array(z.object({ path: z.string(), at: z.int(), status: z.int().nullable() })),
  streams: z.object({ sockets: z.record(z.string(), z.int()) }),
})

/** What a simulated exchange says about itself: of Binance both hosts together. */
export async function controlOf(exchange: Exchange) {
  const response = await fetch(`${hostOf(exchange)}/_control`)
  return controlSchema.parse(await response.json())
}

/** The newest requests to open a socket at a path, with what they were answered. */
export async function upgradesOf(exchange: Exchange, path: string) {
  const { upgrades } = await controlOf(exchange)
  return upgrades.filter((upgrade) => upgrade.path === (path === '' ? '/' : path))
}

/** How many sockets an exchange has to serve. */
export async function socketsOf(exchange: Exchange): Promise<number> {
  return Object.values((await controlOf(exchange)).streams.sockets).reduce((a, b) => a + b, 0)
}

export function feed(exchange: Exchange) {
  return deps.feed(exchange)
}

export const database = env.DB
