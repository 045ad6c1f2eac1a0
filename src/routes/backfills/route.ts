import { createRoute, z } from '@hono/zod-openapi'
import { AppError } from '../../domain/errors.ts'
import { intervals } from '../../domain/interval.ts'
import { exchangeNames } from '../../exchanges/registry.ts'
import {
  type BackfillRow,
  cancelStatements,
  insertBackfillStatement,
  insertWindowsStatements,
  readBackfill,
  readBackfills,
  readBackfillWindows,
} from '../../store/backfills.ts'
import { formatBookmark } from '../../store/sessions.ts'
import { type AppContext, createRouter } from '../context.ts'
import { bookmarkHeader, bookmarkParameter } from '../headers.ts'
import { cursorParam, listSchema, nextPage } from '../lists.ts'
import { adminSecurity, requireAdmin } from '../middleware/admin.ts'
import { jsonBody } from '../middleware/json-body.ts'
import { limitParam } from '../params.ts'
import { pokeLoaders } from '../poke.ts'
import { jsonResponse, problemResponses } from '../responses.ts'
import { backfillStates, describeBackfill, type SeriesProgress } from './progress.ts'
import { type ResolvedBackfill, requestSchema, resolveBackfill } from './request.ts'

const time = z.int()
const progress = {
  expected: z.int().openapi({ description: 'Slots of the window while the instrument lives' }),
  covered: z.int(),
  missing: z.int(),
  gaps: z.int().openapi({ description: 'Slots that were asked for in vain so far' }),
  percent: z.number(),
}

const backfillSchema = z
  .object({
    id: z.string(),
    state: z.enum(backfillStates),
    createdAt: time,
    cancelledAt: time.nullable(),
    request: z.record(z.string(), z.unknown()),
    ...progress,
    rate: z.number().openapi({ description: 'Slots a second, in real time' }),
    remainingMs: z.int().nullable(),
    lastError: z.string().nullable(),
    series: z.array(
      z.object({
        exchange: z.string(),
        symbol: z.string(),
        exchangeSymbol: z.string(),
        interval: z.enum(intervals),
        start: time,
        end: time,
        state: z.enum(backfillStates),
        ...progress,
        lastError: z.string().nullable(),
      }),
    ),
  })
  .openapi('Backfill')

const acceptedSchema = z
  .object({
    id: z.string(),
    series: z.int().openapi({ description: 'How many series it fills' }),
    skipped: z
      .array(z.object({ exchange: z.string(), symbol: z.string() }))
      .openapi({ description: 'Symbols that one of the exchanges does not list' }),
  })
  .openapi('AcceptedBackfill')

const params = z.object({ id: z.string().max(100) })

const create = createRoute({
  method: 'post',
  path: '/v1/backfills',
  summary: 'Ask for past candles',
  description:
    'Fills a window of the past for every combination of the exchanges, symbols and intervals, without recording them ' +
    'from now on. A symbol that some of the exchanges do not list is `skipped` there; one that none lists is an error.',
  tags: ['Backfills'],
  security: adminSecurity,
  middleware: [requireAdmin, jsonBody] as const,
  request: { body: { required: true, content: { 'application/json': { schema: requestSchema } } } },
  responses: {
    202: {
      ...jsonResponse(acceptedSchema, 'Accepted: `Location` tells the progress'),
      headers: bookmarkHeader,
    },
    ...problemResponses(400, 401, 413, 415, 422, 503),
  },
})

const list = createRoute({
  method: 'get',
  path: '/v1/backfills',
  summary: 'Backfills, newest first',
  tags: ['Backfills'],
  parameters: [bookmarkParameter],
  request: { query: z.strictObject({ limit: limitParam(20, 100), cursor: cursorParam.optional() }) },
  responses: { 200: jsonResponse(listSchema(backfillSchema), 'One page'), ...problemResponses(400, 503) },
})

const get = createRoute({
  method: 'get',
  path: '/v1/backfills/{id}',
  summary: 'How far a backfill is',
  tags: ['Backfills'],
  parameters: [bookmarkParameter],
  request: { params },
  responses: { 200: jsonResponse(backfillSchema, 'Its progress'), ...problemResponses(404, 503) },
})

const cancel = createRoute({
  method: 'delete',
  path: '/v1/backfills/{id}',
  summary: 'Cancel a backfill',
  description: 'What has been loaded stays. Cancelling twice changes nothing.',
  tags: ['Backfills'],
  security: adminSecurity,
  middleware: [requireAdmin] as const,
  request: { params },
  responses: { 204: { description: 'Cancelled', headers: bookmarkHeader }, ...problemResponses(401, 404, 503) },
})

