import type { BookEvent } from '../../domain/event.ts'
import type { BookRule, Continuity } from './rule.ts'

/**
 * Binance spot: each update covers the changes `U` to `u`, and the next one begins with `u` + 1. The first one after a
 * snapshot must contain the change that follows the snapshot's last.
 * https://developers.binance.com/docs/binance-spot-api-docs/web-socket-streams#how-to-manage-a-local-order-book-correctly
 */
export const contiguous: BookRule = {
  snapshots: 'rest',
  first: (update, sequence) => judge(update, sequence, (first, expected) => first <= expected),
  next: (update, last) => judge(update, last.sequence, (first, expected) => first === expected),
}

function judge(
  { firstSequence, sequence }: BookEvent,
  last: number | null,
  joins: (first: number, expected: number) => boolean,
): Continuity {
  if (firstSequence === null || sequence === null || last === null) return 'gap'
  if (sequence <= last) return 'stale'
  return joins(firstSequence, last + 1) ? 'next' : 'gap'
}
