import type { Report } from './report.ts'
import { measureFanOut } from './stream-fan-out.ts'
import { measureStreamMemory } from './stream-memory.ts'
import { measureUpstream } from './stream-upstream.ts'

/** How much live data goes into a feed and out of it, how late, and what its books take of the memory. */
export async function runStream(report: Report): Promise<void> {
  await measureUpstream(report)
  await measureFanOut(report)
  await measureStreamMemory(report)
}
