import type { BookEvent } from '../../domain/event.ts'
import type { BookRule, Continuity, LastCounters } from './rule.ts'

/**
 * OKX: each update names in `prevSeqId` the `seqId` of the one before it, and nothing else counts: after maintenance
 * `seqId` may fall. Where nothing has changed for a minute an empty update repeats the counter in both. Frames of
 * before 2023 carry neither and are taken in their order. 400 levels a side: what leaves them is sent as removed.
 * https://www.okx.com/docs-v5/en/#order-book-trading-market-data-ws-order-book-channel
 */
export const linked: BookRule = {
  snapshots: 'streamed',
  first: (update, sequence) => next(update, { sequence, prevSequence: null }),
  next,
}

function next({ prevSequence, sequence, bids, asks }: BookEvent, last: LastCounters): Continuity {
  if (prevSequence === last.sequence) {
    const isEmpty = bids.length === 0 && asks.length === 0
    return isEmpty && sequence !== null && sequence === last.sequence ? 'alive' : 'next'
  }
  // Sent twice. The counter alone does not prove it: one that falls may come back to where it was.
  const isRepeated = sequence !== null && sequence === last.sequence && prevSequence === last.prevSequence
  return isRepeated ? 'stale' : 'gap'
}
