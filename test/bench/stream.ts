import type { Report } from './report.ts'
import { measureUpstream } from './stream-upstream.ts'

/** How much live data goes into a feed and out of it, how late, and what its books take of the memory. */
export async function runStream(report: Report): Promise<void> {
  await measureUpstream(report)
}
