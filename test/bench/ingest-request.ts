import { z } from 'zod'
import { ADMIN_TOKEN, type RunningWorker } from '../harness/worker.ts'

const summary = z.object({
  summary: z.literal(true),
  accepted: z.int(),
  unchanged: z.int(),
  revised: z.int(),
  rejected: z.int(),
  incomplete: z.boolean(),
})

/** What all lines of a body must come to. */
export type Expected = Pick<z.infer<typeof summary>, 'accepted' | 'unchanged'>

/**
 * Sends NDJSON in one request, and checks what has come of it.
 *
 * @returns ms from the first byte sent to the last one of the answer
 */
export async function sendLines(
  { url }: RunningWorker,
  path: string,
  body: Buffer<ArrayBuffer>,
  expected: Expected,
): Promise<number> {
  const startedAt = performance.now()
  const response = await fetch(new URL(path, url), {
    method: 'POST',
    headers: { Authorization: `Bearer ${ADMIN_TOKEN}`, 'Content-Type': 'application/x-ndjson' },
    body,
  })
  const text = await response.text()
  const elapsedMs = performance.now() - startedAt
  const { accepted, unchanged, revised, rejected, incomplete } = summary.parse(
    JSON.parse(text.trim().split('\n').at(-1) ?? ''),
  )
  const isRight = accepted === expected.accepted && unchanged === expected.unchanged
  if (!isRight || revised + rejected > 0 || incomplete) {
    throw new Error(`not taken as it should be: ${text.slice(-500)}`)
  }
  return elapsedMs
}
