import { z } from '@hono/zod-openapi'
import { HTTPException } from 'hono/http-exception'
import type { ContentfulStatusCode } from 'hono/utils/http-status'
import type { ZodError } from 'zod'
import { AppError, type ErrorCode, errorCodes } from '../domain/errors.ts'

/** What each code means over HTTP. RFC 9457: https://www.rfc-editor.org/rfc/rfc9457 */
const problems = {
  invalid_request: { status: 400, title: 'Invalid request' },
  not_found: { status: 404, title: 'Not found' },
  unknown_exchange: { status: 404, title: 'Unknown exchange' },
  unknown_instrument: { status: 404, title: 'Unknown instrument' },
  unknown_interval: { status: 400, title: 'Unknown interval' },
  unprocessable: { status: 422, title: 'Request cannot be carried out' },
  unauthorized: { status: 401, title: 'Not authorized' },
  payload_too_large: { status: 413, title: 'Body too large' },
  unsupported_media_type: { status: 415, title: 'Unsupported media type' },
  method_not_allowed: { status: 405, title: 'Method not allowed' },
  incomplete_window: { status: 409, title: 'Incomplete window' },
  idempotency_conflict: { status: 422, title: 'Idempotency key used for another request' },
  idempotency_in_flight: { status: 409, title: 'Request with this idempotency key in progress' },
  stale_revision: { status: 410, title: 'Stale revision' },
  malformed_response: { status: 502, title: 'Malformed answer of the exchange' },
  exchange_unavailable: { status: 503, title: 'Exchange unavailable' },
  geo_blocked: { status: 503, title: 'Exchange does not serve this region' },
  rate_limited: { status: 429, title: 'Too many requests' },
  not_in_sync: { status: 503, title: 'Order book not in sync' },
  no_data: { status: 503, title: 'No data yet' },
  feed_unavailable: { status: 503, title: 'Live feed unavailable' },
  feed_full: { status: 503, title: 'Feed serves no more clients' },
  relay_full: { status: 503, title: 'Relay serves no more clients' },
  too_many_topics: { status: 503, title: 'Feed follows no more topics' },
  upgrade_required: { status: 426, title: 'Upgrade required' },
  stale_lease: { status: 503, title: 'Temporarily unavailable' },
  storage_unavailable: { status: 503, title: 'Storage unavailable' },
  misconfigured: { status: 500, title: 'Misconfigured' },
  internal: { status: 500, title: 'Internal error' },
} as const satisfies Record<ErrorCode, { readonly status: ContentfulStatusCode; readonly title: string }>

/** Where a caller should try again without being told when. */
const RETRY_AFTER_MS = 5_000

export const problemSchema = z
  .object({
    type: z.string().openapi({ example: '/docs#unknown_exchange' }),
    title: z.string(),
    status: z.int(),
    detail: z.string().openapi({ description: 'What is wrong with this request, in words.' }),
    code: z.enum(errorCodes).openapi({ description: 'Stable: programs decide by it.' }),
    requestId: z.string(),
    errors: z
      .array(z.object({ path: z.string(), message: z.string() }))
      .optional()
      .openapi({ description: 'The invalid inputs, each by its place.' }),
  })
  .openapi('Problem')

/** Renders any failure. This is the only place where an error becomes an answer. */
export function renderProblem(failure: unknown, requestId: string): Response {
  const error = toAppError(failure)
  const { status, title } = problems[error.code]
  if (status >= 500)
    console.error('request failed', { requestId, code: error.code, cause: String(error.cause ?? error) })
  const body: z.infer<typeof problemSchema> = {
    type: `/docs#${error.code}`,
    title,
    status,
    detail: error.detail,
    code: error.code,
    requestId,
    ...(error.errors.length > 0 && { errors: [...error.errors] }),
  }
  const headers = new Headers({ 'Content-Type': 'application/problem+json', 'Cache-Control': 'no-store' })
  if (status === 401) headers.set('WWW-Authenticate', 'Bearer realm="zvt-crypto"')
  // https://www.rfc-editor.org/rfc/rfc9110#name-426-upgrade-required
  if (status === 426) headers.set('Upgrade', 'websocket')
  // Relays serve the streams of every exchange, and many more clients.
  if (error.code === 'feed_full') headers.set('Link', '</v1/stream>; rel="alternate"')
  if (status === 429 || status === 503 || error.retryAfterMs !== undefined) {
    headers.set('Retry-After', String(Math.ceil((error.retryAfterMs ?? RETRY_AFTER_MS) / 1_000)))
  }
  return new Response(JSON.stringify(body), { status, headers })
}

/** Any failure as one that may be shown. */
export function toAppError(failure: unknown): AppError {
  if (failure instanceof AppError) return failure
  if (failure instanceof HTTPException) return fromHttpException(failure)
  if (isOfDatabase(failure) || (failure instanceof Error && isOfDatabase(failure.cause))) {
    return new AppError('storage_unavailable', 'the database did not answer', { cause: failure })
  }
  return new AppError('internal', 'something went wrong on our side', { cause: failure })
}

/** https://developers.cloudflare.com/d1/observability/debug-d1/#error-list; the query builder wraps such an error. */
function isOfDatabase(failure: unknown): boolean {
  return failure instanceof Error && failure.message.startsWith('D1_')
}

/** What the framework refuses before our own checks see it. */
function fromHttpException(exception: HTTPException): AppError {
  if (exception.status === 413) return new AppError('payload_too_large', 'the body is too large', { cause: exception })
  if (exception.status === 415) {
    return new AppError('unsupported_media_type', 'the body must be application/json', { cause: exception })
  }
  if (exception.status < 500) return new AppError('invalid_request', 'the request cannot be read', { cause: exception })
  return new AppError('internal', 'something went wrong on our side', { cause: exception })
}

/** The error for input that its schema refuses; the first issue decides the code. */
export function invalidInput(error: ZodError): AppError {
  const errors = error.issues.flatMap((issue) =>
    issue.code === 'unrecognized_keys'
      ? issue.keys.map((key) => ({
          path: formatPath([...issue.path, key]),
          message: 'is not a parameter of this call',
        }))
      : [{ path: formatPath(issue.path), message: issue.message }],
  )
  const [first] = errors
  return new AppError(codeOf(error), first === undefined ? 'invalid input' : `${first.path}: ${first.message}`, {
    errors,
  })
}

function codeOf(error: ZodError): ErrorCode {
  const [issue] = error.issues
  const code = issue?.code === 'custom' ? issue.params?.['code'] : undefined
  return errorCodes.find((known) => known === code) ?? 'invalid_request'
}

/** `series[3].symbol` */
function formatPath(path: readonly PropertyKey[]): string {
  return path.reduce<string>((text, key) => {
    if (typeof key === 'number') return `${text}[${key}]`
    return text === '' ? String(key) : `${text}.${String(key)}`
  }, '')
}
