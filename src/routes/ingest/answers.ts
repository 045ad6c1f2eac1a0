import { z } from '@hono/zod-openapi'
import { errorCodes } from '../../domain/errors.ts'
import type { Written } from '../../domain/ingest.ts'
import type { Refused } from './intake.ts'

/** A request's refused records are shown in detail up to so many, the rest is counted. */
const MAX_REJECTIONS = 1_000

const count = z.int().nonnegative()

const rejection = z
  .object({
    index: count.openapi({ description: 'Of the record, from 0; blank lines are not counted' }),
    line: z.int().optional().openapi({ description: 'Of the body, from 1; with NDJSON' }),
    path: z.string().openapi({ description: 'The field that is wrong; empty where it is the whole record' }),
    reason: z.string().openapi({ example: 'high_below_body' }),
    message: z.string(),
  })
  .openapi('IngestRejection')

const counts = {
  accepted: count.openapi({ description: 'New' }),
  unchanged: count.openapi({ description: 'Stored already as they are' }),
  revised: count.openapi({ description: 'Stored in the place of other values' }),
  rejected: count,
}

const error = z.object({ code: z.enum(errorCodes), detail: z.string() })

/** The answer to a JSON array. */
export const ingestAnswer = z
  .object({
    ...counts,
    incomplete: z.literal(false),
    rejections: z.array(rejection).openapi({ description: `The first ${MAX_REJECTIONS}` }),
  })
  .openapi('IngestAnswer')

/** The answer to one batch of NDJSON. */
export const batchAnswer = z
  .object({
    batch: count,
    from: count.openapi({ description: 'The first record' }),
    to: count.openapi({ description: 'After the last record' }),
    lastLine: count,
    ...counts,
    rejections: z.array(rejection),
  })
  .openapi('IngestBatch')

/** The last line of the answer to NDJSON. */
export const summaryAnswer = z
  .object({
    summary: z.literal(true),
    batches: count,
    ...counts,
    incomplete: z.boolean().openapi({ description: 'The body broke off, or a batch could not be stored' }),
    lastLine: count.openapi({ description: 'The last line of the body that was taken, from 1: send on from the next' }),
    error: error.nullable(),
    bookmark: z.string().openapi({ description: 'Send it as `X-Bookmark` with a read that must see this data' }),
  })
  .openapi('IngestSummary')

export type BatchAnswer = z.infer<typeof batchAnswer>
export type SummaryAnswer = z.infer<typeof summaryAnswer>
export type Rejection = z.infer<typeof rejection>

type Counts = Pick<BatchAnswer, 'accepted' | 'unchanged' | 'revised' | 'rejected'>

/** What has come of a request so far. */
export class Tally {
  #counts: Counts = { accepted: 0, unchanged: 0, revised: 0, rejected: 0 }
  #shown = 0

  get counts(): Counts {
    return this.#counts
  }

  add({ accepted, unchanged, revised, rejected }: Counts, shown: number): void {
    const sum = this.#counts
    this.#counts = {
      accepted: sum.accepted + accepted,
      unchanged: sum.unchanged + unchanged,
      revised: sum.revised + revised,
      rejected: sum.rejected + rejected,
    }
    this.#shown += shown
  }

  /** The refused records of the next batch that are still shown in detail. */
  show(refused: readonly Refused[], place: (place: number) => Pick<Rejection, 'index' | 'line'>): Rejection[] {
    return refused
      .slice(0, MAX_REJECTIONS - this.#shown)
      .map(({ place: at, fault: { path, reason, message } }) => ({ ...place(at), path, reason, message }))
  }
}

/** The counts of a batch that is stored. */
export function countsOf({ accepted, unchanged, revised }: Written, refused: readonly Refused[]): Counts {
  return { accepted, unchanged, revised, rejected: refused.length }
}
