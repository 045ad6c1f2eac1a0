import { type CandleLine, formatCandleLine, openTimeOf, parseCandleLine } from '../../domain/candle-line.ts'
import { lifeOf, rangesOfSlots, verifiedIn } from '../../domain/coverage.ts'
import { deriveCandles } from '../../domain/derive.ts'
import {
  ceilToInterval,
  DAY,
  floorToInterval,
  intervalLength,
  nextOpenTime,
  shiftOpenTime,
  type Window,
} from '../../domain/interval.ts'
import type { StoredInstrument } from '../../domain/series.ts'
import { intersectWindows, mergeWindows } from '../../domain/window.ts'
import { type DerivationPage, readDerivationInput, readRollups } from '../../store/candles.ts'
import type { SeriesKey } from '../../store/catalog.ts'
import type { Reader } from '../../store/sessions.ts'
import type { CandleAnswer } from './answer.ts'
import { nextEdge, type Scan } from './scan.ts'

/** The most candles that one derived page is built from: about 5 MB of text. */
const MAX_INPUT_CANDLES = 50_000
/** How often a page is read again because its input was revised between its two reads. */
const MAX_ATTEMPTS = 3

/**
 * Derives a page from a smaller interval, with what is rolled up already. Slots over incomplete input are missing;
 * those over none but empty or outside slots are empty.
 */
export async function readDerivedAnswer(
  db: Reader,
  instrument: StoredInstrument,
  base: SeriesKey,
  scan: Scan,
): Promise<CandleAnswer | undefined> {
  for (let attempt = 1; ; attempt++) {
    const rolled = await readRolledUp(db, base, scan)
    const slots = planSlots(scan, base, rolled.lines)
    const input = await readDerivationInput(db, { seriesId: base.id, ...slots })
    if (input === undefined) return undefined
    const last = lastSent(base, scan, input)
    if (last !== null) {
      const window = { start: scan.window.start, end: last }
      return readDerivedAnswer(db, instrument, base, { ...scan, window, reachesPresent: false })
    }
    const isOneMoment = rolled.revision === undefined || rolled.revision === input.marks.revision
    if (isOneMoment || attempt === MAX_ATTEMPTS)
      return toAnswer(instrument, base, scan, slots.window, rolled.lines, input)
  }
}

/**
 * The newest of what users have sent may be of any time: where a page back from the present meets none of it, this is
 * where the page must begin, ms UTC.
 */
function lastSent({ source }: SeriesKey, { isBounded, reachesPresent, interval }: Scan, input: DerivationPage) {
  if (source === 'exchange' || isBounded || !reachesPresent || input.covered.length > 0) return null
  return input.coveredBefore === null ? null : ceilToInterval(input.coveredBefore, interval)
}

interface RolledUp {
  readonly revision: number | undefined
  readonly lines: ReadonlyMap<number, CandleLine>
}

async function readRolledUp(db: Reader, base: SeriesKey, scan: Scan): Promise<RolledUp> {
  if (intervalLength(scan.interval) < DAY) return { revision: undefined, lines: new Map() }
  const { revision, lines } = await readRollups(db, { ...scan, seriesId: base.id })
  return { revision, lines: new Map(lines.map((line) => [openTimeOf(line), line])) }
}

/** The slots of a page, from the scan's edge: as many as asked for, or as their input allows, but at least one. */
function planSlots(
  { window, interval, direction, limit }: Scan,
  base: SeriesKey,
  rolled: RolledUp['lines'],
): { readonly window: Window; readonly ranges: readonly Window[] } {
  const inputPerSlot = intervalLength(interval) / intervalLength(base.interval)
  const toDerive: number[] = []
  let edge = direction === 'forward' ? window.start : window.end
  for (let count = 0; count < limit; count++) {
    const openTime = direction === 'forward' ? edge : shiftOpenTime(edge, interval, -1)
    if (openTime < window.start || openTime >= window.end) break
    if (!rolled.has(openTime)) {
      if (toDerive.length > 0 && (toDerive.length + 1) * inputPerSlot > MAX_INPUT_CANDLES) break
      toDerive.push(openTime)
    }
    edge = direction === 'forward' ? nextOpenTime(openTime, interval) : openTime
  }
  if (direction === 'backward') toDerive.reverse()
  const page = direction === 'forward' ? { start: window.start, end: edge } : { start: edge, end: window.end }
  return { window: page, ranges: rangesOfSlots(toDerive, interval) }
}

function toAnswer(
  instrument: StoredInstrument,
  base: SeriesKey,
  scan: Scan,
  planned: Window,
  rolled: RolledUp['lines'],
  input: DerivationPage,
): CandleAnswer {
  const { interval } = scan
  const { firstCandleTime, verifiedTo } = input.marks
  const baseLife = lifeOf(firstCandleTime, instrument.validTo, base.interval)
  const life = {
    start: firstCandleTime === null ? baseLife.start : floorToInterval(firstCandleTime, interval),
    end: lifeOf(null, instrument.validTo, interval).end,
  }
  const before = { start: Number.NEGATIVE_INFINITY, end: baseLife.start }
  const after = { start: baseLife.end, end: Number.POSITIVE_INFINITY }
  const derived = deriveCandles({
    target: interval,
    window: intersectWindows(planned, life),
    candles: input.lines.map(parseCandleLine),
    complete: mergeWindows([before, ...input.covered, after]),
  })
  const isOpen = (openTime: number) => !rolled.has(openTime)
  const lines = [
    ...[...rolled].filter(([time]) => time >= planned.start && time < planned.end).map(([, line]) => line),
    ...derived.candles.map(formatCandleLine),
  ].sort((a, b) => openTimeOf(a) - openTimeOf(b))
  const window = lines.length === 0 ? widen(scan, planned, input) : planned
  const skipped = [
    { start: window.start, end: planned.start },
    { start: planned.end, end: window.end },
  ].map((range) => intersectWindows(range, life))
  const missing = mergeWindows([...skipped, ...rangesOfSlots(derived.incomplete.filter(isOpen), interval)])
  return {
    lines,
    window,
    coverage: {
      complete: missing.length === 0,
      verifiedTo: verifiedIn(window, input.covered, verifiedTo === null ? null : floorToInterval(verifiedTo, interval)),
      missing: missing.map((range) => ({ ...range, reason: 'incomplete_input' })),
      empty: rangesOfSlots(derived.empty.filter(isOpen), interval),
    },
    marks: input.marks,
    next: hasNothingBefore(scan, lines, input) ? null : nextEdge(scan, window, life),
  }
}

/** A page without candles takes in all that lacks input up to where there is some: no caller pages through years of it. */
function widen({ window, direction, isBounded, interval }: Scan, planned: Window, input: DerivationPage): Window {
  if (direction === 'forward') {
    const end = input.coveredAfter === null ? window.end : floorToInterval(input.coveredAfter, interval)
    return { start: planned.start, end: Math.min(Math.max(end, planned.end), window.end) }
  }
  if (hasNothingBefore({ direction, isBounded }, [], input)) return planned
  const start = floorToInterval(input.coveredBefore ?? window.start, interval)
  return { start: Math.max(Math.min(start, planned.start), window.start), end: planned.end }
}

/** Reading backward without bound ends where there is nothing older. */
function hasNothingBefore(
  { direction, isBounded }: Pick<Scan, 'direction' | 'isBounded'>,
  lines: readonly CandleLine[],
  { coveredBefore }: DerivationPage,
): boolean {
  return direction === 'backward' && !isBounded && lines.length === 0 && coveredBefore === null
}
