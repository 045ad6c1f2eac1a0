/**
 * Every failure that may reach a client, by its stable code. `routes/problem.ts` maps each to a status and does not
 * compile while one is missing there.
 */
export const errorCodes = [
  'invalid_request',
  'not_found',
  'unknown_exchange',
  'unknown_instrument',
  'unknown_interval',
  'unprocessable',
  'unauthorized',
  'payload_too_large',
  'unsupported_media_type',
  'method_not_allowed',
  'incomplete_window',
  'stale_revision',
  'idempotency_conflict',
  'idempotency_in_flight',
  'malformed_response',
  'exchange_unavailable',
  'geo_blocked',
  'rate_limited',
  'not_in_sync',
  'no_data',
  'feed_unavailable',
  'feed_full',
  'relay_full',
  'too_many_topics',
  'upgrade_required',
  'stale_lease',
  'storage_unavailable',
  'misconfigured',
  'internal',
] as const

export type ErrorCode = (typeof errorCodes)[number]

/** One invalid input: where it stands (`path`) and what is wrong with it, in words for the caller. */
export interface FieldError {
  readonly path: string
  readonly message: string
}

export interface AppErrorOptions {
  readonly cause?: unknown
  readonly retryAfterMs?: number
  readonly errors?: readonly FieldError[]
}

/** The one error that this system throws on purpose. `detail` is safe to show to clients, `cause` is for logs only. */
export class AppError extends Error {
  readonly code: ErrorCode
  readonly detail: string
  readonly retryAfterMs: number | undefined
  readonly errors: readonly FieldError[]

  constructor(code: ErrorCode, detail: string, options: AppErrorOptions = {}) {
    super(`${code}: ${detail}`, { cause: options.cause })
    this.name = 'AppError'
    this.code = code
    this.detail = detail
    this.retryAfterMs = options.retryAfterMs
    this.errors = options.errors ?? []
  }
}

/** An `invalid_request` about one field. */
export function invalidField(path: string, message: string): AppError {
  return new AppError('invalid_request', `${path}: ${message}`, { errors: [{ path, message }] })
}
