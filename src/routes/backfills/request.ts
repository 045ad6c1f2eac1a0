import { z } from '@hono/zod-openapi'
import { AppError, type FieldError } from '../../domain/errors.ts'
import { ceilToInterval, floorToInterval, type Interval, type Window } from '../../domain/interval.ts'
import { connectors, type ExchangeName } from '../../exchanges/registry.ts'
import type { NewWindow } from '../../store/backfills.ts'
import { readInstruments } from '../../store/catalog.ts'
import { exchangeSchema, intervalsSchema, loadableExchanges, symbolSchema, timeSchema } from '../bodies.ts'
import type { AppContext } from '../context.ts'
import { unknownSymbol } from '../params.ts'
import { notNative } from '../series.ts'

const MAX_EXCHANGES = 20
const MAX_SYMBOLS = 500
/** Series of one backfill: its windows are written in one statement, and read for every progress report. */
const MAX_SERIES = 2_000

export const requestSchema = z
  .strictObject({
    exchanges: z.array(exchangeSchema).min(1).max(MAX_EXCHANGES),
    symbols: z.array(symbolSchema).min(1).max(MAX_SYMBOLS),
    intervals: intervalsSchema,
    start: timeSchema.openapi({ description: 'Inclusive; milliseconds UTC or ISO 8601' }),
    end: timeSchema.optional().openapi({ description: 'Exclusive. Without it, or later than now: now' }),
  })
  .superRefine(({ exchanges, symbols, intervals, start, end }, context) => {
    if (end !== undefined && start >= end) {
      context.addIssue({ code: 'custom', path: ['end'], message: 'must come after start' })
    }
    if (exchanges.length * symbols.length * intervals.length > MAX_SERIES) {
      context.addIssue({ code: 'custom', path: ['symbols'], message: `ask for at most ${MAX_SERIES} series at a time` })
    }
  })
  .openapi('BackfillRequest')

export type BackfillRequest = z.infer<typeof requestSchema>

export interface SkippedSymbol {
  readonly exchange: string
  readonly symbol: string
}

export interface ExchangeWindow extends NewWindow {
  readonly exchange: string
}

export interface ResolvedBackfill {
  readonly windows: readonly ExchangeWindow[]
  /** Symbols that one of several exchanges does not have. */
  readonly skipped: readonly SkippedSymbol[]
}

/**
 * Finds the series that a backfill is about. A symbol may be missing on some of the exchanges, for not all list the
 * same; one that none of them has is an error.
 *
 * @throws AppError `invalid_request`, `unprocessable`, naming every field that is wrong
 */
export async function resolveBackfill(c: AppContext, request: BackfillRequest): Promise<ResolvedBackfill> {
  const exchanges = new Set(await loadableExchanges(c, request.exchanges, (index) => `exchanges[${index}]`))
  const queries = request.symbols.map(({ query }) => query)
  const now = c.var.deps.clock.now()
  const windows = new Map<string, ExchangeWindow>()
  const known = new Set<number>()
  const skipped: SkippedSymbol[] = []
  for (const exchange of exchanges) {
    const instruments = await readInstruments(c.var.sessions.forExchange(exchange), exchange, queries)
    for (const [index, { name }] of request.symbols.entries()) {
      const instrument = instruments[index]
      if (instrument === undefined) {
        skipped.push({ exchange, symbol: name })
        continue
      }
      known.add(index)
      for (const interval of request.intervals) {
        const window = { exchange, instrumentId: instrument.id, interval, ...clipToNow(request, interval, now) }
        if (window.start < window.end) windows.set(`${exchange} ${instrument.id} ${interval}`, window)
      }
    }
  }
  const errors = [
    ...intervalErrors(request, [...exchanges]),
    ...(await symbolErrors(c, request, [...exchanges], known)),
  ]
  if (errors.length === 0 && windows.size === 0) {
    errors.push({ path: 'start', message: 'no slot of these intervals opens in the window and has ended' })
  }
  if (errors.length > 0) throw new AppError('unprocessable', 'nothing will be loaded', { errors })
  return { windows: [...windows.values()], skipped }
}

function intervalErrors({ intervals }: BackfillRequest, exchanges: readonly ExchangeName[]): FieldError[] {
  return [...intervals.entries()].flatMap(([index, interval]) => {
    const exchange = exchanges.find((name) => !(interval in connectors[name].rest.intervals))
    if (exchange === undefined) return []
    const native = Object.keys(connectors[exchange].rest.intervals)
    return [{ path: `intervals[${index}]`, message: notNative(exchange, interval, native) }]
  })
}

function symbolErrors(
  c: AppContext,
  { symbols }: BackfillRequest,
  exchanges: readonly ExchangeName[],
  known: ReadonlySet<number>,
): Promise<FieldError[]> {
  const unknown = [...symbols.entries()].filter(([index]) => !known.has(index))
  return Promise.all(
    unknown.map(async ([index, { query }]) => ({
      path: `symbols[${index}]`,
      message: await unknownSymbol(c, exchanges, query),
    })),
  )
}

/** The slots that open in the window and have ended by now. */
function clipToNow({ start, end }: BackfillRequest, interval: Interval, now: number): Window {
  const ended = floorToInterval(now, interval)
  return { start: ceilToInterval(start, interval), end: Math.min(ceilToInterval(end ?? now, interval), ended) }
}
