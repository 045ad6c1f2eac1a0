import type { OpenAPIHono } from '@hono/zod-openapi'
import { cors } from 'hono/cors'
import { createMiddleware } from 'hono/factory'
import { createDeps, type Deps } from '../deps.ts'
import { AppError } from '../domain/errors.ts'
import { Catalog } from '../store/catalog.ts'
import { openSessions } from '../store/sessions.ts'
import { arbitrageRouter } from './across/arbitrage.ts'
import { bboRouter } from './across/bbo.ts'
import { describeStream } from './asyncapi/document.ts'
import { backfillsRouter } from './backfills/route.ts'
import { candlesRouter } from './candles/route.ts'
import { type AppContext, type AppEnv, createRouter } from './context.ts'
import { coverageRouter } from './coverage.ts'
import { docsPage } from './docs/page.ts'
import { exchangesRouter } from './exchanges/route.ts'
import { fundingRatesRouter } from './funding-rates/route.ts'
import { gapsRouter } from './gaps/route.ts'
import { healthRouter } from './health.ts'
import { ingestCandlesRouter } from './ingest/candles.ts'
import { ingestOrderBooksRouter } from './ingest/order-books.ts'
import { ingestTradesRouter } from './ingest/trades.ts'
import { instrumentsRouter } from './instruments.ts'
import { securitySchemes } from './middleware/admin.ts'
import { edgeCache } from './middleware/edge-cache.ts'
import { allowedMethods } from './middleware/methods.ts'
import { orderBooksRouter } from './order-books.ts'
import { renderProblem } from './problem.ts'
import { qualityCheckRouter } from './quality/check.ts'
import { qualityCompareRouter } from './quality/compare.ts'
import { findingsRouter } from './quality/findings.ts'
import { qualityRouter } from './quality/route.ts'
import { registrationRouter } from './registration.ts'
import { replayRouter } from './replay/route.ts'
import { seriesRouter } from './series.ts'
import { streamRouter } from './stream.ts'
import { streamsRouter } from './streams.ts'
import { tickersRouter } from './tickers.ts'
import { tradesRouter } from './trades/route.ts'

const routers = [
  exchangesRouter,
  instrumentsRouter,
  registrationRouter,
  candlesRouter,
  tradesRouter,
  fundingRatesRouter,
  tickersRouter,
  orderBooksRouter,
  bboRouter,
  arbitrageRouter,
  streamRouter,
  replayRouter,
  streamsRouter,
  seriesRouter,
  ingestCandlesRouter,
  ingestTradesRouter,
  ingestOrderBooksRouter,
  backfillsRouter,
  coverageRouter,
  gapsRouter,
  qualityRouter,
  findingsRouter,
  qualityCheckRouter,
  qualityCompareRouter,
  healthRouter,
] as const

const description = `Candles of crypto exchanges with proof of what is missing, and their live trades, tickers and order books.
Times are milliseconds UTC; inputs may be ISO 8601. Prices and sizes are exact decimal strings in base units.
The stream's messages are described by \`/asyncapi.json\` (AsyncAPI). After a write, send its \`X-Bookmark\` with a read that must see it. Unknown query parameters are refused.`

/** The HTTP API. */
export function createApp(): OpenAPIHono<AppEnv> {
  const app = createRouter()
  app.use(publicReads)
  app.use(provideContext)
  app.use('/v1/candles/*', edgeCache)
  app.onError((error, c) => renderProblem(error, c.var.requestId))
  app.notFound((c) => refuseRoute(c, app))
  for (const router of routers) app.route('/', router)
  for (const [name, scheme] of Object.entries(securitySchemes)) {
    app.openAPIRegistry.registerComponent('securitySchemes', name, scheme)
  }
  app.doc31('/openapi.json', { openapi: '3.1.0', info: { title: 'zvt-crypto', version: '1', description } })
  app.get('/asyncapi.json', (c) => c.json(describeStream(new URL(c.req.url))))
  app.get('/docs', (c) => c.html(docsPage))
  app.get('/', (c) => c.redirect('/docs'))
  return app
}

/** What is public may be read by any page. Writing calls carry a token, which no page should hold: they are left out. */
const publicReads = cors({
  origin: '*',
  allowMethods: ['GET', 'HEAD'],
  exposeHeaders: [
    'ETag',
    'Link',
    'X-Bookmark',
    'X-Candles-Compared',
    'X-Candles-Differing',
    'X-Coverage-Complete',
    'X-Coverage-Missing',
    'X-Coverage-Missing-Truncated',
    'X-Immutable-Url',
    'X-Next-Cursor',
    'X-Request-Id',
  ],
})

/** What outlives a request, by the environment that it was made from. */
const kept = new WeakMap<Env, { readonly deps: Deps; readonly catalog: Catalog }>()

function contextOf(env: Env): { readonly deps: Deps; readonly catalog: Catalog } {
  const found = kept.get(env)
  if (found !== undefined) return found
  const deps = createDeps(env)
  const made = { deps, catalog: new Catalog(deps.stores, deps.clock) }
  kept.set(env, made)
  return made
}

const provideContext = createMiddleware<AppEnv>(async (c, next) => {
  const requestId = crypto.randomUUID()
  c.set('requestId', requestId)
  const { deps, catalog } = contextOf(c.env)
  c.set('deps', deps)
  c.set('catalog', catalog)
  c.set('sessions', openSessions(deps.stores, c.req.header('X-Bookmark')))
  await next()
  c.res.headers.set('X-Request-Id', requestId)
})

/** An unknown path, or a known one asked with another method. */
function refuseRoute(c: AppContext, app: OpenAPIHono<AppEnv>): Response {
  const allowed = allowedMethods(app.routes, c.req.path)
  if (allowed.length === 0) return renderProblem(new AppError('not_found', 'there is nothing here'), c.var.requestId)
  const detail = `this resource understands ${allowed.join(', ')}`
  const response = renderProblem(new AppError('method_not_allowed', detail), c.var.requestId)
  response.headers.set('Allow', allowed.join(', '))
  return response
}
