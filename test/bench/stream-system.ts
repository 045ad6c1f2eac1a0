import { fileURLToPath } from 'node:url'
import { z } from 'zod'
import { type RunningWorker, startBareWorker, startWorker } from '../harness/worker.ts'
import { childrenNamed } from './process-memory.ts'
import { ASSETS } from './stream-market.ts'
import { BenchProcess } from './stream-process.ts'

const port = z.object({ port: z.int() })
const sent = z.object({ startedAt: z.number(), elapsedMs: z.number() })

/** The exchange that streams, a process of its own. */
export class StreamExchange {
  readonly #process: BenchProcess
  readonly url: string
  /** Frames that have been sent. */
  sent = 0

  private constructor(process: BenchProcess, url: string) {
    this.#process = process
    this.url = url
  }

  static async start(mix: 'full' | 'trades'): Promise<StreamExchange> {
    const process = new BenchProcess('./stream-exchange.ts', [mix])
    const answer = await process.ask(port, { ask: 'listen' })
    return new StreamExchange(process, `http://127.0.0.1:${answer.port}`)
  }

  /** @param perSecond `null`: as many as are taken */
  async send(frames: number, perSecond: number | null): Promise<z.infer<typeof sent>> {
    this.sent += frames
    return this.#process.ask(sent, { ask: 'send', frames, perSecond })
  }

  /** The books as they are now. */
  async books<T>(schema: z.ZodType<T>, depth: number): Promise<T> {
    return this.#process.ask(schema, { ask: 'books', depth })
  }

  get pid(): number {
    return this.#process.pid
  }

  stop(): void {
    this.#process.stop()
  }
}

export interface MeasuredWorker extends RunningWorker {
  /** Of workerd itself. */
  readonly pid: number
}

/**
 * The worker, with the instruments of the market already known.
 *
 * @param others the stream endpoints of further exchanges with the same assets
 */
export async function startFeedWorker(
  exchange: StreamExchange,
  vars: Readonly<Record<string, string>>,
  others: Readonly<Record<string, Readonly<Record<string, string>>>> = {},
): Promise<MeasuredWorker> {
  const worker = await measured(() =>
    startWorker({
      inspect: true,
      vars: {
        EXCHANGE_HOSTS: JSON.stringify({ binance: { spot: exchange.url } }),
        STREAM_HOSTS: JSON.stringify({ binance: { spot: exchange.url }, ...others }),
        RATE_BUDGET_SHARE: '1',
        ...vars,
      },
    }),
  )
  await worker.db
    .prepare(
      `INSERT INTO instruments (exchange, kind, symbol, exchange_symbol, base, quote, inverse, active, listed, valid_from)
       SELECT names.value, 'spot', assets.value || '-USDT', assets.value || iif(names.value = 'binance', '', '-') || 'USDT',
         assets.value, 'USDT', 0, 1, 1, 0
       FROM json_each(?1) names, json_each(?2) assets`,
    )
    .bind(JSON.stringify(['binance', ...Object.keys(others)]), JSON.stringify(ASSETS))
    .run()
  return worker
}

/** The bare object beside which a feed is measured. */
export function startEcho(): Promise<MeasuredWorker> {
  const main = fileURLToPath(new URL('./stream-echo.ts', import.meta.url).href)
  return measured(() => startBareWorker(main, { ECHO: 'Echo' }))
}

async function measured(start: () => Promise<RunningWorker>): Promise<MeasuredWorker> {
  const before = childrenNamed('workerd')
  const worker = await start()
  const [pid] = childrenNamed('workerd').filter((child) => !before.includes(child))
  if (pid === undefined) throw new Error('workerd has not started')
  return { ...worker, pid }
}

export function socketUrl(worker: RunningWorker, path: string): string {
  return new URL(path, worker.url.href).href.replace('http', 'ws')
}

const feedStatus = z.object({
  stream: z.object({
    resyncs: z.int(),
    gaps: z.int(),
    reconnects: z.int(),
    invalidFrames: z.int(),
  }),
})

export async function readFeedStatus({ url }: RunningWorker): Promise<z.infer<typeof feedStatus>['stream']> {
  const response = await fetch(new URL('/v1/exchanges/binance/status', url.href))
  return feedStatus.parse(await response.json()).stream
}
