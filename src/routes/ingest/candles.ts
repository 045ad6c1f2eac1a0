import { z } from '@hono/zod-openapi'
import { ingestedCandles } from '../../domain/ingest-candle.ts'
import { intervals } from '../../domain/interval.ts'
import { writeCandles } from '../../store/ingest-candles.ts'
import { nameFields } from './fields.ts'
import { createIngestRouter } from './route.ts'

const decimal = z.union([z.string(), z.number()]).openapi({
  example: '43474.1',
  description: 'An exact decimal, as text or as a number: both are read without rounding',
})

const schema = z
  .strictObject({
    ...nameFields,
    interval: z.enum(intervals).optional().openapi({ description: 'Or in the query, for all records' }),
    openTime: z
      .union([z.int(), z.string()])
      .openapi({ description: 'Milliseconds UTC or ISO 8601; where a slot starts' }),
    open: decimal,
    high: decimal,
    low: decimal,
    close: decimal,
    volume: decimal.openapi({ description: 'In base units' }),
    quoteVolume: decimal.nullable().optional().openapi({ description: 'In quote units' }),
    tradeCount: z.int().nonnegative().nullable().optional(),
    closed: z.boolean().nullable().optional().openapi({ description: 'One that is `false` is rejected' }),
  })
  .openapi('IngestedCandle')

/** `POST /v1/ingest/candles`. */
export const ingestCandlesRouter = createIngestRouter({
  kind: ingestedCandles,
  write: writeCandles,
  hasInterval: true,
  schema,
  summary: 'Send candles of your own',
  description:
    'They are judged by the rules that loaded ones meet, and kept as series of their `source`, each with coverage of its own. ' +
    'A candle that is stored with other values is revised; what it does not say (`null`) takes nothing away.',
})
