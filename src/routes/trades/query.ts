import { z } from '@hono/zod-openapi'
import { parseTime } from '../../domain/time.ts'
import { checkWindow, limitParam, sourceParam, timeParam } from '../params.ts'

const DEFAULT_LIMIT = 500
const MAX_LIMIT = 5_000

export const formats = ['json', 'csv', 'ndjson'] as const
export type Format = (typeof formats)[number]

/** The trade that a page ended with: `1700000000000:2987`. */
export interface TradeCursor {
  readonly time: number
  readonly id: string
}

const cursorParam = z
  .string()
  .max(200)
  .transform((text, context): TradeCursor => {
    const colon = text.indexOf(':')
    const time = parseTime(text.slice(0, Math.max(0, colon)))
    if (time !== undefined) return { time, id: text.slice(colon + 1) }
    context.addIssue({ code: 'custom', message: 'must be the nextCursor of the previous page' })
    return z.NEVER
  })
  .openapi({ type: 'string', description: 'The `nextCursor` of the previous page' })

export const tradesQuery = z
  .strictObject({
    start: timeParam.optional().openapi({ description: 'Inclusive. Without it: the newest `limit` before `end`' }),
    end: timeParam.optional().openapi({ description: 'Exclusive. Without it: now' }),
    limit: limitParam(DEFAULT_LIMIT, MAX_LIMIT),
    order: z.enum(['asc', 'desc']).default('asc'),
    cursor: cursorParam.optional(),
    format: z.enum(formats).default('json'),
    source: sourceParam.default('exchange').openapi({
      description:
        '`exchange`: what the feed has heard. Any other: what was sent to `/v1/ingest/trades` under that name',
    }),
  })
  .superRefine(checkWindow)

export type TradesQuery = z.infer<typeof tradesQuery>
