import { cleanMarket } from '../domain/quality/market.ts'
import { check, TRIAL_SEEDS, tryChecks, wrongPerTenThousand } from '../domain/quality/trial.ts'
import type { Report } from './report.ts'
import { median } from './statistics.ts'

/** How often the whole is judged: the first time, nothing of it is compiled. */
const ROUNDS = 5

/** What the checks find of what is planted, what they find where nothing is, and how long a candle takes. */
export async function runQuality(report: Report): Promise<void> {
  const trial = tryChecks(TRIAL_SEEDS)
  const found = trial.planted - trial.missed.length
  const against = { name: 'planted above their stated size', value: trial.planted }
  report({ case: 'found', value: found, unit: 'faults', against })
  const allowed = { name: 'at most', value: 1 }
  report({ case: 'in clean candles', value: wrongPerTenThousand(trial), unit: 'findings/10,000', against: allowed })
  const markets = TRIAL_SEEDS.map(cleanMarket)
  const rounds = Array.from({ length: ROUNDS }, () => {
    const startedAt = performance.now()
    const judged = markets.reduce((sum, market) => sum + check(market).judged, 0)
    return ((performance.now() - startedAt) * 1_000) / judged
  })
  report({ case: 'checked', value: median(rounds), unit: 'us/candle', against: null })
}
