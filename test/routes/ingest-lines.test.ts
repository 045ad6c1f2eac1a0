import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { BATCH_LINES, type LineBatch, LineReader, MAX_LINE_BYTES } from '../../src/routes/ingest/lines.ts'
import { Unreadable } from '../../src/routes/ingest/unreadable.ts'

/** A body that arrives in pieces of these sizes, over and over; then it ends, or breaks. */
function arriving(bytes: Uint8Array, sizes: readonly number[], breaks = false): ReadableStream<Uint8Array> {
  let at = 0
  let turn = 0
  return new ReadableStream({
    type: 'bytes',
    pull(controller) {
      if (at >= bytes.length) {
        if (breaks) controller.error(new Error('cut'))
        else controller.close()
        controller.byobRequest?.respond(0)
        return
      }
      const size = sizes[turn++ % sizes.length] ?? 1
      controller.enqueue(bytes.slice(at, at + size))
      at += size
    },
  })
}

async function readAll(body: ReadableStream<Uint8Array>): Promise<{ batches: LineBatch[]; hasBrokenOff: boolean }> {
  const reader = new LineReader(body)
  const batches: LineBatch[] = []
  for (let batch = await reader.next(); batch !== undefined; batch = await reader.next()) batches.push(batch)
  return { batches, hasBrokenOff: reader.hasBrokenOff }
}

const encode = (text: string) => new TextEncoder().encode(text)

describe('the lines of a body', () => {
  it('are the same however they arrive', async () => {
    const line = fc.oneof(fc.constantFrom('', ' ', '\r', '{"a":"é🙂"}\r', '{"b":1}', '[]'), fc.json())
    await fc.assert(
      fc.asyncProperty(
        fc.array(line, { maxLength: 30 }),
        fc.array(fc.integer({ min: 1, max: 40 }), { minLength: 1, maxLength: 5 }),
        fc.boolean(),
        async (lines, sizes, endsWithFeed) => {
          const text = lines.join('\n') + (endsWithFeed ? '\n' : '')
          const expected = text.split('\n').flatMap((found, index) => (found.trim() === '' ? [] : [[found, index + 1]]))
          const { batches, hasBrokenOff } = await readAll(arriving(encode(text), sizes))
          const found = batches.flatMap((batch) => batch.lines.map((text_, index) => [text_, batch.numbers[index]]))
          expect(found).toEqual(expected)
          expect(hasBrokenOff).toBe(false)
        },
      ),
      { numRuns: 60 },
    )
  })

  it('come in batches by number, or by size where they are long', async () => {
    const short = await readAll(arriving(encode('{}\n'.repeat(2 * BATCH_LINES + 1)), [100_000]))
    expect(short.batches.map(({ lines, isFull }) => [lines.length, isFull])).toEqual([
      [BATCH_LINES, true],
      [BATCH_LINES, true],
      [1, false],
    ])
    const long = `"${'x'.repeat(499_998)}"\n`.repeat(20)
    const { batches } = await readAll(arriving(encode(long), [300_000]))
    expect(batches.map(({ lines }) => lines.length)).toEqual([8, 8, 4])
  })

  it('may be as long as they may, and no longer', async () => {
    const most = `"${'é'.repeat(MAX_LINE_BYTES / 2 - 1)}"`
    for (const sizes of [[1_000_000_000], [70_000]]) {
      const { batches } = await readAll(arriving(encode(`{}\n${most}\n${most} \n{}\n`), sizes))
      expect(batches[0]?.lines.map((line) => (line instanceof Unreadable ? line.fault.reason : line.length))).toEqual([
        2,
        most.length,
        'line_too_long',
        2,
      ])
    }
  })

  it('end where the body breaks off, without the half line', async () => {
    const bytes = encode('{"a":1}\n{"b":2}')
    expect(await readAll(arriving(bytes, [3], true))).toMatchObject({
      batches: [{ lines: ['{"a":1}'] }],
      hasBrokenOff: true,
    })
    expect(await readAll(arriving(bytes.slice(0, -1), [3]))).toMatchObject({
      batches: [{ lines: ['{"a":1}'] }],
      hasBrokenOff: true,
    })
    expect(await readAll(arriving(bytes, [3]))).toMatchObject({
      batches: [{ lines: ['{"a":1}', '{"b":2}'] }],
      hasBrokenOff: false,
    })
  })
})
