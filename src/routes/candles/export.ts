import { lifeOf, type MissingRange, missingRanges } from '../../domain/coverage.ts'
import { invalidField } from '../../domain/errors.ts'
import {
  ceilToInterval,
  countSlots,
  floorToInterval,
  type Interval,
  nextOpenTime,
  type Window,
} from '../../domain/interval.ts'
import { intersectWindows, mergeWindows } from '../../domain/window.ts'
import { settleMsOf } from '../../exchanges/registry.ts'
import { closedTo } from '../../history/plan.ts'
import type { CatalogEntry } from '../../store/catalog.ts'
import { readCoverage, type SeriesCoverage } from '../../store/coverage.ts'
import type { Reader } from '../../store/sessions.ts'
import type { AppContext } from '../context.ts'
import { readAnswer } from './answer.ts'
import { checkComplete } from './check.ts'
import { type CandlesQuery, MAX_LIMIT } from './query.ts'
import { CSV_COLUMNS, contentTypes, setMissing, toObject } from './render.ts'
import { chooseSeries, type Scan, type SeriesChoice } from './scan.ts'

/**
 * The most stored candles that one export reads: 900 pages, below the 1,000 queries that D1 allows one invocation.
 * https://developers.cloudflare.com/d1/platform/limits/
 */
const MAX_EXPORT_SLOTS = 900 * MAX_LIMIT
/** Of one symbol. Beyond, what is missing is said to be more than is listed. */
const MAX_LISTED_RANGES = 5_000

interface ExportPart {
  readonly entry: CatalogEntry
  readonly choice: SeriesChoice
  readonly window: Window
  readonly missing: readonly MissingRange[]
  /** Whether more may be missing than is listed. */
  readonly isCut: boolean
  /** At most so many candles are stored of it. */
  readonly stored: number
}

/**
 * Streams the whole window of one or several symbols, one after another, a page at a time: memory stays the same
 * however long it is, and a slow reader is waited for. A stream that breaks off goes on after its last row with
 * `cursor=SYMBOL:OPENTIME`.
 */
export async function answerExport(
  c: AppContext,
  exchange: string,
  entries: readonly CatalogEntry[],
  query: CandlesQuery,
): Promise<Response> {
  const db = c.var.sessions.forExchange(exchange)
  const closed = closedTo(c.var.deps.clock.now(), query.interval, settleMsOf(exchange))
  const parts: ExportPart[] = []
  for (const entry of remainingEntries(entries, query)) parts.push(await planPart(db, entry, query, closed))
  checkSize(parts)
  const missing = parts.flatMap((part) => part.missing)
  checkComplete(query.strict, missing)
  const headers = new Headers({
    'Content-Type': contentTypes[query.format],
    'Cache-Control': 'no-store',
    'X-Coverage-Complete': String(missing.length === 0),
  })
  setMissing(
    headers,
    parts.flatMap((part) =>
      part.missing.map(({ start, end, reason }) => [part.entry.instrument.symbol, start, end, reason]),
    ),
    parts.some((part) => part.isCut),
  )
  return new Response(streamOf(exportText(db, parts, query)), { headers })
}

/** The entries that a resumed export has still to send. */
function remainingEntries(entries: readonly CatalogEntry[], { cursor }: CandlesQuery): readonly CatalogEntry[] {
  if (cursor === undefined) return entries
  const index = entries.findIndex(({ instrument }) => instrument.symbol === cursor.symbol)
  if (index < 0) throw invalidField('cursor', 'names a symbol that this export does not hold')
  return entries.slice(index)
}

async function planPart(db: Reader, entry: CatalogEntry, query: CandlesQuery, closed: number): Promise<ExportPart> {
  const { interval, cursor } = query
  const { instrument } = entry
  const resumeAt = cursor?.symbol === instrument.symbol ? nextOpenTime(cursor.time, interval) : undefined
  const end = query.end === undefined ? closed : Math.min(ceilToInterval(query.end, interval), closed)
  const choice = chooseSeries(entry, interval, query.source, { start: query.start ?? 0, end })
  const asked = { start: ceilToInterval(resumeAt ?? query.start ?? 0, interval), end }
  const coverage =
    choice.from === 'nothing'
      ? undefined
      : await readCoverage(db, { seriesId: choice.series.id, window: asked, listFrom: 0, limit: MAX_LISTED_RANGES })
  const first = coverage?.marks.firstCandleTime ?? (query.start === undefined ? (coverage?.coveredFrom ?? end) : null)
  const life = lifeOf(first === null ? null : floorToInterval(first, interval), instrument.validTo, interval)
  const window = intersectWindows(asked, life)
  if (choice.from === 'nothing' || coverage === undefined) {
    const missing = missingRanges(window, interval, [], [], 'not_recorded')
    return { entry, choice, window, missing, isCut: false, stored: 0 }
  }
  const unexplained = coverage.marks.isFailing ? 'load_failing' : 'not_loaded'
  const baseWindow = intersectWindows(window, lifeOf(first, instrument.validTo, choice.series.interval))
  const known = { start: baseWindow.start, end: Math.min(baseWindow.end, knownTo(coverage)) }
  const missing = missingRanges(known, choice.series.interval, coverage.covered, coverage.gaps, unexplained)
  return {
    entry,
    choice,
    window,
    missing: choice.from === 'stored' ? missing : widened(missing, interval),
    isCut: known.end < baseWindow.end,
    stored: countStored(coverage, known, baseWindow, choice.series.interval),
  }
}

/** Lists that are as long as they may be are cut off: what comes after their last item is not known. */
function knownTo({ covered, gaps }: SeriesCoverage): number {
  const lastRange = covered.length < MAX_LISTED_RANGES ? undefined : covered.at(-1)
  const lastGap = gaps.length < MAX_LISTED_RANGES ? undefined : gaps.at(-1)
  return Math.min(lastRange?.end ?? Number.POSITIVE_INFINITY, lastGap?.openTime ?? Number.POSITIVE_INFINITY)
}

/** Slots that are covered, and those of which that is not known. */
function countStored({ covered }: SeriesCoverage, known: Window, window: Window, interval: Interval): number {
  const inside = covered.reduce((sum, range) => sum + countSlots(intersectWindows(range, known), interval), 0)
  return inside + countSlots({ start: known.end, end: window.end }, interval)
}

/** What is missing of a derived interval: every slot over incomplete input. */
function widened(missing: readonly Window[], interval: Interval): MissingRange[] {
  const slots = missing.map(({ start, end }) => ({
    start: floorToInterval(start, interval),
    end: ceilToInterval(end, interval),
  }))
  return mergeWindows(slots).map((range) => ({ ...range, reason: 'incomplete_input' }))
}

/** @throws AppError `invalid_request` */
function checkSize(parts: readonly ExportPart[]): void {
  const total = parts.reduce((sum, { stored }) => sum + stored, 0)
  if (total <= MAX_EXPORT_SLOTS) return
  throw invalidField('start', `the window needs ${total} stored candles; one export reads ${MAX_EXPORT_SLOTS}`)
}

async function* exportText(db: Reader, parts: readonly ExportPart[], query: CandlesQuery): AsyncGenerator<string> {
  // A resumed file has its head already.
  if (query.format === 'csv' && query.cursor === undefined) yield `symbol,${CSV_COLUMNS}\n`
  for (const { entry, choice, window } of parts) {
    const { symbol } = entry.instrument
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
      const answer = await readAnswer(db, entry, choice, scan)
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
