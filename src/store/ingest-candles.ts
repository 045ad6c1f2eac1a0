import { rangesOfSlots } from '../domain/coverage.ts'
import type { BatchMark, InstrumentRecords, Written } from '../domain/ingest.ts'
import type { IngestedCandle } from '../domain/ingest-candle.ts'
import type { Interval } from '../domain/interval.ts'
import { ON_STORED_CANDLE } from './chunk.ts'
import type { Reader } from './sessions.ts'

/** Rows of one statement: their JSON stays far below the 2 MB of a value. https://developers.cloudflare.com/d1/platform/limits/ */
const MAX_ROWS = 2_000

/**
 * Stores candles that users send, each in the series of its source, with their coverage, in one transaction. What is
 * stored already as it comes is not written again. Nothing fetches such series, so they have neither gaps nor empty
 * slots: their coverage is their candles, and grows by the runs of slots that each batch brings.
 *
 * @param groups sound candles, one a slot
 */
export async function writeCandles(
  db: Reader,
  groups: readonly InstrumentRecords<IngestedCandle>[],
  { source, batchId }: BatchMark,
): Promise<Written> {
  const slices = slicesOf(await bySeries(db, groups, source))
  const results = await db.batch<RevisionRow>(
    slices.flatMap((slice, index) => sliceStatements(db, slice, `${batchId}.${index}`)),
  )
  const revisions = results.flatMap(({ results: rows }) => rows)
  const revised = revisions.filter(({ revision }) => revision > 0).length
  const sent = groups.reduce((sum, { records }) => sum + records.length, 0)
  return { accepted: revisions.length - revised, revised, unchanged: sent - revisions.length }
}

/** What was written of a candle: 0 where it is new. */
interface RevisionRow {
  readonly revision: number
}

/** Candles of one series, ascending. */
interface SeriesCandles {
  readonly seriesId: number
  readonly interval: Interval
  readonly candles: readonly IngestedCandle[]
}

/** The candles by series, which are created where they are not there yet. */
async function bySeries(
  db: Reader,
  groups: readonly InstrumentRecords<IngestedCandle>[],
  source: string,
): Promise<SeriesCandles[]> {
  const parts = groups.flatMap(({ instrumentId, records }) =>
    [...Map.groupBy(records, ({ interval }) => interval)].map(([interval, candles]) => ({
      key: `${instrumentId} ${interval} ${source}`,
      instrumentId,
      interval,
      candles: candles.sort((a, b) => a.openTime - b.openTime),
    })),
  )
  const known = seriesIds.get(db) ?? new Map<string, number>()
  seriesIds.set(db, known)
  const unknown = parts.filter(({ key }) => !known.has(key))
  if (unknown.length > 0) {
    for (const row of await ensureSeries(db, unknown, source)) {
      known.set(`${row.instrumentId} ${row.interval} ${source}`, row.id)
    }
  }
  return parts.map(({ key, interval, candles }) => {
    const seriesId = known.get(key)
    if (seriesId === undefined) throw new Error(`there is no series ${key}, though it has just been written`)
    return { seriesId, interval, candles }
  })
}

/** The series that a request has met: a session lives as long as its request. */
const seriesIds = new WeakMap<Reader, Map<string, number>>()

interface SeriesRow {
  readonly id: number
  readonly instrumentId: number
  readonly interval: string
}

async function ensureSeries(
  db: Reader,
  keys: readonly { readonly instrumentId: number; readonly interval: Interval }[],
  source: string,
): Promise<readonly SeriesRow[]> {
  const wanted = JSON.stringify(keys.map(({ instrumentId, interval }) => [instrumentId, interval]))
  const [, found] = await db.batch<SeriesRow>([
    db.prepare(INSERT_SERIES).bind(wanted, source),
    db.prepare(SERIES_IDS).bind(wanted, source),
  ])
  return found?.results ?? []
}

const INSERT_SERIES = `
INSERT INTO series (instrument_id, interval, source)
SELECT value->>0, value->>1, ?2 FROM json_each(?1) WHERE true ON CONFLICT DO NOTHING`

const SERIES_IDS = `
SELECT series.id, instrument_id AS instrumentId, interval FROM json_each(?1)
JOIN series ON instrument_id = value->>0 AND interval = value->>1 AND source = ?2`

/** As many candles as one statement takes, of one series or several. */
function slicesOf(series: readonly SeriesCandles[]): SeriesCandles[][] {
  const slices: SeriesCandles[][] = [[]]
  let room = MAX_ROWS
  for (const { candles, ...key } of series) {
    for (let at = 0; at < candles.length; ) {
      const part = candles.slice(at, at + room)
      slices.at(-1)?.push({ ...key, candles: part })
      at += part.length
      room -= part.length
      if (room > 0) continue
      slices.push([])
      room = MAX_ROWS
    }
  }
  return slices.filter((slice) => slice.length > 0)
}

