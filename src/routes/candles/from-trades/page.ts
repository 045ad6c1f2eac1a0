import type { CatalogEntry } from '../../../store/catalog.ts'
import type { AppContext } from '../../context.ts'
import { NO_STORE } from '../../live.ts'
import { checkComplete } from '../check.ts'
import { describePage } from '../page.ts'
import type { CandlesQuery } from '../query.ts'
import { contentTypes, coverageHeaders, renderCandles } from '../render.ts'
import { planScan } from '../scan.ts'
import { readTradeAnswer } from './answer.ts'
import { compareWithExchange } from './differences.ts'
import { openHeardTrades } from './heard.ts'

/** Answers one page of candles that are built from trades, in the asked format, and how the exchange's own differ. */
export async function answerTradePage(c: AppContext, entry: CatalogEntry, query: CandlesQuery): Promise<Response> {
  const { instrument } = entry
  const heard = await openHeardTrades(c, instrument, query.end)
  const answer = await readTradeAnswer(heard, instrument, planScan(query, heard.closedTo(query.interval)))
  checkComplete(query.strict, answer.coverage.missing)
  const db = c.var.sessions.forExchange(instrument.exchange)
  const comparison = await compareWithExchange(db, entry, query.interval, answer)
  const page = { ...describePage(c.req.url, entry, { from: 'nothing' }, query, answer, undefined), comparison }
  const headers = coverageHeaders(page)
  headers.set('Content-Type', contentTypes[query.format])
  headers.set('Cache-Control', NO_STORE)
  headers.set('X-Candles-Compared', String(comparison.compared))
  headers.set('X-Candles-Differing', String(comparison.differing))
  return new Response(renderCandles(page, query.format), { headers })
}
