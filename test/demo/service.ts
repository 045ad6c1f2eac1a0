import { z } from 'zod'
import {
  ceilToInterval,
  DAY,
  floorToInterval,
  type Interval,
  intervals,
  slotsIn,
  type Window,
} from '../../src/domain/interval.ts'
import { StreamClient } from '../harness/stream-client.ts'
import { ADMIN_TOKEN } from '../harness/worker.ts'

/** What a fresh deployment records of each series before the present. */
const PAST_MS = 3 * DAY
/** The most candles that one answer holds: more than the minutes of three days. */
const MAX_CANDLES = 5_000

/** A recorded series, and its first three days. */
export interface DemoSeries {
  readonly exchange: string
  readonly symbol: string
  readonly exchangeSymbol: string
  readonly interval: Interval
  /** Aligned; fixed, while the series itself goes on. */
  readonly window: Window
  /** Slots of the whole series that were asked for in vain. */
  readonly gaps: number
}

const seriesPage = z.object({
  data: z.array(
    z.object({
      exchange: z.string(),
      symbol: z.string(),
      exchangeSymbol: z.string(),
      interval: z.enum(intervals),
      recordedFrom: z.int(),
      coverage: z.object({ gaps: z.int() }),
    }),
  ),
  nextCursor: z.null(),
})

const slotsSchema = z.object({ expected: z.int(), present: z.int(), empty: z.int(), missing: z.int() })
export type Slots = z.infer<typeof slotsSchema>

const coverageAnswer = z.object({ slots: slotsSchema, proof: z.object({ equal: z.boolean() }).optional() })

const range = z.tuple([z.int(), z.int()])
const candlesAnswer = z.object({
  coverage: z.object({ complete: z.boolean(), empty: z.array(range) }),
  data: z.array(
    z.object({
      openTime: z.int(),
      open: z.string(),
      high: z.string(),
      low: z.string(),
      close: z.string(),
      volume: z.string(),
      quoteVolume: z.string().nullable(),
      tradeCount: z.int().nullable(),
    }),
  ),
})

/** What a window holds: candles as text, and the open times of empty slots. */
export interface Answered {
  readonly complete: boolean
  readonly candles: readonly string[]
  readonly empty: readonly number[]
}

/** The running worker, asked as any client would: over its public API. */
export class Service {
  readonly #url: URL

  constructor(url: URL) {
    this.#url = url
  }

  /** What is recorded so far. */
  async readSeries(): Promise<DemoSeries[]> {
    const { data } = await this.#get('/v1/series', { recorded: true, limit: 1_000 }, seriesPage)
    return data.map(({ recordedFrom, coverage, ...series }) => {
      const { interval } = series
      const end = floorToInterval(recordedFrom + PAST_MS, interval)
      return { ...series, window: { start: ceilToInterval(recordedFrom, interval), end }, gaps: coverage.gaps }
    })
  }

  async readSlots({ exchange, symbol, interval, window }: DemoSeries): Promise<Slots> {
    const query = { exchange, symbol, interval, ...window }
    const { slots } = await this.#get('/v1/coverage', query, coverageAnswer)
    return slots
  }

  /** Whether the coverage of a series is what its candles and empty slots add up to. */
  async isProven({ exchange, symbol, interval }: DemoSeries): Promise<boolean> {
    const { proof } = await this.#get('/v1/coverage', { exchange, symbol, interval, recount: true }, coverageAnswer)
    return proof?.equal === true
  }

  async readCandles({ exchange, symbol, window }: DemoSeries, interval: Interval): Promise<Answered> {
    const query = { interval, ...window, limit: MAX_CANDLES }
    const answer = await this.#get(`/v1/candles/${exchange}/${symbol}`, query, candlesAnswer)
    return {
      complete: answer.coverage.complete,
      candles: answer.data.map((c) =>
        [c.openTime, c.open, c.high, c.low, c.close, c.volume, c.quoteVolume, c.tradeCount].join(),
      ),
      empty: answer.coverage.empty.flatMap(([start, end]) => [...slotsIn({ start, end }, interval)]),
    }
  }

  async startFeed(exchange: string): Promise<void> {
    const url = new URL(`/v1/streams/${exchange}/start`, this.#url)
    const response = await fetch(url.href, { method: 'POST', headers: { Authorization: `Bearer ${ADMIN_TOKEN}` } })
    if (!response.ok) throw new Error(`${url.href} answered ${response.status}: ${await response.text()}`)
  }

  /** @param exchange the one whose feed it is; without it a relay for all */
  async openStream(exchange?: string): Promise<StreamClient> {
    const url = new URL(exchange === undefined ? '/v1/stream' : `/v1/stream/${exchange}`, this.#url)
    url.protocol = 'ws:'
    const socket = new WebSocket(url.href)
    const client = new StreamClient(socket, exchange)
    await new Promise<void>((resolve, reject) => {
      socket.addEventListener('open', () => resolve())
      socket.addEventListener('error', () => reject(new Error(`${url.href} could not be opened`)))
    })
    return client
  }

  async #get<T>(path: string, query: Readonly<Record<string, string | number | boolean>>, schema: z.ZodType<T>) {
    const url = new URL(path, this.#url)
    for (const [name, value] of Object.entries(query)) url.searchParams.set(name, String(value))
    const response = await fetch(url.href)
    const body = await response.text()
    if (!response.ok) throw new Error(`${url.href} answered ${response.status}: ${body}`)
    return schema.parse(JSON.parse(body))
  }
}