function sliceStatements(db: Reader, slice: readonly SeriesCandles[], batchId: string): D1PreparedStatement[] {
  const runs = slice.flatMap(({ seriesId, interval, candles }) => {
    const openTimes = candles.map(({ openTime }) => openTime)
    return rangesOfSlots(openTimes, interval).map(({ start, end }) => [seriesId, start, end])
  })
  const ranges = JSON.stringify(runs)
  return [
    db.prepare(UPSERT_CANDLES).bind(rowsJson(slice)),
    db.prepare(UPDATE_SERIES).bind(ranges),
    db.prepare(INSERT_COVERAGE).bind(ranges, batchId),
    db.prepare(DELETE_REPLACED_COVERAGE).bind(ranges, batchId),
  ]
}

/** Decimals and numbers have nothing in them that JSON escapes: put together by hand, in a third of the time. */
function rowsJson(slice: readonly SeriesCandles[]): string {
  const rows: string[] = []
  for (const { seriesId, candles } of slice) {
    for (const c of candles) {
      const quoteVolume = c.quoteVolume === null ? 'null' : `"${c.quoteVolume}"`
      rows.push(
        `[${seriesId},${c.openTime},"${c.open}","${c.high}","${c.low}","${c.close}","${c.volume}",${quoteVolume},${c.tradeCount}]`,
      )
    }
  }
  return `[${rows.join(',')}]`
}

const UPSERT_CANDLES = `
INSERT INTO candles (series_id, open_time, open, high, low, close, volume, quote_volume, trade_count)
SELECT value->>0, value->>1, value->>2, value->>3, value->>4, value->>5, value->>6, value->>7, value->>8
FROM json_each(?1) WHERE true
${ON_STORED_CANDLE}
RETURNING revision`

/** Directly after the candles: `changes()` counts what they wrote. https://www.sqlite.org/lang_corefunc.html#changes */
const UPDATE_SERIES = `
UPDATE series SET version = version + 1, verified_to = max(ifnull(verified_to, sent.end_time), sent.end_time)
FROM (SELECT value->>0 AS series_id, max(value->>2) AS end_time FROM json_each(?1) GROUP BY 1) AS sent
WHERE id = sent.series_id AND changes() > 0`

/** Where to look for a range that reaches `start_time` of a run: ranges are disjoint, so only the last before it may. */
const LAST_BEFORE = `(SELECT max(start_time) FROM coverage
    WHERE series_id = runs.series_id AND start_time <= runs.start_time)`

/**
 * Each run of slots joined with the ranges that it overlaps or touches. Runs that lie within one range change nothing.
 * The rows that the joined ones replace are deleted by the next statement.
 */
const INSERT_COVERAGE = `
INSERT OR REPLACE INTO coverage (series_id, start_time, end_time, written_by)
WITH runs (series_id, start_time, end_time) AS (
  SELECT value->>0, value->>1, value->>2 FROM json_each(?1)
),
news AS MATERIALIZED (
  SELECT * FROM runs WHERE NOT EXISTS (
    SELECT 1 FROM coverage c
    WHERE c.series_id = runs.series_id AND c.start_time = ${LAST_BEFORE} AND c.end_time >= runs.end_time)
),
pieces (series_id, start_time, end_time) AS (
  SELECT series_id, start_time, end_time FROM news
  UNION
  SELECT c.series_id, c.start_time, c.end_time FROM news AS runs CROSS JOIN coverage c
  WHERE c.series_id = runs.series_id AND c.end_time >= runs.start_time AND c.start_time <= runs.end_time
  AND c.start_time >= ifnull(${LAST_BEFORE}, runs.start_time)
),
reached AS (
  SELECT *, max(end_time) OVER (
    PARTITION BY series_id ORDER BY start_time, end_time ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING) AS reach
  FROM pieces
),
islands AS (
  SELECT *, sum(reach IS NULL OR reach < start_time) OVER (
    PARTITION BY series_id ORDER BY start_time, end_time ROWS UNBOUNDED PRECEDING) AS island
  FROM reached
)
SELECT series_id, min(start_time), max(end_time), ?2 FROM islands GROUP BY series_id, island`

/**
 * A range that was joined and not replaced starts within a run: had it started before all of them, the joined one would
 * have its start, and so its key.
 */
const DELETE_REPLACED_COVERAGE = `
DELETE FROM coverage WHERE (series_id, start_time) IN (
  SELECT c.series_id, c.start_time FROM json_each(?1) CROSS JOIN coverage c
  WHERE c.series_id = value->>0 AND c.start_time > value->>1 AND c.start_time <= value->>2 AND c.written_by <> ?2)`
