import { floorToInterval, type Interval, type Window } from '../../../domain/interval.ts'
import type { StoredInstrument } from '../../../domain/series.ts'
import type { TradeHole } from '../../../domain/trade-candles.ts'
import type { LiveTrades, StoredTrade } from '../../../domain/trade-chunk.ts'
import { intersectWindows, mergeWindows, subtractRanges } from '../../../domain/window.ts'
import { settleMsOf } from '../../../exchanges/registry.ts'
import { closedTo } from '../../../history/plan.ts'
import type { Direction } from '../../../store/candles.ts'
import type { Reader } from '../../../store/sessions.ts'
import { MAX_MARKS, readTrades, type StoredTrades } from '../../../store/trades.ts'
import type { AppContext } from '../../context.ts'
import { readLive } from '../../trades/route.ts'

const MINUTE_MS = 60_000
/** In a quiet market, nothing that comes later belongs before this: the feed stores minutes after as long a wait. */
const QUIET_MS = 15_000
/** So long a closed slot is waited for whose trades may not all have come; then it is missing. */
const PATIENCE_MS = MINUTE_MS

/** A part of what was heard. */
export interface HeardPart {
  /** Each once, ascending by exchange time. */
  readonly trades: readonly StoredTrade[]
  /** What was read of the asked window, from the edge that the direction begins at. */
  readonly window: Window
  /** Inside the window. */
  readonly holes: readonly TradeHole[]
}

/** The trades of one instrument as a feed heard them: those that are stored, and those that it holds still. */
export interface HeardTrades {
  /** ms UTC: what is older is deleted. */
  readonly availableFrom: number
  /** The end (ms UTC) of the last slot that is closed and of which no trade is waited for. */
  closedTo(interval: Interval): number
  /** Whole minutes from an edge of a window, until there are more than `limit` trades beyond the first one. */
  read(window: Window, direction: Direction, limit: number): Promise<HeardPart>
  /** Where trades of a window are missing, or may be. */
  holes(window: Window): Promise<TradeHole[]>
}

/** What the feed holds: `null` where it does not answer, `undefined` where there is none to be asked. */
interface Live {
  readonly trades: LiveTrades | null | undefined
  /** ms UTC: when it said so. */
  readonly now: number
}

/**
 * Opens what was heard of an instrument.
 *
 * @param until the end (ms UTC) of all that will be read; `undefined` for now
 */
export async function openHeardTrades(
  c: AppContext,
  instrument: StoredInstrument,
  until: number | undefined,
): Promise<HeardTrades> {
  const { exchange, symbol, id: instrumentId } = instrument
  const { clock, config, stores } = c.var.deps
  // Before the database: what the feed stores in between is then found twice, rather than not at all.
  const now = clock.now()
  const { live: trades, now: liveNow } = await readLive(c, exchange, symbol, {
    window: { start: 0, end: until ?? now },
  })
  const live = { trades, now: liveNow }
  // A replica may lack what the feed has just stored and does not hold any more.
  const db: Reader = live.trades === undefined ? c.var.sessions.forExchange(exchange) : stores.storeFor(exchange)
  const availableFrom = now - config.tradeRetentionMs
  const readStored = (window: Window, direction: Direction, limit: number) =>
    readTrades(db, { instrumentId, window, direction, limit })
  const readHoles = async (window: Window): Promise<TradeHole[]> => {
    const stored = await readStored(window, 'forward', 0)
    if (!isCut(stored, window)) return holesOf({ ...stored, window }, live, availableFrom)
    const halves = [nearerHalf(window, 'forward'), nearerHalf(window, 'backward')]
    return (await Promise.all(halves.map(readHoles))).flat()
  }
  return {
    availableFrom,
    closedTo: (interval) => closedByTrades(interval, settleMsOf(exchange), live),
    read: async (window, direction, limit) => {
      for (let asked = window; ; asked = nearerHalf(asked, direction)) {
        const stored = await readStored(asked, direction, limit)
        if (!isCut(stored, asked)) return join(stored, live, availableFrom)
      }
    },
    holes: readHoles,
  }
}

/** Whether there may be more gaps or spans than were read. */
function isCut({ gaps, heard }: StoredTrades, { start, end }: Window): boolean {
  return Math.max(gaps.length, heard.length) >= MAX_MARKS && end - start > MINUTE_MS
}

/** Up to when the feed has told all trades; `undefined` where it does not listen. */
function knownTo({ trades, now }: Live): number | undefined {
  if (trades?.heard == null) return undefined
  const last = trades.trades.reduce((latest, { exchangeTime }) => Math.max(latest, exchangeTime), 0)
  return Math.min(trades.heard.to, Math.max(last, now - QUIET_MS))
}

function closedByTrades(interval: Interval, settleMs: number, live: Live): number {
  const closed = closedTo(live.now, interval, settleMs)
  const known = knownTo(live)
  if (known === undefined) return closed
  return Math.min(closed, Math.max(floorToInterval(known, interval), closedTo(live.now, interval, PATIENCE_MS)))
}

/** The half of a window that a direction begins with. */
function nearerHalf({ start, end }: Window, direction: Direction): Window {
  const middle = Math.floor((start + end) / 2)
  return direction === 'forward' ? { start, end: middle } : { start: middle, end }
}

function join(stored: StoredTrades, live: Live, availableFrom: number): HeardPart {
  const { window } = stored
  const isInside = ({ exchangeTime }: StoredTrade) => exchangeTime >= window.start && exchangeTime < window.end
  const all = [...stored.trades, ...(live.trades?.trades ?? [])].filter(isInside)
  const byId = new Map(all.map((trade) => [trade.id, trade]))
  // Stable: within a millisecond, what is stored was heard before what is not.
  const trades = [...byId.values()].sort((a, b) => a.exchangeTime - b.exchangeTime)
  return { trades, window, holes: holesOf(stored, live, availableFrom) }
}

function holesOf({ window, gaps, heard }: StoredTrades, live: Live, availableFrom: number): TradeHole[] {
  const known = knownTo(live)
  const heardLive = known === undefined ? [] : [{ start: live.trades?.heard?.from ?? known, end: known }]
  const all = mergeWindows([...heard, ...heardLive])
  const heardTo = all.at(-1)?.end ?? availableFrom
  const kept = intersectWindows(window, { start: availableFrom, end: window.end })
  const unheard = kept.start < kept.end ? subtractRanges(kept, all) : []
  const isHeld = ({ start }: Window) => live.trades === null && start >= heardTo
  const holes: TradeHole[] = [
    { start: window.start, end: Math.min(availableFrom, window.end), reason: 'pruned' },
    ...unheard.map((range): TradeHole => ({ ...range, reason: isHeld(range) ? 'feed_unavailable' : 'not_recorded' })),
    ...[...gaps, ...(live.trades?.gaps ?? [])].map(
      ({ from, to }): TradeHole => ({
        ...intersectWindows({ start: from, end: to }, kept),
        reason: 'trades_missing',
      }),
    ),
  ]
  return holes.filter(({ start, end }) => start < end)
}
