import type { BookEvent } from '../../domain/event.ts'
import type { BookRule, Continuity, LastCounters } from './rule.ts'

/**
 * Binance USD-M: each update names in `pu` the `u` of the one before it. The first one after a snapshot must contain
 * the snapshot's last change `L`; one that ends with it (`u` = `L`) is kept, because the next one names it.
 * https://developers.binance.com/docs/derivatives/usds-margined-futures/websocket-market-streams/How-to-manage-a-local-order-book-correctly
 */
export const bridged: BookRule = { snapshots: 'rest', first, next }

function first({ firstSequence, prevSequence, sequence }: BookEvent, last: number | null): Continuity {
  if (firstSequence === null || sequence === null || last === null) return 'gap'
  if (sequence < last) return 'stale'
  // The page has no word for a market in which nothing happened between the subscription and the snapshot: the first
  // update then begins beyond L, and says by `pu` = L that it follows it.
  return firstSequence <= last || prevSequence === last ? 'next' : 'gap'
}

function next({ prevSequence, sequence }: BookEvent, { sequence: last }: LastCounters): Continuity {
  if (prevSequence === null || sequence === null || last === null) return 'gap'
  if (prevSequence === last && sequence >= last) return 'next'
  return sequence <= last ? 'stale' : 'gap'
}
