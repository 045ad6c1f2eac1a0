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

/**
 * Consecutive messages of one book (a snapshot can only be the first) with all updates as one: of each price the last
 * size (0 too, for it removes the level), the first `prevSequence` and `prevSeq`, the last of everything else.
 */
export function mergeBook(messages: readonly string[]): readonly string[] {
  const start = isBookSnapshot(messages[0] ?? '') ? 1 : 0
  const [first, ...others] = messages.slice(start)
  if (first === undefined || others.length === 0) return messages
  return [...messages.slice(0, start), mergeUpdates(first, others)]
}

/** Whether an update tells more levels than the whole book has, as deep as the client asked for it. */
export function exceedsSnapshot(update: string): boolean {
  const { bids, asks, depth, availableDepth } = parse(update).data
  return bids.length + asks.length > 2 * Math.min(depth, availableDepth)
}

function mergeUpdates(first: string, others: readonly string[]): string {
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
  return `${newest.slice(0, newest.indexOf('"data":'))}"data":${bookData({ ...whole, prevSequence, sequence })}}`
}

/** Our own text: it was made by `bookData`, here or in the feed. */
function parse(message: string): BookMessage {
  return JSON.parse(message)
}
