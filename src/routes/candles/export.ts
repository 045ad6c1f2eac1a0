import { lifeOf, type MissingRange, missingRanges, unexplainedReason, wantedSlots } from '../../domain/coverage.ts'
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
import { type ExportPart, remainingEntries, sendExport } from './export-stream.ts'
import { type CandlesQuery, MAX_LIMIT } from './query.ts'
import { chooseSeries, type Scan } from './scan.ts'

/**
 * The most stored candles that one export reads: 900 pages, below the 1,000 queries that D1 allows one invocation.
 * https://developers.cloudflare.com/d1/platform/limits/
 */
const MAX_EXPORT_SLOTS = 900 * MAX_LIMIT
/** Of one symbol. Beyond, what is missing is said to be more than is listed. */
const MAX_LISTED_RANGES = 5_000

interface StoredPart extends ExportPart {
  /** At most so many candles are stored of it. */
  readonly stored: number
}

/** Streams the whole window of one or several symbols from what is stored. */
export async function answerExport(
  c: AppContext,
  exchange: string,
  entries: readonly CatalogEntry[],
  query: CandlesQuery,
): Promise<Response> {
  const db = c.var.sessions.forExchange(exchange)
  const closed = closedTo(c.var.deps.clock.now(), query.interval, settleMsOf(exchange))
  const parts: StoredPart[] = []
  for (const entry of remainingEntries(entries, query)) parts.push(await planPart(db, entry, query, closed))
  checkSize(parts)
  return sendExport(parts, query)
}

async function planPart(db: Reader, entry: CatalogEntry, query: CandlesQuery, closed: number): Promise<StoredPart> {
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
  const part = {
    symbol: instrument.symbol,
    window,
    read: (scan: Scan) => readAnswer(db, entry, choice, scan),
  }
  if (choice.from === 'nothing' || coverage === undefined) {
    const missing = missingRanges(window, interval, [], [], 'not_recorded')
    return { ...part, missing, isCut: false, stored: 0 }
  }
  const unexplained = unexplainedReason(choice.series.source, coverage.marks.isFailing)
  const baseWindow = intersectWindows(window, lifeOf(first, instrument.validTo, choice.series.interval))
  const known = { start: baseWindow.start, end: Math.min(baseWindow.end, knownTo(coverage)) }
  const { source, interval: stored } = choice.series
  const wanted = wantedSlots(source, stored, coverage.marks)
  const missing = missingRanges(known, stored, coverage.covered, coverage.gaps, unexplained, wanted)
  return {
    ...part,
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
function checkSize(parts: readonly StoredPart[]): void {
  const total = parts.reduce((sum, { stored }) => sum + stored, 0)
  if (total <= MAX_EXPORT_SLOTS) return
  throw invalidField('start', `the window needs ${total} stored candles; one export reads ${MAX_EXPORT_SLOTS}`)
}
