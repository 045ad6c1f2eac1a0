import { z } from '@hono/zod-openapi'
import { parseSymbol } from '../domain/instrument.ts'
import { intervals } from '../domain/interval.ts'
import { isInSeconds, parseTime } from '../domain/time.ts'
import { type ExchangeName, isExchangeName } from '../exchanges/registry.ts'

/** An exchange as it stands in a JSON body: there it is an invalid field, not an unknown resource. */
export const exchangeSchema = z
  .string()
  .transform((text, context): ExchangeName => {
    if (isExchangeName(text)) return text
    context.addIssue({ code: 'custom', message: 'is not an exchange that is known here' })
    return z.NEVER
  })
  .openapi({ type: 'string', example: 'okx' })

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
  .union([z.int(), z.string()], TIME_RULE)
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
