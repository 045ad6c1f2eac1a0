import { measureCandles } from './ingest-candles.ts'
import { measureOrderBooks, measureTrades } from './ingest-records.ts'
import type { Report } from './report.ts'

/** Taking data in, a kind of records after the other. */
export async function runIngest(report: Report): Promise<void> {
  await measureCandles(report)
  await measureTrades(report)
  await measureOrderBooks(report)
}
