import { createRoute, z } from '@hono/zod-openapi'
import type { Window } from '../../domain/interval.ts'
import type { FindingFilter } from '../../store/findings.ts'
import type { Position } from '../../store/pages.ts'
import { type QualityFilter, readQualityCounts, readQualitySeries } from '../../store/quality.ts'
import type { Shard } from '../../store/sessions.ts'
import { type AppContext, createRouter } from '../context.ts'
import { bookmarkParameter } from '../headers.ts'
import { cursorParam, listSchema, nextPage } from '../lists.ts'
import { limitParam } from '../params.ts'
import { jsonResponse, problemResponses } from '../responses.ts'
import { type DayQuality, daysOfSeries, describeDay, type QualityDay } from './days.ts'
import { checkDays, daysOf, resolveSeries, seriesConditions } from './filter.ts'
import { readFindingPage } from './findings.ts'
import { daySchema, findingSchema, toFinding } from './schemas.ts'

/** Read together: each has a few days. */
const SERIES_PER_READ = 100
/** Bounds one request over many series without days: it then ends with a cursor. */
const MAX_READS = 10
/** So many findings stand in the answer itself; there is a list of all. */
const MAX_FINDINGS = 100

const route = createRoute({
  method: 'get',
  path: '/v1/quality',
  summary: 'How good what is stored is, by series and day',
  description:
    'Counts every slot of each UTC day as `/v1/coverage` does, without `start` and `end` of the last seven days, of at ' +
    'most 92. Days in which no slot of a series is expected are left out. `findings` are the newest open ones of the ' +
    'window; `findingsUrl` lists them all.',
  tags: ['Quality'],
  parameters: [bookmarkParameter],
  request: {
    query: z
      .strictObject({ ...seriesConditions, limit: limitParam(100, 1_000), cursor: cursorParam.optional() })
      .superRefine(checkDays),
  },
  responses: {
    200: jsonResponse(
      listSchema(daySchema).extend({ findings: z.array(findingSchema), findingsUrl: z.string() }),
      'One page, by series and day',
    ),
    ...problemResponses(400, 404, 503),
  },
})

export const qualityRouter = createRouter()

qualityRouter.openapi(route, async (c) => {
  const query = c.req.valid('query')
  const filter = await resolveSeries(c, query)
  const window = daysOf(query, c.var.deps.clock.now())
  const page = await readDayPage(c, filter, window, query.cursor, query.limit)
  const open: FindingFilter = { ...filter, kind: null, severity: null, state: 'open', window }
  const findings = await readFindingPage(c, open, undefined, MAX_FINDINGS)
  const body = { findings: findings.items.map(toFinding), findingsUrl: findingsUrl(c, window) }
  return c.json({ data: page.days, ...nextPage(c.req.url, page.next), ...body }, 200)
})

interface DayPage {
  readonly days: DayQuality[]
  readonly next: Position | null
}

/** Goes through the series of each database until there are enough days. A cursor names the next series and day. */
async function readDayPage(
  c: AppContext,
  filter: QualityFilter,
  window: Window,
  cursor: Position | undefined,
  limit: number,
): Promise<DayPage> {
  const now = c.var.deps.clock.now()
  const days: DayQuality[] = []
  let reads = 0
  for (const shard of c.var.sessions.shards(filter.exchanges)) {
    if (cursor !== undefined && shard.index < cursor.shard) continue
    let [seriesId, day] = shard.index === cursor?.shard ? placeOf(cursor) : [0, 0]
    while (seriesId !== null) {
      const scoped = { ...filter, exchanges: shard.exchanges }
      const series = await readQualitySeries(shard.reader, scoped, seriesId, SERIES_PER_READ)
      const from = { seriesId, day }
      const found = series.flatMap((one) => daysOfSeries(one, window, one.id === from.seriesId ? from.day : 0, now))
      const room = found.slice(0, limit - days.length)
      days.push(...(await describeDays(shard, room)))
      const left = found[room.length]
      if (left !== undefined) return { days, next: { shard: shard.index, key: [left.seriesId, left.day] } }
      const last = series.length < SERIES_PER_READ ? undefined : series.at(-1)
      seriesId = last === undefined ? null : last.id + 1
      day = 0
      reads += 1
      if (reads === MAX_READS && seriesId !== null) return { days, next: { shard: shard.index, key: [seriesId, 0] } }
    }
  }
  return { days, next: null }
}

async function describeDays({ reader }: Shard, days: readonly QualityDay[]): Promise<DayQuality[]> {
  const counts = await readQualityCounts(reader, days)
  return days.flatMap((day, index) => {
    const count = counts[index]
    return count === undefined ? [] : [describeDay(day, count)]
  })
}

function placeOf({ key: [seriesId, day] }: Position): [number | null, number] {
  return [typeof seriesId === 'number' ? seriesId : 0, typeof day === 'number' ? day : 0]
}

/** The list of the open findings of the same series and window. */
function findingsUrl(c: AppContext, { start, end }: Window): string {
  const url = new URL(c.req.url)
  url.pathname += '/findings'
  for (const name of ['limit', 'cursor']) url.searchParams.delete(name)
  for (const [name, value] of Object.entries({ state: 'open', start, end })) url.searchParams.set(name, String(value))
  return url.href
}
