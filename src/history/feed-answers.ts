import type { Answer } from '../domain/answer.ts'
import { type Candle, checkCandles } from '../domain/candle.ts'
import { floorToInterval, type Interval, shiftOpenTime, type Window } from '../domain/interval.ts'
import type { BookLevel, BookSnapshot } from '../domain/order-book.ts'
import type { StoredInstrument } from '../domain/series.ts'
import type { RestCall } from '../exchanges/connector.ts'
import { resolveBookSnapshot, resolveTrade } from '../exchanges/resolve.ts'
import type { Sent } from './http.ts'
import type { LoaderDeps } from './loader.ts'
import type { Lane } from './rate-budget.ts'
import { refusalOf } from './refusal.ts'
import { type FoundTrades, readTradeHole, type TradeHole } from './trade-history.ts'

/**
 * What the loader answers to the feed of its exchange: all of it under the one budget of the exchange's REST API, sizes
 * in base units. The feed holds its data back meanwhile, so that nothing here waits long.
 */

/** A book or a hole waits no longer for its turn in the budget. */
const PATIENCE_MS = 5_000
/** Between two questions for trades that REST does not have yet. */
const LAG_PAUSE_MS = 500
/** Closed candles that a feed has missed: of more, the loader fills the past by itself. */
const MAX_CANDLE_PAGES = 3
/** The best levels say whether a book has moved. */
const NEWEST_BOOK_DEPTH = 5

export type FeedDeps = Pick<LoaderDeps, 'connector' | 'http' | 'clock'>

/** What is newest of an instrument on REST: tells a quiet market from a stream that has died. */
export type Newest =
  /** `null` where nothing has traded yet. */
  | { readonly what: 'trade'; readonly tradeId: string | null; readonly tradeTime: number | null }
  | {
      readonly what: 'book'
      readonly sequence: string | null
      readonly bids: readonly BookLevel[]
      readonly asks: readonly BookLevel[]
    }

/**
 * Whether a book is to be made of it, or one that is live to be compared with it: that waits for all else that is live,
 * yet not for the past, or books would go unchecked for as long as that is being filled.
 */
export type BookLane = Extract<Lane, 'snapshot' | 'inquiry'>

/** A whole book, as deep as asked for or as the exchange gives; what it gives beyond need not be handed on. */
export async function readBookSnapshot(
  deps: FeedDeps,
  instrument: StoredInstrument,
  depth: number,
  lane: BookLane,
): Promise<Answer<BookSnapshot>> {
  const sent = await send(deps, deps.connector.rest.orderBook(instrument, depth), lane)
  return answerOf(deps, instrument, sent, (book) => {
    const { bids, asks, ...rest } = resolveBookSnapshot(book, instrument)
    return { ...rest, bids: bids.slice(0, depth), asks: asks.slice(0, depth) }
  })
}

/** The trades between two that are known. */
export async function answerTradeHole(
  deps: FeedDeps,
  instrument: StoredInstrument,
  hole: TradeHole,
): Promise<Answer<FoundTrades>> {
  const { connector, clock, http } = deps
  const pause = () => new Promise<void>((resolve) => setTimeout(resolve, clock.realMs(LAG_PAUSE_MS)))
  const found = await readTradeHole(connector.rest, instrument, hole, (call) => send(deps, call, 'snapshot'), pause)
  if ('kind' in found) return refusalOf(found, instrument.kind, http, clock)
  return { ok: true, value: { ...found, trades: found.trades.map((trade) => resolveTrade(trade, instrument)) } }
}

/**
 * The closed candles of a window, ascending: of its newest part, where it is long. Bad ones are left out. Where the
 * clock of the exchange lags behind that of who asks, its last slot is waited for: all of it is asked for, or refused.
 */
export async function readCandles(
  deps: FeedDeps,
  instrument: StoredInstrument,
  interval: Interval,
  window: Window,
): Promise<Answer<readonly Candle[]>> {
  const { rest } = deps.connector
  const maxCandles = rest.maxCandles[instrument.kind]
  const early = window.end + rest.settleMs - deps.http.exchangeTime(instrument.kind)
  if (early > PATIENCE_MS) return { ok: false, code: 'unprocessable', detail: 'the window has not closed yet' }
  if (early > 0) await new Promise<void>((resolve) => setTimeout(resolve, deps.clock.realMs(early)))
  const now = deps.http.exchangeTime(instrument.kind)
  const candles: Candle[] = []
  let { end } = window
  const start = Math.max(
    floorToInterval(window.start, interval),
    shiftOpenTime(end, interval, -maxCandles * MAX_CANDLE_PAGES),
  )
  while (end > start) {
    const page = { start: Math.max(start, shiftOpenTime(end, interval, -maxCandles)), end }
    const sent = await send(deps, rest.candles(instrument, interval, page, now), 'snapshot')
    if (sent.kind !== 'answer') return refusalOf(sent, instrument.kind, deps.http, deps.clock)
    candles.unshift(...checkCandles(sent.value.candles, interval, page, page.end).candles)
    end = page.start
  }
  return { ok: true, value: candles }
}

/** The newest that the exchange has of an instrument; asked at low priority, but before the past. */
export async function readNewest(
  deps: FeedDeps,
  instrument: StoredInstrument,
  what: Newest['what'],
): Promise<Answer<Newest>> {
  const { rest } = deps.connector
  switch (what) {
    case 'trade': {
      const sent = await send(deps, rest.trades(instrument, 1), 'inquiry')
      return answerOf(deps, instrument, sent, (trades) => {
        const newest = trades.at(-1)
        return { what, tradeId: newest?.id ?? null, tradeTime: newest?.exchangeTime ?? null }
      })
    }
    case 'book': {
      const sent = await send(deps, rest.orderBook(instrument, NEWEST_BOOK_DEPTH), 'inquiry')
      return answerOf(deps, instrument, sent, (book) => {
        const { sequence, bids, asks } = resolveBookSnapshot(book, instrument)
        return { what, sequence, bids: bids.slice(0, NEWEST_BOOK_DEPTH), asks: asks.slice(0, NEWEST_BOOK_DEPTH) }
      })
    }
  }
}

function send<T>({ http, clock }: FeedDeps, call: RestCall<T>, lane: Lane): Promise<Sent<T>> {
  return http.send(call, lane, clock.now() + PATIENCE_MS)
}

function answerOf<T, R>(
  { http, clock }: FeedDeps,
  instrument: StoredInstrument,
  sent: Sent<T>,
  map: (value: T) => R,
): Answer<R> {
  if (sent.kind !== 'answer') return refusalOf(sent, instrument.kind, http, clock)
  return { ok: true, value: map(sent.value) }
}
