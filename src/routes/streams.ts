import { createRoute, z } from '@hono/zod-openapi'
import { createRouter } from './context.ts'
import { feedStatusSchema } from './feed-status.ts'
import { reachFeed } from './live.ts'
import { adminSecurity, requireAdmin } from './middleware/admin.ts'
import { anyExchangeParam, liveExchange } from './params.ts'
import { jsonResponse, problemResponses } from './responses.ts'

const request = { params: z.object({ exchange: anyExchangeParam }) }
const responses = {
  200: jsonResponse(feedStatusSchema, 'How the feed is now'),
  ...problemResponses(401, 404, 422, 503),
}

const start = createRoute({
  method: 'post',
  path: '/v1/streams/{exchange}/start',
  summary: 'Start the live feed of an exchange',
  description: 'Starting one that runs changes nothing.',
  tags: ['Live'],
  security: adminSecurity,
  middleware: [requireAdmin] as const,
  request,
  responses,
})

const stop = createRoute({
  method: 'post',
  path: '/v1/streams/{exchange}/stop',
  summary: 'Stop the live feed of an exchange',
  description: 'It closes its sockets, and stays stopped until it is started; its clients are told.',
  tags: ['Live'],
  security: adminSecurity,
  middleware: [requireAdmin] as const,
  request,
  responses,
})

export const streamsRouter = createRouter()

streamsRouter.openapi(start, async (c) => {
  const exchange = await liveExchange(c, c.req.valid('param').exchange)
  const status = await reachFeed(exchange, () => c.var.deps.feed(exchange).start(exchange))
  return c.json(feedStatusSchema.parse(status), 200)
})

streamsRouter.openapi(stop, async (c) => {
  const exchange = await liveExchange(c, c.req.valid('param').exchange)
  const status = await reachFeed(exchange, () => c.var.deps.feed(exchange).stop(exchange))
  return c.json(feedStatusSchema.parse(status), 200)
})
