import { runInDurableObject } from 'cloudflare:test'
import { expect } from 'vitest'
import { floorToInterval } from '../../src/domain/interval.ts'
import { settleMsOf } from '../../src/exchanges/registry.ts'
import { load, prepare } from '../faults/scenario.ts'
import type { StreamArg, StreamClient, TopicLog } from '../harness/stream-client.ts'
import { deps, type Exchange, feed, MARKETS, type Market, MINUTE, open, until } from './scenario.ts'
import { pass, RECOVERY_MS, sleep, Untimely, within } from './timing.ts'
import { expectBooks, expectTrades, storedCandles, trueCandles, trueTrades } from './truth.ts'

/** The newest closed candle is stored within this, simulated. */
const TAIL_MS = 90_000
/** Data that come this late have met such a machine, simulated. */
const LATE_MS = 2_500

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
   * @param backoffMs how long the feed may wait by itself before it tries again to have a book
   */
  async caughtUp(
    to = deps.clock.now(),
    {
      markets = this.markets,
      backoffMs = 0,
    }: { readonly markets?: readonly Market[]; readonly backoffMs?: number } = {},
  ): Promise<void> {
    const deadline = to + RECOVERY_MS
    // Before that moment nobody knows what will have happened by then.
    while (deps.clock.now() <= to) await pass(to - deps.clock.now() + 1)
    const books = markets.map((each) => this.book(each))
    const isBookThere = (log: TopicLog): boolean => log.messages.at(-1)?.type === 'book' && log.dataTime >= to
    // All at once: what waits for another is found late.
    await Promise.all([
      within(`books of ${this.exchange}`, deadline + backoffMs, async () => books.every(isBookThere)),
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

/** How many messages there were of each topic. */
export type Mark = ReadonlyMap<string, number>

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
