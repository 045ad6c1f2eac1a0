import { createRoute, z } from '@hono/zod-openapi'
import { lifeOf } from '../domain/coverage.ts'
import { AppError } from '../domain/errors.ts'
import { ceilToInterval, countSlots, intervals } from '../domain/interval.ts'
import { intersectWindows } from '../domain/window.ts'
import { connectors } from '../exchanges/registry.ts'
import { closedTo } from '../history/plan.ts'
import type { CatalogEntry, SeriesKey } from '../store/catalog.ts'
import { proveCoverage, readCoverage } from '../store/coverage.ts'
import { createRouter } from './context.ts'
import { cursorParam, nextPage } from './lists.ts'
import { booleanParam, checkWindow, exchangeParam, findInstrument, intervalParam, limitParam, symbolParam, timeParam } from './params.ts'
import { jsonResponse, problemResponses } from './responses.ts'

const time = z.int()
const range = z.tuple([time, time])

const coverageQuery = z
  .strictObject({
    exchange: exchangeParam,
    symbol: symbolParam,
    interval: intervalParam,
    start: timeParam.optional().openapi({ description: 'Without it: the first candle' }),
    end: timeParam.optional().openapi({ description: 'Without it: now' }),
    recount: booleanParam.default(false).openapi({ description: 'Adds the proof: the whole series counted anew' }),
    limit: limitParam(1_000, 5_000),
    cursor: cursorParam.optional(),
  })
  .superRefine(checkWindow)

const coverageSchema = z
  .object({
    exchange: z.string(),
    symbol: z.string(),
    exchangeSymbol: z.string(),
    interval: z.enum(intervals),
    start: time,
    end: time,
    complete: z.boolean(),
    firstCandleTime: time.nullable().openapi({ description: 'null until it is found' }),
    verifiedTo: time.nullable().openapi({ description: 'Candles before were read again after they had settled' }),
    revision: z.int(),
    slots: z
      .object({ expected: z.int(), present: z.int(), empty: z.int(), missing: z.int(), outside: z.int() })
      .openapi({ description: '`expected` is the sum of present, empty and missing' }),
    ranges: z.array(range).openapi({ description: 'Present or empty, as maximal [from, to]' }),
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
  request: { query: coverageQuery },
  responses: { 200: jsonResponse(coverageSchema, 'Coverage of one series'), ...problemResponses(400, 404, 503) },
})

export const coverageRouter = createRouter()

coverageRouter.openapi(route, async (c) => {
  const query = c.req.valid('query')
  const { exchange, interval, limit, cursor } = query
  const entry = await findInstrument(c, exchange, query.symbol)
  const series = storedSeries(entry, interval)
  const db = c.var.sessions.forExchange(exchange)
  const end = closedTo(c.var.deps.clock.now(), interval, connectors[exchange].rest.settleMs)
  const { instrument } = entry
  const probe = await readCoverage(db, { seriesId: series.id, window: { start: 0, end }, limit: 1 })
  if (probe === undefined) throw notStored(entry)
  const { marks } = probe
  const asked = {
    start: ceilToInterval(query.start ?? marks.firstCandleTime ?? probe.coveredFrom ?? end, interval),
    end: query.end === undefined ? end : ceilToInterval(query.end, interval),
  }
  const expected = intersectWindows(asked, { ...lifeOf(marks.firstCandleTime, instrument.validTo, interval) })
  const closed = { start: expected.start, end: Math.min(expected.end, end) }
  const coverage = (await readCoverage(db, { seriesId: series.id, window: closed, limit: limit + 1 })) ?? probe
  return c.json({}, 200)
})

