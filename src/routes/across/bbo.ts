import { createRoute, z } from '@hono/zod-openapi'
import { symbolsAlike } from '../../domain/quote-group.ts'
import { consolidate } from '../../live/consolidated.ts'
import { createRouter } from '../context.ts'
import { NO_STORE } from '../live.ts'
import { findInstrument, symbolParam } from '../params.ts'
import { jsonResponse, problemResponses } from '../responses.ts'
import { checkListed, readBooks } from './books.ts'
import { exchangesOf, exchangesParam, maxAgeParam, quotesParam } from './query.ts'
import { consolidatedBboData } from './schemas.ts'

const bboSchema = z.object({ symbol: z.string(), ...consolidatedBboData }).openapi('ConsolidatedBbo')

const get = createRoute({
  method: 'get',
  path: '/v1/bbo/{symbol}',
  summary: 'The best bid and offer of each exchange, and the best across them',
  description:
    'From the books that the feeds keep. One that is stale, crossed in itself, not in sync, not listed or cannot be reached ' +
    'does not count, and is named in `leftOut` with the reason. Where the best bid of one exchange is above the best ask of ' +
    'another, `spread` is negative and `crossed` true. Sizes are in base units, but for perpetuals margined in their base ' +
    '(`BTC-USD-PERP`), whose sizes are contracts.',
  tags: ['Live'],
  request: {
    params: z.object({ symbol: symbolParam }),
    query: z.strictObject({ quotes: quotesParam, exchanges: exchangesParam, maxAgeMs: maxAgeParam }),
  },
  responses: { 200: jsonResponse(bboSchema, 'As it stands'), ...problemResponses(400, 404, 422, 503) },
})

export const bboRouter = createRouter()

bboRouter.openapi(get, async (c) => {
  const { symbol: query } = c.req.valid('param')
  const { quotes = null, exchanges: asked, maxAgeMs } = c.req.valid('query')
  const exchanges = await exchangesOf(c, asked)
  const symbol =
    query.by === 'symbol' ? query.symbol : (await findInstrument(c, query.exchange, query)).instrument.symbol
  const symbols = symbolsAlike(symbol, quotes)
  const readings = await readBooks(c, exchanges, symbols)
  await checkListed(c, new Map([[symbol, symbols]]), readings, 'symbol')
  c.header('Cache-Control', NO_STORE)
  const { exchanges: books, leftOut, ...best } = consolidate(readings, maxAgeMs)
  return c.json({ symbol, ...best, exchanges: [...books], leftOut: [...leftOut] }, 200)
})
