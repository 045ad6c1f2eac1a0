import { z } from '@hono/zod-openapi'
import { parseTime } from '../../domain/time.ts'
import { checkWindow } from '../params.ts'
import { NO_CURSOR, rowsQuery } from '../rows.ts'

/** The funding time that a page ended with. */
const cursorParam = z
  .string()
  .max(20)
  .regex(/^\d+$/, NO_CURSOR)
  .transform((text, context) => {
    const time = parseTime(text)
    if (time !== undefined) return time
    context.addIssue({ code: 'custom', message: NO_CURSOR })
    return z.NEVER
  })
  .openapi({ type: 'string', description: 'The `nextCursor` of the previous page' })

export const fundingQuery = rowsQuery.extend({ cursor: cursorParam.optional() }).superRefine(checkWindow)

export type FundingRatesQuery = z.infer<typeof fundingQuery>
