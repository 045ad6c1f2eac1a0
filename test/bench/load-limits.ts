import { connectors } from '../../src/exchanges/registry.ts'
import type { ExchangeName } from '../simulator/catalogue.ts'
import type { UnlimitedRates } from './load-unlimited.ts'
import type { Baseline, Report } from './report.ts'
import {
  cancelBackfill,
  type LoadSystem,
  MINUTE,
  pastDays,
  pause,
  readCounters,
  recordSeries,
  requestBackfill,
  startSystem,
} from './system.ts'

/** As deployed: `RATE_BUDGET_SHARE` in `wrangler.toml`. */
const SHARE = 0.5
/** What is recorded keeps part of the budget for itself once a minute, as in every deployment. */
const RECORDED_MS = 5 * MINUTE
const POLL_MS = 20
/** The count is read so much before the last window ends: never a burst too many, however late the timer is. */
const EARLY_MS = 100

interface Case {
  readonly exchange: ExchangeName
  /** Which of its limits the candles of a backfill count against, and how much one request weighs there. */
  readonly limit: string
  readonly weight: number
  /** The paths that count against it. */
  readonly path: RegExp
  /** More days than can be loaded meanwhile. */
  readonly days: number
  /** So many whole windows of the limit are measured: any phase of their bursts gives the same number then. */
  readonly windows: number
}

/**
 * One group after the other: Binance and Bybit take the machine for themselves while they load. OKX and Coinbase, whose
 * few requests disturb nothing, are measured together.
 */
const GROUPS: readonly (readonly Case[])[] = [
  [{ exchange: 'binance', limit: 'spot', weight: 2, path: /^\/api\/v3\//, days: 300, windows: 1 }],
  [
    { exchange: 'okx', limit: 'history-candles', weight: 1, path: /\/history-candles$/, days: 30, windows: 10 },
    { exchange: 'coinbase', limit: 'public', weight: 1, path: /^\/products/, days: 60, windows: 20 },
  ],
  [{ exchange: 'bybit', limit: 'address', weight: 1, path: /^\/v5\//, days: 200, windows: 4 }],
]

/**
 * How much of what it may ask for each loader does ask for, the exchanges' limits on: against its allowance (the
 * published limit times the share), or against what it manages without limits where that is less.
 *
 * @throws where an exchange has refused a single request
 */
export async function measureLimits(report: Report, unlimited: UnlimitedRates): Promise<void> {
  const system = await startSystem({ unlimited: false, share: SHARE })
  try {
    await recordSeries(system, ['binance', 'okx', 'coinbase', 'bybit'], Date.now() - RECORDED_MS)
    const measure = async (item: Case) => {
      const value = await requestsPerSecond(system, item)
      // OKX and Coinbase allow a tenth of what the loader manages on Binance, with smaller pages: that stands in for them.
      const rate = item.exchange === 'bybit' ? unlimited.bybit : unlimited.binance
      report({ case: `limit ${item.exchange}`, value, unit: 'requests/s', against: bestPossible(item, rate) })
    }
    for (const group of GROUPS) await Promise.all(group.map(measure))
  } finally {
    await system.stop()
  }
}

function bestPossible(item: Case, unlimited: number): Baseline {
  const { limit, windowMs } = limitOf(item)
  const allowance = ((limit * SHARE) / item.weight / windowMs) * 1_000
  if (unlimited < allowance) return { name: 'without limits', value: unlimited }
  return { name: `${SHARE} of the published limit`, value: allowance }
}

function limitOf({ exchange, limit }: Case): { readonly limit: number; readonly windowMs: number } {
  const found = connectors[exchange].rest.rateLimits.find(({ name }) => name === limit)
  if (found === undefined) throw new Error(`${exchange} has no limit ${limit}`)
  return found
}

async function requestsPerSecond(system: LoadSystem, item: Case): Promise<number> {
  const spanMs = item.windows * limitOf(item).windowMs
  const before = await countRequests(system, item)
  const id = await requestBackfill(system, item.exchange, pastDays(item.days))
  let startedAt = performance.now()
  while ((await countRequests(system, item)) === before) {
    startedAt = performance.now()
    await pause(POLL_MS)
  }
  await pause(startedAt + spanMs - EARLY_MS - performance.now())
  const after = await countRequests(system, item)
  await cancelBackfill(system, id)
  return ((after - before) / spanMs) * 1_000
}

async function countRequests(system: LoadSystem, { exchange, path }: Case): Promise<number> {
  const { requests, statuses } = await readCounters(system, exchange)
  const refused = Object.keys(statuses).filter((status) => status !== '200')
  if (refused.length > 0) throw new Error(`${exchange} has answered with ${refused.join(', ')}`)
  return Object.entries(requests).reduce((sum, [name, count]) => (path.test(name) ? sum + count : sum), 0)
}
