import { createRoute, z } from '@hono/zod-openapi'
import { AppError } from '../../domain/errors.ts'
import { instrumentKinds } from '../../domain/instrument.ts'
import { regionHints } from '../../exchanges/connector.ts'
import { connectors, type ExchangeName, exchangeNames } from '../../exchanges/registry.ts'
import { hostStates, loaderStates } from '../../history/status.ts'
import { readRegisteredExchanges } from '../../store/directory.ts'
import { type AppContext, createRouter } from '../context.ts'
import { feedStatusSchema } from '../feed-status.ts'
import { reachFeed } from '../live.ts'
import { anyExchangeParam, liveExchange } from '../params.ts'
import { jsonResponse, problemResponses } from '../responses.ts'
import { offerOf, offerSchema } from './offer.ts'

const time = z.int()

const statusSchema = z
  .object({
    exchange: z.string(),
    state: z.enum(loaderStates),
    hosts: z.array(
      z.object({
        kind: z.enum(instrumentKinds),
        host: z.string(),
        state: z.enum(hostStates),
        since: time.nullable(),
        until: time.nullable().openapi({ description: 'Nothing is sent before' }),
        reason: z.string().nullable(),
        requests: z.int(),
        failures: z.int(),
        budget: z.array(z.object({ name: z.string(), limit: z.number(), used: z.number(), windowMs: z.int() })),
      }),
    ),
    lastRunAt: time.nullable(),
    nextRunAt: time.nullable(),
    lastError: z.string().nullable(),
    instrumentsRefreshedAt: time.nullable(),
    instruments: z.int(),
    rejectedInstruments: z.int(),
    stream: feedStatusSchema.nullable().openapi({ description: 'null where its feed does not answer' }),
  })
  .openapi('ExchangeStatus')

type Status = z.infer<typeof statusSchema>

const exchangeSchema = offerSchema
  .extend({
    region: z.enum(regionHints).openapi({ description: 'Where it is asked from here' }),
    status: statusSchema.nullable().openapi({ description: 'null where its loader does not answer' }),
  })
  .openapi('Exchange')

const registeredSchema = z
  .object({ exchange: z.string(), name: z.string(), registeredAt: time })
  .openapi('RegisteredExchange', {
    description: "A user's own (`POST /v1/instruments`): it has the data that was sent, and none that is live",
  })

const list = createRoute({
  method: 'get',
  path: '/v1/exchanges',
  summary: 'Exchanges: what they can do, and how they are',
  tags: ['Exchanges'],
  responses: {
    200: jsonResponse(
      z.object({ data: z.array(exchangeSchema), registered: z.array(registeredSchema) }),
      'All of them',
    ),
    ...problemResponses(503),
  },
})

const status = createRoute({
  method: 'get',
  path: '/v1/exchanges/{exchange}/status',
  summary: 'How an exchange is: blocked, banned or well, since when, and when it is asked again',
  tags: ['Exchanges'],
  request: { params: z.object({ exchange: anyExchangeParam }) },
  responses: { 200: jsonResponse(statusSchema, 'Its state'), ...problemResponses(404, 422, 503) },
})

export const exchangesRouter = createRouter()

exchangesRouter.openapi(list, async (c) => {
  const statuses = await Promise.allSettled(exchangeNames.map((exchange) => readStatus(c, exchange)))
  const data = exchangeNames.map((exchange, index) => {
    const settled = statuses[index]
    const { regions } = connectors[exchange]
    const region = c.var.deps.config.regions[exchange] ?? regions[0]
    return { ...offerOf(exchange), region, status: settled?.status === 'fulfilled' ? settled.value : null }
  })
  const registered = await readRegisteredExchanges(c.var.sessions.main)
  return c.json({ data, registered }, 200)
})

exchangesRouter.openapi(status, async (c) => {
  const exchange = await liveExchange(c, c.req.valid('param').exchange)
  return c.json(await readStatus(c, exchange), 200)
})

/** @throws AppError `storage_unavailable` where the loader does not answer */
async function readStatus(c: AppContext, exchange: ExchangeName): Promise<Status> {
  const { feed, loader } = c.var.deps
  const live = reachFeed(exchange, () => feed(exchange).status(exchange)).catch(() => null)
  try {
    return statusSchema.parse({ ...(await loader(exchange).status(exchange)), stream: await live })
  } catch (cause) {
    throw new AppError('storage_unavailable', `the loader of ${exchange} does not answer`, { cause })
  }
}
