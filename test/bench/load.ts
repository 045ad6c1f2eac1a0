import { measureUnlimited } from './load-unlimited.ts'
import type { Report } from './report.ts'

/** How fast history is loaded, and at what cost of memory. */
export async function runLoad(report: Report): Promise<void> {
  await measureUnlimited(report)
}
