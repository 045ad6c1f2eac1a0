import { invalidField } from '../../domain/errors.ts'
import { ceilToInterval, floorToInterval, type Interval } from '../../domain/interval.ts'
import type { ClientTopic } from '../../domain/topic.ts'
import { settleMsOf } from '../../exchanges/registry.ts'
import { closedTo } from '../../history/plan.ts'
import type { ReplaySource } from '../../live/replay.ts'
import { replayCandles } from '../../live/replay-candles.ts'
import { type KnownAt, replayTrades } from '../../live/replay-trades.ts'
import type { CatalogEntry } from '../../store/catalog.ts'
import { countIngestedTrades } from '../../store/ingested-trades.ts'
import { countTrades } from '../../store/trades.ts'
import { chooseSeries } from '../candles/scan.ts'
import type { AppContext } from '../context.ts'
import { readLive } from '../trades/route.ts'
import { countCandleReads, readCandlePages } from './candle-pages.ts'
import type { ReplayChannel, ReplayQuery } from './query.ts'
import { countTradeReads, readIngestedPages, readTradePages, type TradeHistory } from './trade-pages.ts'

/** Below the 1,000 queries that D1 allows one invocation. https://developers.cloudflare.com/d1/platform/limits/ */
const MAX_READS = 900

/** A source, and the most reads of the database that it takes. */
interface PlannedSource {
  readonly source: ReplaySource
  readonly reads: number
}

/**
 * What a replay is made of, in the order of its channels. Nothing is read of it before it is asked for its records.
 *
 * @throws AppError `invalid_request` where the window needs more reads than one replay has
 */
export async function planSources(
  c: AppContext,
  exchange: string,
  entry: CatalogEntry,
  query: ReplayQuery,
): Promise<ReplaySource[]> {
  const planned: PlannedSource[] = []
  for (const channel of query.channels) planned.push(await planSource(c, exchange, entry, query, channel))
  const reads = planned.reduce((sum, source) => sum + source.reads, 0)
  if (reads <= MAX_READS) return planned.map(({ source }) => source)
  throw invalidField('end', `the window may need ${reads} reads of the database; one replay has ${MAX_READS}`)
}

function planSource(
  c: AppContext,
  exchange: string,
  entry: CatalogEntry,
  query: ReplayQuery,
  { channel, interval }: ReplayChannel,
): Promise<PlannedSource> | PlannedSource {
  const { symbol } = entry.instrument
  const topic = { channel, exchange, symbol, interval, depth: null }
  if (interval !== null) return planCandles(c, exchange, entry, query, topic, interval)
  const plan = query.source === 'exchange' ? planTrades : planIngestedTrades
  return plan(c, exchange, entry, query, topic)
}

/** Candles whose slots lie in the window as a whole. */
function planCandles(
  c: AppContext,
  exchange: string,
  entry: CatalogEntry,
  { start, end, source }: ReplayQuery,
  topic: ClientTopic,
  interval: Interval,
): PlannedSource {
  const settleMs = settleMsOf(exchange)
  const closed = closedTo(c.var.deps.clock.now(), interval, settleMs)
  const window = { start: ceilToInterval(start, interval), end: Math.min(floorToInterval(end, interval), closed) }
  const choice = chooseSeries(entry, interval, source, window)
  const pages = readCandlePages(c.var.sessions.forExchange(exchange), entry, choice, interval, window)
  return {
    source: { topic, records: replayCandles(pages, interval, settleMs) },
    reads: countCandleReads(choice, interval, window),
  }
}

async function planTrades(
  c: AppContext,
  exchange: string,
  { instrument }: CatalogEntry,
  { start, end }: ReplayQuery,
  topic: ClientTopic,
): Promise<PlannedSource> {
  const { clock, config, stores } = c.var.deps
  const window = { start, end }
  const availableFrom = clock.now() - config.tradeRetentionMs
  // Before the database: what the feed stores in between is then found twice, rather than not at all.
  const { live, now } = await readLive(c, exchange, instrument.symbol, { window })
  // A replica may lack what the feed has just stored and does not hold any more.
  const db = live === undefined ? c.var.sessions.forExchange(exchange) : stores.storeFor(exchange)
  const history: TradeHistory = { db, instrumentId: instrument.id, availableFrom, live, now }
  const kept = { start: Math.max(start, availableFrom), end }
  const isKept = kept.start < kept.end
  return {
    source: { topic, records: replayTrades(readTradePages(history, window)) },
    reads: isKept ? countTradeReads(kept, await countTrades(db, instrument.id, kept)) : 0,
  }
}

/** A trade that was sent in long after it was made has its place where it was final all the same. */
async function planIngestedTrades(
  c: AppContext,
  exchange: string,
  { instrument }: CatalogEntry,
  { start, end, source }: ReplayQuery,
  topic: ClientTopic,
): Promise<PlannedSource> {
  const db = c.var.sessions.forExchange(exchange)
  const window = { start, end }
  const settleMs = settleMsOf(exchange)
  const knownAt: KnownAt = ({ exchangeTime, receivedTime }) => Math.min(receivedTime, exchangeTime + settleMs)
  const pages = readIngestedPages({ db, instrumentId: instrument.id }, source, window)
  return {
    source: { topic, records: replayTrades(pages, knownAt) },
    reads: countTradeReads(window, await countIngestedTrades(db, source, instrument.id, window)),
  }
}
