import { z } from '@hono/zod-openapi'
import { parseTime } from '../../domain/time.ts'
import { checkWindow, limitParam, timeParam } from '../params.ts'

const DEFAULT_LIMIT = 500
const MAX_LIMIT = 5_000

export const formats = ['json', 'csv', 'ndjson'] as const
export type Format = (typeof formats)[number]

/** The funding time that a page ended with. */
const cursorParam = z
  .string()
  .max(20)
  .regex(/^\d+$/, 'must be the nextCursor of the previous page')
  .transform((text, context) => {
    const time = parseTime(text)
    if (time !== undefined) return time
    context.addIssue({ code: 'custom', message: 'must be the nextCursor of the previous page' })
    return z.NEVER
  })
  .openapi({ type: 'string', description: 'The `nextCursor` of the previous page' })

export const fundingQuery = z
  .strictObject({
    start: timeParam.optional().openapi({ description: 'Inclusive. Without it: the newest `limit` before `end`' }),
    end: timeParam.optional().openapi({ description: 'Exclusive. Without it: now' }),
    limit: limitParam(DEFAULT_LIMIT, MAX_LIMIT),
    order: z.enum(['asc', 'desc']).default('asc'),
    cursor: cursorParam.optional(),
    format: z.enum(formats).default('json'),
  })
  .superRefine(checkWindow)

export type FundingRatesQuery = z.infer<typeof fundingQuery>
