import { readTrades } from '../../src/store/trades.ts'

/** As a replay reads them. */
const [PAGE_TRADES, PAGE_MS] = [10_000, 6 * 60 * 60_000]

/** Reads all stored trades page by page and decodes them, and does nothing with them: the least that a replay does. */
export default {
  async fetch(_request, { DB }): Promise<Response> {
    const span = await DB.prepare('SELECT from_time AS start, to_time AS end FROM trade_spans').first<{
      readonly start: number
      readonly end: number
    }>()
    if (span === null) return new Response('nothing is stored', { status: 404 })
    const startedAt = Date.now()
    let count = 0
    for (let { start } = span; start < span.end; ) {
      const window = { start, end: Math.min(start + PAGE_MS, span.end) }
      const page = await readTrades(DB, { instrumentId: 1, window, direction: 'forward', limit: PAGE_TRADES })
      count += page.trades.length
      start = page.window.end
    }
    return Response.json({ elapsedMs: Date.now() - startedAt, trades: count })
  },
} satisfies ExportedHandler<Pick<Env, 'DB'>>
