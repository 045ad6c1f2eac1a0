import { createRoute, z } from '@hono/zod-openapi'
import { createRouter } from './context.ts'
import { ageSchema, askFeed, NO_STORE } from './live.ts'
import { anyExchangeParam, findInstrument, liveExchange, symbolParam } from './params.ts'
import { jsonResponse, problemResponses } from './responses.ts'

const decimal = z.string()
const levelSchema = z.object({ price: decimal, size: decimal.nullable() })

const tickerSchema = z
  .object({
    exchange: z.string(),
    symbol: z.string(),
    exchangeSymbol: z.string(),
    ...ageSchema,
    last: decimal.nullable(),
    open: decimal.nullable().openapi({ description: '24 hours ago' }),
    high: decimal.nullable(),
    low: decimal.nullable(),
    volume: decimal.nullable().openapi({ description: 'Of 24 hours, in base units' }),
    quoteVolume: decimal.nullable(),
    bid: levelSchema.nullable(),
    ask: levelSchema.nullable(),
  })
  .openapi('Ticker')

const get = createRoute({
  method: 'get',
  path: '/v1/tickers/{exchange}/{symbol}',
  summary: 'The last 24 hours in brief, with the best bid and offer',
  description:
    'As the exchange streams it: the feed subscribes where it has not yet, and answers with the first data. The times are ' +
    'those of the older of the two, the summary and the best bid and offer.',
  tags: ['Live'],
  request: { params: z.object({ exchange: anyExchangeParam, symbol: symbolParam }), query: z.strictObject({}) },
  responses: {
    200: jsonResponse(tickerSchema, 'What is not sent by the exchange is null'),
    ...problemResponses(400, 404, 422, 503),
  },
})

export const tickersRouter = createRouter()

tickersRouter.openapi(get, async (c) => {
  const { exchange: name, symbol: query } = c.req.valid('param')
  const exchange = await liveExchange(c, name)
  const { symbol } = (await findInstrument(c, exchange, query)).instrument
  const { value, age } = await askFeed(exchange, () => c.var.deps.feed(exchange).readTicker(exchange, symbol))
  const { exchangeSymbol, ticker, bid, ask } = value
  c.header('Cache-Control', NO_STORE)
  return c.json({ exchange, symbol, exchangeSymbol, ...age, ...ticker, bid, ask }, 200)
})
