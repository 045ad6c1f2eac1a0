import type { Interval } from '../../src/domain/interval.ts'
import type { SimulatorUrls } from '../simulator/exchanges.ts'
import { grouped } from './progress.ts'
import type { Answered, DemoSeries, Service } from './service.ts'
import { readTruth, trueCandles } from './truth.ts'

/** Not recorded, so derived from one-minute candles: compared with the exchange's own. */
const DERIVED = '15m' satisfies Interval

/** What was compared, in words, and what was found to differ. */
export interface Proof {
  readonly proven: readonly string[]
  readonly failures: readonly string[]
}

/** Compares all that the service answers with what happened on the simulated exchanges, and coverage with its recount. */
export async function prove(service: Service, series: readonly DemoSeries[], urls: SimulatorUrls): Promise<Proof> {
  const failures: string[] = []
  const compare = async (one: DemoSeries, interval: Interval): Promise<Answered> => {
    const [answered, happened] = await Promise.all([
      service.readCandles(one, interval),
      readHappened(one, interval, urls),
    ])
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

async function readHappened(
  { exchange, exchangeSymbol, window }: DemoSeries,
  interval: Interval,
  urls: SimulatorUrls,
): Promise<Omit<Answered, 'complete'>> {
  const query = { symbol: exchangeSymbol, interval, ...window }
  const { candles, empty } = await readTruth(urls, exchange, '', query, trueCandles)
  return { candles: candles.map((row) => row.join()), empty }
}

function isEqual(a: readonly unknown[], b: readonly unknown[]): boolean {
  return a.length === b.length && a.every((value, index) => value === b[index])
}
