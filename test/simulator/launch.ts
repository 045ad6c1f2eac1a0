/** Starts the simulated exchanges as a process of their own: for tests, the demo and the benchmarks. */

import { type ChildProcess, spawn } from 'node:child_process'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { z } from 'zod'
import type { SimulatorOptions, SimulatorUrls, StreamUrls } from './exchanges.ts'

const urls = z.object({ spot: z.string(), perpetual: z.string().exactOptional() })
const endpoints = z.record(z.string(), z.string())
const readyLine = z.object({
  ready: z.literal(true),
  urls: z.object({
    binance: urls.exactOptional(),
    okx: urls.exactOptional(),
    bybit: urls.exactOptional(),
    coinbase: urls.exactOptional(),
  }),
  streamUrls: z.object({
    binance: endpoints.exactOptional(),
    okx: endpoints.exactOptional(),
    bybit: endpoints.exactOptional(),
    coinbase: endpoints.exactOptional(),
  }),
})

export interface RunningSimulator {
  readonly urls: SimulatorUrls
  /** What the worker's setting of stream hosts takes. */
  readonly streamUrls: StreamUrls
  readonly pid: number
  /** Ends the process and waits until it is gone. */
  stop(): Promise<void>
}

/**
 * Starts `main.ts` and waits for its ready line.
 *
 * @param options the port is ephemeral unless given
 * @throws with what the process complained about, where it ends before it is ready
 */
export const startSimulator = (options: SimulatorOptions = {}): Promise<RunningSimulator> => {
  const { exchange, port = 0, seed, timeScale, timeEpoch, unlimited } = options
  const given = { exchange, port, seed, 'time-scale': timeScale, 'time-epoch': timeEpoch }
  const args = Object.entries(given).flatMap(([name, value]) =>
    value === undefined ? [] : [`--${name}`, String(value)],
  )
  const main = fileURLToPath(new URL('./main.ts', import.meta.url).href)
  const child = spawn(process.execPath, [main, ...args, ...(unlimited ? ['--unlimited'] : [])], {
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  // Without this a parent that dies would leave the exchanges running.
  const endChild = (): void => {
    child.kill()
  }
  process.once('exit', endChild)
  child.once('exit', () => process.off('exit', endChild))
  let complaint = ''
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    complaint += text
  })
  return new Promise((resolve, reject) => {
    child.once('error', reject)
    child.once('exit', (code) => reject(new Error(`the simulated exchanges ended with ${code}: ${complaint.trim()}`)))
    createInterface({ input: child.stdout }).on('line', (line) => {
      if (!line.startsWith('{')) return
      const { urls, streamUrls } = readyLine.parse(JSON.parse(line))
      resolve({ urls, streamUrls, pid: child.pid ?? 0, stop: () => stop(child) })
    })
  })
}

const stop = (child: ChildProcess): Promise<void> =>
  new Promise((resolve) => {
    if (child.exitCode !== null || child.signalCode !== null) return resolve()
    child.once('exit', () => resolve())
    child.kill('SIGTERM')
  })
