import type { Candle } from '../domain/candle.ts'
import type { Interval } from '../domain/interval.ts'
import type { StoredTrade } from '../domain/trade-chunk.ts'
import { candleData, type TopicLine, tradeData } from './messages.ts'

/** What is missing, as live `gap` messages say it: `from` up to and without `to`, ms UTC. */
export interface ReplayGap {
  readonly from: number
  readonly to: number
  readonly reason: string
}

/**
 * What stored data tell of a topic, at its place: `time` (ms UTC) is when a client could have known it,
 * which of what users have sent in later is earlier than its `receivedTime`.
 */
export type ReplayRecord =
  | { readonly kind: 'trade'; readonly time: number; readonly trade: StoredTrade }
  | { readonly kind: 'candle'; readonly time: number; readonly interval: Interval; readonly candle: Candle }
  | { readonly kind: 'gap'; readonly time: number; readonly gap: ReplayGap }

/** The next message of a line, as the live stream would have written it. */
export function replayMessage(line: TopicLine, record: ReplayRecord): string {
  switch (record.kind) {
    case 'trade': {
      const { trade } = record
      return line.next(trade.exchangeTime, trade.receivedTime, tradeData(trade))
    }
    case 'candle':
      // When it was sent and came is not stored.
      return line.next(null, record.time, candleData(record.interval, record.candle, true))
    case 'gap': {
      const { from, to, reason } = record.gap
      return line.notice('gap', record.time, JSON.stringify({ from, to, reason }))
    }
  }
}
