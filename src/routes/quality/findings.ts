import { createRoute, z } from '@hono/zod-openapi'
import { findingKinds, findingStates, severities } from '../../domain/quality/finding.ts'
import { type FindingFilter, type FindingPlace, type FindingRow, readFindings } from '../../store/findings.ts'
import { type Page, type Position, readPage } from '../../store/pages.ts'
import { type AppContext, createRouter } from '../context.ts'
import { bookmarkParameter } from '../headers.ts'
import { cursorParam, listSchema, nextPage } from '../lists.ts'
import { checkWindow, limitParam } from '../params.ts'
import { jsonResponse, problemResponses } from '../responses.ts'
import { resolveSeries, seriesConditions } from './filter.ts'
import { findingSchema, toFinding, wordSchema } from './schemas.ts'

/** Before the first of a list whose newest come first. */
const NEWEST: FindingPlace = { start: Number.MAX_SAFE_INTEGER, id: Number.MAX_SAFE_INTEGER }

const route = createRoute({
  method: 'get',
  path: '/v1/quality/findings',
  summary: 'What the checks have found',
  description:
    'The newest candles first. Checks run by themselves on what is recorded and on what users send, as it is stored, once ' +
    'more after it was verified, and again wherever candles are revised or filled in later, or those of another exchange ' +
    'come that they are held against. A finding that is not there any more is `resolved`. `price_jump`, `volume_outlier`, ' +
    '`flat_run` and `cross_exchange` apply to every source, `live_rest` to `exchange` alone. `live_rest` lasts: it tells ' +
    'the version that was stored first, which stays on record (`evidence.value`), from the present one ' +
    '(`evidence.reference`), and is resolved only where the exchange goes back to the first. `start` and `end` pick ' +
    'findings about candles in that window.',
  tags: ['Quality'],
  parameters: [bookmarkParameter],
  request: {
    query: z
      .strictObject({
        ...seriesConditions,
        kind: wordSchema(findingKinds).optional(),
        severity: wordSchema(severities).optional(),
        state: wordSchema(findingStates).optional(),
        limit: limitParam(100, 1_000),
        cursor: cursorParam.optional(),
      })
      .superRefine(checkWindow),
  },
  responses: { 200: jsonResponse(listSchema(findingSchema), 'One page'), ...problemResponses(400, 404, 503) },
})

export const findingsRouter = createRouter()

findingsRouter.openapi(route, async (c) => {
  const query = c.req.valid('query')
  const filter: FindingFilter = {
    ...(await resolveSeries(c, query)),
    kind: query.kind ?? null,
    severity: query.severity ?? null,
    state: query.state ?? null,
    window: { start: query.start ?? 0, end: query.end ?? Number.MAX_SAFE_INTEGER },
  }
  const page = await readFindingPage(c, filter, query.cursor, query.limit)
  return c.json({ data: page.items.map(toFinding), ...nextPage(c.req.url, page.next) }, 200)
})

/** One page over all databases, each with its newest first. */
export function readFindingPage(
  c: AppContext,
  filter: FindingFilter,
  after: Position | undefined,
  limit: number,
): Promise<Page<FindingRow>> {
  return readPage(
    c.var.sessions.shards(filter.exchanges),
    limit,
    after,
    ({ reader, exchanges }, key, most) => readFindings(reader, { ...filter, exchanges }, placeOf(key), most),
    ({ start, id }) => [start, id],
  )
}

function placeOf([start, id]: Position['key'] = []): FindingPlace {
  return typeof start === 'number' && typeof id === 'number' ? { start, id } : NEWEST
}
