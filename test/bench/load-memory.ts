import { childNamed, residentMb } from './process-memory.ts'
import type { Report } from './report.ts'
import { ASSETS, countCandles, DAY, load, MINUTE, pastDays, pause, readCounters, startSystem } from './system.ts'

/** The fewest whole days of 1m candles of all assets that are a million. */
const DAYS = Math.ceil(1_000_000 / ASSETS.length / (DAY / MINUTE))
const PAGE = 1_000
const SAMPLE_MS = 50
/** What the process may take in all: it holds several isolates of at most 128 MB. */
const LIMIT_MB = 512

/** The memory of the worker's whole process (D1 and Miniflare's own workers are in it) while a million candles load. */
export async function measureMemory(report: Report): Promise<void> {
  const system = await startSystem({ unlimited: true, share: 1 })
  try {
    const pid = childNamed('workerd')
    const pages = Math.ceil((DAYS * DAY) / MINUTE / PAGE) * ASSETS.length
    /** In each quarter of the load. */
    const peakMb = [0, 0, 0, 0]
    let isLoading = true
    const loading = load(system, 'binance', pastDays(DAYS)).finally(() => {
      isLoading = false
    })
    while (isLoading) {
      const { requests } = await readCounters(system, 'binance')
      const quarter = Math.min(3, Math.floor(((requests['/api/v3/klines'] ?? 0) / pages) * 4))
      peakMb[quarter] = Math.max(peakMb[quarter] ?? 0, residentMb(pid))
      await pause(SAMPLE_MS)
    }
    const elapsedMs = await loading
    const candles = await countCandles(system)
    const unit = 'MB'
    const [first = 0, second = 0, third = 0, fourth = 0] = peakMb
    report({
      case: 'memory peak',
      value: Math.max(...peakMb),
      unit,
      against: { name: 'limit', value: LIMIT_MB },
    })
    report({
      case: 'memory second half, its last quarter',
      value: fourth,
      unit,
      against: { name: 'MB peak of the third quarter', value: third },
    })
    report({
      case: 'memory second half, all of it',
      value: Math.max(third, fourth),
      unit,
      against: { name: 'MB peak of the first half', value: Math.max(first, second) },
    })
    report({ case: 'memory load of a million', value: (candles / elapsedMs) * 1_000, unit: 'candles/s', against: null })
  } finally {
    await system.stop()
  }
}
