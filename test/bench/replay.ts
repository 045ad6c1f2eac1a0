import { fileURLToPath } from 'node:url'
import { z } from 'zod'
import { startBareWorker, startWorker } from '../harness/worker.ts'
import { childrenNamed, residentMb } from './process-memory.ts'
import { type Replayed, readLines, readSocket } from './replay-client.ts'
import { type ReplayWindow, replayWindow, storeReplayData } from './replay-data.ts'
import type { Report } from './report.ts'
import { median } from './statistics.ts'
import { socketUrl } from './stream-system.ts'

/** Enough that a system that keeps what it has sent would be found out by its memory. */
const TRADES = 500_000
const RUNS = 3
const SAMPLE_MS = 25
/** What one isolate may take. https://developers.cloudflare.com/workers/platform/limits/#memory */
const LIMIT_MB = 128

/**
 * A day of half a million trades and its candles at `speed=max`, as lines and as frames, beside a worker that does no
 * more than read the same chunks and decode them; and how much more memory the runtime takes meanwhile.
 */
export async function runReplay(report: Report): Promise<void> {
  const worker = await startWorker({ vars: {} })
  try {
    const window = replayWindow()
    const messages = await storeReplayData(worker, window, TRADES)
    const bare = await measureDecoding(window)
    const path = `/v1/replay/binance/BTC-USDT?start=${window.start}&end=${window.end}&channels=trades,candles:1m`
    // The first of each pays for what the runtime compiles.
    for (const [name, read] of [
      ['ndjson', () => readLines(new URL(path, worker.url.href))],
      ['websocket', () => readSocket(socketUrl(worker, path))],
    ] as const) {
      await checked(read, messages)
      const [before] = await measured(async () => {})
      const runs: number[] = []
      let peakMb = 0
      for (let run = 0; run < RUNS; run++) {
        const [mb, perSecond] = await measured(() => checked(read, messages))
        runs.push(perSecond)
        peakMb = Math.max(peakMb, mb)
      }
      report({
        case: name,
        value: median(runs),
        unit: 'messages/s',
        against: { name: 'read and decode only', value: bare },
      })
      report({
        case: `${name} memory beyond idle`,
        value: Math.max(0, peakMb - before),
        unit: 'MB',
        against: { name: 'limit', value: LIMIT_MB },
      })
    }
  } finally {
    await worker.stop()
  }
}

/** @returns messages a second @throws where not every stored record came, in order */
async function checked(read: () => Promise<Replayed>, messages: number): Promise<number> {
  const replayed = await read()
  if (replayed.messages !== messages) throw new Error(`${replayed.messages} of ${messages} messages came`)
  return (messages / replayed.elapsedMs) * 1_000
}

/** The most MB that the processes of the runtime had while something was done, and what came of it. */
async function measured<T>(work: () => Promise<T>): Promise<[number, T]> {
  const pids = childrenNamed('workerd')
  let peakMb = 0
  const sample = () => {
    peakMb = Math.max(
      peakMb,
      pids.reduce((sum, pid) => sum + residentMb(pid), 0),
    )
  }
  sample()
  const timer = setInterval(sample, SAMPLE_MS)
  try {
    const result = await work()
    sample()
    return [peakMb, result]
  } finally {
    clearInterval(timer)
  }
}

const outcome = z.object({ elapsedMs: z.number(), trades: z.number() })

/** Trades a second of a worker that reads the same chunks, page by page, and decodes them for nobody. */
async function measureDecoding(window: ReplayWindow): Promise<number> {
  const bare = await startBareWorker(fileURLToPath(new URL('./replay-bare.ts', import.meta.url).href))
  try {
    await storeReplayData(bare, window, TRADES)
    const runs: number[] = []
    for (let run = 0; run <= RUNS; run++) {
      const answer = outcome.parse(await (await fetch(bare.url)).json())
      if (answer.trades < TRADES) throw new Error(`${answer.trades} of ${TRADES} trades were read`)
      if (run > 0) runs.push((answer.trades / answer.elapsedMs) * 1_000)
    }
    return median(runs)
  } finally {
    await bare.stop()
  }
}
