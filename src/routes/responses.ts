import type { z } from '@hono/zod-openapi'
import { problemSchema } from './problem.ts'

const descriptions = {
  400: 'Invalid input: `errors` names each field',
  401: 'No admin token, or a wrong one',
  404: 'No such thing',
  409: 'Candles are missing, and `strict=true`',
  410: 'The revision is not the current one any more',
  413: 'The body is too large',
  415: 'The body is not JSON',
  422: 'Understood, but it cannot be carried out: `errors` names why',
  426: 'Neither a WebSocket nor server-sent events were asked for',
  503: 'The database or the exchange does not answer, or nothing has come of it yet',
} as const

type ProblemStatus = keyof typeof descriptions
type ProblemResponse = {
  readonly description: string
  readonly content: { readonly 'application/problem+json': { readonly schema: typeof problemSchema } }
}

/** The failures that a call documents. */
export function problemResponses<S extends ProblemStatus>(...statuses: readonly S[]): Record<S, ProblemResponse> {
  const content = { 'application/problem+json': { schema: problemSchema } }
  const entries = statuses.map((status): [S, ProblemResponse] => [
    status,
    { description: descriptions[status], content },
  ])
  return Object.fromEntries(entries) as Record<S, ProblemResponse>
}

/** A successful answer in JSON. */
export function jsonResponse<T extends z.ZodType>(schema: T, description: string) {
  return { description, content: { 'application/json': { schema } } }
}
