import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import { startBareWorker, startWorker } from '../harness/worker.ts'
import { type QueryTask, type Timings, timings } from './query-client.ts'
import type { Report } from './report.ts'
import { percentile, randomOf } from './statistics.ts'
import { FIRST, MINUTES, SYMBOLS, storeCandles } from './stored-candles.ts'
import { MINUTE } from './system.ts'

/** More windows than any case asks for, so that none is asked for twice. */
const WINDOWS = 40_000
const CONNECTIONS = [1, 50] as const
/** Enough for the runtime to have compiled what is hot, and for some thousand answers at 50 connections. */
const [WARM_UP_MS, MEASURE_MS] = [2_000, 4_000]
const SEED = 1

/** So few windows that all of them are in the edge cache once the warm-up is over. */
const CACHED_WINDOWS = 100

/** Reading random windows of a million stored candles, beside an answer that holds nothing. */
export async function runQuery(report: Report): Promise<void> {
  const client = fork(pathOf('./query-client.ts'))
  const hello = await startBareWorker(pathOf('./hello.ts'))
  try {
    const bare = new Map<number, Timings>()
    for (const connections of CONNECTIONS) {
      bare.set(connections, await measure(client, hello.url.href, ['/'], connections))
    }
    const measureCases = async (edgeCache: 'on' | 'off', name: string, limits: readonly number[], windows: number) => {
      const worker = await startWorker({ vars: { EDGE_CACHE: edgeCache } })
      try {
        await storeCandles(worker)
        for (const connections of CONNECTIONS) {
          for (const limit of limits) {
            const ours = await measure(client, worker.url.href, randomWindows(limit, windows), connections)
            reportTimings(report, `${name}limit=${limit}`, connections, ours, bare.get(connections))
          }
        }
      } finally {
        await worker.stop()
      }
    }
    await measureCases('off', '', [100, 1_000], WINDOWS)
    await measureCases('on', 'cached ', [100], CACHED_WINDOWS)
  } finally {
    client.kill()
    await hello.stop()
  }
}

function reportTimings(
  report: Report,
  name: string,
  connections: number,
  ours: Timings,
  bare: Timings | undefined,
): void {
  if (bare === undefined) return
  for (const [share, label] of [
    [0.5, 'p50'],
    [0.99, 'p99'],
  ] as const) {
    report({
      case: `${name} ${label} c${connections}`,
      value: percentile(ours.latencies, share),
      unit: 'ms',
      against: { name: 'hello', value: percentile(bare.latencies, share) },
    })
  }
  report({
    case: `${name} throughput c${connections}`,
    value: ours.perSecond,
    unit: 'requests/s',
    against: { name: 'hello', value: bare.perSecond },
  })
}

/** Paths of candles from a random minute on, the same in every run. */
function randomWindows(limit: number, count: number): string[] {
  const random = randomOf(SEED)
  return Array.from({ length: count }, () => {
    const symbol = SYMBOLS[Math.floor(random() * SYMBOLS.length)]
    const start = FIRST + Math.floor(random() * (MINUTES - limit)) * MINUTE
    return `/v1/candles/binance/${symbol}?interval=1m&start=${start}&limit=${limit}`
  })
}

async function measure(client: ChildProcess, base: string, paths: string[], connections: number): Promise<Timings> {
  const task: QueryTask = { base, paths, connections, warmUpMs: WARM_UP_MS, measureMs: MEASURE_MS }
  client.send(task)
  const [message] = await once(client, 'message')
  return timings.parse(message)
}

function pathOf(file: string): string {
  return fileURLToPath(new URL(file, import.meta.url).href)
}
