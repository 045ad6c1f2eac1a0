import { createRoute, z } from '@hono/zod-openapi'
import { instrumentKinds } from '../../domain/instrument.ts'
import type { StoredInstrument } from '../../domain/series.ts'
import type { LiveTrades } from '../../domain/trade-chunk.ts'
import { isExchangeName } from '../../exchanges/registry.ts'
import { readIngestedTrades } from '../../store/ingested-trades.ts'
import { readTrades } from '../../store/trades.ts'
import { type AppContext, createRouter } from '../context.ts'
import { bookmarkParameter, tradeHeaders } from '../headers.ts'
import { anyExchangeParam, findInstrument, symbolParam } from '../params.ts'
import { problemResponses } from '../responses.ts'
import { nextOf } from '../rows.ts'
import { answerIngested, joinTrades, planTrades, type TradeScan, type TradesAnswer } from './answer.ts'
import { type TradesQuery, tradesQuery } from './query.ts'
import { renderTrades } from './render.ts'

/** A feed stores what it hears within a minute or so; the rest is for a database that did not answer for a while. */
const LIVE_REACH_MS = 60 * 60_000

const time = z.int().openapi({ example: 1_704_067_200_000, description: 'Milliseconds UTC' })

const tradeSchema = z
  .object({
    id: z.string(),
    price: z.string(),
    size: z.string().openapi({ description: 'In base units' }),
    side: z.enum(['buy', 'sell']).nullable().openapi({ description: "The taker's" }),
    exchangeTime: time,
    receivedTime: time,
    seq: z.int().openapi({
      description:
        'Its number in the live stream, which begins anew when the feed restarts; of trades that users have sent: its ' +
        'number among those of its batch and minute',
    }),
  })
  .openapi('Trade')

const tradesSchema = z
  .object({
    exchange: z.string(),
    symbol: z.string(),
    exchangeSymbol: z.string(),
    kind: z.enum(instrumentKinds),
    source: z.string(),
    start: time.openapi({ description: 'The window that this page speaks for, inclusive' }),
    end: time.openapi({ description: 'Exclusive' }),
    availableFrom: time.nullable().openapi({
      description: 'Trades before are deleted; of a source of users: its first trade, `null` where it has none',
    }),
    gaps: z.array(z.tuple([time, time, z.string()])).openapi({
      description:
        '[from, to, reason]: where trades are missing, or may be. `not_recorded`: nobody listened, or, until they are ' +
        'filled in, a socket reconnects; `pruned`: deleted; ' +
        '`feed_unavailable`: heard perhaps, and not stored yet; `unproven`: sent by users, who may have left some out; ' +
        '`more_gaps`: too many to be listed; any other: lost while the feed listened',
    }),
    nextCursor: z.string().nullable(),
    nextUrl: z.string().nullable(),
    data: z.array(tradeSchema),
  })
  .openapi('Trades')

const route = createRoute({
  method: 'get',
  path: '/v1/trades/{exchange}/{symbol}',
  summary: 'Trades',
  description:
    'Trades as the live feed heard them, by exchange time; they are kept for a day or so. An empty answer without gaps ' +
    'means that nothing traded. With `source=` another than `exchange`: trades that users have sent to ' +
    '`/v1/ingest/trades`, which are kept. `csv` and `ndjson` say gaps in the headers `X-Coverage-Complete` and `X-Coverage-Missing`.',
  tags: ['Trades'],
  parameters: [bookmarkParameter],
  request: { params: z.object({ exchange: anyExchangeParam, symbol: symbolParam }), query: tradesQuery },
  responses: {
    200: {
      description: 'One page',
      headers: tradeHeaders,
      content: {
        'application/json': { schema: tradesSchema },
        'text/csv': { schema: z.string() },
        'application/x-ndjson': { schema: z.string() },
      },
    },
    ...problemResponses(400, 404, 503),
  },
})

export const tradesRouter = createRouter()

tradesRouter.openapi(route, async (c) => {
  const { exchange, symbol } = c.req.valid('param')
  const query = c.req.valid('query')
  const { instrument } = await findInstrument(c, exchange, symbol)
  const read = query.source === 'exchange' ? readHeard : readIngested
  const { answer, availableFrom } = await read(c, instrument, query)
  const { source, order, format } = query
  const isDescending = order === 'desc'
  const cursor = answer.next && `${answer.next.exchangeTime}:${answer.next.id}`
  const page = { instrument, source, answer, availableFrom, isDescending, ...nextOf(c.req.url, query, cursor) }
  return renderTrades(page, format)
})

interface TradesRead {
  readonly answer: TradesAnswer
  readonly availableFrom: number | null
}

/** What the feed has heard, and holds still. */
async function readHeard(
  c: AppContext,
  { id, exchange, symbol }: StoredInstrument,
  query: TradesQuery,
): Promise<TradesRead> {
  const { clock, config } = c.var.deps
  const availableFrom = clock.now() - config.tradeRetentionMs
  const scan = planTrades(query, clock.now(), availableFrom)
  // Before the database: what the feed stores in between is then found twice, rather than not at all.
  const { live, now } = await readLive(c, exchange, symbol, scan)
  const stored = await readTrades(readerFor(c, exchange, live), { ...scan, instrumentId: id })
  return { answer: joinTrades(scan, stored, live, availableFrom, now), availableFrom }
}

/** What users have sent. */
async function readIngested(
  c: AppContext,
  { id, exchange }: StoredInstrument,
  query: TradesQuery,
): Promise<TradesRead> {
  const now = c.var.deps.clock.now()
  const scan = planTrades(query, now, 0)
  const page = await readIngestedTrades(c.var.sessions.forExchange(exchange), query.source, {
    ...scan,
    instrumentId: id,
  })
  return { answer: answerIngested(scan, page, query.start, now), availableFrom: page.firstTime }
}

/** `undefined` where there is no feed or the window ends before what it may hold, `null` where the feed does not answer; and when that was. */
export async function readLive(
  c: AppContext,
  exchange: string,
  symbol: string,
  { window }: Pick<TradeScan, 'window'>,
): Promise<{ readonly live: LiveTrades | undefined | null; readonly now: number }> {
  const { clock, feed } = c.var.deps
  const mayHold = isExchangeName(exchange) && window.end >= clock.now() - LIVE_REACH_MS
  if (!mayHold) return { live: undefined, now: clock.now() }
  try {
    const answer = await feed(exchange).readTrades(exchange, symbol)
    if (answer.ok) return { live: answer.value, now: answer.now }
  } catch (error) {
    console.warn('feed did not answer', { exchange, error: String(error) })
  }
  return { live: null, now: clock.now() }
}

/** A replica may lack what the feed has just stored and does not hold any more. */
function readerFor(c: AppContext, exchange: string, live: LiveTrades | undefined | null) {
  return live === undefined ? c.var.sessions.forExchange(exchange) : c.var.deps.stores.storeFor(exchange)
}
