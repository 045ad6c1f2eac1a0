import type { Candle } from '../../domain/candle.ts'
import { parseCandleLine } from '../../domain/candle-line.ts'
import { deriveCandle } from '../../domain/derive.ts'
import { AppError } from '../../domain/errors.ts'
import { countSlots, floorToInterval, type Interval, type Window } from '../../domain/interval.ts'
import { subtractRanges } from '../../domain/window.ts'
import { connectorFor } from '../../exchanges/registry.ts'
import { readCandlePage } from '../../store/candles.ts'
import type { CatalogEntry } from '../../store/catalog.ts'
import type { AppContext } from '../context.ts'
import type { SeriesChoice } from './scan.ts'

/**
 * The unfinished candles, ascending: that of the present slot and, while it settles, the one before. None where nothing
 * has traded yet, or where they cannot be known. An interval that the exchange does not have is built from the closed
 * candles of the slot and the open ones below it.
 *
 * @throws AppError `exchange_unavailable` and its like, where the exchange does not answer
 */
export async function readUnfinished(
  c: AppContext,
  exchange: string,
  { instrument }: CatalogEntry,
  choice: SeriesChoice,
  interval: Interval,
): Promise<Candle[]> {
  if (instrument.validTo !== null) return []
  const base = nativeBase(exchange, choice, interval)
  if (base === undefined) return []
  const answer = await c.var.deps.loader(exchange).readOpenCandles(exchange, instrument.id, base)
  if (!answer.ok) {
    const { code, detail, retryAfterMs } = answer
    throw new AppError(code, detail, retryAfterMs === undefined ? {} : { retryAfterMs })
  }
  const open = answer.candles.map((candle) => ({ ...candle, closed: false }))
  const [first] = open
  if (first === undefined || base === interval || choice.from !== 'derived') return open
  const start = floorToInterval(first.openTime, interval)
  const closed = await readClosed(c, exchange, choice.series.id, base, { start, end: first.openTime })
  if (closed === undefined) return []
  const slots = Map.groupBy([...closed, ...open], (candle) => floorToInterval(candle.openTime, interval))
  return [...slots].map(([openTime, inputs]) => deriveCandle(inputs, openTime))
}

/** The candles of a window of a stored series; `undefined` where not all of it is known. */
async function readClosed(
  c: AppContext,
  exchange: string,
  seriesId: number,
  interval: Interval,
  window: Window,
): Promise<Candle[] | undefined> {
  if (window.start === window.end) return []
  const page = await readCandlePage(c.var.sessions.forExchange(exchange), {
    seriesId,
    interval,
    window,
    direction: 'forward',
    limit: countSlots(window, interval),
  })
  if (page === undefined || subtractRanges(window, page.covered).length > 0) return undefined
  return page.lines.map(parseCandleLine)
}

/** What to ask the exchange for: the interval itself where it has it, else the one that it is derived from. */
function nativeBase(exchange: string, choice: SeriesChoice, interval: Interval): Interval | undefined {
  const native = connectorFor(exchange)?.rest.intervals ?? {}
  if (interval in native) return interval
  return choice.from === 'derived' && choice.series.interval in native ? choice.series.interval : undefined
}
