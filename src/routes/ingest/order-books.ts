import { z } from '@hono/zod-openapi'
import { ingestedBooks, MAX_LEVELS } from '../../domain/ingested-book.ts'
import { writeIngestedBooks } from '../../store/ingested-books.ts'
import { amountField, recordFields } from './fields.ts'
import { createIngestRouter } from './route.ts'

const side = z.array(z.tuple([amountField, amountField])).max(MAX_LEVELS)

const schema = z
  .strictObject({
    ...recordFields,
    sequence: z.union([z.string(), z.int()]).nullable().optional().openapi({ description: "The exchange's counter" }),
    bids: side.openapi({ description: '[price, size], prices strictly descending; sizes in base units' }),
    asks: side.openapi({ description: '[price, size], prices strictly ascending' }),
  })
  .openapi('IngestedOrderBook')

/** `POST /v1/ingest/order-books`. */
export const ingestOrderBooksRouter = createIngestRouter({
  kind: ingestedBooks,
  write: writeIngestedBooks,
  hasInterval: false,
  schema,
  summary: 'Send order books of your own',
  description:
    'Snapshots: each says all that is known of a book at its `exchangeTime`, and is read by `GET /v1/order-books/…?at=`. The best bid must be ' +
    'below the best ask; one side may be empty, not both. Another book of the same time replaces it.',
})
