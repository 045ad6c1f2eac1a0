import { setTimeout as sleep } from 'node:timers/promises'
import { exchangeNames } from '../../src/exchanges/registry.ts'
import type { BookMoment, StreamArg, StreamClient, TopicLog } from '../harness/stream-client.ts'
import type { SimulatorUrls } from '../simulator/exchanges.ts'
import { grouped } from './progress.ts'
import type { Proof } from './proof.ts'
import type { DemoSeries, Service } from './service.ts'
import { readTrueTrades, readTruth, trueBook, trueCandles } from './truth.ts'

/** How long is listened, real ms: some minutes of the simulated exchanges. */
const LISTEN_MS = 8_000
/** By when every topic must have come, real ms: on a busy machine a feed connects more than once. */
const FIRST_DATA_MS = 20_000
const LOOK_MS = 50
/** Of each book so many of its moments are compared, evenly spread. */
const COMPARED_BOOKS = 40
const MAIN = 'BTC-USDT'
const SECOND = 'ETH-USDT'

const ofExchange: readonly StreamArg[] = [
  { channel: 'trades', symbol: MAIN },
  { channel: 'candles', symbol: MAIN, interval: '1m' },
  { channel: 'ticker', symbol: MAIN },
  { channel: 'bbo', symbol: MAIN },
  { channel: 'book', symbol: MAIN, depth: 20 },
  { channel: 'book', symbol: SECOND, depth: 5 },
]
const ofRelay: readonly StreamArg[] = exchangeNames.flatMap((exchange) => [
  { channel: 'trades', exchange, symbol: SECOND },
  { channel: 'book', exchange, symbol: MAIN, depth: 5 },
])

/** A topic as one client got it, and whose it is. */
interface Heard {
  readonly exchange: string
  readonly exchangeSymbol: string
  readonly arg: StreamArg
  readonly log: TopicLog
}

interface Counts {
  books: number
  trades: number
  candles: number
}

/**
 * Starts the feeds, listens to each exchange and to all of them by a relay, and compares what came with what happened.
 *
 * @param stop ends it before its time: what has come by then is compared
 */
export async function proveLive(
  service: Service,
  series: readonly DemoSeries[],
  urls: SimulatorUrls,
  stop: AbortSignal,
): Promise<Proof> {
  await Promise.all(exchangeNames.map((exchange) => service.startFeed(exchange)))
  const clients = await Promise.all([
    ...exchangeNames.map(async (exchange) => listen(await service.openStream(exchange), ofExchange)),
    listen(await service.openStream(), ofRelay),
  ])
  const logs = clients.flatMap(({ topics }) => [...topics.values()])
  const silent = await untilHeard(logs, stop)
  await sleep(LISTEN_MS, undefined, { signal: stop }).catch(() => undefined)
  for (const client of clients) client.close()

  const failures = [...silent, ...clients.flatMap(({ faults }) => faults)]
  const counts: Counts = { books: 0, trades: 0, candles: 0 }
  for (const client of clients) {
    for (const heard of heardOf(client, series)) failures.push(...(await compare(heard, urls, counts)))
  }
  const messages = logs.reduce((sum, log) => sum + log.messages.length, 0)
  const told = logs.flatMap((log) => log.notices()).length
  const proven = [
    `live: ${grouped(messages)} messages of ${logs.length} topics, by feeds and a relay, and every seq in its place`,
    `live: ${grouped(counts.books)} order books, made of snapshots and updates, are those of the exchanges`,
    `live: ${grouped(counts.trades)} trades, each once, and ${counts.candles} candles that closed meanwhile are theirs`,
    `live: ${told === 0 ? 'no gap' : `what is missing was said, ${told} times`}`,
  ]
  return { proven: failures.length === 0 ? proven : [], failures }
}

async function listen(client: StreamClient, args: readonly StreamArg[]): Promise<StreamClient> {
  for (const { type, detail } of await client.subscribe(...args)) {
    if (type !== 'subscribed') throw new Error(`a subscription was refused: ${detail}`)
  }
  return client
}

/** @returns the topics of which nothing has come in time, in words */
async function untilHeard(logs: readonly TopicLog[], stop: AbortSignal): Promise<string[]> {
  const deadline = AbortSignal.any([stop, AbortSignal.timeout(FIRST_DATA_MS)])
  const silent = () => logs.filter(({ messages }) => messages.length === 0)
  while (silent().length > 0 && !deadline.aborted) await sleep(LOOK_MS)
  return silent().map(({ key }) => `${key}: nothing has come`)
}

function heardOf(client: StreamClient, series: readonly DemoSeries[]): Heard[] {
  return [...client.topics.values()].flatMap((log) => {
    const [channel = '', exchange = '', symbol = '', parameter] = log.key.split(':')
    const known = series.find((one) => one.exchange === exchange && one.symbol === symbol)
    if (known === undefined) return []
    const { exchangeSymbol } = known
    return [{ exchange, exchangeSymbol, arg: { channel, symbol, ...(parameter && { interval: parameter }) }, log }]
  })
}

