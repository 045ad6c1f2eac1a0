import { createRoute, z } from '@hono/zod-openapi'
import { AppError, type FieldError } from '../domain/errors.ts'
import { floorToInterval, type Interval, intervals } from '../domain/interval.ts'
import { connectors, exchangeNames } from '../exchanges/registry.ts'
import { DEFAULT_INTERVALS, DEFAULT_PAST_MS } from '../history/housekeeping.ts'
import { readInstruments } from '../store/catalog.ts'
import { readPage } from '../store/pages.ts'
import { type RecordedSeries, readSeries, replaceRecorded, type SeriesSummary } from '../store/series.ts'
import { formatBookmark } from '../store/sessions.ts'
import { exchangeSchema, intervalsSchema, loadableExchanges, symbolSchema, timeSchema } from './bodies.ts'
import { type AppContext, createRouter } from './context.ts'
import { resolveFilter } from './filters.ts'
import { bookmarkHeader, bookmarkParameter } from './headers.ts'
import { cursorParam, listSchema, nextPage } from './lists.ts'
import { adminSecurity, requireAdmin } from './middleware/admin.ts'
import { jsonBody } from './middleware/json-body.ts'
import { anyExchangeParam, booleanParam, intervalParam, limitParam, symbolParam, unknownSymbol } from './params.ts'
import { pokeLoaders } from './poke.ts'
import { jsonResponse, problemResponses } from './responses.ts'

/** As many as one loader can keep within 90 s of the present on the slowest budget. */
const MAX_REQUESTED = 2_000

const time = z.int()

const seriesSchema = z
  .object({
    exchange: z.string(),
    symbol: z.string(),
    exchangeSymbol: z.string(),
    interval: z.enum(intervals),
    source: z.string(),
    recorded: z.boolean(),
    recordedFrom: time.nullable(),
    lastError: z.string().nullable(),
    coverage: z.object({
      first: time.nullable().openapi({ description: 'Open time of the first candle there is; null until it is found' }),
      from: time.nullable(),
      to: time.nullable().openapi({ description: 'The end of the last covered range' }),
      verifiedTo: time.nullable(),
      revision: z.int(),
      ranges: z.int().openapi({ description: '1 where nothing is missing between from and to' }),
      gaps: z.int().openapi({ description: 'Slots that were asked for in vain' }),
    }),
  })
  .openapi('Series')

const list = createRoute({
  method: 'get',
  path: '/v1/series',
  summary: 'What is recorded, and how far it is',
  tags: ['Series'],
  parameters: [bookmarkParameter],
  request: {
    query: z.strictObject({
      exchange: anyExchangeParam.optional(),
      symbol: symbolParam.optional(),
      interval: intervalParam.optional(),
      recorded: booleanParam.optional(),
      limit: limitParam(100, 1_000),
      cursor: cursorParam.optional(),
    }),
  },
  responses: { 200: jsonResponse(listSchema(seriesSchema), 'One page'), ...problemResponses(400, 404, 503) },
})

const recordedSchema = z.object({
  exchange: z.string(),
  symbol: z.string(),
  interval: z.enum(intervals),
})

const requestSchema = z
  .strictObject({
    series: z
      .array(
        z.strictObject({
          exchange: exchangeSchema,
          symbol: symbolSchema,
          intervals: intervalsSchema.default([...DEFAULT_INTERVALS]),
          start: timeSchema.optional().openapi({ description: 'Without it: unchanged, or three days ago where new' }),
        }),
      )
      .max(MAX_REQUESTED),
  })
  .openapi('SeriesRequest')

const replace = createRoute({
  method: 'put',
  path: '/v1/series',
  summary: 'Replace what is recorded',
  description:
    'Records exactly these series from now on. Those left out are recorded no longer; their candles stay. All or nothing.',
  tags: ['Series'],
  security: adminSecurity,
  middleware: [requireAdmin, jsonBody] as const,
  request: { body: { required: true, content: { 'application/json': { schema: requestSchema } } } },
  responses: {
    200: {
      ...jsonResponse(z.object({ data: z.array(recordedSchema) }), 'What is recorded now'),
      headers: bookmarkHeader,
    },
    ...problemResponses(400, 401, 413, 415, 422, 503),
  },
})

export const seriesRouter = createRouter()

