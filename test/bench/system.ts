import { z } from 'zod'
import { ADMIN_TOKEN, type RunningWorker, startWorker } from '../harness/worker.ts'
import type { ExchangeName } from '../simulator/catalogue.ts'
import { type RunningSimulator, startSimulator } from '../simulator/launch.ts'

export const MINUTE = 60_000
export const DAY = 24 * 60 * MINUTE
/** As many series as the default deployment records of an exchange. */
export const ASSETS = ['BTC', 'ETH', 'SOL', 'XRP', 'DOGE'] as const
/** Backfills end so long ago that no page touches the open candle, and OKX serves them from its history. */
const BACKFILLS_END_DAYS_AGO = 4
const POLL_MS = 25
/** No workload here takes a tenth of it: a system that is stuck is an error, not a figure. */
const PATIENCE_MS = 5 * MINUTE

export interface Span {
  readonly start: number
  readonly end: number
}

/** The simulated exchanges and the worker that loads from them, each a process. */
export interface LoadSystem {
  readonly simulator: RunningSimulator
  readonly worker: RunningWorker
  stop(): Promise<void>
}

export interface SystemOptions {
  /** No limits on the exchanges' side. */
  readonly unlimited: boolean
  /** The setting `RATE_BUDGET_SHARE`: what the worker itself takes of each published limit. */
  readonly share: number
}

/** Starts both and waits until the worker knows the instruments of all exchanges. It records nothing yet. */
export async function startSystem({ unlimited, share }: SystemOptions): Promise<LoadSystem> {
  const simulator = await startSimulator({ unlimited })
  const worker = await startWorker({
    vars: { EXCHANGE_HOSTS: JSON.stringify(simulator.urls), RATE_BUDGET_SHARE: String(share) },
  })
  const exchanges = Object.keys(simulator.urls)
  // A deployment that has any series gets no default ones: they stay out of the figures.
  await worker.db.batch([
    worker.db
      .prepare(
        `INSERT INTO instruments (exchange, kind, symbol, exchange_symbol, base, quote, inverse, active, listed, valid_from)
         SELECT value, 'spot', 'OLD-OLD', 'OLDOLD', 'OLD', 'OLD', 0, 0, 0, 0 FROM json_each(?1)`,
      )
      .bind(JSON.stringify(exchanges)),
    worker.db.prepare(
      "INSERT INTO series (instrument_id, interval, source) SELECT id, '1m', 'exchange' FROM instruments WHERE symbol = 'OLD-OLD'",
    ),
  ])
  await worker.fireCron()
  const known = 'SELECT count(DISTINCT exchange || kind) FROM instruments WHERE listed'
  const lists = Object.values(simulator.urls).flatMap((urls) => Object.keys(urls)).length
  await until(
    'the instruments',
    async () => (await worker.db.prepare(known).first('count(DISTINCT exchange || kind)')) === lists,
  )
  const stop = async () => {
    await worker.stop()
    await simulator.stop()
  }
  return { simulator, worker, stop }
}

/** The last `days` whole days that a backfill may ask for. */
export function pastDays(days: number): Span {
  const end = Math.floor(Date.now() / DAY - BACKFILLS_END_DAYS_AGO) * DAY
  return { start: end - days * DAY, end }
}

/** Asks for 1m candles of all assets, as a client does. @returns the backfill's id */
export async function requestBackfill(system: LoadSystem, exchange: ExchangeName, window: Span): Promise<string> {
  const { start, end } = window
  const answer = await call(system, 'POST', '/v1/backfills', {
    exchanges: [exchange],
    symbols: ASSETS.map((asset) => `${asset}-USDT`),
    intervals: ['1m'],
    start,
    end,
  })
  return z.object({ id: z.string() }).parse(answer).id
}

/** Records the 1m candles of all assets from `start` on, without end. */
export async function recordSeries(
  system: LoadSystem,
  exchanges: readonly ExchangeName[],
  start: number,
): Promise<void> {
  const series = exchanges.flatMap((exchange) =>
    ASSETS.map((asset) => ({ exchange, symbol: `${asset}-USDT`, intervals: ['1m'], start })),
  )
  await call(system, 'PUT', '/v1/series', { series })
}

export async function cancelBackfill(system: LoadSystem, id: string): Promise<void> {
  await call(system, 'DELETE', `/v1/backfills/${id}`)
}

async function call({ worker }: LoadSystem, method: string, path: string, body?: object): Promise<unknown> {
  const headers = { Authorization: `Bearer ${ADMIN_TOKEN}`, 'Content-Type': 'application/json' }
  const response = await fetch(new URL(path, worker.url.href), {
    method,
    headers,
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  })
  const text = await response.text()
  if (!response.ok) throw new Error(`${method} ${path}: ${response.status} ${text}`)
  return text === '' ? null : JSON.parse(text)
}

/** Requests a backfill and waits until it is complete. @returns ms that it took */
export async function load(system: LoadSystem, exchange: ExchangeName, window: Span): Promise<number> {
  const { db } = system.worker
  const startedAt = performance.now()
  const id = await requestBackfill(system, exchange, window)
  // The progress report counts coverage anew each time; this asks the same of the database for next to nothing.
  const open = db
    .prepare('SELECT count(*) AS n FROM backfill_windows WHERE backfill_id = ?1 AND finished_at IS NULL')
    .bind(id)
  await until('the backfill', async () => (await open.first('n')) === 0)
  return performance.now() - startedAt
}

/** Forgets all candles and that they were wanted; the series stay. */
export async function forgetCandles({ worker: { db } }: LoadSystem): Promise<void> {
  const tables = ['candles', 'coverage', 'gaps', 'empty_slots', 'backfill_windows']
  await db.batch(tables.map((table) => db.prepare(`DELETE FROM ${table}`)))
}

export async function countCandles({ worker }: LoadSystem): Promise<number> {
  return z.number().parse(await worker.db.prepare('SELECT count(*) AS n FROM candles').first('n'))
}

const counters = z.object({
  requests: z.record(z.string(), z.number()),
  statuses: z.record(z.string(), z.number()),
})

/** What an exchange has been asked for so far: by path, and the answers by status. */
export async function readCounters(
  { simulator }: LoadSystem,
  exchange: ExchangeName,
): Promise<z.infer<typeof counters>> {
  const response = await fetch(`${simulator.urls[exchange]?.spot}/_control`)
  return counters.parse(await response.json())
}

async function until(what: string, holds: () => Promise<boolean>): Promise<void> {
  const deadline = performance.now() + PATIENCE_MS
  while (!(await holds())) {
    if (performance.now() > deadline) throw new Error(`gave up on ${what}`)
    await pause(POLL_MS)
  }
}

export function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms))
}
