import { bodyLimit } from 'hono/body-limit'
import { createMiddleware } from 'hono/factory'
import { AppError } from '../../domain/errors.ts'
import type { AppEnv } from '../context.ts'
import { findJsonFault } from './json-fault.ts'

const MAX_BODY_BYTES = 1_000_000
const JSON_TYPE = /^application\/json *(?:;|$)/i

const limitBody = bodyLimit({
  maxSize: MAX_BODY_BYTES,
  onError: () => {
    throw new AppError('payload_too_large', `the body must not be larger than ${MAX_BODY_BYTES} bytes`)
  },
})

const checkJson = createMiddleware<AppEnv>(async (c, next) => {
  checkJsonText(await c.req.text())
  await next()
})

/** @throws AppError `invalid_request`, with the line and column where a body stops being JSON */
export function checkJsonText(text: string): void {
  const fault = findJsonFault(text)
  if (fault === undefined) return
  const before = text.slice(0, fault).split('\n')
  const place = `line ${before.length}, column ${(before.at(-1)?.length ?? 0) + 1}`
  const what = fault >= text.length ? `it ends too early, at ${place}` : `it goes wrong at ${place}`
  throw new AppError('invalid_request', `the body is not JSON: ${what}`, { errors: [{ path: 'body', message: what }] })
}

/** Refuses a body that is not declared as JSON, is too large, or is no JSON, saying where; before any schema sees it. */
export const jsonBody = createMiddleware<AppEnv>(async (c, next) => {
  if (!JSON_TYPE.test(c.req.header('Content-Type') ?? '')) {
    throw new AppError('unsupported_media_type', 'the body must be sent as Content-Type: application/json')
  }
  await limitBody(c, async () => {
    await checkJson(c, next)
  })
})
