import type { Decimal } from '../domain/decimal.ts'
import { bookData, prevSeqOfMessage, withPrevSeq } from './messages.ts'

/** What stands in a book message, as `bookData` writes it. */
interface BookMessage {
  readonly data: {
    readonly depth: number
    readonly availableDepth: number
    readonly bids: readonly (readonly [price: Decimal, size: Decimal])[]
    readonly asks: readonly (readonly [price: Decimal, size: Decimal])[]
    readonly prevSequence: number | null
    readonly sequence: number | null
  }
}

const SNAPSHOT = '"data":{"kind":"snapshot"'

export function isBookSnapshot(message: string): boolean {
  return message.includes(SNAPSHOT)
}

export interface MergedBook {
  /** The snapshot, where there was one, and one update. */
  readonly messages: readonly string[]
  /** The update tells more levels than the whole book that the client asked for has. */
  readonly exceedsSnapshot: boolean
}

/**
 * Consecutive messages of one book (a snapshot can only be the first) with all updates as one: of each price the last
 * size (0 too, for it removes the level), the first `prevSequence` and `prevSeq`, the last of everything else.
 */
export function mergeBook(messages: readonly string[]): MergedBook {
  const start = isBookSnapshot(messages[0] ?? '') ? 1 : 0
  const updates = messages.slice(start)
  const [first] = updates
  if (first === undefined || updates.length === 1) return { messages, exceedsSnapshot: false }
  const { message, exceedsSnapshot } = mergeUpdates(first, updates.slice(1))
  return { messages: [...messages.slice(0, start), message], exceedsSnapshot }
}

function mergeUpdates(first: string, others: readonly string[]): { message: string; exceedsSnapshot: boolean } {
  const bids = new Map<Decimal, Decimal>()
  const asks = new Map<Decimal, Decimal>()
  const { prevSequence } = parse(first).data
  let last = parse(first).data
  for (const message of [first, ...others]) {
    last = parse(message).data
    for (const [price, size] of last.bids) bids.set(price, size)
    for (const [price, size] of last.asks) asks.set(price, size)
  }
  const { depth, availableDepth, sequence } = last
  const levels = (side: Map<Decimal, Decimal>) => Array.from(side, ([price, size]) => ({ price, size }))
  const whole = { kind: 'update', depth, availableDepth, bids: levels(bids), asks: levels(asks) } as const
  const newest = withPrevSeq(others.at(-1) ?? first, prevSeqOfMessage(first))
  return {
    message: `${newest.slice(0, newest.indexOf('"data":'))}"data":${bookData({ ...whole, prevSequence, sequence })}}`,
    exceedsSnapshot: bids.size + asks.size > 2 * depth,
  }
}

/** Our own text: it was made by `bookData`, here or in the feed. */
function parse(message: string): BookMessage {
  return JSON.parse(message)
}
