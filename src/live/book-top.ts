import type { BookLevel, Level } from '../domain/order-book.ts'
import type { BookSync } from './book-sync.ts'

/** How many levels of each side say whether a book has moved: REST gives no fewer. */
const TOP_DEPTH = 5

/** What a book shows first, to be compared with what REST has. */
export interface BookTop {
  /** `null` where REST does not count as the stream does: then only the levels tell. */
  readonly sequence: number | null
  /** Best first. */
  readonly bids: readonly BookLevel[]
  readonly asks: readonly BookLevel[]
}

/** As last heard: of each side up to `depth` levels, and fewer where the exchange has no more. */
export interface KnownTop {
  readonly sequence: number | null
  readonly bids: readonly Level[]
  readonly asks: readonly Level[]
  readonly depth: number
}

/** Where the snapshots of REST join the stream's updates, REST counts as the stream does. */
export function topOf({ book: { bids, asks }, sequence, isStreamed }: BookSync): KnownTop {
  const known = [bids, asks].map(({ bound, length }) => (bound === null ? TOP_DEPTH : length))
  const depth = Math.min(TOP_DEPTH, ...known)
  return { depth, sequence: isStreamed ? null : sequence, bids: bids.top(depth), asks: asks.top(depth) }
}

/**
 * Whether REST has what was not heard. An equal counter says that nothing was missed. A smaller one says nothing: a book
 * that is suspected has been silent for longer than an answer may be old, so the exchange counts anew.
 */
export function hasMoved(known: KnownTop, newest: BookTop): boolean {
  if (known.sequence !== null && newest.sequence !== null) {
    if (newest.sequence > known.sequence) return true
    if (newest.sequence === known.sequence) return false
  }
  const { depth } = known
  return differ(known.bids, newest.bids.slice(0, depth)) || differ(known.asks, newest.asks.slice(0, depth))
}

function differ(known: readonly Level[], newest: readonly BookLevel[]): boolean {
  if (known.length !== newest.length) return true
  return known.some(({ price, size }, rank) => {
    const other = newest[rank]
    return price !== other?.price || (size !== null && size !== other.size)
  })
}
