import { fileURLToPath } from 'node:url'
import { z } from 'zod'
import { startBareWorker } from '../harness/worker.ts'
import type { LoadSystem } from './system.ts'

/** Rows a statement: a page of the loader. */
const PAGE_ROWS = 1_000
/** Statements at a time: as many as the loader has requests under way. */
const IN_FLIGHT = 5

export interface RawInsert {
  /** Stores all rows anew. @returns ms that it took */
  run(): Promise<number>
  stop(): Promise<void>
}

const outcome = z.object({ elapsedMs: z.number(), rows: z.number() })

/** A worker that holds copies of all stored candles and does nothing but insert them into a table of the same schema. */
export async function prepareRawInsert({ worker: { db } }: Pick<LoadSystem, 'worker'>): Promise<RawInsert> {
  const bare = await startBareWorker(fileURLToPath(new URL('./raw-insert.ts', import.meta.url).href))
  const { results: pages } = await db
    .prepare(
      `SELECT count(*) AS n, json_group_array(json_array(
         series_id, open_time, open, high, low, close, volume, quote_volume, trade_count)) AS rows
       FROM (SELECT *, row_number() OVER (ORDER BY series_id, open_time) - 1 AS number FROM candles)
       GROUP BY number / ${PAGE_ROWS}`,
    )
    .all<{ n: number; rows: string }>()
  for (const { rows } of pages) {
    await (await fetch(new URL('/pages', bare.url), { method: 'POST', body: rows })).arrayBuffer()
  }
  const expected = pages.reduce((sum, { n }) => sum + n, 0)
  return {
    run: async () => {
      const response = await fetch(new URL(`/insert?inFlight=${IN_FLIGHT}`, bare.url))
      const { elapsedMs, rows } = outcome.parse(await response.json())
      if (rows !== expected) throw new Error(`${rows} of ${expected} rows are stored`)
      return elapsedMs
    },
    stop: bare.stop,
  }
}
