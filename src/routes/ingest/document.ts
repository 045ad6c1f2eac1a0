import type { z } from '@hono/zod-openapi'
import { AppError, invalidField } from '../../domain/errors.ts'
import type { Named } from '../../domain/ingest.ts'
import { parseJson } from '../../exchanges/decode.ts'
import { checkJsonText } from '../middleware/json-body.ts'
import { countsOf, type ingestAnswer, Tally } from './answers.ts'
import type { Intake } from './intake.ts'
import type { KeyedRun } from './keyed-run.ts'

/** Above, a body is to be sent as NDJSON, which is never held as a whole. */
export const MAX_DOCUMENT_BYTES = 10_000_000

/**
 * Takes in a JSON array as one batch.
 *
 * @returns the answer's text
 * @throws AppError `payload_too_large`, `invalid_request`; nothing is stored then
 */
export async function takeDocument<R extends Named>(
  body: ReadableStream<Uint8Array>,
  intake: Intake<R>,
  keyed: KeyedRun | undefined,
): Promise<string> {
  const text = await readText(body)
  const records = parseRecords(text)
  await keyed?.claim(text)
  try {
    const recalled = await keyed?.recall(0, text)
    const answer = recalled ?? (await takeRecords(intake, records))
    if (recalled === undefined) await keyed?.record(0, text, answer)
    // Also of one that was recalled: its worker may have died before it came to this.
    await keyed?.finish(1, '')
    return answer
  } catch (error) {
    await keyed?.release()
    throw error
  }
}

function parseRecords(text: string): readonly unknown[] {
  checkJsonText(text)
  let records: unknown
  try {
    records = parseJson(text, 'the body')
  } catch {
    // It is JSON: only its depth is more than can be read.
    throw invalidField('body', 'is nested too deeply')
  }
  if (!Array.isArray(records)) throw invalidField('body', 'must be an array of records')
  return records
}

async function takeRecords<R extends Named>(intake: Intake<R>, records: readonly unknown[]): Promise<string> {
  const batch = await intake.judge(records)
  const written = await intake.store(batch)
  const answer: z.infer<typeof ingestAnswer> = {
    ...countsOf(written, batch.refused),
    incomplete: false,
    rejections: new Tally().show(batch.refused, (index) => ({ index })),
  }
  return JSON.stringify(answer)
}

async function readText(body: ReadableStream<Uint8Array>): Promise<string> {
  const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: false })
  const parts: string[] = []
  let bytes = 0
  try {
    for await (const chunk of body) {
      bytes += chunk.length
      if (bytes > MAX_DOCUMENT_BYTES) throw tooLarge()
      parts.push(decoder.decode(chunk, { stream: true }))
    }
    parts.push(decoder.decode())
  } catch (cause) {
    if (cause instanceof AppError) throw cause
    throw new AppError('invalid_request', 'the body broke off, or is not UTF-8', {
      cause,
      errors: [{ path: 'body', message: 'broke off, or is not UTF-8' }],
    })
  }
  return parts.join('')
}

function tooLarge(): AppError {
  const detail = `an array must not be larger than ${MAX_DOCUMENT_BYTES} bytes: send application/x-ndjson, which has no limit`
  return new AppError('payload_too_large', detail)
}
