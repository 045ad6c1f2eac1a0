import type { Clock } from '../domain/clock.ts'
import { countSlots, DAY, floorToInterval, type Interval, type Window } from '../domain/interval.ts'
import { checkCandleQuality } from '../domain/quality/check.ts'
import { type Fault, type FindingKind, findingKinds, severityOf } from '../domain/quality/finding.ts'
import type { BegunFinding, CheckedSeries, CheckProgress, CheckRecord } from '../domain/quality/series-check.ts'
import type { Thresholds } from '../domain/quality/thresholds.ts'
import type { SeriesState } from '../domain/series.ts'
import { exchangeNames } from '../exchanges/registry.ts'
import { planChecks, planRechecks, type RecheckPlan, recheckedFrom } from './quality-plan.ts'
import type { QualityStore } from './quality-ports.ts'

/** One run takes so long at most: loading is what the loader is for. */
const RUN_MS = 3_000
/** However slow the databases are, a run goes on: with what is new and with what was noted. */
const MIN_WINDOWS = 2
/** Each window takes up to twenty statements, over five databases; an invocation has a thousand for all that it does. */
const MAX_WINDOWS = 30
/** So many notes are looked at in a run: those that touch are worked off together. */
const MAX_RECHECKS = 200
/** Exchanges that users have registered have no loader: this one checks what is sent for them. */
const KEEPER_OF_OWN = exchangeNames[0]

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

/** Runs those of the checks that apply to the series on a window of it; stores nothing. */
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
    // What users revise, they did not hear live.
    isOwn ? kinds : kinds.filter((kind) => kind !== 'live_rest'),
  )
  return { faults: faults.map((fault) => continued(fault, window, material.begun, series.interval)), judged }
}

/** A run that reaches beyond what was read, on either side, is the one that was found there before. */
function continued(fault: Fault, window: Window, begun: readonly BegunFinding[], interval: Interval): Fault {
  if (!RUNS.has(fault.kind)) return fault
  const runs = begun.filter(({ kind }) => kind === fault.kind)
  const before = runs.find(({ start, end }) => start < Math.min(fault.start, window.start) && end >= fault.start)
  const behind = fault.end < window.end ? undefined : runs.find(({ end }) => end > fault.end)
  if (before === undefined && behind === undefined) return fault
  const grown = { ...fault, start: before?.start ?? fault.start, end: behind?.end ?? fault.end }
  if (fault.kind !== 'flat_run') return grown
  const deviation = countSlots(grown, interval)
  return {
    ...grown,
    severity: severityOf(deviation / fault.evidence.threshold),
    evidence: { ...fault.evidence, deviation },
  }
}

/** A window to be checked by a run. */
interface Task {
  readonly series: CheckedSeries
  readonly window: Window
  /** What then need not be checked again, and of which version; `null` where it has been checked before. */
  readonly checked: CheckRecord['checked']
  /** Of which series that are held against this one may have been checked without it; `null` where of nothing. */
  readonly news: Window | null
  /** The starts of the rechecks that it is. */
  readonly rechecked: readonly number[]
}

/**
 * Checks what is new in the recorded series of one exchange and in what users have sent of it, those that have waited
 * longest first, and what has been noted to be checked once more, and stores what is found, until its time is used up.
 * The next run goes on from there.
 *
 * @param states the series that the exchange's loader loads
 */
export async function runChecks(deps: QualityDeps, exchange: string, states: readonly SeriesState[]): Promise<void> {
  const { quality, clock } = deps
  const now = clock.now()
  const own = await quality.readOwnExchanges()
  const exchanges = exchange === KEEPER_OF_OWN ? [exchange, ...own] : [exchange]
  const planned = await planTasks(quality, exchange, exchanges, states, now)
  const noted = planRechecks(await quality.readRechecks(exchanges, MAX_RECHECKS)).map(recheckTask)
  const deadline = clock.now() + RUN_MS
  for (const [index, task] of inTurn(planned, noted).slice(0, MAX_WINDOWS).entries()) {
    if (index >= MIN_WINDOWS && clock.now() >= deadline) return
    await carryOut(deps, task, [...exchangeNames, ...own], now)
  }
}

async function planTasks(
  quality: QualityStore,
  exchange: string,
  exchanges: readonly string[],
  states: readonly SeriesState[],
  now: number,
): Promise<Task[]> {
  const recorded = new Map(states.filter(({ recordedFrom }) => recordedFrom !== null).map((state) => [state.id, state]))
  const days = { today: floorToInterval(now, '1d'), recheckedFrom: recheckedFrom(now) }
  const [progress, sent] = await Promise.all([
    recorded.size === 0 ? [] : quality.readProgress(exchange, [...recorded.keys()]),
    quality.readSentSeries(exchanges, days, MAX_WINDOWS),
  ])
  const loaded = progress.flatMap((one) => {
    const state = recorded.get(one.seriesId)
    return state === undefined ? [] : [{ ...state, series: seriesOf(state), progress: one, isLoaded: true }]
  })
  const waiting = [
    ...loaded,
    ...sent.map((one) => ({ ...one, interval: one.series.interval, gaps: [], isLoaded: false })),
  ]
  return waiting
    .sort((a, b) => (a.progress.checked?.at ?? 0) - (b.progress.checked?.at ?? 0))
    .flatMap((one) =>
      planChecks(one, one.progress, now).map(({ window, checked, version }) => ({
        ...{ series: one.series, window, checked: { ...checked, version, versionBefore: one.progress.version } },
        ...{ news: newsIn(window, one.progress), rechecked: [] },
      })),
    )
}

/** What has not been checked before. */
function newsIn(window: Window, { checked }: CheckProgress): Window {
  if (checked === null || window.start < checked.start) return window
  return { start: Math.max(window.start, checked.end), end: window.end }
}

function recheckTask({ series, window, isChanged, starts }: RecheckPlan): Task {
  return { series, window, checked: null, news: isChanged ? window : null, rechecked: starts }
}

/** One of each, as long as there are both: neither waits for the other. */
function inTurn(a: readonly Task[], b: readonly Task[]): Task[] {
  return Array.from({ length: Math.max(a.length, b.length) }, (_, index) => [a[index], b[index]])
    .flat()
    .filter((task) => task !== undefined)
}

async function carryOut(
  { quality, thresholds }: QualityDeps,
  { series, window, checked, news, rechecked }: Task,
  exchanges: readonly string[],
  now: number,
): Promise<void> {
  if (rechecked.length > 0) await quality.beginRechecks(series, rechecked)
  const { faults } = await checkWindow(quality, series, window, thresholds, findingKinds)
  if (news !== null && series.source === 'exchange') {
    // What is younger, the others check anew tomorrow.
    const past = { start: news.start, end: Math.min(news.end, recheckedFrom(now) + DAY) }
    if (past.start < past.end) await quality.notePeers(series, past, exchanges)
  }
  await quality.record({ series, window, kinds: findingKinds, faults, now, checked, rechecked })
}

function seriesOf({ id, instrument, interval }: SeriesState): CheckedSeries {
  const { exchange, kind, symbol } = instrument
  return { id, exchange, kind, symbol, interval, source: 'exchange' }
}
