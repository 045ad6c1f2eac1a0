import type { Window } from '../../domain/interval.ts'
import type { LiveTrades, StoredTrade, TradeGap } from '../../domain/trade-chunk.ts'
import { intersectWindows, mergeWindows, subtractRanges } from '../../domain/window.ts'
import type { Direction } from '../../store/candles.ts'
import type { IngestedTrades } from '../../store/ingested-trades.ts'
import type { StoredTrades } from '../../store/trades.ts'
import type { TradeCursor, TradesQuery } from './query.ts'

/** Where a page is read: from which edge of which window. */
export interface TradeScan {
  /** What was asked for, from where trades are kept where no start was. */
  readonly asked: Window
  /** The part of it from which trades are kept still, and to which the cursor points; may be empty. */
  readonly window: Window
  readonly direction: Direction
  readonly cursor: TradeCursor | undefined
  readonly limit: number
}

/** One page of trades, and what is missing of them. */
export interface TradesAnswer {
  /** Ascending. */
  readonly trades: readonly StoredTrade[]
  /** What the page speaks for. */
  readonly window: Window
  /** Ascending, inside the window. */
  readonly gaps: readonly TradeGap[]
  /** The last trade in the direction of the scan; `null` after the last page. */
  readonly next: StoredTrade | null
}

/** An exchange's clock may run ahead of ours: what it dates so is not of the future. */
const CLOCK_TOLERANCE_MS = 60_000

/**
 * Without a start the newest trades are read, newest first, whatever order they are answered in.
 *
 * @param availableFrom ms UTC: what is older is deleted
 */
export function planTrades(query: TradesQuery, now: number, availableFrom: number): TradeScan {
  const { order, cursor, limit } = query
  const direction = query.start !== undefined && order === 'asc' ? 'forward' : 'backward'
  const asked = { start: query.start ?? availableFrom, end: query.end ?? now + CLOCK_TOLERANCE_MS }
  const pointed =
    direction === 'forward'
      ? { start: cursor?.time ?? asked.start, end: asked.end }
      : { start: asked.start, end: cursor === undefined ? asked.end : cursor.time + 1 }
  const { start, end } = intersectWindows(asked, pointed)
  const from = Math.max(start, availableFrom)
  return { asked, window: { start: from, end: Math.max(from, end) }, direction, cursor, limit }
}

/**
 * The page that a scan gives, from what is stored and what the feed holds still.
 *
 * @param live `undefined` where the feed was not asked, `null` where it does not answer
 * @param availableFrom ms UTC: what is older is deleted
 * @param now ms UTC: when the feed said so, where it was asked
 */
export function joinTrades(
  scan: TradeScan,
  stored: StoredTrades,
  live: LiveTrades | undefined | null,
  availableFrom: number,
  now: number,
): TradesAnswer {
  const ids = new Set(stored.trades.map(({ id }) => id))
  const all = [...stored.trades, ...(live?.trades ?? []).filter(({ id }) => !ids.has(id))]
  const isRead = ({ exchangeTime }: StoredTrade) =>
    exchangeTime >= stored.window.start && exchangeTime < stored.window.end
  // Stable: within a millisecond, what is stored was heard before what is not.
  const read = all.filter(isRead).sort((a, b) => a.exchangeTime - b.exchangeTime)
  const rest = afterCursor(read, scan)
  const isForward = scan.direction === 'forward'
  const trades = isForward ? rest.slice(0, scan.limit) : rest.slice(-scan.limit)
  const reached = isForward ? stored.window.end >= scan.window.end : stored.window.start <= scan.window.start
  const last = isForward ? trades.at(-1) : trades[0]
  const next = last !== undefined && (rest.length > trades.length || !reached) ? last : null
  const window = answeredWindow(scan, next, now)
  return { trades, window, gaps: gapsIn(window, stored, live, availableFrom), next }
}

/**
 * The page that a scan gives from what users have sent. Nothing proves that they have sent all there was: the whole
 * window is `unproven`. Without a start it begins with the first trade; where there is none in it, it has no beginning.
 *
 * @param now ms UTC
 */
export function answerIngested(
  scan: TradeScan,
  page: IngestedTrades,
  start: number | undefined,
  now: number,
): TradesAnswer {
  const { asked } = scan
  const first = page.firstTime ?? 0
  const from = start ?? (first < asked.end ? first : 0)
  const always = { start: 0, end: Number.MAX_SAFE_INTEGER }
  const unproven = { from: always.start, to: always.end, reason: 'unproven' }
  const known = { ...page, gaps: [unproven], heard: [always] }
  return joinTrades({ ...scan, asked: { start: from, end: asked.end } }, known, undefined, 0, now)
}

/** A trade that is gone since leaves its time: those of the same millisecond are not repeated then. */
function afterCursor(trades: readonly StoredTrade[], { cursor, direction }: TradeScan): readonly StoredTrade[] {
  if (cursor === undefined) return trades
  const at = trades.findIndex(({ id, exchangeTime }) => id === cursor.id && exchangeTime === cursor.time)
  if (direction === 'forward') {
    return at >= 0 ? trades.slice(at + 1) : trades.filter(({ exchangeTime }) => exchangeTime > cursor.time)
  }
  return at >= 0 ? trades.slice(0, at) : trades.filter(({ exchangeTime }) => exchangeTime < cursor.time)
}

/** From the edge where the scan began to the last trade of a page that is cut off. The future holds no gaps yet. */
function answeredWindow(
  { asked, window, direction, cursor }: TradeScan,
  next: StoredTrade | null,
  now: number,
): Window {
  const start = cursor === undefined || direction === 'backward' ? asked.start : window.start
  const end = Math.max(start, Math.min(cursor === undefined || direction === 'forward' ? asked.end : window.end, now))
  if (next === null) return { start, end }
  return direction === 'forward' ? { start, end: next.exchangeTime + 1 } : { start: next.exchangeTime, end }
}

function gapsIn(
  window: Window,
  stored: StoredTrades,
  live: LiveTrades | undefined | null,
  availableFrom: number,
): TradeGap[] {
  const heardLive = live?.heard ? [{ start: live.heard.from, end: live.heard.to }] : []
  const heard = mergeWindows([...stored.heard, ...heardLive])
  const heardTo = heard.at(-1)?.end ?? availableFrom
  const kept = intersectWindows(window, { start: availableFrom, end: window.end })
  const unheard = kept.start < kept.end ? subtractRanges(kept, heard) : []
  const gaps = [
    { from: window.start, to: Math.min(availableFrom, window.end), reason: 'pruned' },
    ...unheard.map(({ start, end }) => ({
      from: start,
      to: end,
      reason: live === null && start >= heardTo ? 'feed_unavailable' : 'not_recorded',
    })),
    ...[...stored.gaps, ...(live?.gaps ?? [])].map(({ from, to, reason }) => ({
      from: Math.max(from, kept.start),
      to: Math.min(to, kept.end),
      reason,
    })),
  ]
  const unique = new Map(gaps.filter(({ from, to }) => from < to).map((gap) => [JSON.stringify(gap), gap]))
  return [...unique.values()].sort((a, b) => a.from - b.from)
}
