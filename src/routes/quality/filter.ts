import { z } from '@hono/zod-openapi'
import { invalidField } from '../../domain/errors.ts'
import { DAY, floorToInterval, type Window } from '../../domain/interval.ts'
import { exchangeNames } from '../../exchanges/registry.ts'
import type { QualityFilter } from '../../store/quality.ts'
import type { AppContext } from '../context.ts'
import {
  anyExchangeParam,
  checkExchange,
  checkWindow,
  findInstrument,
  intervalParam,
  sourceParam,
  symbolParam,
  timeParam,
} from '../params.ts'

/** One answer looks at no more days than this: a quarter of a year. */
export const MAX_DAYS = 92
const DEFAULT_DAYS = 7

/** What both lists of quality can be narrowed to. */
export const seriesConditions = {
  exchange: anyExchangeParam.optional(),
  symbol: symbolParam.optional(),
  interval: intervalParam.optional(),
  source: sourceParam.optional().openapi({ description: '`exchange`, or the name that own data was sent under' }),
  start: timeParam.optional(),
  end: timeParam.optional(),
}

const conditions = z.strictObject(seriesConditions)

/** Refuses a window that ends before it starts, or holds more days than an answer may. */
export function checkDays(query: Pick<z.infer<typeof conditions>, 'start' | 'end'>, context: z.RefinementCtx): void {
  checkWindow(query, context)
  const { start, end } = query
  if (start === undefined || end === undefined || end - start <= MAX_DAYS * DAY) return
  context.addIssue({ code: 'custom', path: ['end'], message: TOO_LONG })
}

const TOO_LONG = `must come at most ${MAX_DAYS} days after start`

/**
 * The window that is asked for: up to now, from six whole days before, unless the query says otherwise.
 *
 * @throws AppError `invalid_request` where it holds too many days up to now
 */
export function daysOf({ start, end }: { start?: number | undefined; end?: number | undefined }, now: number): Window {
  if (start !== undefined && end === undefined && now - start > MAX_DAYS * DAY) throw invalidField('end', TOO_LONG)
  const until = end ?? Math.max(now, (start ?? 0) + 1)
  return { start: start ?? floorToInterval(until - 1, '1d') - (DEFAULT_DAYS - 1) * DAY, end: until }
}

/**
 * A symbol may have any of its forms; those that name their exchange narrow the list to it.
 *
 * @throws AppError `unknown_exchange`, and `unknown_instrument` for a name that only an exchange can resolve, and does not
 */
export async function resolveSeries(c: AppContext, query: z.infer<typeof conditions>): Promise<QualityFilter> {
  const { exchange, symbol } = query
  const rest = { interval: query.interval ?? null, source: query.source ?? null }
  if (exchange !== undefined) await checkExchange(c, exchange)
  if (symbol !== undefined && symbol.by === 'joined') {
    const { instrument } = await findInstrument(c, exchange ?? symbol.exchange, symbol)
    return { exchanges: [instrument.exchange], symbol: instrument.symbol, ...rest }
  }
  const exchanges = exchange === undefined ? [...exchangeNames, ...(await c.var.catalog.ownExchanges())] : [exchange]
  return { exchanges, symbol: symbol?.symbol ?? null, ...rest }
}
