import { createRoute, type OpenAPIHono, z } from '@hono/zod-openapi'
import type { IngestDefaults, IngestKind, Named } from '../../domain/ingest.ts'
import type { SymbolQuery } from '../../domain/instrument.ts'
import { intervals } from '../../domain/interval.ts'
import { isExchangeName } from '../../exchanges/registry.ts'
import { formatBookmark, type Reader } from '../../store/sessions.ts'
import { type AppContext, type AppEnv, createRouter } from '../context.ts'
import { bookmarkHeader } from '../headers.ts'
import { adminSecurity, requireAdmin } from '../middleware/admin.ts'
import { anyExchangeParam, checkExchange, findInstrument, intervalParam, sourceParam, symbolParam } from '../params.ts'
import { problemResponses } from '../responses.ts'
import { batchAnswer, ingestAnswer, summaryAnswer } from './answers.ts'
import { openBody } from './body.ts'
import { takeDocument } from './document.ts'
import { Intake, type WriteBatch } from './intake.ts'
import { checkKey, KeyedRun } from './keyed-run.ts'
import { LineStream } from './line-stream.ts'
import { BATCH_LINES, MAX_LINE_BYTES } from './lines.ts'
import { Targets } from './targets.ts'

/** One kind of records that can be sent. */
export interface IngestEndpoint<R extends Named> {
  readonly kind: IngestKind<R>
  readonly write: WriteBatch<R>
  /** Whether its records are of an interval, which the query may name for all of them. */
  readonly hasInterval: boolean
  /** One record, for the description of the API. */
  readonly schema: z.ZodType
  readonly summary: string
  /** What is special to this kind. */
  readonly description: string
}

const ownSourceParam = sourceParam
  .refine((source) => !RESERVED_SOURCES.has(source), 'is kept for what is loaded here: choose another name')
  .default('ingest')
  .openapi({ description: 'The name that the data is kept under, and read by; it never replaces that of another' })

/** What is loaded from exchanges, and what is built of their trades. */
const RESERVED_SOURCES: ReadonlySet<string> = new Set(['exchange', 'trades'])

const forAll = { description: 'Of all records that do not name theirs' }
const ingestQuery = z.strictObject({
  exchange: anyExchangeParam.optional().openapi(forAll),
  symbol: symbolParam.optional().openapi(forAll),
  interval: intervalParam.optional().openapi(forAll),
  source: ownSourceParam,
})
const withoutInterval = ingestQuery.omit({ interval: true })

type IngestQuery = typeof ingestQuery | typeof withoutInterval

const keyParameter = {
  name: 'Idempotency-Key',
  in: 'header',
  description:
    'Makes the request safe to repeat: for a day, the same request with the same key is answered as it was and not done again. ' +
    'A request that was cut off goes on where it stopped.',
  schema: { type: 'string', minLength: 1, maxLength: 255 },
} as const

const encodingParameter = {
  name: 'Content-Encoding',
  in: 'header',
  description: 'Of the body',
  schema: { type: 'string', const: 'gzip' },
} as const

const rules =
  'A JSON array is taken as a whole and answered at once. NDJSON (`application/x-ndjson`) is taken as it arrives, in batches of ' +
  `${BATCH_LINES} lines (fewer where lines are long), each as a whole, and answered by a line a batch and a summary; a line has at most ` +
  `${MAX_LINE_BYTES} bytes. Unsound records are rejected, each with its reason, and the others are taken. Sending the same again ` +
  'changes nothing. In a database of its own, an exchange’s part of a batch is a whole of its own.'

/** `POST /v1/ingest/…` for one kind of records. */
export function createIngestRouter<R extends Named>(endpoint: IngestEndpoint<R>): OpenAPIHono<AppEnv> {
  const query = endpoint.hasInterval ? ingestQuery : withoutInterval
  const route = describeRoute(endpoint, query)
  const router = createRouter()
  router.openAPIRegistry.registerPath(route)
  // Without the body, which the framework would read whole: it is read as it arrives.
  const served = createRoute({
    method: 'post',
    path: route.path,
    hide: true,
    middleware: [requireAdmin] as const,
    request: { query },
    responses: { 200: { description: 'As described above' } },
  })
  router.openapi(served, async (c) => {
    const { exchange, symbol, source } = c.req.valid('query')
    if (exchange !== undefined) await checkNames(c, exchange, symbol)
    const defaults = {
      exchange,
      symbol: c.req.query('symbol'),
      interval: intervals.find((interval) => interval === c.req.query('interval')),
    }
    return takeIn(c, endpoint, { source, defaults })
  })
  return router
}

