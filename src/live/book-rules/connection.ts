import type { BookRule } from './rule.ts'

/**
 * Coinbase: a snapshot of the whole book, then updates without counters, complete and in order as long as the
 * connection lasts. Whoever owns the connection must say when it is gone, or when a frame of it could not be read.
 * https://docs.cdp.coinbase.com/exchange/websocket-feed/channels#level2-batch-channel
 */
export const connection: BookRule = { snapshots: 'streamed', first: () => 'next', next: () => 'next' }
