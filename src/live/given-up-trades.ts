import type { StoredTrade, TradeChunk, TradeGap, TradeSpan } from '../domain/trade-chunk.ts'
import { mergeWindows } from '../domain/window.ts'

const MINUTE_MS = 60_000
/** What a trade takes in memory beside its texts, and a chunk beside its trades: as weighed in V8. */
const BYTES_PER_TRADE = 130
const BYTES_PER_CHUNK = 400

type Time = Omit<TradeSpan, 'instrumentId'>
type Content = Pick<TradeChunk, 'trades' | 'gaps'>

/** About what a trade that waits takes in memory. */
export function bytesOfTrade({ id, price, size }: StoredTrade): number {
  return BYTES_PER_TRADE + id.length + price.length + size.length
}

export function bytesOfChunks(chunks: Iterable<Content>): number {
  let bytes = 0
  for (const { trades } of chunks) {
    bytes += BYTES_PER_CHUNK
    for (const trade of trades) bytes += bytesOfTrade(trade)
  }
  return bytes
}

/** Gives up the trades of the oldest chunks until so many bytes are free, or none are left: gaps say what is missing. */
export function giveUpOldest(chunks: readonly TradeChunk[], bytes: number): TradeChunk[] {
  let [count, freed] = [0, 0]
  for (const chunk of chunks) {
    if (freed >= bytes) break
    if (chunk.trades.length > 0) freed += bytesOfChunks([chunk])
    count++
  }
  return [...joinGaps(chunks.slice(0, count).map(withoutTrades)), ...chunks.slice(count)]
}

/** Chunks without trades, one an instrument: gaps that touch, of one reason, become one, as an outage may be long. */
export function joinGaps(chunks: readonly TradeChunk[]): TradeChunk[] {
  return [...Map.groupBy(chunks, ({ instrumentId }) => instrumentId).values()].flatMap((own) => {
    const byReason = Map.groupBy(
      own.flatMap(({ gaps }) => gaps),
      ({ reason }) => reason,
    )
    const gaps = [...byReason].flatMap(([reason, some]) => joinTimes(some).map((time) => ({ ...time, reason })))
    return own.slice(0, 1).map((chunk) => ({ ...chunk, gaps }))
  })
}

/** Spans of one instrument that touch become one. */
export function joinSpans(spans: readonly TradeSpan[]): TradeSpan[] {
  const byInstrument = Map.groupBy(spans, ({ instrumentId }) => instrumentId)
  return [...byInstrument].flatMap(([instrumentId, own]) => joinTimes(own).map((time) => ({ instrumentId, ...time })))
}

/** A chunk that was given up: that it is missing stays told. */
function withoutTrades(chunk: TradeChunk): TradeChunk {
  const { minute, trades, gaps } = chunk
  if (trades.length === 0) return chunk
  const lost: TradeGap = { from: minute, to: minute + MINUTE_MS, reason: 'not_stored' }
  return { ...chunk, trades: [], gaps: [...gaps, lost] }
}

function joinTimes(times: readonly Time[]): Time[] {
  const windows = times.map(({ from, to }) => ({ start: from, end: to }))
  return mergeWindows(windows).map(({ start, end }) => ({ from: start, to: end }))
}
