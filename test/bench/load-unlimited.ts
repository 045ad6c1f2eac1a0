import { fork } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import { z } from 'zod'
import { prepareRawInsert } from './raw-insert-runner.ts'
import type { Baseline, Report } from './report.ts'
import { median } from './statistics.ts'
import {
  ASSETS,
  countCandles,
  forgetCandles,
  type LoadSystem,
  loadAll,
  pastDays,
  startSystem,
  wantBackfill,
} from './system.ts'

/**
 * 5 series of 18 days, 129,600 candles: what the simulated exchange keeps ready (96 days of minutes), so that after the
 * first round the figures are not those of making a market up.
 */
const DAYS = 18
/** Ours and the raw insert take turns, the middle one of each counts: a burst of other work on the machine hits both. */
const ROUNDS = 5

/** What a request carries decides which limit counts: an exchange's allowance, or this. */
export interface Unlimited {
  readonly candlesPerSecond: number
}

/** From an exchange without limits into D1, beside the quickest insert of the same rows and beside ccxt into SQLite. */
export async function measureUnlimited(report: Report): Promise<Unlimited> {
  const system = await startSystem({ unlimited: true, share: 1 })
  try {
    await loadBinance(system)
    const candles = await countCandles(system)
    const raw = await prepareRawInsert(system)
    const [ours, theirs]: [number[], number[]] = [[], []]
    for (let round = 0; round < ROUNDS; round++) {
      await forgetCandles(system)
      ours.push(await loadBinance(system))
      theirs.push(await raw.run())
    }
    await raw.stop()
    const perSecond = (elapsed: readonly number[]) => (candles / median(elapsed)) * 1_000
    const value = perSecond(ours)
    const figure = { value, unit: 'candles/s' }
    report({
      case: 'unlimited binance',
      ...figure,
      against: { name: 'raw json_each insert', value: perSecond(theirs) },
    })
    report({ case: 'ccxt binance', ...figure, against: await measureCcxt(system, candles) })
    return { candlesPerSecond: value }
  } finally {
    await system.stop()
  }
}

async function loadBinance(system: LoadSystem): Promise<number> {
  await wantBackfill(system, 'binance', pastDays(DAYS))
  return loadAll(system)
}

const outcome = z.object({ elapsedMs: z.number(), rows: z.number() })

/** The same load by ccxt, in a process of its own. */
async function measureCcxt({ simulator }: LoadSystem, candles: number): Promise<Baseline> {
  const child = fork(fileURLToPath(new URL('./ccxt-load.ts', import.meta.url).href))
  child.send({ urls: simulator.urls, symbols: ASSETS.map((asset) => `${asset}/USDT`), ...pastDays(DAYS) })
  const [message] = await once(child, 'message')
  const { elapsedMs, rows } = outcome.parse(message)
  if (rows !== candles) throw new Error(`ccxt has stored ${rows} of ${candles} candles`)
  return { name: 'ccxt fetchOHLCV into node:sqlite', value: (rows / elapsedMs) * 1_000 }
}
