import { createRoute, z } from '@hono/zod-openapi'
import { chooseBase } from '../domain/derive.ts'
import { AppError } from '../domain/errors.ts'
import { instrumentKinds } from '../domain/instrument.ts'
import { type Interval, intervals } from '../domain/interval.ts'
import { regionHints } from '../exchanges/connector.ts'
import { connectors, type ExchangeName, exchangeNames } from '../exchanges/registry.ts'
import { hostStates, loaderStates } from '../history/status.ts'
import { type AppContext, createRouter } from './context.ts'
import { feedStatusSchema } from './feed-status.ts'
import { reachFeed } from './live.ts'
import { exchangeParam } from './params.ts'
import { jsonResponse, problemResponses } from './responses.ts'

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

const exchangeSchema = z
  .object({
    exchange: z.string(),
    name: z.string(),
    kinds: z.array(z.enum(instrumentKinds)),
    intervals: z.object({
      native: z.array(z.enum(intervals)).openapi({ description: 'Served by the exchange: these can be recorded' }),
      derived: z.array(z.enum(intervals)).openapi({ description: 'Built here from native ones' }),
    }),
    emptySlots: z.enum(['flat', 'absent']).openapi({ description: 'Whether a slot without trades has a candle' }),
    rateLimits: z.array(z.object({ name: z.string(), limit: z.number(), windowMs: z.int() })),
    maxCandles: z.record(z.string(), z.int()).openapi({ description: 'Of one request to the exchange, by kind' }),
    regions: z.array(z.enum(regionHints)).openapi({ description: 'Where its API answers, best first' }),
    region: z.enum(regionHints).openapi({ description: 'Where it is asked from here' }),
    status: statusSchema.nullable().openapi({ description: 'null where its loader does not answer' }),
  })
  .openapi('Exchange')

const list = createRoute({
  method: 'get',
  path: '/v1/exchanges',
  summary: 'Exchanges: what they can do, and how they are',
  tags: ['Exchanges'],
  responses: {
    200: jsonResponse(z.object({ data: z.array(exchangeSchema) }), 'All of them'),
    ...problemResponses(503),
  },
})

const status = createRoute({
  method: 'get',
  path: '/v1/exchanges/{exchange}/status',
  summary: 'How an exchange is: blocked, banned or well, since when, and when it is asked again',
  tags: ['Exchanges'],
  request: { params: z.object({ exchange: exchangeParam }) },
  responses: { 200: jsonResponse(statusSchema, 'Its state'), ...problemResponses(404, 503) },
})

export const exchangesRouter = createRouter()

exchangesRouter.openapi(list, async (c) => {
  const statuses = await Promise.allSettled(exchangeNames.map((exchange) => readStatus(c, exchange)))
  const data = exchangeNames.map((exchange, index) => {
    const settled = statuses[index]
    return describeExchange(c, exchange, settled?.status === 'fulfilled' ? settled.value : null)
  })
  return c.json({ data }, 200)
})

exchangesRouter.openapi(status, async (c) => {
  const { exchange } = c.req.valid('param')
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

function describeExchange(
  c: AppContext,
  exchange: ExchangeName,
  status: Status | null,
): z.infer<typeof exchangeSchema> {
  const { name, regions, rest } = connectors[exchange]
  const native = intervals.filter((interval) => interval in rest.intervals)
  const isDerived = (interval: Interval) => !native.includes(interval) && chooseBase(native, interval) !== undefined
  return {
    exchange,
    name,
    kinds: instrumentKinds.filter((kind) => kind in rest.baseUrl),
    intervals: { native, derived: intervals.filter(isDerived) },
    emptySlots: rest.emptySlots,
    rateLimits: rest.rateLimits.map(({ name, limit, windowMs }) => ({ name, limit, windowMs })),
    maxCandles: { ...rest.maxCandles },
    regions: [...regions],
    region: c.var.deps.config.regions[exchange] ?? regions[0] ?? 'weur',
    status,
  }
}
