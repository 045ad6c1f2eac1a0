import type { Refusal } from '../src/domain/answer.ts'
import { AppError } from '../src/domain/errors.ts'
import type { StoredInstrument } from '../src/domain/series.ts'
import type { BookDepth, ClientTopic } from '../src/domain/topic.ts'
import type { LiveTrades } from '../src/domain/trade-chunk.ts'
import { BookTopic } from '../src/live/book-topic.ts'
import type { FeedSession } from '../src/live/feed-session.ts'
import { LatestTopic } from '../src/live/latest-topic.ts'
import type { FeedAnswer, LiveFunding, LiveOrderBook, LiveTicker } from '../src/live/status.ts'
import type { FeedClients } from './feed-clients.ts'
import type { FeedRuntime } from './feed-runtime.ts'

/** A caller waits so long, in real time, for the first data of a topic that nobody had asked for. */
const PATIENCE_MS = 5_000
/** And so long for the parts of it that come by streams of their own, which an exchange may not have. */
const PARTS_PATIENCE_MS = 1_000
/** And so long for a new book where those of other exchanges are at hand. */
const NEW_PATIENCE_MS = 3_000
const LOOK_MS = 20
/** By when a caller may expect what was just asked of the exchange. */
const RETRY_MS = 2_000

/** What reads need of a feed. */
export interface Feed {
  readonly runtime: Pick<FeedRuntime, 'waitingTrades'> & {
    readonly session: Pick<FeedSession, 'offers' | 'rejection' | 'topic'>
  }
  readonly clients: Pick<FeedClients, 'demandOnce' | 'hasRoomFor' | 'instrument'>
  readonly now: () => number
}

/**
 * The 24 h summary and the best bid and offer as they stand, as old as the older of the two. Without the latter where
 * it does not come.
 */
export async function readTicker(feed: Feed, exchange: string, symbol: string): Promise<FeedAnswer<LiveTicker>> {
  return reading(feed, symbol, async (instrument) => {
    const [ticker, bbo] = [topicOf(exchange, instrument, 'ticker'), topicOf(exchange, instrument, 'bbo')]
    const offered = [ticker, bbo]
      .filter((topic) => feed.runtime.session.offers(topic, instrument))
      // The best prices may take a book, and there may be no room for one more.
      .filter((topic) => topic === ticker || feed.clients.hasRoomFor(topic, instrument))
    for (const topic of offered) feed.clients.demandOnce(topic, instrument)
    await patiently(() => offered.every((topic) => isHeard(feed, topic) || rejected(feed, topic, instrument) !== null))
    const newest = latestOf(feed, ticker)?.ticker ?? null
    if (newest === null) return rejected(feed, ticker, instrument) ?? NO_DATA
    const best = latestOf(feed, bbo)?.bbo ?? null
    return {
      ok: true,
      value: {
        exchangeSymbol: instrument.exchangeSymbol,
        ticker: newest.values,
        bid: best?.values.bid ?? null,
        ask: best?.values.ask ?? null,
      },
      exchangeTime: olderOf(newest.exchangeTime, best?.exchangeTime ?? null),
      receivedTime: Math.min(newest.receivedTime, best?.receivedTime ?? newest.receivedTime),
      now: feed.now(),
    }
  })
}

/** The best levels of a book that is in sync: never those of one that is not. */
export async function readOrderBook(
  feed: Feed,
  exchange: string,
  symbol: string,
  depth: BookDepth,
  patienceMs = PATIENCE_MS,
): Promise<FeedAnswer<LiveOrderBook>> {
  return reading(feed, symbol, async (instrument) => {
    const topic: ClientTopic = { ...topicOf(exchange, instrument, 'book'), depth }
    feed.clients.demandOnce(topic, instrument)
    const book = feed.runtime.session.topic(topic)
    if (!(book instanceof BookTopic)) return NO_DATA
    const isThere = () => 'bids' in book.read(depth) && !book.awaitsLevels(depth)
    await patiently(() => isThere() || rejected(feed, topic, instrument) !== null, patienceMs)
    const view = book.read(depth)
    if ('reason' in view) {
      const refusal = rejected(feed, topic, instrument)
      if (refusal !== null) return refusal
      const detail = `the book is not in sync: ${view.reason}`
      return { ok: false, code: 'not_in_sync', detail, retryAfterMs: RETRY_MS }
    }
    const { bids, asks, availableDepth, sequence, exchangeTime } = view
    const { exchangeSymbol } = instrument
    return {
      ok: true,
      value: { exchangeSymbol, bids, asks, availableDepth, sequence },
      exchangeTime,
      receivedTime: book.receivedTime,
      now: feed.now(),
    }
  })
}

