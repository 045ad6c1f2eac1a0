import { z } from '@hono/zod-openapi'
import { parseTime } from '../../domain/time.ts'
import { checkWindow, sourceParam } from '../params.ts'
import { NO_CURSOR, rowsQuery } from '../rows.ts'

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
    context.addIssue({ code: 'custom', message: NO_CURSOR })
    return z.NEVER
  })
  .openapi({ type: 'string', description: 'The `nextCursor` of the previous page' })

export const tradesQuery = rowsQuery
  .extend({
    cursor: cursorParam.optional(),
    source: sourceParam.default('exchange').openapi({
      description:
        '`exchange`: what the feed has heard. Any other: what was sent to `/v1/ingest/trades` under that name',
    }),
  })
  .superRefine(checkWindow)

export type TradesQuery = z.infer<typeof tradesQuery>
