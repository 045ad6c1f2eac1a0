import { type Interval, nextOpenTime, type Window } from '../domain/interval.ts'
import { slotsSql } from './coverage.ts'
import { parseWindow, splitList } from './marks.ts'

/** A series as of one moment, counted anew. */
export interface CoverageProof {
  /** The writes that it takes in. */
  readonly version: number
  /** Whether the cached ranges are those that candles and empty slots add up to. */
  readonly equal: boolean
  /** Recounted from every candle and empty slot of the series. */
  readonly recounted: readonly Window[]
}

/** About 1 MB each at the worst: bounds the memory of an isolate that is asked for every proof there is. */
const MAX_PROOFS = 20

/** The newest proofs of each database, by series: only a write can change one, however often it is asked for. */
const kept = new WeakMap<D1Database, Map<number, CoverageProof>>()

/**
 * Recounts a series and compares with its cached ranges, both as of one moment. Reads all of its rows, unless this
 * isolate has done so since the series was last written.
 *
 * @param version the write that the proof must take in, as `SeriesMarks` has it
 */
export async function proveCoverage(
  db: D1Database,
  seriesId: number,
  interval: Interval,
  version: number,
): Promise<CoverageProof> {
  const proofs = kept.get(db) ?? new Map<number, CoverageProof>()
  kept.set(db, proofs)
  const known = proofs.get(seriesId)
  if (known !== undefined && known.version >= version) return known
  const proof = await recount(db, seriesId, interval)
  const oldest = proofs.size < MAX_PROOFS ? undefined : proofs.keys().next().value
  if (oldest !== undefined) proofs.delete(oldest)
  proofs.set(seriesId, proof)
  return proof
}

const CACHED = `
SELECT version, (SELECT group_concat(start_time || ',' || end_time, ';') FROM (
  SELECT start_time, end_time FROM coverage WHERE series_id = ?1 ORDER BY start_time)) AS ranges
FROM series WHERE id = ?1`

/** Neighbouring slots have neighbouring numbers: less their place in the order, those of one run are equal. */
const RECOUNT = `
WITH slots AS (
  SELECT open_time FROM candles WHERE series_id = ?1 UNION SELECT open_time FROM empty_slots WHERE series_id = ?1
),
numbered AS (
  SELECT open_time, ${slotsSql('0', 'open_time', '?2')} - row_number() OVER (ORDER BY open_time) AS run FROM slots
)
SELECT min(open_time) AS first, max(open_time) AS last FROM numbered GROUP BY run ORDER BY 1`

interface CachedRow {
  readonly version: number
  readonly ranges: string | null
}

interface RunRow {
  readonly first: number
  readonly last: number
}

/** A batch is one transaction: no writer comes in between. https://developers.cloudflare.com/d1/worker-api/d1-database/#batch */
async function recount(db: D1Database, seriesId: number, interval: Interval): Promise<CoverageProof> {
  const [cached, runs] = await db.batch<CachedRow | RunRow>([
    db.prepare(CACHED).bind(seriesId),
    db.prepare(RECOUNT).bind(seriesId, interval),
  ])
  const row = cached?.results.find((found) => 'version' in found)
  const ranges = splitList(row?.ranges ?? null).map(parseWindow)
  const recounted = (runs?.results ?? []).flatMap((run) =>
    'first' in run ? [{ start: run.first, end: nextOpenTime(run.last, interval) }] : [],
  )
  return { version: row?.version ?? 0, equal: isSame(ranges, recounted), recounted }
}

function isSame(a: readonly Window[], b: readonly Window[]): boolean {
  return a.length === b.length && a.every(({ start, end }, index) => start === b[index]?.start && end === b[index].end)
}
