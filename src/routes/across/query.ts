import { z } from '@hono/zod-openapi'
import { AppError } from '../../domain/errors.ts'
import { type OwnFees, parseFees } from '../../domain/own-fees.ts'
import { quoteGroups } from '../../domain/quote-group.ts'
import { exchangeNames, isExchangeName } from '../../exchanges/registry.ts'
import { DEFAULT_MAX_AGE_MS } from '../../live/consolidated.ts'
import type { AppContext } from '../context.ts'
import { EXCHANGE } from '../params.ts'

const MAX_AGE_MS = 3_600_000
/** More than there are exchanges. */
const MAX_LIST = 50

export const quotesParam = z.enum(quoteGroups).optional().openapi({
  description: '`usd-like`: USDT, USDC and USD count as one quote. Without it each is a currency of its own',
})

export const maxAgeParam = z
  .string()
  .regex(/^\d{1,7}$/, `must be milliseconds from 1 to ${MAX_AGE_MS}`)
  .transform(Number)
  .refine((ageMs) => ageMs >= 1 && ageMs <= MAX_AGE_MS, `must be from 1 to ${MAX_AGE_MS}`)
  .default(DEFAULT_MAX_AGE_MS)
  .openapi({
    type: 'integer',
    minimum: 1,
    maximum: MAX_AGE_MS,
    default: DEFAULT_MAX_AGE_MS,
    description: 'A book that was last heard longer ago is left out as `stale`',
  })

/** A list in one parameter, each member once. */
export function listParam(max: number) {
  return z
    .string()
    .transform((text) => [...new Set(text.split(','))])
    .refine((list) => list.length <= max, `must be at most ${max}, with commas between them`)
}

export const exchangesParam = listParam(MAX_LIST)
  .refine((names) => names.every((name) => EXCHANGE.test(name)), {
    error: 'must be names of exchanges, with commas between them',
  })
  .optional()
  .openapi({ type: 'string', example: 'binance,okx', description: 'Only these, with commas between them' })

/** `okx:0.0005,binance:0.00075` */
export const feesParam = listParam(MAX_LIST)
  .transform((entries, context): OwnFees => {
    const reading = parseFees(entries.join(), exchangeNames)
    if (reading.ok) return reading.fees
    for (const message of reading.faults) context.addIssue({ code: 'custom', message })
    return z.NEVER
  })
  .optional()
  .openapi({
    type: 'string',
    example: 'okx:0.0005,binance:0.00075',
    description: 'Your own taker fees, as fractions, instead of the published ones of the base tier',
  })

/**
 * The exchanges to look at: all with live data, unless some are asked for.
 * @throws AppError `unknown_exchange`; `unprocessable` for one of a user's own, which has no live data
 */
export async function exchangesOf(c: AppContext, asked: readonly string[] | undefined): Promise<readonly string[]> {
  if (asked === undefined) return exchangeNames
  for (const exchange of asked) {
    if (isExchangeName(exchange)) continue
    const isOwn = (await c.var.catalog.ownExchanges()).includes(exchange)
    const message = isOwn
      ? `${exchange} has no live data here`
      : `there is no exchange ${exchange}; with live data there are ${exchangeNames.join(', ')}`
    const errors = [{ path: 'exchanges', message }]
    throw new AppError(isOwn ? 'unprocessable' : 'unknown_exchange', `exchanges: ${message}`, { errors })
  }
  return asked
}
