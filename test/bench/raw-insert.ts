import { z } from 'zod'

/** Stored rows of one page as a JSON array of arrays, in the order of the columns below. */
const pages: string[] = []

/** The quickest way into the table that D1 has: one statement and one parameter a page, and nothing beside it. */
const INSERT = `
INSERT INTO candles (series_id, open_time, open, high, low, close, volume, quote_volume, trade_count)
SELECT value->>0, value->>1, value->>2, value->>3, value->>4, value->>5, value->>6, value->>7, value->>8 FROM json_each(?1)`

/**
 * `POST /pages` keeps a page in memory; `POST /insert?inFlight=N` stores all of them, N statements at a time, and
 * answers with the time that it took (ms) and the rows that there are.
 */
export default {
  async fetch(request, { DB }): Promise<Response> {
    const { pathname, searchParams } = new URL(request.url)
    if (pathname === '/pages') {
      pages.push(await request.text())
      return new Response()
    }
    await DB.prepare('DELETE FROM candles').run()
    const startedAt = Date.now()
    const next = pages.values()
    const insertNext = async () => {
      for (const page of next) await DB.prepare(INSERT).bind(page).run()
    }
    await Promise.all(Array.from({ length: z.coerce.number().parse(searchParams.get('inFlight')) }, insertNext))
    const elapsedMs = Date.now() - startedAt
    return Response.json({ elapsedMs, rows: await DB.prepare('SELECT count(*) FROM candles').first('count(*)') })
  },
} satisfies ExportedHandler<Pick<Env, 'DB'>>
