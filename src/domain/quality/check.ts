import type { Candle } from '../candle.ts'
import type { Interval, Window } from '../interval.ts'
import { Columns } from './columns.ts'
import { findCrossExchange, type Peer } from './cross-exchange.ts'
import { type Fault, type FindingKind, findingKinds } from './finding.ts'
import { findFlatRuns } from './flat-run.ts'
import { type FirstVersion, findLiveRest } from './live-rest.ts'
import { findPriceJumps } from './price-jump.ts'
import type { Thresholds } from './thresholds.ts'
import { findVolumeOutliers } from './volume-outlier.ts'
import { findWicks } from './wick.ts'

/** What the checks look at. */
export interface CheckInput {
  readonly exchange: string
  readonly interval: Interval
  /** Ascending; with the neighbours of the window on both sides, as far as there are any. */
  readonly candles: readonly Candle[]
  /** The candles that open in it are judged, the others only tell what is normal. */
  readonly window: Window
  /** By open time; only of candles that were revised. */
  readonly firstVersions: ReadonlyMap<number, FirstVersion>
  readonly peers: readonly Peer[]
}

export interface CheckOutcome {
  /** By start, then kind; at most one of a kind at a start. */
  readonly faults: readonly Fault[]
  /** How many candles were judged. */
  readonly judged: number
}

/** Runs the checks of these kinds over a window of one series. */
export function checkCandleQuality(
  input: CheckInput,
  thresholds: Thresholds,
  kinds: readonly FindingKind[] = findingKinds,
): CheckOutcome {
  const columns = new Columns(input.candles, input.interval)
  const { first, after } = columns.indicesIn(input.window)
  const faults = kinds.flatMap((kind) => checks[kind](columns, first, after, thresholds, input))
  return { faults: oneOfAKind(faults), judged: after - first }
}

type Check = (columns: Columns, first: number, after: number, thresholds: Thresholds, input: CheckInput) => Fault[]

const checks: Readonly<Record<FindingKind, Check>> = {
  price_jump: (columns, first, after, { priceJump, wick }) => [
    ...findPriceJumps(columns, first, after, priceJump),
    ...findWicks(columns, first, after, wick),
  ],
  volume_outlier: (columns, first, after, { volumeOutlier }) =>
    findVolumeOutliers(columns, first, after, volumeOutlier),
  flat_run: (columns, first, after, { flatRun }) => findFlatRuns(columns, first, after, flatRun),
  live_rest: (columns, first, after, { liveRest }, { firstVersions }) =>
    findLiveRest(columns, first, after, liveRest, firstVersions),
  cross_exchange: (columns, first, after, { crossExchange }, { exchange, peers }) =>
    findCrossExchange(columns, first, after, crossExchange, exchange, peers),
}

/** A candle whose close jumps often has a wick too: the larger of the two is kept. */
function oneOfAKind(faults: readonly Fault[]): Fault[] {
  const kept = new Map<string, Fault>()
  for (const fault of faults) {
    const key = `${fault.kind} ${fault.start}`
    const known = kept.get(key)
    if (known === undefined || sizeOf(fault) > sizeOf(known)) kept.set(key, fault)
  }
  return [...kept.values()].sort(
    (a, b) => a.start - b.start || findingKinds.indexOf(a.kind) - findingKinds.indexOf(b.kind),
  )
}

function sizeOf({ evidence }: Fault): number {
  return evidence.deviation / evidence.threshold
}
