import { createRoute, z } from '@hono/zod-openapi'
import { AppError } from '../../domain/errors.ts'
import { fundingMissingReasons } from '../../domain/funding-history.ts'
import type { StoredInstrument } from '../../domain/series.ts'
import { readFunding } from '../../store/funding-pages.ts'
import { createRouter } from '../context.ts'
import { bookmarkParameter, candleHeaders, tradeHeaders } from '../headers.ts'
import { ageSchema } from '../live.ts'
import { anyExchangeParam, findInstrument, symbolParam } from '../params.ts'
import { problemResponses } from '../responses.ts'
import { nextOf } from '../rows.ts'
import { answerFunding, planFundingPage } from './answer.ts'
import { noCurrent, readCurrent } from './current.ts'
import { fundingQuery } from './query.ts'
import { renderFundingRates } from './render.ts'

const time = z.int().openapi({ example: 1_704_067_200_000, description: 'Milliseconds UTC' })
const price = z.string().nullable()

const rateSchema = z
  .object({
    fundingTime: time.openapi({ description: 'Of the settlement' }),
    rate: z.string().openapi({ example: '0.0001', description: 'A fraction: 0.0001 is one basis point' }),
    markPrice: price.openapi({ description: 'At the settlement; null where the exchange does not send it' }),
    indexPrice: price,
    revision: z.int().openapi({ description: 'How often it has changed since it was stored' }),
  })
  .openapi('FundingRate')

const currentSchema = z
  .object({
    rate: price.openapi({ description: 'Announced for the next settlement; it may still move' }),
    nextFundingTime: time.nullable(),
    markPrice: price,
    indexPrice: price,
    ...ageSchema,
  })
  .openapi('CurrentFunding')

const fundingRatesSchema = z
  .object({
    exchange: z.string(),
    symbol: z.string(),
    exchangeSymbol: z.string(),
    kind: z.literal('perpetual'),
    start: time.openapi({ description: 'The window that this page speaks for, inclusive' }),
    end: time.openapi({ description: 'Exclusive' }),
    coverage: z.object({
      complete: z.boolean(),
      settledTo: time.openapi({
        description: 'Up to where settlements can have been read: later ones are not missing yet',
      }),
      missing: z.array(z.tuple([time, time, z.enum(fundingMissingReasons)])).openapi({
        description:
          '[from, to, reason]: where rates are missing, or may be. `absent`: the exchange was asked and lacks some; ' +
          '`out_of_reach`: older than what it gives out; `not_loaded`, `load_failing`: not asked for yet, or in vain; ' +
          '`not_recorded`: no series of the instrument is recorded since then',
      }),
    }),
    current: currentSchema
      .nullable()
      .openapi({ description: 'As the feed hears it; only if the page reaches the present' }),
    currentReason: z.string().nullable().openapi({
      description: '`window_ends_before_now`, `no_live_data`, or the code with which the feed refuses',
    }),
    nextCursor: z.string().nullable(),
    nextUrl: z.string().nullable(),
    data: z.array(rateSchema),
  })
  .openapi('FundingRates')

const route = createRoute({
  method: 'get',
  path: '/v1/funding-rates/{exchange}/{symbol}',
  summary: 'Funding rates of a perpetual, settled and announced',
  description:
    'Settled rates, recorded for every perpetual with a recorded series since the first of them is. `coverage` is by ' +
    'time: where nothing is missing, `data` holds every settlement, however far apart they are. Whatever becomes of the ' +
    'live feed, the history is answered. `csv` and `ndjson` say what is missing in headers, and nothing of the present.',
  tags: ['Funding'],
  parameters: [bookmarkParameter],
  request: { params: z.object({ exchange: anyExchangeParam, symbol: symbolParam }), query: fundingQuery },
  responses: {
    200: {
      description: 'One page',
      headers: { ...tradeHeaders, 'X-Coverage-Missing': candleHeaders['X-Coverage-Missing'] },
      content: {
        'application/json': { schema: fundingRatesSchema },
        'text/csv': { schema: z.string() },
        'application/x-ndjson': { schema: z.string() },
      },
    },
    ...problemResponses(400, 404, 422, 503),
  },
})

export const fundingRatesRouter = createRouter()

fundingRatesRouter.openapi(route, async (c) => {
  const { exchange, symbol } = c.req.valid('param')
  const query = c.req.valid('query')
  const { instrument } = await findInstrument(c, exchange, symbol)
  requirePerpetual(instrument)
  const now = c.var.deps.clock.now()
  const scan = planFundingPage(query, now)
  const { window, direction, limit } = scan
  const page = { instrumentId: instrument.id, window, direction, limit: limit + 1 }
  const stored = await readFunding(c.var.sessions.forExchange(exchange), page)
  const answer = answerFunding(scan, stored, instrument, now)
  const isPresent = answer.window.start <= now && now <= answer.window.end && query.format === 'json'
  const current = isPresent ? await readCurrent(c, instrument) : noCurrent('window_ends_before_now')
  const isDescending = query.order === 'desc'
  const cursor = answer.next === null ? null : String(answer.next)
  return renderFundingRates(
    { instrument, answer, isDescending, ...current, ...nextOf(c.req.url, query, cursor) },
    query.format,
  )
})

/** @throws AppError `unprocessable` */
function requirePerpetual({ kind, symbol }: StoredInstrument): void {
  if (kind === 'perpetual') return
  const message = `${symbol} is spot: only perpetuals have funding rates`
  throw new AppError('unprocessable', `symbol: ${message}`, { errors: [{ path: 'symbol', message }] })
}