function describeRoute<R extends Named>({ kind, schema, summary, description }: IngestEndpoint<R>, query: IngestQuery) {
  return createRoute({
    method: 'post',
    path: `/v1/ingest/${kind.name}`,
    summary,
    description: `${description} ${rules}`,
    tags: ['Ingestion'],
    security: adminSecurity,
    parameters: [keyParameter, encodingParameter],
    request: {
      query,
      body: {
        required: true,
        content: {
          'application/json': { schema: z.array(schema) },
          'application/x-ndjson': { schema: z.string().openapi({ description: 'A record a line' }) },
        },
      },
    },
    responses: {
      200: {
        description: 'What has come of it; to NDJSON a line a batch (`IngestBatch`), then `IngestSummary`',
        headers: bookmarkHeader,
        content: {
          'application/json': { schema: ingestAnswer },
          'application/x-ndjson': { schema: z.union([batchAnswer, summaryAnswer]) },
        },
      },
      ...problemResponses(400, 401, 404, 413, 415, 503),
      409: { ...problemResponses(409)[409], description: 'A request with this `Idempotency-Key` is being carried out' },
      422: { ...problemResponses(422)[422], description: 'The `Idempotency-Key` was used for another request or body' },
    },
  })
}

/** @throws AppError `unknown_exchange`, `unknown_instrument` */
async function checkNames(c: AppContext, exchange: string, symbol: SymbolQuery | undefined): Promise<void> {
  // It may have been registered a moment ago, elsewhere.
  if (!isExchangeName(exchange)) c.var.catalog.clear()
  await (symbol === undefined ? checkExchange(c, exchange) : findInstrument(c, exchange, symbol))
}

/** What all records of a request share. */
interface Given {
  readonly source: string
  readonly defaults: IngestDefaults
}

async function takeIn<R extends Named>(c: AppContext, endpoint: IngestEndpoint<R>, given: Given): Promise<Response> {
  const { stores, clock, newId } = c.var.deps
  const { catalog } = c.var
  const { form, stream } = openBody(c)
  const written = new Map<D1Database, D1DatabaseSession>()
  const sessionOf = (db: D1Database) => {
    const session = written.get(db) ?? db.withSession('first-primary')
    written.set(db, session)
    return session
  }
  const bookmark = () => formatBookmark(stores, written)
  const ports = { storeFor: stores.storeFor, sessionOf, ownExchanges: () => catalog.ownExchanges() }
  const intake = new Intake(endpoint.kind, endpoint.write, given, {
    targets: new Targets(ports),
    sessionOf,
    clock,
    newId,
  })
  const keyed = keyedRun(c, sessionOf(stores.main))
  // Series may be new, and reach further than before.
  const onChange = () => catalog.clear()
  if (form === 'lines') return answerLines(c, new LineStream(stream, intake, { keyed, bookmark, onChange }))
  const answer = await takeDocument(stream, intake, keyed)
  onChange()
  return c.body(answer, 200, { 'Content-Type': 'application/json', 'X-Bookmark': bookmark() })
}

function keyedRun(c: AppContext, db: Reader): KeyedRun | undefined {
  const key = c.req.header('Idempotency-Key')
  if (key === undefined) return undefined
  const { pathname, search } = new URL(c.req.url)
  const request = `POST ${pathname}${search} ${c.req.header('Content-Type')}`
  return new KeyedRun(db, { key: checkKey(key), request }, () => c.var.deps.clock.now())
}

/** The lines are not held back while the client sends and does not read: they are few beside what it sends. */
async function answerLines<R extends Named>(c: AppContext, lines: LineStream<R>): Promise<Response> {
  await lines.open()
  const encoder = new TextEncoder()
  const answers = new ReadableStream<Uint8Array>({
    async start(controller) {
      await lines.run((line) => controller.enqueue(encoder.encode(`${line}\n`)))
      controller.close()
    },
  })
  return c.body(answers, 200, { 'Content-Type': 'application/x-ndjson' })
}
