import type { Clock } from '../domain/clock.ts'
import { countSlots, type Interval, type Window } from '../domain/interval.ts'
import { checkCandleQuality } from '../domain/quality/check.ts'
import { type Fault, type FindingKind, findingKinds, severityOf } from '../domain/quality/finding.ts'
import type { BegunFinding, CheckedSeries } from '../domain/quality/series-check.ts'
import type { Thresholds } from '../domain/quality/thresholds.ts'
import type { SeriesState } from '../domain/series.ts'
import { exchangeNames } from '../exchanges/registry.ts'
import { planChecks } from './quality-plan.ts'
import type { QualityStore } from './quality-ports.ts'

/** One run takes so long at most: loading is what the loader is for. */
const RUN_MS = 3_000
/** Each window takes about a dozen statements; an invocation has a thousand for all that it does. */
const MAX_WINDOWS = 40

export interface QualityDeps {
  readonly quality: QualityStore
  readonly thresholds: Thresholds
  readonly clock: Clock
}

/** Findings about more than one candle, which can go on in the next window. */
const RUNS: ReadonlySet<FindingKind> = new Set(['flat_run', 'cross_exchange'])

export interface WindowOutcome {
  readonly faults: readonly Fault[]
  /** How many candles were judged. */
  readonly judged: number
}

/** Runs the checks of these kinds on a window of a series; stores nothing. */
export async function checkWindow(
  store: QualityStore,
  series: CheckedSeries,
  window: Window,
  thresholds: Thresholds,
  kinds: readonly FindingKind[],
): Promise<WindowOutcome> {
  const isOwn = series.source === 'exchange'
  const peerExchanges = exchangeNames.filter((name) => !(isOwn && name === series.exchange))
  const material = await store.readMaterial(series, window, kinds.includes('cross_exchange') ? peerExchanges : [])
  const { faults, judged } = checkCandleQuality(
    {
      exchange: isOwn ? series.exchange : `${series.exchange}/${series.source}`,
      interval: series.interval,
      window,
      ...material,
    },
    thresholds,
    kinds,
  )
  return { faults: faults.map((fault) => continued(fault, material.begun, series.interval)), judged }
}

/** A run that began before what was read is the one that was found before, grown. */
function continued(fault: Fault, begun: readonly BegunFinding[], interval: Interval): Fault {
  if (!RUNS.has(fault.kind)) return fault
  const before = begun.find(({ kind, start, end }) => kind === fault.kind && start < fault.start && end >= fault.start)
  if (before === undefined) return fault
  const grown = { ...fault, start: before.start }
  if (fault.kind !== 'flat_run') return grown
  const deviation = countSlots(grown, interval)
  return {
    ...grown,
    severity: severityOf(deviation / fault.evidence.threshold),
    evidence: { ...fault.evidence, deviation },
  }
}

/**
 * Checks what is new in the recorded series of one exchange, those that have waited longest first, and stores what is
 * found, until its time is used up. The next run goes on from there.
 */
export async function runChecks(deps: QualityDeps, states: readonly SeriesState[]): Promise<void> {
  const { quality, thresholds, clock } = deps
  const now = clock.now()
  const recorded = new Map(states.filter(({ recordedFrom }) => recordedFrom !== null).map((state) => [state.id, state]))
  const [first] = recorded.values()
  if (first === undefined) return
  const progress = await quality.readProgress(first.instrument.exchange, [...recorded.keys()])
  progress.sort((a, b) => (a.checked?.at ?? 0) - (b.checked?.at ?? 0))
  let windows = 0
  for (const one of progress) {
    const state = recorded.get(one.seriesId)
    for (const { window, checked } of state === undefined ? [] : planChecks(state, one, now)) {
      if (state === undefined || windows === MAX_WINDOWS || clock.now() >= now + RUN_MS) return
      const series = seriesOf(state)
      const { faults } = await checkWindow(quality, series, window, thresholds, findingKinds)
      const record = { series, window, kinds: findingKinds, faults, now }
      await quality.record({ ...record, checked: { ...checked, version: one.version } })
      windows += 1
    }
  }
}

function seriesOf({ id, instrument, interval }: SeriesState): CheckedSeries {
  const { exchange, kind, symbol } = instrument
  return { id, exchange, kind, symbol, interval, source: 'exchange' }
}
