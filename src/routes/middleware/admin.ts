import { createMiddleware } from 'hono/factory'
import { AppError } from '../../domain/errors.ts'
import type { AppEnv } from '../context.ts'

/** The two places of the admin token, as the API's description names them. */
export const securitySchemes = {
  token: { type: 'http', scheme: 'bearer' },
  apiKey: { type: 'apiKey', in: 'header', name: 'X-API-Key' },
} as const

/** What {@link requireAdmin} asks of a call: either of them. */
export const adminSecurity: Record<string, string[]>[] = Object.keys(securitySchemes).map((name) => ({ [name]: [] }))

const BEARER = /^Bearer +(\S+)$/i

/**
 * Lets only the bearer of the admin token pass (`Authorization: Bearer` or `X-API-Key`). Where none is configured,
 * nobody is, and is told so: it says nothing of any token. It stands before anything that reads the body.
 */
export const requireAdmin = createMiddleware<AppEnv>(async (c, next) => {
  const given = BEARER.exec(c.req.header('Authorization') ?? '')?.[1] ?? c.req.header('X-API-Key')
  const { adminToken } = c.var.deps.config
  if (adminToken === undefined) throw new AppError('unauthorized', 'no ADMIN_TOKEN is set on this deployment')
  if (given === undefined || !(await isSameText(given, adminToken))) {
    throw new AppError('unauthorized', 'this call needs the admin token, as Authorization: Bearer or X-API-Key')
  }
  await next()
})

/** Compares digests, all of them: how long it takes says nothing about where the texts differ. */
async function isSameText(a: string, b: string): Promise<boolean> {
  const [x, y] = await Promise.all([a, b].map(digest))
  if (x === undefined || y === undefined) return false
  return x.reduce((difference, byte, index) => difference | (byte ^ (y[index] ?? 0)), 0) === 0
}

async function digest(text: string): Promise<Uint8Array> {
  return new Uint8Array(await crypto.subtle.digest('SHA-256', new TextEncoder().encode(text)))
}
