import { lifeOf } from '../../../domain/coverage.ts'
import { AppError } from '../../../domain/errors.ts'
import { ceilToInterval, nextOpenTime } from '../../../domain/interval.ts'
import type { StoredInstrument } from '../../../domain/series.ts'
import { missingSlots } from '../../../domain/trade-candles.ts'
import { intersectWindows } from '../../../domain/window.ts'
import type { CatalogEntry } from '../../../store/catalog.ts'
import type { AppContext } from '../../context.ts'
import { type ExportPart, remainingEntries, sendExport } from '../export-stream.ts'
import type { CandlesQuery } from '../query.ts'
import type { Scan } from '../scan.ts'
import { readTradeAnswer, TRADE_LIMITS, type TradeCandleAnswer } from './answer.ts'
import { type HeardTrades, openHeardTrades } from './heard.ts'

/** Streams the whole window of one or several symbols, built from trades. They are not compared with the exchange's. */
export async function answerTradeExport(
  c: AppContext,
  entries: readonly CatalogEntry[],
  query: CandlesQuery,
): Promise<Response> {
  const parts: ExportPart[] = []
  for (const entry of remainingEntries(entries, query)) parts.push(await planPart(c, entry, query))
  return sendExport(parts, query)
}

async function planPart(c: AppContext, { instrument }: CatalogEntry, query: CandlesQuery): Promise<ExportPart> {
  const { interval, cursor } = query
  const { symbol } = instrument
  const heard = await openHeardTrades(c, instrument, query.end)
  const closed = heard.closedTo(interval)
  const resumeAt = cursor?.symbol === symbol ? nextOpenTime(cursor.time, interval) : undefined
  const asked = {
    start: ceilToInterval(resumeAt ?? query.start ?? heard.availableFrom, interval),
    end: query.end === undefined ? closed : Math.min(ceilToInterval(query.end, interval), closed),
  }
  const window = intersectWindows(asked, lifeOf(null, instrument.validTo, interval))
  const holes = window.start < window.end ? await heard.holes(window) : []
  const [first, ...rest] = missingSlots(window, interval, holes)
  const missing = first === undefined ? [] : [first, ...rest]
  // Without a start, an export begins with what was heard first.
  const isBefore = first?.start === window.start && first.reason === 'not_recorded' && first.end < window.end
  const isCutOff = query.start === undefined && isBefore
  return {
    symbol,
    window: isCutOff ? { start: first.end, end: window.end } : window,
    missing: isCutOff ? rest : missing,
    isCut: false,
    read: (scan: Scan) => readWhole(heard, instrument, scan),
  }
}

/**
 * Reads a page of an export, whose head is sent already: what that did not say of it breaks it off.
 *
 * @throws AppError `unprocessable` where a slot has too many trades
 */
export async function readWhole(
  heard: HeardTrades,
  instrument: StoredInstrument,
  scan: Scan,
  limits = TRADE_LIMITS,
): Promise<TradeCandleAnswer> {
  const answer = await readTradeAnswer(heard, instrument, scan, limits)
  const given = answer.coverage.missing.find(({ reason }) => reason === 'too_many_trades')
  if (given === undefined) return answer
  const slot = new Date(given.start).toISOString()
  throw new AppError('unprocessable', `${instrument.symbol} has more trades from ${slot} on than can be read`)
}
