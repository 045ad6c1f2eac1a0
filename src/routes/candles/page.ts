import { wantedSlots } from '../../domain/coverage.ts'
import { AppError } from '../../domain/errors.ts'
import { intersectWindows } from '../../domain/window.ts'
import { settleMsOf } from '../../exchanges/registry.ts'
import { closedTo } from '../../history/plan.ts'
import type { CatalogEntry } from '../../store/catalog.ts'
import type { AppContext } from '../context.ts'
import { type CandleAnswer, readAnswer } from './answer.ts'
import { checkComplete } from './check.ts'
import { readUnfinished } from './open.ts'
import { type CandlesQuery, EXCHANGE_SOURCE } from './query.ts'
import { type CandlesPage, contentTypes, coverageHeaders, renderCandles } from './render.ts'
import { askedWindow, chooseSeries, planScan, type Scan, type SeriesChoice } from './scan.ts'

/** What has been answered once for a revision never changes: https://www.rfc-editor.org/rfc/rfc8246 */
const IMMUTABLE = 'public, max-age=31536000, immutable'
const REVALIDATE = 'public, max-age=60, must-revalidate'

/** Answers one page of candles in the asked format. */
export async function answerPage(
  c: AppContext,
  exchange: string,
  entry: CatalogEntry,
  query: CandlesQuery,
): Promise<Response> {
  const { interval, source } = query
  const closed = closedTo(c.var.deps.clock.now(), interval, settleMsOf(exchange))
  const choice = chooseSeries(entry, interval, source, askedWindow(query, closed))
  const scan = planScan(query, closed)
  const answer = await readAnswer(c.var.sessions.forExchange(exchange), entry, choice, scan)
  checkRevision(query.revision, answer.marks?.revision)
  checkComplete(query.strict, answer.coverage.missing)
  const open = await openCandles(c, exchange, entry, choice, query, scan, answer)
  const page = describePage(c.req.url, entry, choice, query, answer, open)
  const headers = coverageHeaders(page)
  headers.set('Content-Type', contentTypes[query.format])
  if (query.includeOpen) headers.set('Cache-Control', 'no-store')
  else {
    const etag = etagOf(entry, choice, answer)
    headers.set('Cache-Control', isImmutable(query, scan, answer) ? IMMUTABLE : REVALIDATE)
    headers.set('ETag', etag)
    if (matches(c.req.header('If-None-Match'), etag)) return new Response(null, { status: 304, headers })
  }
  return new Response(renderCandles(page, query.format), { headers })
}

/** @throws AppError `stale_revision` */
function checkRevision(asked: number | undefined, current: number | undefined): void {
  if (asked === undefined || asked === current) return
  throw new AppError('stale_revision', `revision ${asked} is not the current one: ask again without revision`)
}

async function openCandles(
  c: AppContext,
  exchange: string,
  entry: CatalogEntry,
  choice: SeriesChoice,
  query: CandlesQuery,
  scan: Scan,
  answer: CandleAnswer,
) {
  if (!query.includeOpen) return undefined
  // What an exchange says of the open candle is nothing of another source.
  if (query.source !== EXCHANGE_SOURCE) return []
  const isAtPresent = scan.reachesPresent && answer.window.end === scan.window.end
  return isAtPresent ? readUnfinished(c, exchange, entry, choice, query.interval) : []
}

/** A page with what surrounds its answer. */
export function describePage(
  requestUrl: string,
  { instrument }: CatalogEntry,
  choice: SeriesChoice,
  query: CandlesQuery,
  answer: CandleAnswer,
  open: CandlesPage['open'],
): CandlesPage {
  const isDescending = query.order === 'desc'
  // The newest candles in ascending order have nothing after them.
  const isNewestFirst = query.start === undefined && !isDescending
  const nextCursor = answer.next === null || isNewestFirst ? null : String(answer.next)
  const { interval, source } = query
  return {
    instrument,
    interval,
    source,
    derived: choice.from === 'derived',
    answer,
    open,
    isDescending,
    nextCursor,
    nextUrl: nextCursor === null ? null : urlWith(requestUrl, { cursor: nextCursor, revision: answer.marks?.revision }),
    immutableUrl: isFinal(answer)
      ? urlWith(requestUrl, {
          start: answer.window.start,
          end: answer.window.end,
          revision: answer.marks?.revision,
          cursor: undefined,
          includeOpen: undefined,
        })
      : null,
  }
}

function urlWith(url: string, changes: Readonly<Record<string, string | number | undefined>>): string {
  const changed = new URL(url)
  for (const [name, value] of Object.entries(changes)) {
    if (value === undefined) changed.searchParams.delete(name)
    else changed.searchParams.set(name, String(value))
  }
  return changed.href
}

/** Complete, closed and read late enough: only a revision can change it. */
function isFinal({ coverage, window }: CandleAnswer): boolean {
  const { complete, verifiedTo } = coverage
  return complete && verifiedTo !== null && verifiedTo >= window.end && window.start < window.end
}

/** A final answer whose URL names both its revision and all of its window. */
function isImmutable({ revision, start, end }: CandlesQuery, { reachesPresent }: Scan, answer: CandleAnswer): boolean {
  return revision !== undefined && start !== undefined && end !== undefined && !reachesPresent && isFinal(answer)
}

/**
 * Changes whenever the body does: of a complete window with its revision only, of any other with every write.
 */
function etagOf({ instrument }: CatalogEntry, choice: SeriesChoice, answer: CandleAnswer): string {
  const { marks, window, coverage, next } = answer
  const { start, end } = window
  const seriesId = choice.from === 'nothing' ? `none-${instrument.id}` : choice.series.id
  const state = coverage.complete ? 'complete' : `${marks?.version}-${marks?.isFailing}-${wantedIn(choice, answer)}`
  const life = [marks?.firstCandleTime, instrument.validTo]
  return `"${[seriesId, start, end, next, marks?.revision, state, coverage.verifiedTo, ...life].join('.')}"`
}

/** What of an answer is wanted: it may change without a write to the series. */
function wantedIn(choice: SeriesChoice, { marks, window }: CandleAnswer): string {
  if (choice.from === 'nothing' || marks === null) return ''
  const { source, interval } = choice.series
  const wanted = wantedSlots(source, interval, marks).map((part) => intersectWindows(part, window))
  return wanted.flatMap(({ start, end }) => (start < end ? [`${start}-${end}`] : [])).join('-')
}

/** https://www.rfc-editor.org/rfc/rfc9110#name-if-none-match */
function matches(header: string | undefined, etag: string): boolean {
  if (header === undefined) return false
  return header.split(',').some((tag) => tag.trim() === '*' || tag.trim().replace(/^W\//, '') === etag)
}
