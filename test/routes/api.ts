import { env, exports } from 'cloudflare:workers'
import { expect } from 'vitest'
import { z } from 'zod'
import type { Interval, Window } from '../../src/domain/interval.ts'
import { slotsIn } from '../../src/domain/interval.ts'
import { writeChunk } from '../../src/store/chunk.ts'
import { candleAt, chunkOf, MINUTE, seedSeries, T0 } from '../store/seed.ts'

export const ADMIN = { Authorization: 'Bearer test-token' }

/** Asks the worker. The empty bookmark asks for no cached answer: tests change what has been answered. */
export function api(path: string, init: RequestInit = {}): Promise<Response> {
  const headers = new Headers(init.headers)
  if (!headers.has('X-Bookmark')) headers.set('X-Bookmark', '')
  return exports.default.fetch(new Request(`https://api.test${path}`, { ...init, headers }))
}

export function send(method: string, path: string, body: unknown, headers: HeadersInit = ADMIN): Promise<Response> {
  const text = typeof body === 'string' ? body : JSON.stringify(body)
  return api(path, { method, body: text, headers: { 'Content-Type': 'application/json', ...headers } })
}

const object = z.record(z.string(), z.unknown())

/** The body of a successful answer. */
export async function read(path: string): Promise<Record<string, unknown>> {
  const response = await api(path)
  expect(response.status, await response.clone().text()).toBe(200)
  return object.parse(await response.json())
}

/** The problem of a failed answer, once its form is checked. */
export async function problem(response: Response): Promise<Record<string, unknown>> {
  expect(response.headers.get('Content-Type')).toBe('application/problem+json')
  const body = object.parse(await response.json())
  expect(body).toMatchObject({ status: response.status, requestId: expect.any(String), title: expect.any(String) })
  expect(body['type']).toBe(`/docs#${String(body['code'])}`)
  return body
}

/** Minutes after T0. */
export const minutes = (from: number, to: number): Window => ({ start: T0 + from * MINUTE, end: T0 + to * MINUTE })

/** Far apart: rows that the worker adds get the ids after the greatest. */
let nextId = 1_000

export interface SeededSeries {
  readonly seriesId: number
  /** `/v1/candles/okx/A1000-USDT?interval=1m`. */
  readonly path: string
  readonly symbol: string
  readonly write: (part: Parameters<typeof chunkOf>[2]) => Promise<void>
  /** Stores a candle for every slot of the window but those. */
  readonly fill: (window: Window, without?: readonly number[]) => Promise<void>
}

/** A series of an instrument of its own on OKX, recorded from T0 on, which is its first candle. */
export async function seed(interval: Interval = '1m'): Promise<SeededSeries> {
  const { seriesId, lease } = await seedSeries(interval, nextId)
  nextId += 1_000
  const write: SeededSeries['write'] = (part) =>
    writeChunk(env.DB, chunkOf(seriesId, interval, part), lease, crypto.randomUUID())
  return {
    seriesId,
    symbol: `A${seriesId}-USDT`,
    path: `/v1/candles/okx/A${seriesId}-USDT?interval=${interval}`,
    write,
    fill: (window, without = []) =>
      write({
        window,
        candles: [...slotsIn(window, interval)].filter((time) => !without.includes(time)).map((time) => candleAt(time)),
        verifiedTo: window.end,
      }),
  }
}

let nextInstrumentId = 10_000_000

export interface NewInstrument {
  readonly symbol: string
  readonly exchange?: string
  readonly kind?: 'spot' | 'perpetual'
  readonly exchangeSymbol?: string
  readonly active?: boolean
  readonly validTo?: number
}

/** An instrument without any series; the id is returned. */
export async function insertInstrument(instrument: NewInstrument): Promise<number> {
  const { symbol, exchange = 'okx', kind = 'spot', exchangeSymbol = symbol, active = true, validTo = null } = instrument
  const [base, quote] = symbol.split('-')
  const id = nextInstrumentId++
  await env.DB.prepare(
    `INSERT INTO instruments (id, exchange, kind, symbol, exchange_symbol, base, quote, inverse, active, valid_from, valid_to)
     VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, 0, ?8, 0, ?9)`,
  )
    .bind(id, exchange, kind, symbol, exchangeSymbol, base, quote, Number(active), validTo)
    .run()
  return id
}

/** An exchange of a user's own. */
export async function registerExchange(name: string): Promise<void> {
  await env.DB.prepare(
    'INSERT INTO exchanges (exchange, name, registered_at) VALUES (?1, ?1, 0) ON CONFLICT DO NOTHING',
  )
    .bind(name)
    .run()
}

const candles = z.looseObject({
  revision: z.int().nullable(),
  nextUrl: z.string().nullable(),
  coverage: z.looseObject({ missing: z.array(z.tuple([z.int(), z.int(), z.string()])) }),
  data: z.array(z.looseObject({ openTime: z.int() })),
})

/** A page of candles, typed. */
export function candlesOf(body: unknown): z.infer<typeof candles> {
  return candles.parse(body)
}

export function openTimes(body: unknown): number[] {
  return candlesOf(body).data.map(({ openTime }) => openTime)
}

/** A page and all that follow it by `nextUrl`. */
export async function readAllPages(path: string): Promise<z.infer<typeof candles>[]> {
  const pages: z.infer<typeof candles>[] = []
  for (let next: string | null = path; next !== null; ) {
    const page = candlesOf(await read(next.replace('https://api.test', '')))
    pages.push(page)
    next = page.nextUrl
    expect(pages.length).toBeLessThan(100)
  }
  return pages
}
