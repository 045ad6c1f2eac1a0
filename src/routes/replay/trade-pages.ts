import type { Window } from '../../domain/interval.ts'
import type { LiveTrades } from '../../domain/trade-chunk.ts'
import type { TradePage } from '../../live/replay-trades.ts'
import { readIngestedTrades } from '../../store/ingested-trades.ts'
import type { Reader } from '../../store/sessions.ts'
import { readTrades } from '../../store/trades.ts'
import { joinTrades, type TradeScan } from '../trades/answer.ts'

/** Some 5 MB of them; a page may have a minute more. */
const PAGE_TRADES = 10_000
/** A page looks no further: what it lists of chunks stays small. */
const PAGE_MS = 6 * 60 * 60_000
/** Chunks, gaps and spans. */
const READS_PER_PAGE = 3

/** Where the trades of a replay come from. */
export interface TradeHistory {
  readonly db: Reader
  readonly instrumentId: number
  /** ms UTC: what is older is deleted. */
  readonly availableFrom: number
  /** What the feed has not stored yet; `undefined` where it was not asked, `null` where it does not answer. */
  readonly live: LiveTrades | undefined | null
  /** ms UTC: when the feed said so, where it was asked. */
  readonly now: number
}

/** The most reads that {@link readTradePages} needs for so many stored trades. */
export function countTradeReads({ start, end }: Window, trades: number): number {
  return READS_PER_PAGE * (Math.ceil((end - start) / PAGE_MS) + Math.ceil(trades / PAGE_TRADES) + 1)
}

/** The trades of a window by the exchange's time, a page at a time, as `GET /v1/trades` answers them. */
export async function* readTradePages(
  { db, instrumentId, availableFrom, live, now }: TradeHistory,
  window: Window,
): AsyncGenerator<TradePage> {
  const from = Math.max(window.start, Math.min(availableFrom, window.end))
  if (from > window.start) {
    yield { trades: [], gaps: [{ from: window.start, to: from, reason: 'pruned' }], readTo: from }
  }
  for (let start = from; start < window.end; ) {
    const asked = { start, end: Math.min(start + PAGE_MS, window.end) }
    const stored = await readTrades(db, { instrumentId, window: asked, direction: 'forward', limit: PAGE_TRADES })
    const scan: TradeScan = {
      asked: stored.window,
      window: stored.window,
      direction: 'forward',
      cursor: undefined,
      limit: Number.POSITIVE_INFINITY,
    }
    const { trades, gaps } = joinTrades(scan, stored, live, availableFrom, now)
    yield { trades, gaps, readTo: stored.window.end }
    start = stored.window.end
  }
}

/** Trades that were ingested as `source`. Nothing proves that none is missing. */
export async function* readIngestedPages(
  { db, instrumentId }: Pick<TradeHistory, 'db' | 'instrumentId'>,
  source: string,
  window: Window,
): AsyncGenerator<TradePage> {
  let seq = 0
  for (let { start } = window; start < window.end; ) {
    const asked = { start, end: Math.min(start + PAGE_MS, window.end) }
    const query = { instrumentId, window: asked, direction: 'forward', limit: PAGE_TRADES } as const
    const page = await readIngestedTrades(db, source, query)
    const { end } = page.window
    const trades = page.trades.map((trade) => ({ ...trade, seq: ++seq }))
    yield { trades, gaps: [{ from: start, to: end, reason: 'unproven' }], readTo: end }
    start = end
  }
}