seriesRouter.openapi(list, async (c) => {
  const query = c.req.valid('query')
  const filter = await resolveFilter(c, query)
  const conditions = { symbol: filter.symbol, interval: query.interval ?? null, recorded: query.recorded ?? null }
  const page = await readPage(
    c.var.sessions.shards(filter.exchanges),
    query.limit,
    query.cursor,
    ({ reader, exchanges }, [id] = [], limit) =>
      readSeries(reader, { exchanges, ...conditions }, typeof id === 'number' ? id : 0, limit),
    ({ id }) => [id],
  )
  return c.json({ data: page.items.map(toSeries), ...nextPage(c.req.url, page.next) }, 200)
})

seriesRouter.openapi(replace, async (c) => {
  const wanted = await resolveRequest(c, c.req.valid('json'))
  c.header('X-Bookmark', await storeRecorded(c, wanted))
  c.var.catalog.clear()
  pokeLoaders(c, exchangeNames)
  return c.json({ data: wanted.map(({ exchange, symbol, interval }) => ({ exchange, symbol, interval })) }, 200)
})

interface WantedSeries extends RecordedSeries {
  readonly exchange: string
  readonly symbol: string
}

/** @throws AppError `invalid_request`, `unprocessable`, naming every entry that cannot be recorded */
async function resolveRequest(c: AppContext, { series }: z.infer<typeof requestSchema>): Promise<WantedSeries[]> {
  const now = c.var.deps.clock.now()
  const names = series.map(({ exchange }) => exchange)
  const exchanges = new Set(await loadableExchanges(c, names, (index) => `series[${index}].exchange`))
  const errors: FieldError[] = []
  const wanted = new Map<string, WantedSeries>()
  for (const exchange of exchanges) {
    const entries = [...series.entries()].filter(([, entry]) => entry.exchange === exchange)
    const native = connectors[exchange].rest.intervals
    const queries = entries.map(([, entry]) => entry.symbol.query)
    const instruments = await readInstruments(c.var.sessions.forExchange(exchange), exchange, queries)
    for (const [place, [index, entry]] of entries.entries()) {
      const instrument = instruments[place]
      const refuse = (field: string, message: string) => errors.push({ path: `series[${index}].${field}`, message })
      if (instrument === undefined) refuse('symbol', await unknownSymbol(c, [exchange], entry.symbol.query))
      for (const interval of entry.intervals) {
        if (!(interval in native)) refuse('intervals', notNative(exchange, interval, Object.keys(native)))
        if (instrument === undefined) continue
        const key = `${exchange} ${instrument.id} ${interval}`
        if (wanted.has(key)) refuse('symbol', `asks for ${interval} a second time`)
        const recordedFrom = floorToInterval(entry.start ?? floorToInterval(now, '1d') - DEFAULT_PAST_MS, interval)
        const { id, symbol } = instrument
        const isExplicit = entry.start !== undefined
        wanted.set(key, { exchange, symbol, instrumentId: id, interval, recordedFrom, isExplicit })
      }
    }
  }
  if (errors.length > 0) throw new AppError('unprocessable', 'nothing has been changed', { errors })
  return [...wanted.values()]
}

/** Says what to do instead. */
export function notNative(exchange: string, interval: Interval, native: readonly string[]): string {
  return `${exchange} has no ${interval}: record ${native.join(', ')}, the others are derived from them`
}

/** Each database is replaced in one transaction; with several, one after another. */
async function storeRecorded(c: AppContext, wanted: readonly WantedSeries[]): Promise<string> {
  const { stores } = c.var.deps
  const written = new Map<D1Database, D1DatabaseSession>()
  for (const db of stores.all) {
    const session = db.withSession('first-primary')
    await replaceRecorded(
      session,
      wanted.filter(({ exchange }) => stores.storeFor(exchange) === db),
    )
    written.set(db, session)
  }
  return formatBookmark(stores, written)
}

function toSeries(row: SeriesSummary): z.infer<typeof seriesSchema> {
  return {
    exchange: row.exchange,
    symbol: row.symbol,
    exchangeSymbol: row.exchangeSymbol,
    interval: row.interval,
    source: row.source,
    recorded: row.recordedFrom !== null,
    recordedFrom: row.recordedFrom,
    lastError: row.failures > 0 ? row.lastError : null,
    coverage: {
      first: row.firstCandleTime,
      from: row.coveredFrom,
      to: row.coveredTo,
      verifiedTo: row.verifiedTo,
      revision: row.revision,
      ranges: row.ranges,
      gaps: row.gaps,
    },
  }
}
