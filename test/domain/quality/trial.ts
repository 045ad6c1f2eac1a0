import { checkCandleQuality } from '../../../src/domain/quality/check.ts'
import type { Fault } from '../../../src/domain/quality/finding.ts'
import { DEFAULT_THRESHOLDS } from '../../../src/domain/quality/thresholds.ts'
import { faultyMarket, type Planted } from './faults.ts'
import { cleanMarket, type Market } from './market.ts'

/** Thresholds and checks were written on seeds 1 to 50; these were not looked at before. */
export const TRIAL_SEEDS: readonly number[] = Array.from({ length: 20 }, (_, index) => 1001 + index)

export interface Trial {
  readonly planted: number
  readonly missed: readonly (Planted & { readonly seed: number })[]
  readonly cleanCandles: number
  /** Findings in clean markets, and those in faulty ones that are of no planted fault. */
  readonly wrong: readonly (Fault & { readonly seed: number })[]
}

/** Checks a clean and a faulty market of each seed with the default thresholds. */
export function tryChecks(seeds: readonly number[]): Trial {
  const trials = seeds.map((seed) => {
    const clean = check(cleanMarket(seed))
    const faulty = faultyMarket(seed)
    const found = check(faulty)
    return {
      planted: faulty.planted.length,
      missed: faulty.planted
        .filter((planted) => !found.faults.some((fault) => isOf(fault, planted)))
        .map((planted) => ({ ...planted, seed })),
      cleanCandles: clean.judged,
      wrong: [
        ...clean.faults,
        // What a clean market has is still there once faults are planted in it: it counts once.
        ...found.faults.filter(
          (fault) =>
            !faulty.planted.some((planted) => overlaps(fault, planted)) &&
            !clean.faults.some((known) => overlaps(fault, known)),
        ),
      ].map((fault) => ({ ...fault, seed })),
    }
  })
  return {
    planted: trials.reduce((sum, { planted }) => sum + planted, 0),
    missed: trials.flatMap(({ missed }) => missed),
    cleanCandles: trials.reduce((sum, { cleanCandles }) => sum + cleanCandles, 0),
    wrong: trials.flatMap(({ wrong }) => wrong),
  }
}

export function check({ candles, firstVersions, peers }: Market): ReturnType<typeof checkCandleQuality> {
  const window = { start: 0, end: Number.MAX_SAFE_INTEGER }
  const input = { exchange: 'binance', interval: '1m', candles, window, firstVersions, peers } as const
  return checkCandleQuality(input, DEFAULT_THRESHOLDS)
}

/** How many findings there are in so many candles in which nothing is wrong. */
export function wrongPerTenThousand({ wrong, cleanCandles }: Trial): number {
  return (wrong.length / cleanCandles) * 10_000
}

function isOf(fault: Fault, planted: Planted): boolean {
  return fault.kind === planted.kind && overlaps(fault, planted)
}

function overlaps(a: { readonly start: number; readonly end: number }, b: typeof a): boolean {
  return a.start < b.end && b.start < a.end
}
