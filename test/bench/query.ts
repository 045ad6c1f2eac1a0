import type { Report } from './report.ts'
export async function runQuery(_report: Report): Promise<void> {}