export const backfillsRouter = createRouter()

backfillsRouter.openapi(create, async (c) => {
  const request = c.req.valid('json')
  const resolved = await resolveBackfill(c, request)
  const id = c.var.deps.newId()
  const symbols = request.symbols.map(({ name }) => name)
  c.header('X-Bookmark', await storeBackfill(c, id, JSON.stringify({ ...request, symbols }), resolved))
  c.header('Location', `/v1/backfills/${id}`)
  c.var.catalog.clear()
  const exchanges = resolved.windows.map(({ exchange }) => exchange)
  pokeLoaders(c, exchanges)
  return c.json({ id, series: resolved.windows.length, skipped: [...resolved.skipped] }, 202)
})

backfillsRouter.openapi(list, async (c) => {
  const { limit, cursor } = c.req.valid('query')
  const [createdAt, id] = cursor?.key ?? []
  const before = typeof createdAt === 'number' && typeof id === 'string' ? { createdAt, id } : undefined
  const rows = await readBackfills(c.var.sessions.main, before, limit + 1)
  const last = rows.length > limit ? rows[limit - 1] : undefined
  const next = last === undefined ? null : { shard: 0, key: [last.createdAt, last.id] }
  return c.json({ data: await describeAll(c, rows.slice(0, limit)), ...nextPage(c.req.url, next) }, 200)
})

backfillsRouter.openapi(get, async (c) => {
  const row = await findBackfill(c, c.req.valid('param').id)
  const [backfill] = await describeAll(c, [row])
  if (backfill === undefined) throw new AppError('internal', 'a backfill was lost while it was read')
  return c.json(backfill, 200)
})

backfillsRouter.openapi(cancel, async (c) => {
  const { id } = await findBackfill(c, c.req.valid('param').id)
  const { stores, clock } = c.var.deps
  const written = new Map(stores.all.map((db) => [db, db.withSession('first-primary')]))
  for (const session of written.values()) await session.batch(cancelStatements(session, id, clock.now()))
  c.header('X-Bookmark', formatBookmark(stores, written))
  return c.body(null, 204)
})

/** @throws AppError `not_found` */
async function findBackfill(c: AppContext, id: string): Promise<BackfillRow> {
  const row = await readBackfill(c.var.sessions.main, id)
  if (row === undefined) throw new AppError('not_found', 'there is no backfill with this id')
  return row
}

/**
 * Other databases first: the backfill is known only once all of its windows are. Where one fails, the others load what
 * was asked for, and the caller asks again.
 */
async function storeBackfill(
  c: AppContext,
  id: string,
  request: string,
  { windows }: ResolvedBackfill,
): Promise<string> {
  const { stores, clock } = c.var.deps
  const written = new Map<D1Database, D1DatabaseSession>()
  for (const db of stores.all.toReversed()) {
    const own = windows.filter(({ exchange }) => stores.storeFor(exchange) === db)
    const session = db.withSession('first-primary')
    const statements = own.length === 0 ? [] : insertWindowsStatements(session, id, own)
    if (db === stores.main) statements.push(insertBackfillStatement(session, { id, request, createdAt: clock.now() }))
    if (statements.length === 0) continue
    await session.batch(statements)
    written.set(db, session)
  }
  return formatBookmark(stores, written)
}

async function describeAll(c: AppContext, rows: readonly BackfillRow[]): Promise<z.infer<typeof backfillSchema>[]> {
  const { clock } = c.var.deps
  const ids = rows.map(({ id }) => id)
  const shards = c.var.sessions.shards(exchangeNames)
  const found = await Promise.all(shards.map(({ reader, exchanges }) => readBackfillWindows(reader, ids, exchanges)))
  const windowsOf = Map.groupBy(found.flat(), ({ backfillId }) => backfillId)
  return rows.map((row) => {
    const { series, ...described } = describeBackfill(row, windowsOf.get(row.id) ?? [], clock.now(), clock.realMs)
    const { id, createdAt, cancelledAt } = row
    const request: z.infer<typeof backfillSchema>['request'] = JSON.parse(row.request)
    return { id, createdAt, cancelledAt, request, ...described, series: series.map(toSeries) }
  })
}

function toSeries({ window, state, ...progress }: SeriesProgress): z.infer<typeof backfillSchema>['series'][number] {
  const { exchange, symbol, exchangeSymbol, interval, start, end } = window
  const lastError = window.failures > 0 ? window.lastError : null
  return { exchange, symbol, exchangeSymbol, interval, start, end, state, ...progress, lastError }
}
