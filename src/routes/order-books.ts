import { createRoute, z } from '@hono/zod-openapi'
import { type BookDepth, bookDepths, parseDepth } from '../domain/topic.ts'
import { createRouter } from './context.ts'
import { ageSchema, askFeed, NO_STORE } from './live.ts'
import { exchangeParam, findInstrument, symbolParam } from './params.ts'
import { jsonResponse, problemResponses } from './responses.ts'

const DEFAULT_DEPTH: BookDepth = 20

const sideSchema = z.array(z.tuple([z.string(), z.string()]))

const orderBookSchema = z
  .object({
    exchange: z.string(),
    symbol: z.string(),
    exchangeSymbol: z.string(),
    ...ageSchema,
    depth: z.int(),
    availableDepth: z.int().openapi({ description: 'Levels a side that are known for certain, up to `depth`' }),
    sequence: z.number().nullable().openapi({ description: "The exchange's counter" }),
    bids: sideSchema.openapi({ description: '[price, size], best first; sizes in base units' }),
    asks: sideSchema,
  })
  .openapi('OrderBook')

const depthParam = z
  .string()
  .default(String(DEFAULT_DEPTH))
  .transform((text, context): BookDepth => {
    const depth = parseDepth(text)
    if (depth !== undefined) return depth
    context.addIssue({ code: 'custom', message: `must be one of ${bookDepths.join(', ')}` })
    return z.NEVER
  })
  .openapi({ type: 'integer', enum: [...bookDepths], default: DEFAULT_DEPTH, description: 'Levels a side' })

const get = createRoute({
  method: 'get',
  path: '/v1/order-books/{exchange}/{symbol}',
  summary: 'The order book',
  description:
    'From the book that the feed keeps by the updates of the exchange. While that is not known to be right (`not_in_sync`) there is no answer, ' +
    'rather than an old one: `Retry-After` says when to ask again.',
  tags: ['Live'],
  request: {
    params: z.object({ exchange: exchangeParam, symbol: symbolParam }),
    query: z.strictObject({ depth: depthParam }),
  },
  responses: { 200: jsonResponse(orderBookSchema, 'Its best levels'), ...problemResponses(400, 404, 503) },
})

export const orderBooksRouter = createRouter()

orderBooksRouter.openapi(get, async (c) => {
  const { exchange, symbol: query } = c.req.valid('param')
  const { depth } = c.req.valid('query')
  const { symbol } = (await findInstrument(c, exchange, query)).instrument
  const feed = c.var.deps.feed(exchange)
  const { value, age } = await askFeed(exchange, () => feed.readOrderBook(exchange, symbol, depth))
  const { exchangeSymbol, availableDepth, sequence } = value
  const bids = value.bids.map(({ price, size }): [string, string] => [price, size])
  const asks = value.asks.map(({ price, size }): [string, string] => [price, size])
  c.header('Cache-Control', NO_STORE)
  return c.json({ exchange, symbol, exchangeSymbol, ...age, depth, availableDepth, sequence, bids, asks }, 200)
})
