import type { MissingRange } from '../../domain/coverage.ts'
import { invalidField } from '../../domain/errors.ts'
import type { Window } from '../../domain/interval.ts'
import type { CatalogEntry } from '../../store/catalog.ts'
import { NO_STORE } from '../live.ts'
import type { CandleAnswer } from './answer.ts'
import { checkComplete } from './check.ts'
import { type CandlesQuery, MAX_LIMIT } from './query.ts'
import { columnsOf, contentTypes, setMissing, toObject } from './render.ts'
import type { Scan } from './scan.ts'

/** One symbol of an export. */
export interface ExportPart {
  readonly symbol: string
  readonly window: Window
  readonly missing: readonly MissingRange[]
  /** Whether more may be missing than is listed. */
  readonly isCut: boolean
  readonly read: (scan: Scan) => Promise<Pick<CandleAnswer, 'lines' | 'next'>>
}

/**
 * Streams the parts one after another, a page at a time: memory stays the same however long they are, and a slow reader
 * is waited for. A stream that breaks off goes on after its last row with `cursor=SYMBOL:OPENTIME`.
 *
 * @throws AppError `incomplete_window` where the caller takes no other
 */
export function sendExport(parts: readonly ExportPart[], query: CandlesQuery): Response {
  const missing = parts.flatMap((part) => part.missing)
  checkComplete(query.strict, missing)
  const headers = new Headers({
    'Content-Type': contentTypes[query.format],
    'Cache-Control': NO_STORE,
    'X-Coverage-Complete': String(missing.length === 0),
  })
  setMissing(
    headers,
    parts.flatMap((part) => part.missing.map(({ start, end, reason }) => [part.symbol, start, end, reason])),
    parts.some((part) => part.isCut),
  )
  return new Response(streamOf(exportText(parts, query)), { headers })
}

/** The entries that a resumed export has still to send. */
export function remainingEntries(entries: readonly CatalogEntry[], { cursor }: CandlesQuery): readonly CatalogEntry[] {
  if (cursor === undefined) return entries
  const index = entries.findIndex(({ instrument }) => instrument.symbol === cursor.symbol)
  if (index < 0) throw invalidField('cursor', 'names a symbol that this export does not hold')
  return entries.slice(index)
}

async function* exportText(parts: readonly ExportPart[], query: CandlesQuery): AsyncGenerator<string> {
  // A resumed file has its head already.
  if (query.format === 'csv' && query.cursor === undefined) yield `symbol,${columnsOf(query.source)}\n`
  for (const { symbol, window, read } of parts) {
    const render =
      query.format === 'csv'
        ? (line: string) => `${symbol},${line}\n`
        : (line: string) => `{"symbol":"${symbol}",${toObject(line, true).slice(1)}\n`
    for (let start: number | null = window.start; start !== null && start < window.end; ) {
      const scan: Scan = {
        interval: query.interval,
        window: { start, end: window.end },
        direction: 'forward',
        limit: MAX_LIMIT,
        isBounded: true,
        reachesPresent: false,
      }
      const answer = await read(scan)
      if (answer.lines.length > 0) yield answer.lines.map(render).join('')
      start = answer.next
    }
  }
}

/** A stream that asks for the next text only when the last one has been taken. */
function streamOf(texts: AsyncGenerator<string>): ReadableStream<Uint8Array> {
  const encoder = new TextEncoder()
  return new ReadableStream<Uint8Array>(
    {
      async pull(controller) {
        const { done, value } = await texts.next()
        if (done) controller.close()
        else controller.enqueue(encoder.encode(value))
      },
      async cancel() {
        await texts.return(undefined)
      },
    },
    { highWaterMark: 0 },
  )
}
