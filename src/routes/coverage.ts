import { createRoute, z } from '@hono/zod-openapi'
import { lifeOf } from '../domain/coverage.ts'
import { AppError } from '../domain/errors.ts'
import { ceilToInterval, countSlots, type Interval, intervals, type Window } from '../domain/interval.ts'
import { intersectWindows } from '../domain/window.ts'
import { settleMsOf } from '../exchanges/registry.ts'
import { closedTo } from '../history/plan.ts'
import type { CatalogEntry, SeriesKey } from '../store/catalog.ts'
import { readCoverage } from '../store/coverage.ts'
import { proveCoverage } from '../store/coverage-proof.ts'
import { type AppContext, createRouter } from './context.ts'
import { bookmarkParameter } from './headers.ts'
import { cursorParam, nextPage } from './lists.ts'
import {
  anyExchangeParam,
  booleanParam,
  checkWindow,
  findInstrument,
  intervalParam,
  limitParam,
  sourceParam,
  symbolParam,
  timeParam,
} from './params.ts'
import { jsonResponse, problemResponses } from './responses.ts'

/** One answer lists no more ranges than this. */
const MAX_RANGES = 5_000

const time = z.int()
const range = z.tuple([time, time])

const coverageQuery = z
  .strictObject({
    exchange: anyExchangeParam,
    symbol: symbolParam,
    interval: intervalParam,
    source: sourceParam.default('exchange').openapi({ description: 'The name that own data was sent under' }),
    start: timeParam.optional().openapi({ description: 'Without it: the first candle' }),
    end: timeParam.optional().openapi({ description: 'Without it: now; of what users send, the last candle' }),
    recount: booleanParam.default(false).openapi({ description: 'Adds the proof: the whole series counted anew' }),
    limit: limitParam(1_000, MAX_RANGES),
    cursor: cursorParam.optional(),
  })
  .superRefine(checkWindow)

const coverageSchema = z
  .object({
    exchange: z.string(),
    symbol: z.string(),
    exchangeSymbol: z.string(),
    interval: z.enum(intervals),
    source: z.string(),
    start: time,
    end: time,
    complete: z.boolean(),
    firstCandleTime: time.nullable().openapi({ description: 'null until it is found' }),
    verifiedTo: time.nullable().openapi({ description: 'Candles before were read again after they had settled' }),
    revision: z.int(),
    slots: z
      .object({ expected: z.int(), present: z.int(), empty: z.int(), missing: z.int(), outside: z.int() })
      .openapi({
        description:
          '`expected` is the sum of present, empty and missing; what lies outside of the instrument’s life is in none of them',
      }),
    ranges: z
      .array(range)
      .openapi({ description: 'Present or empty while the instrument lives, as maximal [from, to]' }),
    proof: z
      .object({ equal: z.boolean(), ranges: z.int(), recounted: z.array(range) })
      .optional()
      .openapi({ description: 'The ranges of the whole series, recounted from every candle and empty slot' }),
    nextCursor: z.string().nullable(),
    nextUrl: z.string().nullable(),
  })
  .openapi('Coverage')

const route = createRoute({
  method: 'get',
  path: '/v1/coverage',
  summary: 'How far a series is proven complete',
  tags: ['Coverage'],
  parameters: [bookmarkParameter],
  request: { query: coverageQuery },
  responses: { 200: jsonResponse(coverageSchema, 'Coverage of one series'), ...problemResponses(400, 404, 503) },
})

export const coverageRouter = createRouter()

coverageRouter.openapi(route, async (c) => {
  const query = c.req.valid('query')
  const entry = await findInstrument(c, query.exchange, query.symbol)
  const series = storedSeries(entry, query.interval, query.source)
  const { body, version } = await describe(c, entry, series, query)
  if (!query.recount) return c.json(body, 200)
  const store = c.var.deps.stores.storeFor(query.exchange)
  const { equal, recounted } = await proveCoverage(store, series.id, series.interval, version)
  const listed = recounted.slice(0, MAX_RANGES).map(toPair)
  return c.json({ ...body, proof: { equal, ranges: recounted.length, recounted: listed } }, 200)
})

/** The answer without its proof, and the write that it takes in. */
async function describe(
  c: AppContext,
  { instrument }: CatalogEntry,
  series: SeriesKey,
  query: z.infer<typeof coverageQuery>,
): Promise<{ readonly body: z.infer<typeof coverageSchema>; readonly version: number }> {
  const { exchange, interval, limit, cursor } = query
  const closed = closedTo(c.var.deps.clock.now(), interval, settleMsOf(exchange))
  const end = query.end === undefined ? closed : Math.min(ceilToInterval(query.end, interval), closed)
  const window = { start: Math.min(ceilToInterval(query.start ?? 0, interval), end), end }
  const [from] = cursor?.key ?? []
  const coverage = await readCoverage(c.var.sessions.forExchange(exchange), {
    seriesId: series.id,
    window: { start: window.start, end: Math.min(end, lifeOf(null, instrument.validTo, interval).end) },
    listFrom: typeof from === 'number' ? from : 0,
    limit: limit + 1,
  })
  if (coverage === undefined) throw new AppError('not_found', 'there is no such series any more')
  const { marks, coveredSlots, emptySlots } = coverage
  const start = query.start === undefined ? (marks.firstCandleTime ?? coverage.coveredFrom ?? end) : window.start
  // Nobody has said that what users send goes on.
  const isSent = series.source !== 'exchange'
  const until = isSent && query.end === undefined ? (coverage.coveredTo ?? end) : end
  const asked = { start: Math.min(start, until), end: until }
  const expected = countSlots(
    intersectWindows(asked, lifeOf(marks.firstCandleTime, instrument.validTo, interval)),
    interval,
  )
  const missing = expected - coveredSlots
  const last = coverage.covered.length > limit ? coverage.covered[limit - 1] : undefined
  const body = {
    exchange,
    symbol: instrument.symbol,
    exchangeSymbol: instrument.exchangeSymbol,
    interval,
    source: series.source,
    ...asked,
    complete: missing === 0,
    firstCandleTime: marks.firstCandleTime,
    verifiedTo: marks.verifiedTo,
    revision: marks.revision,
    slots: {
      expected,
      present: coveredSlots - emptySlots,
      empty: emptySlots,
      missing,
      outside: countSlots(asked, interval) - expected,
    },
    ranges: coverage.covered.slice(0, limit).map(toPair),
    ...nextPage(c.req.url, last === undefined ? null : { shard: 0, key: [last.end] }),
  }
  return { body, version: marks.version }
}

/** @throws AppError `not_found`: derived intervals have no coverage of their own */
function storedSeries({ series }: CatalogEntry, interval: Interval, source: string): SeriesKey {
  const ofSource = series.filter((key) => key.source === source)
  const found = ofSource.find((key) => key.interval === interval)
  if (found !== undefined) return found
  const stored = ofSource.map((key) => key.interval).join(', ')
  const message = `is not stored for this symbol; ${stored === '' ? 'nothing is' : `stored are ${stored}`}`
  throw new AppError('not_found', `interval ${message}`, { errors: [{ path: 'interval', message }] })
}

function toPair({ start, end }: Window): [number, number] {
  return [start, end]
}
