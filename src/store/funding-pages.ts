import { decimal } from '../domain/decimal.ts'
import type { FundingGap, SettledRate } from '../domain/funding-history.ts'
import type { Window } from '../domain/interval.ts'
import type { Direction } from './candles.ts'
import type { Reader } from './sessions.ts'

export interface FundingQuery {
  readonly instrumentId: number
  readonly window: Window
  readonly direction: Direction
  /** The most rates. */
  readonly limit: number
}

export interface StoredRate extends SettledRate {
  /** How often it has changed since it was stored. */
  readonly revision: number
}

/** Funding rates of a window, and what is known of the times without. */
export interface StoredFunding {
  /** From the edge that the direction begins at, ascending all the same. */
  readonly rates: readonly StoredRate[]
  /** Those that touch the window; ascending, disjoint. */
  readonly covered: readonly Window[]
  /** Likewise. */
  readonly gaps: readonly (Window & Pick<FundingGap, 'reason'>)[]
  /** Since when the first series of the instrument is recorded; `null` where none is. */
  readonly recordedFrom: number | null
  /** Where it is covered first, wherever that is; `null` where nothing is. */
  readonly coveredFrom: number | null
  /** Whether the last attempts to load any have failed. */
  readonly isFailing: boolean
}

interface RateRow {
  readonly fundingTime: number
  readonly rate: string
  readonly markPrice: string | null
  readonly indexPrice: string | null
  readonly revision: number
}

interface MarksRow {
  readonly recordedFrom: number | null
  readonly coveredFrom: number | null
  readonly isFailing: number
}

type GapRow = StoredFunding['gaps'][number]

/** Reads a page of funding rates, with their coverage as of the same moment. */
export async function readFunding(db: Reader, query: FundingQuery): Promise<StoredFunding> {
  const { instrumentId, window, direction, limit } = query
  const { start, end } = window
  const [rates, covered, gaps, marks] = await db.batch<RateRow | MarksRow | GapRow | Window>([
    db.prepare(ratesSql(direction)).bind(instrumentId, start, end, limit),
    db.prepare(COVERED).bind(instrumentId, start, end),
    db.prepare(GAPS).bind(instrumentId, start, end),
    db.prepare(MARKS).bind(instrumentId),
  ])
  const rows = (rates?.results ?? []).flatMap((row) => ('fundingTime' in row ? [toRate(row)] : []))
  const mark = marks?.results.find((row) => 'isFailing' in row)
  return {
    rates: direction === 'forward' ? rows : rows.reverse(),
    covered: (covered?.results ?? []).filter((row): row is Window => 'start' in row),
    gaps: (gaps?.results ?? []).filter((row): row is GapRow => 'reason' in row),
    recordedFrom: mark?.recordedFrom ?? null,
    coveredFrom: mark?.coveredFrom ?? null,
    isFailing: mark?.isFailing === 1,
  }
}

function toRate({ rate, markPrice, indexPrice, ...row }: RateRow): StoredRate {
  return {
    ...row,
    rate: decimal(rate),
    markPrice: markPrice === null ? null : decimal(markPrice),
    indexPrice: indexPrice === null ? null : decimal(indexPrice),
  }
}

function ratesSql(direction: Direction): string {
  return `
SELECT funding_time AS fundingTime, rate, mark_price AS markPrice, index_price AS indexPrice, revision
FROM funding_rates WHERE instrument_id = ?1 AND funding_time >= ?2 AND funding_time < ?3
ORDER BY funding_time ${direction === 'forward' ? 'ASC' : 'DESC'} LIMIT ?4`
}

/** Without a limit: ranges that touch are one, and gaps stand for times of days or weeks. */
const TOUCHING = 'instrument_id = ?1 AND start_time < ?3 AND end_time > ?2 ORDER BY start_time'
const COVERED = `SELECT start_time AS start, end_time AS end FROM funding_coverage WHERE ${TOUCHING}`
const GAPS = `SELECT start_time AS start, end_time AS end, reason FROM funding_gaps WHERE ${TOUCHING}`

const MARKS = `
SELECT
  (SELECT min(recorded_from) FROM series WHERE instrument_id = ?1 AND source = 'exchange') AS recordedFrom,
  (SELECT min(start_time) FROM funding_coverage WHERE instrument_id = ?1) AS coveredFrom,
  EXISTS (SELECT 1 FROM funding_state WHERE instrument_id = ?1 AND failures > 0) AS isFailing`
