import { createRoute, z } from '@hono/zod-openapi'
import { AppError } from '../domain/errors.ts'
import type { AppContext } from './context.ts'
import { createRouter } from './context.ts'
import { jsonResponse, problemResponses } from './responses.ts'

/** https://developers.cloudflare.com/d1/platform/limits/ */
const MAX_DATABASE_BYTES = 10 * 1024 ** 3
/** There is time then to give an exchange a database of its own. */
const WARN_SHARE = 0.7
/** Real time: a database that answers later than this is as good as down. */
const PATIENCE_MS = 5_000

const checkSchema = z.object({
  database: z.string(),
  ok: z.boolean(),
  sizeBytes: z.int().nullable(),
  warning: z.string().nullable(),
})

const healthSchema = z
  .object({ status: z.enum(['ok', 'warning', 'failing']), time: z.int(), databases: z.array(checkSchema) })
  .openapi('Health')

const health = createRoute({
  method: 'get',
  path: '/health',
  summary: 'How the service is',
  tags: ['Health'],
  responses: { 200: jsonResponse(healthSchema, 'Always: the body tells') },
})

const ready = createRoute({
  method: 'get',
  path: '/health/ready',
  summary: 'Whether it can answer',
  tags: ['Health'],
  responses: { 200: jsonResponse(z.object({ status: z.literal('ok') }), 'It can'), ...problemResponses(503) },
})

export const healthRouter = createRouter()

healthRouter.openapi(health, async (c) => {
  const databases = await checkDatabases(c)
  const isWarned = databases.some(({ warning }) => warning !== null)
  const status = databases.every(({ ok }) => ok) ? (isWarned ? 'warning' : 'ok') : 'failing'
  return c.json({ status, time: c.var.deps.clock.now(), databases }, 200)
})

healthRouter.openapi(ready, async (c) => {
  const databases = await checkDatabases(c)
  if (databases.every(({ ok }) => ok)) return c.json({ status: 'ok' } as const, 200)
  throw new AppError('storage_unavailable', 'a database does not answer')
})

function checkDatabases(c: AppContext): Promise<z.infer<typeof checkSchema>[]> {
  return Promise.all(c.var.deps.stores.all.map((db, index) => checkDatabase(db, index === 0 ? 'main' : `own-${index}`)))
}

async function checkDatabase(db: D1Database, database: string): Promise<z.infer<typeof checkSchema>> {
  try {
    const { meta } = await inTime(db.prepare('SELECT 1').run())
    return { database, ok: true, sizeBytes: meta.size_after, warning: sizeWarning(meta.size_after) }
  } catch (error) {
    console.error('a database does not answer', { database, error: String(error) })
    return { database, ok: false, sizeBytes: null, warning: null }
  }
}

/** Says so from 70 % of what D1 allows on. */
export function sizeWarning(bytes: number): string | null {
  const share = bytes / MAX_DATABASE_BYTES
  return share < WARN_SHARE ? null : `${Math.floor(share * 100)} % of 10 GB are used`
}

async function inTime<T>(work: Promise<T>): Promise<T> {
  const timeout = Promise.withResolvers<never>()
  const timer = setTimeout(() => timeout.reject(new Error('no answer in time')), PATIENCE_MS)
  try {
    return await Promise.race([work, timeout.promise])
  } finally {
    clearTimeout(timer)
  }
}
