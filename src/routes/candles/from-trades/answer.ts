import { lifeOf } from '../../../domain/coverage.ts'
import { ceilToInterval, floorToInterval, nextOpenTime, shiftOpenTime, type Window } from '../../../domain/interval.ts'
import type { StoredInstrument } from '../../../domain/series.ts'
import {
  formatTradeCandleLine,
  missingSlots,
  type TradeCandle,
  TradeCandles,
  type TradeHole,
} from '../../../domain/trade-candles.ts'
import { intersectWindows, mergeWindows, subtractRanges } from '../../../domain/window.ts'
import type { CandleAnswer } from '../answer.ts'
import { newestWindow, nextEdge, type Scan } from '../scan.ts'
import type { HeardTrades } from './heard.ts'

/** How much one answer reads. */
export interface TradeLimits {
  /** Trades of one query: what is held at once. */
  readonly perRead: number
  /** Once so many are read, the page ends; but it holds one slot at least. */
  readonly perAnswer: number
  /** Once so many are read of one slot, it is given up. */
  readonly perSlot: number
}

/** About a second of computing an answer; a single slot may take ten, of the 30 that a Worker has.
 *  https://developers.cloudflare.com/workers/platform/limits/ */
export const TRADE_LIMITS: TradeLimits = { perRead: 20_000, perAnswer: 100_000, perSlot: 1_000_000 }

/** A page of candles that are built from trades. */
export interface TradeCandleAnswer extends CandleAnswer {
  /** As in `lines`. */
  readonly candles: readonly TradeCandle[]
}

/** What was read for a page. */
interface Built {
  /** Ascending; of slots without a hole. */
  readonly candles: readonly TradeCandle[]
  readonly holes: readonly TradeHole[]
  /** How far slots were read whole, aligned: from the scan's edge to here. */
  readonly reached: number
}

/**
 * Builds one page from trades. A slot that a hole among the trades touches is missing, one that was listened to
 * throughout without a trade is empty.
 */
export async function readTradeAnswer(
  heard: HeardTrades,
  instrument: StoredInstrument,
  scan: Scan,
  limits: TradeLimits = TRADE_LIMITS,
): Promise<TradeCandleAnswer> {
  const { interval } = scan
  const life = lifeOf(null, instrument.validTo, interval)
  const kept = intersectWindows(scan.window, {
    start: ceilToInterval(heard.availableFrom, interval),
    end: life.end,
  })
  const { candles, holes, reached } = await build(heard, kept, scan, limits)
  const lines = candles.map(formatTradeCandleLine)
  const isForward = scan.direction === 'forward'
  const isThrough = isForward ? reached >= kept.end : reached <= kept.start
  const window = isThrough ? throughWindow(scan, lines[0], life) : cutWindow(scan, reached)
  const pruned: TradeHole = { start: window.start, end: kept.start, reason: 'pruned' }
  const expected = intersectWindows(window, life)
  const missing = missingSlots(expected, interval, [...holes, pruned])
  const present = candles.map(({ openTime }) => ({ start: openTime, end: nextOpenTime(openTime, interval) }))
  const empty = expected.start < expected.end ? subtractRanges(expected, mergeWindows([...missing, ...present])) : []
  return {
    candles,
    lines,
    window,
    coverage: { complete: missing.length === 0, verifiedTo: null, missing, empty },
    marks: null,
    // Without a start there is an end all the same: nothing is kept that is older.
    next: isThrough ? null : nextEdge(scan, window, life),
  }
}

async function build(heard: HeardTrades, kept: Window, scan: Scan, limits: TradeLimits): Promise<Built> {
  const { interval, direction, limit } = scan
  const isForward = direction === 'forward'
  const begin = isForward ? kept.start : kept.end
  const sums = new TradeCandles(interval)
  const holes: TradeHole[] = []
  let candles: TradeCandle[] = []
  let reached = begin
  let rest = kept
  for (let count = 0; rest.start < rest.end; ) {
    const part = await heard.read(rest, direction, limits.perRead)
    for (const trade of part.trades) sums.add(trade)
    holes.push(...part.holes)
    count += part.trades.length
    rest = isForward ? { start: part.window.end, end: rest.end } : { start: rest.start, end: part.window.start }
    const whole = isForward
      ? { start: reached, end: floorToInterval(rest.start, interval) }
      : { start: ceilToInterval(rest.end, interval), end: reached }
    const built = withoutHoles(sums.take(whole), whole, scan, holes)
    candles = isForward ? [...candles, ...built] : [...built, ...candles]
    reached = isForward ? whole.end : whole.start
    if (candles.length >= limit) return cutToLimit(candles, holes, scan)
    if (reached === begin && count >= limits.perSlot) return giveUp(begin, holes, scan)
    if (reached !== begin && count >= limits.perAnswer) break
  }
  return { candles, holes, reached }
}

function withoutHoles(
  candles: readonly TradeCandle[],
  window: Window,
  { interval }: Scan,
  holes: readonly TradeHole[],
): TradeCandle[] {
  const missing = missingSlots(window, interval, holes)
  return candles.filter(({ openTime }) => !missing.some(({ start, end }) => start <= openTime && openTime < end))
}

function cutToLimit(all: readonly TradeCandle[], holes: readonly TradeHole[], scan: Scan): Built {
  const { interval, direction, limit } = scan
  const candles = direction === 'forward' ? all.slice(0, limit) : all.slice(-limit)
  const edge = (direction === 'forward' ? candles.at(-1) : candles[0])?.openTime ?? 0
  return { candles, holes, reached: direction === 'forward' ? nextOpenTime(edge, interval) : edge }
}

/** The first slot of a page has more trades than an answer can read: the page is that slot. */
function giveUp(begin: number, holes: readonly TradeHole[], { interval, direction }: Scan): Built {
  const isForward = direction === 'forward'
  const start = isForward ? begin : shiftOpenTime(begin, interval, -1)
  const slot: TradeHole = { start, end: nextOpenTime(start, interval), reason: 'too_many_trades' }
  return { candles: [], holes: [...holes, slot], reached: isForward ? slot.end : slot.start }
}

/** Of a page after which nothing is left to be read. */
function throughWindow(scan: Scan, first: string | undefined, life: Window): Window {
  return scan.isBounded ? scan.window : newestWindow(scan, first, life)
}

function cutWindow({ window, direction }: Scan, reached: number): Window {
  return direction === 'forward' ? { start: window.start, end: reached } : { start: reached, end: window.end }
}
