import type { ErrorCode, FieldError } from './errors.ts'

/** What one object answers another: an expected failure is a value, for what is thrown loses its form on the way. */
export type Answer<T> = { readonly ok: true; readonly value: T } | Refusal

export interface Refusal {
  readonly ok: false
  readonly code: ErrorCode
  /** Safe for clients. */
  readonly detail: string
  readonly retryAfterMs?: number | undefined
  /** The inputs that are wrong, where it is about some. */
  readonly errors?: readonly FieldError[] | undefined
}
