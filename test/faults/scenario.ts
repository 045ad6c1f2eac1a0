import { env } from 'cloudflare:workers'
import { z } from 'zod'
import { createDeps } from '../../src/deps.ts'
import { floorToInterval, type Interval, type Window } from '../../src/domain/interval.ts'
import { recountCoverage } from '../store/recount.ts'

/** What the worker under test sees as time: that of the simulated exchanges. */
export const deps = createDeps(env)
export const MINUTE = 60_000
export const HOUR = 60 * MINUTE

type Kind = 'spot' | 'perpetual'
export type Candle = (string | number | null)[]

const hosts = z.record(z.string(), z.record(z.string(), z.string())).parse(JSON.parse(env.EXCHANGE_HOSTS))

/** The base URL of the simulated exchange that the worker under test talks to. */
export function hostOf(exchange: string, kind: Kind = 'spot'): string {
  const host = hosts[exchange]?.[kind]
  if (host === undefined) throw new Error(`no simulated ${exchange} ${kind}`)
  return host
}

/** Injects faults into a simulated exchange, or clears them; see `test/simulator/control.ts`. */
export async function control(exchange: string, body: object): Promise<void> {
  const response = await fetch(`${hostOf(exchange)}/_control`, { method: 'POST', body: JSON.stringify(body) })
  if (!response.ok) throw new Error(`control of ${exchange}: ${await response.text()}`)
}

export async function counters(
  exchange: string,
): Promise<{ requests: Record<string, number>; statuses: Record<string, number>; maxInFlight: number }> {
  return (await fetch(`${hostOf(exchange)}/_control`)).json()
}

/** Reads the lists of instruments, so that series can be made; records no default series. */
export async function prepare(exchange: string): Promise<void> {
  await control(exchange, { reset: true })
  // A deployment that has any series gets no default ones.
  await deps.stores.main.batch([
    deps.stores.main
      .prepare(
        `INSERT INTO instruments (exchange, kind, symbol, exchange_symbol, base, quote, inverse, active, listed, valid_from)
         VALUES (?1, 'spot', 'OLD-OLD', 'OLDOLD', 'OLD', 'OLD', 0, 0, 0, 0)`,
      )
      .bind(exchange),
    deps.stores.main.prepare(
      "INSERT INTO series (instrument_id, interval, source) VALUES (last_insert_rowid(), '1m', 'exchange')",
    ),
  ])
  await deps.loader(exchange).poke(exchange)
  await until(
    `instruments of ${exchange}`,
    async () => (await deps.loader(exchange).status(exchange)).instrumentsRefreshedAt !== null,
  )
}

export interface Target {
  readonly exchange: string
  readonly exchangeSymbol: string
  readonly kind?: Kind
  readonly interval?: Interval
}

export interface Loading extends Required<Target> {
  readonly seriesId: number
  readonly window: Window
  /** Waits until the loader holds the window for complete. */
  finish(timeoutMs?: number): Promise<void>
}

/** A window of whole hours that ended `hoursAgo`. */
export function past(hours: number, hoursAgo: number): Window {
  const end = floorToInterval(deps.clock.now(), '1h') - hoursAgo * HOUR
  return { start: end - hours * HOUR, end }
}

/** Wants a window of a series, as a backfill, or without end as recorded; wakes the loader. */
export async function load(target: Target, window: Window, recorded = false): Promise<Loading> {
  const { exchange, exchangeSymbol, kind = 'spot', interval = '1m' } = target
  const db = deps.stores.storeFor(exchange)
  const row = await db
    .prepare(
      `INSERT INTO series (instrument_id, interval, source, recorded_from)
       SELECT id, ?4, 'exchange', ?5 FROM instruments WHERE exchange = ?1 AND kind = ?2 AND exchange_symbol = ?3
       ON CONFLICT DO UPDATE SET recorded_from = excluded.recorded_from RETURNING id`,
    )
    .bind(exchange, kind, exchangeSymbol, interval, recorded ? window.start : null)
    .first<{ id: number }>()
  if (row === null) throw new Error(`no instrument ${exchangeSymbol} of ${exchange}`)
  if (!recorded) {
    await db
      .prepare(
        'INSERT INTO backfill_windows (backfill_id, series_id, start_time, end_time, covered_before) VALUES (?1, ?2, ?3, ?4, 0)',
      )
      .bind(crypto.randomUUID(), row.id, window.start, window.end)
      .run()
  }
  await deps.loader(exchange).poke(exchange)
  const finished = async () => {
    const open = await db
      .prepare('SELECT count(*) AS n FROM backfill_windows WHERE series_id = ?1 AND finished_at IS NULL')
      .bind(row.id)
      .first<{ n: number }>()
    return open?.n === 0
  }
  const finish = (timeoutMs?: number) => until(`${exchange} ${exchangeSymbol}`, finished, timeoutMs)
  return { exchange, exchangeSymbol, kind, interval, seriesId: row.id, window, finish }
}

/** Polls until it holds; real milliseconds. */
export async function until(what: string, holds: () => Promise<boolean>, timeoutMs = 25_000): Promise<void> {
  const deadline = Date.now() + timeoutMs
  while (!(await holds())) {
    if (Date.now() > deadline) throw new Error(`gave up on ${what}`)
    await new Promise((resolve) => setTimeout(resolve, 20))
  }
}

export async function storedCandles({ exchange, seriesId, window }: Loading): Promise<Candle[]> {
  const { results } = await deps.stores
    .storeFor(exchange)
    .prepare(
      `SELECT open_time, open, high, low, close, volume, quote_volume, trade_count FROM candles
       WHERE series_id = ?1 AND open_time >= ?2 AND open_time < ?3 ORDER BY open_time`,
    )
    .bind(seriesId, window.start, window.end)
    .all<Record<string, string | number | null>>()
  return results.map((row) => Object.values(row))
}

export async function emptySlots({ exchange, seriesId, window }: Loading): Promise<number[]> {
  const { results } = await deps.stores
    .storeFor(exchange)
    .prepare(
      'SELECT open_time AS t FROM empty_slots WHERE series_id = ?1 AND open_time >= ?2 AND open_time < ?3 ORDER BY 1',
    )
    .bind(seriesId, window.start, window.end)
    .all<{ t: number }>()
  return results.map(({ t }) => t)
}

/** What really happened, from the simulated exchange itself. */
export async function truth(loading: Loading): Promise<{ candles: Candle[]; empty: number[] }> {
  const { exchange, exchangeSymbol, kind, interval, window } = loading
  const query = new URLSearchParams({
    symbol: exchangeSymbol,
    kind,
    interval,
    start: String(window.start),
    end: String(window.end),
  })
  const response = await fetch(`${hostOf(exchange, kind)}/_truth?${query}`)
  if (!response.ok) throw new Error(await response.text())
  return response.json()
}

/** The stored coverage, and what a recount of candles and empty slots makes of it. */
export async function coverage({
  exchange,
  seriesId,
  interval,
}: Loading): Promise<{ stored: Window[]; recounted: Window[] }> {
  const db = deps.stores.storeFor(exchange)
  const { results } = await db
    .prepare('SELECT start_time AS start, end_time AS end FROM coverage WHERE series_id = ?1 ORDER BY 1')
    .bind(seriesId)
    .all<{ start: number; end: number }>()
  return {
    stored: results.map(({ start, end }) => ({ start, end })),
    recounted: await recountCoverage(db, seriesId, interval),
  }
}
