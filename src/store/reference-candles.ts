import type { Interval } from '../domain/interval.ts'
import type { Reader } from './sessions.ts'

/** The candle that holds a price. */
export interface CandleQuery {
  readonly instrumentId: number
  readonly interval: Interval
  readonly source: string
  readonly openTime: number
}

export interface ReferenceCandle {
  readonly low: string
  readonly high: string
  readonly close: string
}

const CANDLES = `
SELECT q.key, c.low, c.high, c.close
FROM json_each(?1) q
JOIN series s ON s.instrument_id = q.value->>0 AND s.interval = q.value->>1 AND s.source = q.value->>2
JOIN candles c ON c.series_id = s.id AND c.open_time = q.value->>3`

/** Many candles of one database by one statement, in the order of the queries; `undefined` where one is not stored. */
export async function readReferenceCandles(
  db: Reader,
  queries: readonly CandleQuery[],
): Promise<(ReferenceCandle | undefined)[]> {
  const rows = queries.map(({ instrumentId, interval, source, openTime }) => [instrumentId, interval, source, openTime])
  const { results } = await db
    .prepare(CANDLES)
    .bind(JSON.stringify(rows))
    .all<ReferenceCandle & { readonly key: number }>()
  const byPlace = new Map(results.map(({ key, low, high, close }) => [key, { low, high, close }]))
  return queries.map((_, place) => byPlace.get(place))
}
