import { z } from 'zod'
import {
  deflateJson,
  differences,
  inflateJson,
  isComplete,
  MAX_CHUNK_BYTES,
  sliceBySize,
  sums,
  wholeNumber,
} from './columns.ts'
import { type Decimal, decimal } from './decimal.ts'
import type { Side } from './trade.ts'

/** A trade as the feed published it. Times are ms UTC; `size` is in base units. */
export interface StoredTrade {
  readonly id: string
  readonly price: Decimal
  readonly size: Decimal
  readonly side: Side | null
  readonly exchangeTime: number
  readonly receivedTime: number
  /** Its number in the stream of its instrument, which begins anew with each epoch of the feed. */
  readonly seq: number
}

/** A time (ms UTC, half-open) of which trades are missing, or may be; `reason` is a short snake_case word. */
export interface TradeGap {
  readonly from: number
  readonly to: number
  readonly reason: string
}

/** A time (ms UTC, half-open) during which a feed heard the trades of an instrument: all of them, but for the gaps. */
export interface TradeSpan {
  readonly instrumentId: number
  readonly from: number
  readonly to: number
}

/** Trades of one instrument in one minute of the exchange's clock, as one flush of a feed writes them. */
export interface TradeChunk {
  readonly instrumentId: number
  /** ms UTC, its start. */
  readonly minute: number
  /** Ascends over the chunks of an epoch, each its own: a chunk that is written again replaces itself. */
  readonly part: number
  /** Of the feed that heard them. Epochs that ascend as text keep the order of trades within a millisecond over a restart. */
  readonly epoch: string
  /** Ascending by `seq`. */
  readonly trades: readonly StoredTrade[]
  /** What was found missing; a gap stands in one chunk, however long it is. */
  readonly gaps: readonly TradeGap[]
}

/** What a feed has heard of the trades of an instrument and not stored for certain. */
export interface LiveTrades {
  readonly trades: readonly StoredTrade[]
  readonly gaps: readonly TradeGap[]
  /** Since when, and until when, it has been listening; `null` where it does not. */
  readonly heard: { readonly from: number; readonly to: number } | null
}

/** Quotes, commas, side, and the differences of times and counters: no trade has more beside its three texts. */
const TRADE_OVERHEAD = 64

/** Column by column, times and counters as differences: neighbours are alike, and so compress to a few bytes a trade. */
const columns = z.object({
  version: z.literal(1),
  /** Differences where all ids are numbers. */
  ids: z.union([z.array(z.string()), z.object({ differences: z.array(z.number()) })]),
  prices: z.array(z.string()),
  sizes: z.array(z.string()),
  /** `b`, `s`, or `-` a trade. */
  sides: z.string(),
  exchangeTimes: z.array(z.number()),
  /** How long after its exchange time each was received. */
  delays: z.array(z.number()),
  seqs: z.array(z.number()),
})

const sideMarks = { buy: 'b', sell: 's' } as const satisfies Record<Side, string>

/** Cuts a list of trades so that no piece can take more than {@link MAX_CHUNK_BYTES}, however badly it compresses. */
export function sliceTrades(trades: readonly StoredTrade[]): (readonly StoredTrade[])[] {
  const bytesOf = ({ id, price, size }: StoredTrade) => id.length + price.length + size.length + TRADE_OVERHEAD
  return sliceBySize(trades, bytesOf, MAX_CHUNK_BYTES - TRADE_OVERHEAD * 4)
}

/** Trades as compressed bytes (deflate). */
export function encodeTrades(trades: readonly StoredTrade[]): Promise<Uint8Array> {
  const numbers = trades.map(({ id }) => wholeNumber(id))
  return deflateJson({
    version: 1,
    ids: isComplete(numbers) ? { differences: differences(numbers) } : trades.map(({ id }) => id),
    prices: trades.map(({ price }) => price),
    sizes: trades.map(({ size }) => size),
    sides: trades.map(({ side }) => (side === null ? '-' : sideMarks[side])).join(''),
    exchangeTimes: differences(trades.map(({ exchangeTime }) => exchangeTime)),
    delays: trades.map(({ exchangeTime, receivedTime }) => receivedTime - exchangeTime),
    seqs: differences(trades.map(({ seq }) => seq)),
  } satisfies z.input<typeof columns>)
}

/** The trades that {@link encodeTrades} made `bytes` of. @throws where it did not */
export async function decodeTrades(bytes: Uint8Array): Promise<StoredTrade[]> {
  const { ids, prices, sizes, sides, ...numbers } = columns.parse(await inflateJson(bytes))
  const allIds = Array.isArray(ids) ? ids : sums(ids.differences).map(String)
  const exchangeTimes = sums(numbers.exchangeTimes)
  const seqs = sums(numbers.seqs)
  return allIds.map((id, index) => {
    const exchangeTime = exchangeTimes[index] ?? Number.NaN
    return {
      id,
      price: decimal(prices[index] ?? ''),
      size: decimal(sizes[index] ?? ''),
      side: sideOf(sides.charAt(index)),
      exchangeTime,
      receivedTime: exchangeTime + (numbers.delays[index] ?? Number.NaN),
      seq: seqs[index] ?? Number.NaN,
    }
  })
}

function sideOf(mark: string): Side | null {
  if (mark === sideMarks.buy) return 'buy'
  return mark === sideMarks.sell ? 'sell' : null
}
