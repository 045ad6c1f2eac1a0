import { createRoute, z } from '@hono/zod-openapi'
import { lifeOf } from '../../domain/coverage.ts'
import { ceilToInterval, intervals, type Window } from '../../domain/interval.ts'
import { intersectWindows, mergeWindows } from '../../domain/window.ts'
import { connectorFor } from '../../exchanges/registry.ts'
import { closedTo } from '../../history/plan.ts'
import { type GapSeries, type QuarantineRow, readGapSeries, readHoles } from '../../store/gaps.ts'
import type { Position } from '../../store/pages.ts'
import type { Shard } from '../../store/sessions.ts'
import { type AppContext, createRouter } from '../context.ts'
import { type InstrumentFilter, resolveFilter } from '../filters.ts'
import { bookmarkParameter } from '../headers.ts'
import { cursorParam, listSchema, nextPage } from '../lists.ts'
import { anyExchangeParam, intervalParam, limitParam, symbolParam } from '../params.ts'
import { jsonResponse, problemResponses } from '../responses.ts'
import { type GapPage, type GapRange, type Place, pageGaps } from './page.ts'

/** Read together: most have no gaps at all. */
const SERIES_PER_READ = 100
/** Bounds one request over many complete series: it then ends with a cursor. */
const MAX_READS = 10
const MAX_ROWS = 5_000

const reasons = ['absent', 'quarantined', 'not_loaded', 'load_failing'] as const
const time = z.int()

const gapSchema = z
  .object({
    exchange: z.string(),
    symbol: z.string(),
    exchangeSymbol: z.string(),
    interval: z.enum(intervals),
    from: time,
    to: time.openapi({ description: 'Exclusive' }),
    slots: z.int(),
    reason: z.enum(reasons),
    firstSeen: time.nullable(),
    attempts: z.int().openapi({ description: 'The most that any of the slots has had' }),
    nextAttemptAt: time.nullable(),
    lastError: z.string().nullable(),
  })
  .openapi('Gap')

const quarantineSchema = z
  .object({
    exchange: z.string(),
    symbol: z.string(),
    interval: z.enum(intervals),
    openTime: time.nullable().openapi({ description: 'null where the record does not even tell its time' }),
    reason: z.string(),
    raw: z.string().openapi({ description: 'The record as it came' }),
    firstSeen: time,
    lastSeen: time,
    timesSeen: z.int(),
  })
  .openapi('QuarantinedRecord')

const route = createRoute({
  method: 'get',
  path: '/v1/gaps',
  summary: 'What is missing, and why',
  description:
    'Slots that should hold a candle and do not: asked for in vain, refused as unsound, or not loaded yet. Consecutive ' +
    'slots with one reason are one range. `include=quarantine` adds the refused records, as they came.',
  tags: ['Coverage'],
  parameters: [bookmarkParameter],
  request: {
    query: z.strictObject({
      exchange: anyExchangeParam.optional(),
      symbol: symbolParam.optional(),
      interval: intervalParam.optional(),
      reason: z.enum(reasons).optional(),
      include: z.enum(['quarantine']).optional(),
      limit: limitParam(100, 1_000),
      cursor: cursorParam.optional(),
    }),
  },
  responses: {
    200: jsonResponse(listSchema(gapSchema).extend({ quarantine: z.array(quarantineSchema).optional() }), 'One page'),
    ...problemResponses(400, 404, 503),
  },
})

export const gapsRouter = createRouter()

gapsRouter.openapi(route, async (c) => {
  const query = c.req.valid('query')
  const filter = { ...(await resolveFilter(c, query)), interval: query.interval ?? null }
  const page = await readGapPage(c, filter, query.cursor, query.limit, query.include !== undefined)
  const ranges = page.ranges.filter(({ reason }) => query.reason === undefined || reason === query.reason)
  const quarantine = query.include === undefined ? {} : { quarantine: page.records }
  return c.json({ data: ranges.map(toGap), ...quarantine, ...nextPage(c.req.url, page.next) }, 200)
})

type SeriesFilter = InstrumentFilter & { readonly interval: GapSeries['interval'] | null }

interface FoundPage {
  readonly ranges: readonly GapRange[]
  readonly records: z.infer<typeof quarantineSchema>[]
  readonly next: Position | null
}

