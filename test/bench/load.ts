import { measureLimits } from './load-limits.ts'
import { measureMemory } from './load-memory.ts'
import { measureUnlimited } from './load-unlimited.ts'
import type { Report } from './report.ts'

/** How fast history is loaded, whether the exchanges' limits are used and kept, and at what cost of memory. */
export async function runLoad(report: Report): Promise<void> {
  const unlimited = await measureUnlimited(report)
  await measureMemory(report)
  await measureLimits(report, unlimited)
}
