import { createRoute, z } from '@hono/zod-openapi'
import type { Refusal } from '../domain/answer.ts'
import { AppError, errorCodes, type FieldError } from '../domain/errors.ts'
import { readTopicParam } from '../domain/stream-command.ts'
import { ALL_EXCHANGES } from '../domain/topic.ts'
import { exchangeNames, isExchangeName } from '../exchanges/registry.ts'
import { ROLE_HEADER } from '../live/relay-role.ts'
import { type AppContext, createRouter } from './context.ts'
import { reachFeed, refusalError } from './live.ts'
import { anyExchangeParam, hasNoLiveData, liveExchange } from './params.ts'
import { regionOfContinent, relayIndex } from './relays.ts'
import { problemResponses } from './responses.ts'

const query = z.strictObject({
  topic: z
    .union([z.string(), z.array(z.string())])
    .optional()
    .openapi({
      type: 'array',
      items: { type: 'string' },
      description:
        'What to begin with, repeated (a topic counts once, however often it is named); SSE needs at least one: `trades:okx:BTC-USDT`, `candles:okx:BTC-USDT:1m`, `book:okx:BTC-USDT:20`, `status:okx`; ' +
        'on `/v1/stream` also `bbo:*:BTC-USDT:usd-like` and `arbitrage:*:BTC-USDT:0.1:okx=0.0005,binance=0.00075` (the least ' +
        'net spread and taker fees of your own, which may be left out)',
      example: ['trades:okx:BTC-USDT'],
    }),
})

const responses = {
  101: { description: 'A WebSocket; its messages are described by `/asyncapi.json`' },
  200: {
    description: 'With `Accept: text/event-stream`: the same frames as server-sent events',
    content: { 'text/event-stream': { schema: z.string() } },
  },
  ...problemResponses(400, 404, 422, 426, 503),
} as const

const ofExchange = createRoute({
  method: 'get',
  path: '/v1/stream/{exchange}',
  summary: 'Live data of one exchange',
  description:
    'A WebSocket, or server-sent events, from the feed itself. One that has its clients answers 503 `feed_full`, and points to `/v1/stream`.',
  tags: ['Live'],
  request: { params: z.object({ exchange: anyExchangeParam }), query },
  responses,
})

const ofAll = createRoute({
  method: 'get',
  path: '/v1/stream',
  summary: 'Live data of every exchange, and across them',
  description:
    'A WebSocket, or server-sent events, from a relay near the client. One that has its clients answers 503 `relay_full`.',
  tags: ['Live'],
  request: { query },
  responses,
})

export const streamRouter = createRouter()

streamRouter.openapi(ofExchange, async (c) => {
  const exchange = await liveExchange(c, c.req.valid('param').exchange)
  const request = streamRequest(c)
  return open(c, exchange, () => c.var.deps.feed(exchange).fetch(request))
})

streamRouter.openapi(ofAll, async (c) => {
  const request = streamRequest(c)
  await checkLive(c, c.req.queries('topic') ?? [])
  const { config, relay } = c.var.deps
  const client = `${c.req.header('CF-Connecting-IP') ?? ''} ${c.req.header('Sec-WebSocket-Key') ?? ''}`
  const region = regionOfContinent(continentOf(c.req.raw))
  const stub = relay(region, relayIndex(client, config.relays))
  return open(c, 'all exchanges', () => stub.fetch(request))
})

/** A HEAD is answered without the stream that nobody would read, and so never end. */
async function open(c: AppContext, name: string, fetch: () => Promise<Response>): Promise<Response> {
  if (c.req.method === 'HEAD') return new Response(null, { headers: { 'Content-Type': 'text/event-stream' } })
  return answerOf(await reachFeed(name, fetch))
}

/**
 * Refuses topics of exchanges that users have registered, of which the relays know nothing.
 * @throws AppError `unprocessable`
 */
async function checkLive(c: AppContext, topics: readonly string[]): Promise<void> {
  const named = topics.map((text) => readTopicParam(text, exchangeNames).exchange ?? ALL_EXCHANGES)
  const unknown = named.filter((exchange) => exchange !== ALL_EXCHANGES && !isExchangeName(exchange))
  if (unknown.length === 0) return
  const own = await c.var.catalog.ownExchanges()
  const errors = named.flatMap((exchange, index): FieldError[] => {
    const path = topics.length === 1 ? 'topic' : `topic[${index}]`
    return own.includes(exchange) ? [{ path, message: hasNoLiveData(exchange) }] : []
  })
  const [first] = errors
  if (first !== undefined) throw new AppError('unprocessable', `${first.path}: ${first.message}`, { errors })
}

/** https://developers.cloudflare.com/workers/runtime-apis/request/#incomingrequestcfproperties */
function continentOf({ cf }: Request): string | undefined {
  const continent: unknown = cf?.['continent']
  return typeof continent === 'string' ? continent : undefined
}

/**
 * The request as the objects get it.
 *
 * @throws AppError `upgrade_required` for one that asks for neither form of stream
 */
function streamRequest(c: AppContext): Request {
  const isUpgrade = c.req.header('Upgrade')?.toLowerCase() === 'websocket'
  if (!isUpgrade && !c.req.header('Accept')?.includes('text/event-stream')) {
    throw new AppError('upgrade_required', 'open a WebSocket here, or ask with Accept: text/event-stream')
  }
  const headers = new Headers(c.req.raw.headers)
  headers.delete(ROLE_HEADER)
  return new Request(c.req.raw, { headers })
}

const refusal = z.object({
  code: z.string(),
  detail: z.string(),
  retryAfterMs: z.number().optional(),
  errors: z.array(z.object({ path: z.string(), message: z.string() })).optional(),
})
const UNAVAILABLE: Refusal = { ok: false, code: 'feed_unavailable', detail: 'the stream cannot be opened' }

/** @throws AppError what the object refuses with: a {@link Refusal} as JSON. Some codes are of the stream alone. */
async function answerOf(response: Response): Promise<Response> {
  if (response.status < 400) return response
  const parsed = refusal.safeParse(await response.json().catch(() => undefined))
  if (!parsed.success) throw refusalError(UNAVAILABLE)
  const own = errorCodes.find((known) => known === parsed.data.code)
  const code = own ?? (response.status < 500 ? 'invalid_request' : 'feed_unavailable')
  throw refusalError({ ok: false, ...parsed.data, code })
}
