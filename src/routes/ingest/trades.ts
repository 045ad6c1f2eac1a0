import { z } from '@hono/zod-openapi'
import { ingestedTrades } from '../../domain/ingested-trade.ts'
import { writeIngestedTrades } from '../../store/ingested-trades.ts'
import { amountField, recordFields } from './fields.ts'
import { createIngestRouter } from './route.ts'

const schema = z
  .strictObject({
    ...recordFields,
    id: z
      .union([z.string().min(1).max(128), z.int()])
      .openapi({ example: '1188', description: "The exchange's, unique within the instrument" }),
    price: amountField,
    size: amountField.openapi({ example: '0.0037', description: 'In base units' }),
    side: z.enum(['buy', 'sell']).nullable().optional().openapi({ description: "The taker's" }),
  })
  .openapi('IngestedTrade')

/** `POST /v1/ingest/trades`. */
export const ingestTradesRouter = createIngestRouter({
  kind: ingestedTrades,
  write: writeIngestedTrades,
  hasInterval: false,
  schema,
  summary: 'Send trades of your own',
  description:
    'They are read by `GET /v1/trades/…?source=`. A trade is known by its id within the minute of its `exchangeTime`: sent again ' +
    'with another price, size, side or time it is revised. One without an id is rejected (`missing_id`).',
})
