import { type Interval, nextOpenTime, type Window } from '../../src/domain/interval.ts'

/** What the coverage of a series must be, counted without the help of SQL from all that it holds. */
export async function recountCoverage(db: D1Database, seriesId: number, interval: Interval): Promise<Window[]> {
  const { results } = await db
    .prepare(
      `SELECT open_time AS openTime FROM candles WHERE series_id = ?1
       UNION SELECT open_time FROM empty_slots WHERE series_id = ?1`,
    )
    .bind(seriesId)
    .all<{ openTime: number }>()
  const windows: { start: number; end: number }[] = []
  for (const { openTime } of results.sort((a, b) => a.openTime - b.openTime)) {
    const last = windows.at(-1)
    if (last?.end === openTime) last.end = nextOpenTime(openTime, interval)
    else windows.push({ start: openTime, end: nextOpenTime(openTime, interval) })
  }
  return windows
}