/** @returns what differs */
function compare(heard: Heard, urls: SimulatorUrls, counts: Counts): Promise<string[]> {
  switch (heard.arg.channel) {
    case 'trades':
      return compareTrades(heard, urls, counts)
    case 'candles':
      return compareCandles(heard, urls, counts)
    case 'book':
      return compareBooks(heard, urls, counts)
    default:
      return Promise.resolve([])
  }
}

async function compareTrades(
  { exchange, exchangeSymbol, log }: Heard,
  urls: SimulatorUrls,
  counts: Counts,
): Promise<string[]> {
  const trades = log.trades()
  const [first, last] = [trades[0], trades.at(-1)]
  if (first === undefined || last === undefined) return []
  const query = { symbol: exchangeSymbol, start: first.exchangeTime, end: last.exchangeTime + 1 }
  const happened = await readTrueTrades(urls, exchange, query)
  const ids = happened.map(({ id }) => id)
  const [from, to] = [ids.indexOf(first.id), ids.indexOf(last.id)]
  const texts = new Set(happened.map(({ id, time, price, size, side }) => [id, time, price, size, side].join()))
  const came = new Set(trades.map(({ id }) => id))
  const isTold = (time: number) => log.gaps().some((gap) => gap.from <= time && time < gap.to)
  counts.trades += trades.length
  return [
    ...(came.size < trades.length ? [`${log.key}: a trade came twice`] : []),
    ...trades
      .filter(
        ({ id, exchangeTime, price, size, side }) => !texts.has([id, exchangeTime, price, size, side ?? ''].join()),
      )
      .map(({ id }) => `${log.key}: trade ${id} differs from the exchange's`),
    ...happened
      .filter(({ id, time }, index) => index >= from && index <= to && !came.has(id) && !isTold(time))
      .map(({ id }) => `${log.key}: trade ${id} is missing`),
  ]
}

async function compareCandles(
  { exchange, exchangeSymbol, log }: Heard,
  urls: SimulatorUrls,
  counts: Counts,
): Promise<string[]> {
  // One whose trades came late comes again: the last of each stands.
  const candles = [...new Map(log.closedCandles().map((candle) => [candle.openTime, candle])).values()]
  const [first, last] = [candles[0], candles.at(-1)]
  if (first === undefined || last === undefined) return []
  const query = { symbol: exchangeSymbol, interval: first.interval, start: first.openTime, end: last.openTime + 1 }
  const { candles: happened } = await readTruth(urls, exchange, '', query, trueCandles)
  const rows = new Map(happened.map((row) => [row[0], row]))
  counts.candles += candles.length
  return candles.flatMap(({ openTime, open, high, low, close, volume, quoteVolume }) => {
    const [, , , , , , trueQuoteVolume = null] = rows.get(openTime) ?? []
    // Not every exchange says it: Coinbase's is known from its matches only.
    const isKnown = quoteVolume !== null && trueQuoteVolume !== null
    const text = [openTime, open, high, low, close, volume, isKnown ? quoteVolume : null].join()
    const expected = [...(rows.get(openTime) ?? []).slice(0, 6), isKnown ? trueQuoteVolume : null].join()
    return text === expected ? [] : [`${log.key}: the candle ${text} is ${expected} on the exchange`]
  })
}

async function compareBooks(
  { exchange, exchangeSymbol, log }: Heard,
  urls: SimulatorUrls,
  counts: Counts,
): Promise<string[]> {
  const moments = [...log.books()].filter(({ availableDepth }) => availableDepth > 0)
  const step = Math.max(1, Math.ceil(moments.length / COMPARED_BOOKS))
  const chosen = moments.filter((_, index) => index % step === 0)
  counts.books += chosen.length
  const differing = await Promise.all(
    chosen.map(async (moment) => {
      const query = { symbol: exchangeSymbol, depth: moment.availableDepth, ...identityOf(exchange, moment) }
      const happened = await readTruth(urls, exchange, '/order-book', query, trueBook)
      return sidesOf(moment) === sidesOf({ ...happened, availableDepth: moment.availableDepth }) ? [] : [moment]
    }),
  )
  return differing.flat().map(({ sequence }) => `${log.key}: the book of ${sequence} differs from the exchange's`)
}

/** The levels that are known for certain. */
function sidesOf({ bids, asks, availableDepth }: Pick<BookMoment, 'bids' | 'asks' | 'availableDepth'>): string {
  return JSON.stringify([bids.slice(0, availableDepth), asks.slice(0, availableDepth)])
}

/** Binance's books are told apart by their counter, the others by their time. */
function identityOf(exchange: string, { sequence, exchangeTime }: BookMoment): Readonly<Record<string, number>> {
  if (exchange === 'binance') return { sequence: sequence ?? 0 }
  return { time: exchangeTime ?? 0 }
}
