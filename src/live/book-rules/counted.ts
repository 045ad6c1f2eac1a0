import type { BookEvent } from '../../domain/event.ts'
import type { BookRule, Continuity } from './rule.ts'

/**
 * Bybit: `u` counts the updates of a topic one by one. A snapshot may come at any time, replaces all and may repeat a
 * counter; that of a restarted service counts from 1. An update with a lower counter is therefore no proof of being
 * old: the snapshot of a restart may be what is missing.
 * https://bybit-exchange.github.io/docs/v5/websocket/public/orderbook
 */
export const counted: BookRule = {
  snapshots: 'streamed',
  first: judge,
  next: (update, last) => judge(update, last.sequence),
}

function judge({ sequence }: BookEvent, last: number | null): Continuity {
  if (sequence === null || last === null) return 'gap'
  if (sequence === last) return 'stale'
  return sequence === last + 1 ? 'next' : 'gap'
}
