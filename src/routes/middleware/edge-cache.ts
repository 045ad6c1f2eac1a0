import { createMiddleware } from 'hono/factory'
import type { AppEnv } from '../context.ts'

/** The others have no answer here but a refusal. */
const CACHED_METHODS: ReadonlySet<string> = new Set(['GET', 'HEAD'])

/**
 * Answers from the cache of the data center where it can, and keeps complete answers there for as long as their
 * `Cache-Control` allows. Incomplete ones are never kept: what they lack may be there a moment later. The cache itself
 * evaluates `If-None-Match`. https://developers.cloudflare.com/workers/runtime-apis/cache/
 */
export const edgeCache = createMiddleware<AppEnv>(async (c, next) => {
  // A bookmark asks for a state of the database that no cached answer is known to have.
  const isFresh = c.req.header('X-Bookmark') !== undefined
  if (!c.var.deps.config.edgeCache || isFresh || !CACHED_METHODS.has(c.req.method)) return next()
  const { url } = c.req
  const tag = c.req.header('If-None-Match')
  const cached = await caches.default.match(
    new Request(url, tag === undefined ? {} : { headers: { 'If-None-Match': tag } }),
  )
  if (cached !== undefined) return new Response(cached.body, cached)
  await next()
  if (isKept(c.res)) c.executionCtx.waitUntil(caches.default.put(url, c.res.clone()))
  return undefined
})

function isKept({ status, headers }: Response): boolean {
  const isComplete = headers.get('X-Coverage-Complete') === 'true'
  return status === 200 && isComplete && headers.get('Cache-Control') !== 'no-store'
}
