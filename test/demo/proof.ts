import { z } from 'zod'
import type { Interval } from '../../src/domain/interval.ts'
import type { SimulatorUrls } from '../simulator/exchanges.ts'
import { grouped } from './progress.ts'
import type { Answered, DemoSeries, Service } from './service.ts'

/** Not recorded, so derived from one-minute candles: compared with the exchange's own. */
const DERIVED = '15m' satisfies Interval

const truth = z.object({
  candles: z.array(z.array(z.union([z.number(), z.string(), z.null()]))),
  empty: z.array(z.number()),
})

/** What was compared, in words, and what was found to differ. */
export interface Proof {
  readonly proven: readonly string[]
  readonly failures: readonly string[]
}

/** Compares all that the service answers with what happened on the simulated exchanges, and coverage with its recount. */
export async function prove(service: Service, series: readonly DemoSeries[], urls: SimulatorUrls): Promise<Proof> {
  const failures: string[] = []
  const compare = async (one: DemoSeries, interval: Interval): Promise<Answered> => {
    const [answered, happened] = await Promise.all([service.readCandles(one, interval), readTruth(one, interval, urls)])
    const name = `${one.exchange} ${one.symbol} ${interval}`
    if (!answered.complete) failures.push(`${name}: incomplete`)
    if (!isEqual(answered.candles, happened.candles)) failures.push(`${name}: candles differ from the exchange's`)
    if (!isEqual(answered.empty, happened.empty)) failures.push(`${name}: empty slots differ from the exchange's`)
    return answered
  }
  const counts = { candles: 0, empty: 0, derived: 0 }
  for (const one of series) {
    const { candles, empty } = await compare(one, one.interval)
    counts.candles += candles.length
    counts.empty += empty.length
    if (!(await service.isProven(one)))
      failures.push(`${one.exchange} ${one.symbol} ${one.interval}: coverage is wrong`)
  }
  for (const one of series.filter(({ interval }) => interval === '1h')) {
    counts.derived += (await compare(one, DERIVED)).candles.length
  }
  const proven = [
    `${grouped(counts.candles)} candles are those of the exchanges to the last digit, and none is missing`,
    `${counts.empty} slots without a candle are those in which nothing traded`,
    `${grouped(counts.derived)} candles of ${DERIVED}, derived from 1m, are the exchanges' own`,
    `coverage equals its recount in all ${series.length} series`,
  ]
  return { proven: failures.length === 0 ? proven : [], failures }
}

async function readTruth(
  series: DemoSeries,
  interval: Interval,
  urls: SimulatorUrls,
): Promise<Omit<Answered, 'complete'>> {
  const { exchange, exchangeSymbol, window } = series
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
