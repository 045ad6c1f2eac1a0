import { expect } from 'vitest'
import { z } from 'zod'
import type { Window } from '../../src/domain/interval.ts'
import { slotsIn } from '../../src/domain/interval.ts'
import { ADMIN, api, send } from './api.ts'

const counts = { accepted: z.int(), unchanged: z.int(), revised: z.int(), rejected: z.int() }
const rejections = z.array(
  z.object({ index: z.int(), line: z.int().optional(), path: z.string(), reason: z.string(), message: z.string() }),
)
const documentAnswer = z.strictObject({ ...counts, incomplete: z.literal(false), rejections })
const batchLine = z.strictObject({
  batch: z.int(),
  from: z.int(),
  to: z.int(),
  lastLine: z.int(),
  ...counts,
  rejections,
})
const summaryLine = z.strictObject({
  summary: z.literal(true),
  batches: z.int(),
  ...counts,
  incomplete: z.boolean(),
  lastLine: z.int(),
  error: z.object({ code: z.string(), detail: z.string() }).nullable(),
  bookmark: z.string(),
})

export type SentCandle = Readonly<Record<string, unknown>>

/** A sound candle of a minute. */
export function sent(openTime: number, changes: SentCandle = {}): SentCandle {
  const values = { open: '1', high: '9', low: '0.5', close: '1', volume: '10', quoteVolume: '10.5', tradeCount: 3 }
  return { interval: '1m', openTime, ...values, ...changes }
}

export function sentIn(window: Window, changes: SentCandle = {}): SentCandle[] {
  return [...slotsIn(window, '1m')].map((openTime) => sent(openTime, changes))
}

export function ndjson(records: readonly unknown[]): string {
  return records.map((record) => `${JSON.stringify(record)}\n`).join('')
}

/** Sends an array, and reads what has come of it. */
export async function ingest(path: string, records: unknown, headers: HeadersInit = {}) {
  const response = await send('POST', path, records, { ...ADMIN, ...headers })
  expect(response.status, await response.clone().text()).toBe(200)
  return documentAnswer.parse(await response.json())
}

/** Sends lines, as text or as they come. */
export function stream(
  path: string,
  body: string | ReadableStream | Uint8Array<ArrayBuffer>,
  headers: Readonly<Record<string, string>> = {},
): Promise<Response> {
  return api(path, { method: 'POST', body, headers: { ...ADMIN, 'Content-Type': 'application/x-ndjson', ...headers } })
}

/** The answer to lines: one for each batch, and the summary. */
export async function readLines(response: Response) {
  expect(response.status, await response.clone().text()).toBe(200)
  const lines = (await response.text()).split('\n')
  expect(lines.pop()).toBe('')
  const summary = summaryLine.parse(JSON.parse(lines.pop() ?? ''))
  return { batches: lines.map((line) => batchLine.parse(JSON.parse(line))), summary }
}
