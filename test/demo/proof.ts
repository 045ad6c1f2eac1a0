import { z } from 'zod'
import type { SimulatorUrls } from '../simulator/exchanges.ts'
import { grouped } from './progress.ts'
import type { DemoSeries, Service } from './service.ts'

const truth = z.object({
  candles: z.array(z.array(z.union([z.number(), z.string(), z.null()]))),
  empty: z.array(z.number()),
})

/** What was compared, and what was found to differ. */
export interface Proof {
  /** One line each. */
  readonly proven: readonly string[]
  readonly failures: readonly string[]
}

/** Compares all that the service answers with what happened on the simulated exchanges, and coverage with its recount. */
export async function prove(service: Service, series: readonly DemoSeries[], urls: SimulatorUrls): Promise<Proof> {
  const failures: string[] = []
  let candles = 0
  let empty = 0
  for (const one of series) {
    const name = `${one.exchange} ${one.symbol} ${one.interval}`
    const answered = await service.readCandles(one)
    const happened = await readTruth(one, urls)
    if (!isEqual(answered.candles, happened.candles)) failures.push(`${name}: candles differ from the exchange's`)
    if (!isEqual(answered.empty, happened.empty)) failures.push(`${name}: empty slots differ from the exchange's`)
    if (!(await service.isRecountEqual(one))) failures.push(`${name}: coverage differs from its recount`)
    candles += happened.candles.length
    empty += happened.empty.length
  }
  const proven = [
    `${grouped(candles)} candles equal those of the exchanges, every digit`,
    `${grouped(empty)} slots are empty, as two answers of the exchange say; none is missing`,
    `coverage equals its recount in all ${series.length} series`,
  ]
  return { proven: failures.length === 0 ? proven : [], failures }
}

async function readTruth(series: DemoSeries, urls: SimulatorUrls): Promise<{ candles: string[]; empty: number[] }> {
  const { exchange, exchangeSymbol, interval, window } = series
  const base = Object.entries(urls).find(([name]) => name === exchange)?.[1]?.spot
  const query = new URLSearchParams({
    symbol: exchangeSymbol,
    interval,
    start: `${window.start}`,
    end: `${window.end}`,
  })
  const response = await fetch(`${base}/_truth?${query}`)
  const { candles, empty } = truth.parse(await response.json())
  return { candles: candles.map((row) => row.join()), empty }
}

function isEqual(a: readonly unknown[], b: readonly unknown[]): boolean {
  return a.length === b.length && a.every((value, index) => value === b[index])
}
