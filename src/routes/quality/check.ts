import { createRoute, z } from '@hono/zod-openapi'
import { AppError } from '../../domain/errors.ts'
import { ceilToInterval, countSlots, type Interval, intervals, type Window } from '../../domain/interval.ts'
import { findingKinds } from '../../domain/quality/finding.ts'
import type { CheckedSeries } from '../../domain/quality/series-check.ts'
import { changeThresholds, thresholdsSchema } from '../../domain/quality/thresholds.ts'
import { settleMsOf } from '../../exchanges/registry.ts'
import { closedTo } from '../../history/plan.ts'
import { checkWindow } from '../../history/quality.ts'
import type { CatalogEntry } from '../../store/catalog.ts'
import { QualityStore } from '../../store/quality-store.ts'
import { formatBookmark } from '../../store/sessions.ts'
import { symbolSchema, timeSchema } from '../bodies.ts'
import { createRouter } from '../context.ts'
import { bookmarkHeader } from '../headers.ts'
import { adminSecurity, requireAdmin } from '../middleware/admin.ts'
import { jsonBody } from '../middleware/json-body.ts'
import { checkWindow as checkOrder, findInstrument, sourceParam } from '../params.ts'
import { jsonResponse, problemResponses } from '../responses.ts'
import { anyExchangeSchema, faultSchema, toFault, wordSchema } from './schemas.ts'

/** A month of minutes, a third of what an isolate can hold beside its other work. */
const MAX_SLOTS = 50_000
/** An answer lists no more; where more are found, the check has found that the series is not what it should be. */
const MAX_LISTED = 1_000

const CHECKS_RULE = `must be a list of 1 to ${findingKinds.length} checks`

const requestSchema = z
  .strictObject({
    exchange: anyExchangeSchema,
    symbol: symbolSchema,
    interval: wordSchema(intervals),
    source: sourceParam.default('exchange'),
    start: timeSchema,
    end: timeSchema,
    checks: z
      .array(wordSchema(findingKinds), CHECKS_RULE)
      .min(1, CHECKS_RULE)
      .max(findingKinds.length, CHECKS_RULE)
      .default([...findingKinds]),
    thresholds: thresholdsSchema
      .optional()
      .openapi({ description: 'Instead of the configured ones; nothing is recorded then' }),
  })
  .superRefine((body, context) => {
    checkOrder(body, context)
    if (countSlots(slotsOf(body), body.interval) <= MAX_SLOTS) return
    context.addIssue({ code: 'custom', path: ['end'], message: `must come at most ${MAX_SLOTS} slots after start` })
  })
  .openapi('QualityCheckRequest')

const resultSchema = z
  .object({
    exchange: z.string(),
    symbol: z.string(),
    exchangeSymbol: z.string(),
    interval: z.enum(intervals),
    source: z.string(),
    start: z.int(),
    end: z.int(),
    judged: z.int().openapi({ description: 'How many stored candles were judged' }),
    found: z.int(),
    recorded: z.boolean(),
    findings: z.array(faultSchema).openapi({ description: `The first ${MAX_LISTED}` }),
  })
  .openapi('QualityCheck')

const route = createRoute({
  method: 'post',
  path: '/v1/quality/check',
  summary: 'Run the checks on a window',
  description:
    'Judges the stored candles of a window beside their neighbours, what they were before they were revised, and what ' +
    'other exchanges say. Findings are recorded, and those that are not there any more resolved, unless thresholds are ' +
    'given. All checks apply to the source `exchange`; to what users send, all but `live_rest`, which is left out then: ' +
    'what its sender revises was not heard live.',
  tags: ['Quality'],
  security: adminSecurity,
  middleware: [requireAdmin, jsonBody] as const,
  request: { body: { required: true, content: { 'application/json': { schema: requestSchema } } } },
  responses: {
    200: { ...jsonResponse(resultSchema, 'What was found'), headers: bookmarkHeader },
    ...problemResponses(400, 401, 404, 413, 415, 503),
  },
})

export const qualityCheckRouter = createRouter()

qualityCheckRouter.openapi(route, async (c) => {
  const body = c.req.valid('json')
  const entry = await findInstrument(c, body.exchange, body.symbol.query)
  const series = storedSeries(entry, body.interval, body.source)
  const { stores, clock, config } = c.var.deps
  const now = clock.now()
  const window = closedPart(slotsOf(body), closedTo(now, body.interval, settleMsOf(body.exchange)))
  const sessions = primarySessions()
  const store = new QualityStore({
    get main() {
      return sessions.open(stores.main)
    },
    storeFor: (exchange) => sessions.open(stores.storeFor(exchange)),
  })
  const thresholds = changeThresholds(config.quality, body.thresholds ?? {})
  const { faults, judged } = await checkWindow(store, series, window, thresholds, body.checks)
  const recorded = body.thresholds === undefined
  if (recorded) {
    await store.record({ series, window, kinds: body.checks, faults, now, checked: null, rechecked: [] })
    c.header('X-Bookmark', formatBookmark(stores, sessions.opened))
  }
  const { exchange, symbol, exchangeSymbol } = entry.instrument
  const { interval, source } = series
  const what = { exchange, symbol, exchangeSymbol, interval, source, ...window }
  const findings = faults.slice(0, MAX_LISTED).map(toFault)
  return c.json({ ...what, judged, found: faults.length, recorded, findings }, 200)
})

/** The slots that open in a window. */
function slotsOf({ start, end, interval }: Window & { readonly interval: Interval }): Window {
  return { start: ceilToInterval(start, interval), end: ceilToInterval(end, interval) }
}

function closedPart({ start, end }: Window, closed: number): Window {
  const until = Math.min(end, closed)
  return { start: Math.min(start, until), end: until }
}

/** Sessions that see all that has been written, each database's opened once. */
function primarySessions() {
  const opened = new Map<D1Database, D1DatabaseSession>()
  const open = (db: D1Database): D1DatabaseSession => {
    const session = opened.get(db) ?? db.withSession('first-primary')
    opened.set(db, session)
    return session
  }
  return { opened, open }
}

/** @throws AppError `not_found`: only what is stored can be judged */
function storedSeries({ instrument, series }: CatalogEntry, interval: Interval, source: string): CheckedSeries {
  const found = series.find((key) => key.interval === interval && key.source === source)
  if (found !== undefined) {
    const { exchange, kind, symbol } = instrument
    return { id: found.id, exchange, kind, symbol, interval, source }
  }
  const message = `is not stored for this symbol from the source ${source}`
  throw new AppError('not_found', `interval ${message}`, { errors: [{ path: 'interval', message }] })
}