/** Goes through series until something is found, over all databases. */
async function readGapPage(
  c: AppContext,
  filter: SeriesFilter,
  cursor: Position | undefined,
  limit: number,
  withQuarantine: boolean,
): Promise<FoundPage> {
  let reads = 0
  for (const shard of c.var.sessions.shards(filter.exchanges)) {
    if (cursor !== undefined && shard.index < cursor.shard) continue
    let place: Place | null = shard.index === cursor?.shard ? toPlace(cursor) : { seriesId: 0, time: -1 }
    while (place !== null) {
      const { page, series, next }: ShardPage = await readShard(c, shard, filter, place, limit, withQuarantine)
      const position =
        next === null ? afterShard(c, filter, shard) : { shard: shard.index, key: [next.seriesId, next.time] }
      reads += 1
      if (page.ranges.length > 0 || page.quarantine.length > 0 || reads === MAX_READS) {
        return { ranges: page.ranges, records: page.quarantine.map((row) => toRecord(row, series)), next: position }
      }
      place = next
    }
  }
  return { ranges: [], records: [], next: null }
}

interface ShardPage {
  readonly page: GapPage
  readonly series: readonly GapSeries[]
  readonly next: Place | null
}

async function readShard(
  c: AppContext,
  { reader, exchanges }: Shard,
  filter: SeriesFilter,
  place: Place,
  limit: number,
  withQuarantine: boolean,
): Promise<ShardPage> {
  const series = await readGapSeries(reader, { ...filter, exchanges }, place.seriesId, SERIES_PER_READ)
  const now = c.var.deps.clock.now()
  const wanted = series.flatMap((one) =>
    wantedWindows(one, now, place).map((window) => ({ ...window, seriesId: one.id })),
  )
  const ids = series.map(({ id }) => id)
  const holes = await readHoles(reader, wanted, ids, place, MAX_ROWS)
  const page = pageGaps(series, withQuarantine ? holes : { ...holes, quarantine: [] }, MAX_ROWS, limit)
  const last = series.length < SERIES_PER_READ ? undefined : series.at(-1)
  return { page, series, next: page.next ?? (last === undefined ? null : { seriesId: last.id + 1, time: -1 }) }
}

/** What should be there: closed slots that are recorded or that a backfill asks for, while the instrument lives. */
function wantedWindows(series: GapSeries, now: number, place: Place): Window[] {
  const { interval, recordedFrom } = series
  const end = closedTo(now, interval, connectorFor(series.exchange)?.rest.settleMs ?? 0)
  const recorded = recordedFrom === null ? [] : [{ start: ceilToInterval(recordedFrom, interval), end }]
  const life = intersectWindows(lifeOf(series.firstCandleTime, series.validTo, interval), {
    start: series.id === place.seriesId ? ceilToInterval(Math.max(0, place.time), interval) : 0,
    end,
  })
  return mergeWindows([...recorded, ...series.backfills].map((window) => intersectWindows(window, life)))
}

/** The first place of the next database, where there is one. */
function afterShard(c: AppContext, { exchanges }: SeriesFilter, shard: Shard): Position | null {
  const next = c.var.sessions.shards(exchanges).find(({ index }) => index > shard.index)
  return next === undefined ? null : { shard: next.index, key: [0, -1] }
}

function toPlace({ key: [seriesId, time] }: Position): Place {
  return { seriesId: typeof seriesId === 'number' ? seriesId : 0, time: typeof time === 'number' ? time : -1 }
}

function toGap({ series, start, end, ...range }: GapRange): z.infer<typeof gapSchema> {
  return {
    exchange: series.exchange,
    symbol: series.symbol,
    exchangeSymbol: series.exchangeSymbol,
    interval: series.interval,
    from: start,
    to: end,
    slots: range.slots,
    reason: range.reason,
    firstSeen: range.firstSeen,
    attempts: range.attempts,
    nextAttemptAt: range.nextAttemptAt,
    lastError: range.lastError,
  }
}

function toRecord(row: QuarantineRow, series: readonly GapSeries[]): z.infer<typeof quarantineSchema> {
  const owner = series.find(({ id }) => id === row.seriesId)
  return {
    exchange: owner?.exchange ?? '',
    symbol: owner?.symbol ?? '',
    interval: owner?.interval ?? '1m',
    openTime: row.openTime < 0 ? null : row.openTime,
    reason: row.reason,
    raw: row.raw,
    firstSeen: row.firstSeen,
    lastSeen: row.lastSeen,
    timesSeen: row.timesSeen,
  }
}
