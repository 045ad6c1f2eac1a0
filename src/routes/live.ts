import { z } from '@hono/zod-openapi'
import type { Refusal } from '../domain/answer.ts'
import { AppError } from '../domain/errors.ts'
import type { FeedAnswer } from '../live/status.ts'

/** What is live is not kept anywhere on its way. */
export const NO_STORE = 'no-store'

/** Of every answer of a feed: whose clock says what, and how old it is. */
export const ageSchema = {
  exchangeTime: z.int().nullable().openapi({ description: 'ms UTC; null where the exchange does not send it' }),
  receivedTime: z.int().openapi({ description: 'ms UTC' }),
  ageMs: z.int().openapi({ description: 'Since it was received' }),
}

/**
 * Asks the feed of an exchange.
 *
 * @throws AppError what the feed refuses with; `feed_unavailable` where it does not answer
 */
export async function askFeed<T>(
  exchange: string,
  ask: () => Promise<FeedAnswer<T>>,
): Promise<{ readonly value: T; readonly age: { exchangeTime: number | null; receivedTime: number; ageMs: number } }> {
  const answer = await reachFeed(exchange, ask)
  if (!answer.ok) throw refusalError(answer)
  const { value, exchangeTime, receivedTime, now } = answer
  return { value, age: { exchangeTime, receivedTime, ageMs: Math.max(0, now - receivedTime) } }
}

/** @throws AppError `feed_unavailable` */
export async function reachFeed<T>(exchange: string, call: () => Promise<T>): Promise<T> {
  try {
    return await call()
  } catch (cause) {
    throw new AppError('feed_unavailable', `the feed of ${exchange} does not answer`, { cause })
  }
}

/** The error that another object's refusal is to the caller. */
export function refusalError({ code, detail, retryAfterMs, errors = [] }: Refusal): AppError {
  return new AppError(code, detail, { errors, ...(retryAfterMs === undefined ? {} : { retryAfterMs }) })
}