/**
 * Several books, each with its own answer, in the order of the symbols. One that is new is waited for; one that was
 * followed already is told as it stands, for whoever compares many must not wait for the worst.
 */
export async function readOrderBooks(
  feed: Feed,
  exchange: string,
  symbols: readonly string[],
  depth: BookDepth,
): Promise<FeedAnswer<LiveOrderBook>[]> {
  const isFollowed = (symbol: string) => {
    const topic: ClientTopic = { channel: 'book', exchange, symbol, interval: null, depth }
    return feed.runtime.session.topic(topic) !== undefined
  }
  return Promise.all(
    symbols.map((symbol) => readOrderBook(feed, exchange, symbol, depth, isFollowed(symbol) ? 0 : NEW_PATIENCE_MS)),
  )
}

/** The announced rate, with the mark and index price, as they stand. */
export async function readFunding(feed: Feed, exchange: string, symbol: string): Promise<FeedAnswer<LiveFunding>> {
  return reading(feed, symbol, async (instrument) => {
    const topic = topicOf(exchange, instrument, 'funding')
    if (!feed.runtime.session.offers(topic, instrument)) {
      return { ok: false, code: 'unprocessable', detail: `${exchange} streams no funding of ${instrument.symbol}` }
    }
    feed.clients.demandOnce(topic, instrument)
    const values = () => latestOf(feed, topic)?.funding?.values
    await patiently(() => values()?.rate != null || rejected(feed, topic, instrument) !== null)
    await patiently(() => values()?.markPrice != null && values()?.indexPrice != null, PARTS_PATIENCE_MS)
    const newest = latestOf(feed, topic)?.funding ?? null
    if (newest === null) return rejected(feed, topic, instrument) ?? NO_DATA
    const { values: funding, exchangeTime, receivedTime } = newest
    const { exchangeSymbol } = instrument
    return { ok: true, value: { exchangeSymbol, funding }, exchangeTime, receivedTime, now: feed.now() }
  })
}

/** The trades that have been heard and are not stored. */
export async function readTrades(feed: Feed, symbol: string): Promise<FeedAnswer<LiveTrades>> {
  return reading(feed, symbol, async (instrument) => {
    const now = feed.now()
    const value = feed.runtime.waitingTrades(instrument.id)
    return { ok: true, value, exchangeTime: null, receivedTime: now, now }
  })
}

const NO_DATA: Refusal = { ok: false, code: 'no_data', detail: 'nothing has come yet', retryAfterMs: RETRY_MS }

/** What the exchange itself says of a topic that it refuses: waiting for that is in vain. */
function rejected(feed: Feed, topic: ClientTopic, instrument: StoredInstrument): Refusal | null {
  const reason = feed.runtime.session.rejection(topic, instrument)
  if (reason === null) return null
  return { ok: false, code: 'unprocessable', detail: `${topic.exchange} refuses it: ${reason}` }
}

async function reading<T>(
  feed: Feed,
  symbol: string,
  read: (instrument: StoredInstrument) => Promise<FeedAnswer<T>>,
): Promise<FeedAnswer<T>> {
  try {
    const instrument = await feed.clients.instrument(symbol)
    if (instrument === undefined) return { ok: false, code: 'unknown_instrument', detail: `there is no ${symbol}` }
    return await read(instrument)
  } catch (error) {
    if (error instanceof AppError) return { ok: false, code: error.code, detail: error.detail }
    throw error
  }
}

/** Waits until it is so, or for a while in vain. */
async function patiently(isSo: () => boolean, patienceMs = PATIENCE_MS): Promise<void> {
  const deadline = Date.now() + patienceMs
  while (!isSo() && Date.now() < deadline) await new Promise((resolve) => setTimeout(resolve, LOOK_MS))
}

function isHeard(feed: Feed, topic: ClientTopic): boolean {
  const latest = latestOf(feed, topic)
  return (topic.channel === 'bbo' ? latest?.bbo : latest?.ticker) != null
}

function latestOf(feed: Feed, topic: ClientTopic) {
  const found = feed.runtime.session.topic(topic)
  return found instanceof LatestTopic ? found.latest : undefined
}

/** Of two times of the exchange, as far as they are known. */
function olderOf(one: number | null, other: number | null): number | null {
  return one === null || other === null ? (one ?? other) : Math.min(one, other)
}

function topicOf(
  exchange: string,
  { symbol }: StoredInstrument,
  channel: 'ticker' | 'bbo' | 'book' | 'funding',
): ClientTopic {
  return { channel, exchange, symbol, interval: null, depth: null }
}
