import { z } from '@hono/zod-openapi'
import { AppError } from '../domain/errors.ts'
import { parseSymbol } from '../domain/instrument.ts'
import { intervals } from '../domain/interval.ts'
import { isInSeconds, parseTime } from '../domain/time.ts'
import { type ExchangeName, exchangeNames, isExchangeName } from '../exchanges/registry.ts'
import type { AppContext } from './context.ts'
import { noSuchExchange } from './params.ts'

/** An exchange as it stands in a JSON body; {@link loadableExchanges} says whether anything can be loaded from it. */
export const exchangeSchema = z
  .string()
  .max(100)
  .openapi({ example: 'okx', description: `One that is loaded from: ${exchangeNames.join(', ')}` })

/**
 * The exchanges of a body, in their order, as those that candles can be loaded from. One that nobody knows is an invalid
 * field there, not an unknown resource.
 *
 * @param pathOf where in the body each stands
 * @throws AppError `invalid_request`; `unprocessable` for those that users have registered
 */
export async function loadableExchanges(
  c: AppContext,
  names: readonly string[],
  pathOf: (index: number) => string,
): Promise<ExchangeName[]> {
  const exchanges = names.filter(isExchangeName)
  if (exchanges.length === names.length) return exchanges
  // One may have been registered a moment ago, elsewhere.
  c.var.catalog.clear()
  const own = await c.var.catalog.ownExchanges()
  const errorsOf = (isWanted: (name: string) => boolean, message: string) =>
    names.flatMap((name, index) => (isWanted(name) ? [{ path: pathOf(index), message }] : []))
  const unknown = errorsOf((name) => !isExchangeName(name) && !own.includes(name), noSuchExchange(own))
  const sent = errorsOf(
    (name) => own.includes(name),
    'has nothing that could be loaded: its data is sent to /v1/ingest',
  )
  const errors = [...unknown, ...sent]
  const code = unknown.length > 0 ? 'invalid_request' : 'unprocessable'
  throw new AppError(code, errors.map(({ path, message }) => `${path}: ${message}`).at(0) ?? '', { errors })
}

/** A symbol in any of its forms: as the caller wrote it, and read. */
export const symbolSchema = z
  .string()
  .max(120)
  .transform((name, context) => {
    const query = parseSymbol(name)
    if (query !== undefined) return { name, query }
    context.addIssue({ code: 'custom', message: 'must be a symbol such as BTC-USDT or BTC-USDT-PERP' })
    return z.NEVER
  })
  .openapi({ type: 'string', example: 'BTC-USDT' })

/** Candle lengths: at least one. */
export const intervalsSchema = z.array(z.enum(intervals)).min(1).max(intervals.length)

const TIME_RULE = 'must be milliseconds since 1970 or ISO 8601, before the year 2100'

/** A time as it stands in a JSON body: ms UTC, or ISO 8601. */
export const timeSchema = z
  .union([z.int(), z.string()], { error: ({ input }) => (input === undefined ? 'is required' : TIME_RULE) })
  .transform((value, context) => {
    const time = parseTime(String(value))
    const areSeconds = isInSeconds(String(value))
    if (time !== undefined && !areSeconds) return time
    const message = areSeconds ? 'must be milliseconds: these look like seconds' : TIME_RULE
    context.addIssue({ code: 'custom', message })
    return z.NEVER
  })
  .openapi({
    type: ['integer', 'string'],
    example: '2024-01-01T00:00:00Z',
    description: 'Milliseconds UTC, as a number or text, or ISO 8601',
  })
