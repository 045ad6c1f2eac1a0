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
import { type Decimal, decimal, scaleOf, shiftDecimal } from './decimal.ts'
import type { BookLevel, BookSnapshot } from './order-book.ts'

/** A whole book at one time. Times are ms UTC, sizes in base units; bids descend, asks ascend. */
export interface StoredBook extends Omit<BookSnapshot, 'exchangeSymbol'> {
  readonly exchangeTime: number
  readonly receivedTime: number
}

/** Quotes, commas and the differences of times: no level has more beside its two texts, no book beside its levels. */
const LEVEL_OVERHEAD = 4
const BOOK_OVERHEAD = 100

/** Prices of a chunk are counted in its smallest unit: beyond so many decimal places they are kept as texts. */
const MAX_PLACES = 20

const texts = z.string()

/**
 * Column by column, the levels of all books in one: bids, then asks of each. The prices of a side are a step apart, so as
 * differences they compress to nearly nothing.
 */
const columns = z.object({
  version: z.literal(1),
  exchangeTimes: z.array(z.number()),
  /** How long after its exchange time each was received. */
  delays: z.array(z.number()),
  /** Differences where all are whole numbers. */
  sequences: z.union([z.array(z.string().nullable()), z.object({ differences: z.array(z.number()) })]),
  bidCounts: z.array(z.number()),
  askCounts: z.array(z.number()),
  /** Differences of whole numbers of `10^-places`; decimals with commas between them where those are too large. */
  prices: z.union([texts, z.object({ places: z.number(), differences: z.array(z.number()) })]),
  /** Decimals with commas between them. */
  sizes: texts,
})

/**
 * Cuts a list of books so that no piece can take more than {@link MAX_CHUNK_BYTES}, however badly it compresses; one book
 * with thousands of long prices can, and is a piece by itself.
 */
export function sliceBooks(books: readonly StoredBook[]): (readonly StoredBook[])[] {
  return sliceBySize(books, bookBytes, MAX_CHUNK_BYTES - BOOK_OVERHEAD * 4)
}

function bookBytes({ bids, asks, sequence }: StoredBook): number {
  const bytes = BOOK_OVERHEAD + (sequence?.length ?? 0)
  const add = (sum: number, { price, size }: BookLevel) => sum + price.length + size.length + LEVEL_OVERHEAD
  return asks.reduce(add, bids.reduce(add, bytes))
}

/** Books as compressed bytes (deflate). */
export function encodeBooks(books: readonly StoredBook[]): Promise<Uint8Array> {
  const levels = books.flatMap(({ bids, asks }) => [...bids, ...asks])
  const counters = books.map(({ sequence }) => (sequence === null ? undefined : wholeNumber(sequence)))
  return deflateJson({
    version: 1,
    exchangeTimes: differences(books.map(({ exchangeTime }) => exchangeTime)),
    delays: books.map(({ exchangeTime, receivedTime }) => receivedTime - exchangeTime),
    sequences: isComplete(counters) ? { differences: differences(counters) } : books.map(({ sequence }) => sequence),
    bidCounts: books.map(({ bids }) => bids.length),
    askCounts: books.map(({ asks }) => asks.length),
    prices: encodePrices(levels.map(({ price }) => price)),
    sizes: levels.map(({ size }) => size).join(),
  } satisfies z.input<typeof columns>)
}

/** The books that {@link encodeBooks} made `bytes` of. @throws where it did not */
export async function decodeBooks(bytes: Uint8Array): Promise<StoredBook[]> {
  const { sequences, ...chunk } = columns.parse(await inflateJson(bytes))
  const exchangeTimes = sums(chunk.exchangeTimes)
  const allSequences = Array.isArray(sequences) ? sequences : sums(sequences.differences).map(String)
  const prices = decodePrices(chunk.prices)
  const sizes = chunk.sizes.split(',')
  let at = 0
  const take = (count = 0): BookLevel[] => {
    const levels: BookLevel[] = []
    for (const end = at + count; at < end; at++) {
      levels.push({ price: prices[at] ?? decimal(''), size: decimal(sizes[at] ?? '') })
    }
    return levels
  }
  return exchangeTimes.map((exchangeTime, index) => ({
    exchangeTime,
    receivedTime: exchangeTime + (chunk.delays[index] ?? Number.NaN),
    sequence: allSequences[index] ?? null,
    bids: take(chunk.bidCounts[index]),
    asks: take(chunk.askCounts[index]),
  }))
}

function encodePrices(prices: readonly Decimal[]): z.input<typeof columns>['prices'] {
  const places = prices.reduce((most, price) => Math.max(most, scaleOf(price)), 0)
  const counts = places > MAX_PLACES ? [undefined] : prices.map((price) => wholeNumber(shiftDecimal(price, places)))
  return isComplete(counts) ? { places, differences: differences(counts) } : prices.join()
}

function decodePrices(prices: z.output<typeof columns>['prices']): Decimal[] {
  if (typeof prices === 'string') return prices.split(',').map(decimal)
  return sums(prices.differences).map((count) => shiftDecimal(decimal(String(count)), -prices.places))
}
