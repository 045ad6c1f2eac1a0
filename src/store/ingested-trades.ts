import type { BatchMark, InstrumentRecords, Written } from '../domain/ingest.ts'
import { type IngestedTrade, isSameTrade, tradeSlot } from '../domain/ingested-trade.ts'
import type { Window } from '../domain/interval.ts'
import { decodeTrades, encodeTrades, type StoredTrade, sliceTrades } from '../domain/trade-chunk.ts'
import { type FirstTimeRow, firstTimeIn, firstTimeStatement, type IngestedChannel, writeIngested } from './ingested.ts'
import type { Reader } from './sessions.ts'
import {
  type ChunkRow,
  type ChunkTable,
  chunksParameters,
  chunksSql,
  decodePage,
  floorToMinute,
  isChunkRow,
  MINUTE_MS,
  type TradePage,
  type TradeQuery,
} from './trade-pages.ts'

const channel: IngestedChannel<IngestedTrade, StoredTrade> = {
  name: 'trades',
  keyOf: ({ id }) => id,
  isSame: isSameTrade,
  // An id may come again with another time.
  reach({ exchangeTime }) {
    const minute = floorToMinute(exchangeTime)
    return [minute, minute + MINUTE_MS - 1]
  },
  toStored({ id, price, size, side, exchangeTime, receivedTime }, takenIn, seq) {
    return { id, price, size, side, exchangeTime, receivedTime: receivedTime ?? takenIn, seq }
  },
  slice: sliceTrades,
  encode: encodeTrades,
  decode: decodeTrades,
}

/** Stores the trades of a batch, those that are new or changed. See {@link writeIngested}. */
export function writeIngestedTrades(
  db: Reader,
  groups: readonly InstrumentRecords<IngestedTrade>[],
  mark: BatchMark,
): Promise<Written> {
  return writeIngested(db, channel, groups, mark)
}

const TRADE_CHUNKS: ChunkTable = {
  name: 'ingested_chunks',
  where: "instrument_id = ?1 AND channel = 'trades' AND source = ?6",
  order: 'part, slice',
}

export interface IngestedTrades extends TradePage {
  /** ms UTC: the first trade of all; `null` where there is none. */
  readonly firstTime: number | null
}

/** Trades that users have sent, page by page as those of the feed: see `readTrades`. */
export async function readIngestedTrades(db: Reader, source: string, query: TradeQuery): Promise<IngestedTrades> {
  for (let limit = query.limit; ; limit *= 2) {
    const page = await readPage(db, source, { ...query, limit })
    const { start, end } = page.window
    const isWhole = start === query.window.start && end === query.window.end
    // Rows count a trade as often as it was revised: there can be fewer than were asked for in so many.
    if (isWhole || page.trades.length >= query.limit) return page
  }
}

async function readPage(db: Reader, source: string, query: TradeQuery): Promise<IngestedTrades> {
  const [chunks, first] = await db.batch<ChunkRow | FirstTimeRow>([
    db.prepare(chunksSql(TRADE_CHUNKS, query.direction)).bind(...chunksParameters(query), source),
    firstTimeStatement(db, channel.name, query.instrumentId, source),
  ])
  const page = await decodePage((chunks?.results ?? []).filter(isChunkRow), query, tradeSlot)
  return { ...page, firstTime: firstTimeIn(first?.results) }
}

/** How many trades stand in the minutes that a window touches; one that was revised counts as often. */
export async function countIngestedTrades(
  db: Reader,
  source: string,
  instrumentId: number,
  { start, end }: Window,
): Promise<number> {
  const row = await db
    .prepare(COUNT)
    .bind(instrumentId, source, floorToMinute(start), end)
    .first<{ readonly trades: number | null }>()
  return row?.trades ?? 0
}

const COUNT = `
SELECT sum(count) AS trades FROM ingested_chunks
WHERE instrument_id = ?1 AND channel = 'trades' AND source = ?2 AND minute >= ?3 AND minute < ?4`
