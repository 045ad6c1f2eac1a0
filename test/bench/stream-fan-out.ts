import { z } from 'zod'
import type { Report } from './report.ts'
import { SYMBOL_COUNT } from './stream-market.ts'
import { BenchProcess, CpuTimes } from './stream-process.ts'
import { type MeasuredWorker, StreamExchange, socketUrl, startFeedWorker } from './stream-system.ts'

const CLIENTS = 500
/** Symbols of each client. */
const TOPICS = 5
/** Deliveries of each trade: every symbol has as many clients. */
const COPIES = (CLIENTS * TOPICS) / SYMBOL_COUNT
const WARM_UP = { perSecond: 2_000, frames: 4_000 }
/** From here on the exchange sends faster by a quarter each time, until no more is delivered for it. */
const FIRST_PER_SECOND = 2_500
const RAISE = 1.25
const MOST_PER_SECOND = 40_000
/** Seconds of each step. */
const STEP_S = 1.5
/** A step that delivers less than this share of what was sent meanwhile does not follow; it is tried twice. */
const FOLLOWS = 0.93
const LATENCY_S = 4
/** What is asked of it, and what it is to come to: deliveries a second, and ms. */
const MOST = [
  { name: 'must', value: 100_000 },
  { name: 'aim', value: 300_000 },
]
const LATEST = [
  { name: 'must', value: 500 },
  { name: 'aim', value: 100 },
]

interface Case {
  readonly name: string
  readonly path: string
  readonly vars: Readonly<Record<string, string>>
}

const FEED: Case = { name: 'feed', path: '/v1/stream/binance', vars: { FEED_CLIENTS: String(CLIENTS) } }
const CASES: readonly Case[] = [
  FEED,
  { name: '1 relay', path: '/v1/stream', vars: { RELAYS: '1' } },
  { name: '4 relays', path: '/v1/stream', vars: { RELAYS: '4' } },
]

const outcome = z.object({ delivered: z.int(), lastAt: z.number(), p50: z.number(), p99: z.number() })

interface Step {
  readonly sentPerSecond: number
  readonly deliveredPerSecond: number
  readonly p99: number
}

/**
 * How many trades a second reach 500 clients that have five symbols each, and how late at half that load.
 *
 * @throws where a client misses a single one, or is cut off
 */
export async function measureFanOut(report: Report): Promise<void> {
  for (const item of CASES) {
    const exchange = await StreamExchange.start('trades')
    const worker = await startFeedWorker(exchange, item.vars)
    const crowd = new BenchProcess('./stream-crowd.ts')
    try {
      await measureCase(report, item, exchange, worker, crowd)
    } finally {
      crowd.stop()
      await worker.stop()
      exchange.stop()
    }
  }
}

async function measureCase(
  report: Report,
  { name, path }: Case,
  exchange: StreamExchange,
  worker: MeasuredWorker,
  crowd: BenchProcess,
): Promise<void> {
  const step = async (perSecond: number, seconds: number): Promise<Step> => {
    const frames = Math.round(perSecond * seconds)
    await crowd.ask(z.object({}), { ask: 'forget' })
    const { startedAt } = await exchange.send(frames, perSecond)
    const { delivered, lastAt, p99 } = await crowd.ask(outcome, { ask: 'await', deliveries: frames * COPIES })
    return { sentPerSecond: perSecond, deliveredPerSecond: (delivered / (lastAt - startedAt)) * 1_000, p99 }
  }
  const url = socketUrl(worker, path)
  await crowd.ask(z.object({}), { ask: 'open', url, clients: CLIENTS, topics: TOPICS })
  await step(WARM_UP.perSecond, WARM_UP.frames / WARM_UP.perSecond)
  const pids = { exchange: exchange.pid, worker: worker.pid, clients: crowd.pid }
  const cpu = new CpuTimes(pids)
  let best: Step | undefined
  for (let perSecond = FIRST_PER_SECOND; perSecond < MOST_PER_SECOND; perSecond *= RAISE) {
    let reached = await step(perSecond, STEP_S)
    if (!follows(reached)) reached = better(reached, await step(perSecond, STEP_S))
    best = best === undefined ? reached : better(best, reached)
    if (!follows(reached)) break
  }
  if (best === undefined) return
  cpu.report(report, `fan-out ${name}`)
  for (const against of MOST) {
    report({ case: `fan-out ${name}`, value: best.deliveredPerSecond, unit: 'messages/s', against })
  }
  const latencyCpu = new CpuTimes(pids)
  const half = await step(best.deliveredPerSecond / COPIES / 2, LATENCY_S)
  latencyCpu.report(report, `latency ${name}`)
  for (const against of LATEST) report({ case: `latency ${name} p99`, value: half.p99, unit: 'ms', against })
}

function follows({ sentPerSecond, deliveredPerSecond }: Step): boolean {
  return deliveredPerSecond >= FOLLOWS * COPIES * sentPerSecond
}

function better(one: Step, other: Step): Step {
  return other.deliveredPerSecond > one.deliveredPerSecond ? other : one
}
