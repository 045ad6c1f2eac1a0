import type { Candle } from '../../domain/candle.ts'
import { parseCandleLine } from '../../domain/candle-line.ts'
import { deriveCandle } from '../../domain/derive.ts'
import { AppError } from '../../domain/errors.ts'
import { countSlots, floorToInterval, type Interval } from '../../domain/interval.ts'
import { subtractRanges } from '../../domain/window.ts'
import { connectors, type ExchangeName } from '../../exchanges/registry.ts'
import { readCandlePage } from '../../store/candles.ts'
import type { CatalogEntry } from '../../store/catalog.ts'
import type { AppContext } from '../context.ts'
import type { SeriesChoice } from './scan.ts'

/**
 * The unfinished candle of the present slot; `null` where nothing has traded in it yet, or it cannot be known. An
 * interval that the exchange does not have is built from the closed candles of the slot and the open one below it.
 *
 * @throws AppError `exchange_unavailable` and its like, where the exchange does not answer
 */
export async function readOpenCandle(
  c: AppContext,
  exchange: ExchangeName,
  { instrument }: CatalogEntry,
  choice: SeriesChoice,
  interval: Interval,
): Promise<Candle | null> {
  if (instrument.validTo !== null) return null
  const base = nativeBase(exchange, choice, interval)
  if (base === undefined) return null
  const answer = await c.var.deps.loader(exchange).readOpenCandle(exchange, instrument.id, base)
  if (!answer.ok) throw new AppError(answer.code, answer.detail)
  const open = answer.candle === null ? null : { ...answer.candle, closed: false }
  if (open === null || base === interval || choice.from !== 'derived') return open
  const start = floorToInterval(open.openTime, interval)
  const window = { start, end: open.openTime }
  if (window.start === window.end) return deriveCandle([open], start)
  const page = await readCandlePage(c.var.sessions.forExchange(exchange), {
    seriesId: choice.series.id,
    interval: base,
    window,
    direction: 'forward',
    limit: countSlots(window, base),
  })
  if (page === undefined || subtractRanges(window, page.covered).length > 0) return null
  return deriveCandle([...page.lines.map(parseCandleLine), open], start)
}

/** What to ask the exchange for: the interval itself where it has it, else the one that it is derived from. */
function nativeBase(exchange: ExchangeName, choice: SeriesChoice, interval: Interval): Interval | undefined {
  const native = connectors[exchange].rest.intervals
  if (interval in native) return interval
  return choice.from === 'derived' && choice.series.interval in native ? choice.series.interval : undefined
}
