import { fork } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import { z } from 'zod'
import { prepareRawInsert } from './raw-insert-runner.ts'
import type { Baseline, Report } from './report.ts'
import { median } from './statistics.ts'
import { ASSETS, countCandles, forgetCandles, type LoadSystem, load, pastDays, startSystem } from './system.ts'

/**
 * 5 series of 18 days, 129,600 candles: what the simulated exchange keeps ready (96 days of minutes), so that after the
 * first round the figures are not those of making a market up.
 */
const DAYS = 18
/** Ours and the raw insert take turns, the middle one of each counts: a burst of other work on the machine hits both. */
const ROUNDS = 5

/** Bybit's own budget lets through 600 requests at once; these are 435, so it does not come into play. */
const BYBIT_DAYS = 60
/** Candles a request, on both. */
const PAGE = 1_000

/** Requests/s where no limit is in the way. */
export interface UnlimitedRates {
  readonly binance: number
  readonly bybit: number
}

/** From an exchange without limits into D1, beside the quickest insert of the same rows and beside ccxt into SQLite. */
export async function measureUnlimited(report: Report): Promise<UnlimitedRates> {
  const system = await startSystem({ unlimited: true, share: 1 })
  try {
    await load(system, 'binance', pastDays(DAYS))
    const candles = await countCandles(system)
    const raw = await prepareRawInsert(system)
    const [ours, theirs]: [number[], number[]] = [[], []]
    for (let round = 0; round < ROUNDS; round++) {
      await forgetCandles(system)
      ours.push(await load(system, 'binance', pastDays(DAYS)))
      theirs.push(await raw.run())
    }
    await raw.stop()
    const unit = 'candles/s'
    const value = perSecond(candles, median(ours))
    const against = { name: 'raw json_each insert', value: perSecond(candles, median(theirs)) }
    report({ case: 'unlimited binance', value, unit, against })
    report({ case: 'ccxt binance', value, unit, against: await measureCcxt(system, candles) })
    // Finds where each series begins, as the first round has done on Binance.
    await load(system, 'bybit', pastDays(1))
    await forgetCandles(system)
    const elapsedMs = await load(system, 'bybit', pastDays(BYBIT_DAYS))
    const bybit = perSecond(await countCandles(system), elapsedMs)
    report({ case: 'unlimited bybit', value: bybit, unit, against: null })
    return { binance: value / PAGE, bybit: bybit / PAGE }
  } finally {
    await system.stop()
  }
}

function perSecond(count: number, elapsedMs: number): number {
  return (count / elapsedMs) * 1_000
}

const outcome = z.object({ elapsedMs: z.number(), rows: z.number() })

/** The same load by ccxt, in a process of its own. */
async function measureCcxt({ simulator }: LoadSystem, candles: number): Promise<Baseline> {
  const child = fork(fileURLToPath(new URL('./ccxt-load.ts', import.meta.url).href))
  child.send({ urls: simulator.urls, symbols: ASSETS.map((asset) => `${asset}/USDT`), ...pastDays(DAYS) })
  const [message] = await once(child, 'message')
  const { elapsedMs, rows } = outcome.parse(message)
  if (rows !== candles) throw new Error(`ccxt has stored ${rows} of ${candles} candles`)
  return { name: 'ccxt fetchOHLCV into node:sqlite', value: perSecond(rows, elapsedMs) }
}
