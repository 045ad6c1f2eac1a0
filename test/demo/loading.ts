import { setTimeout as sleep } from 'node:timers/promises'
import { exchangeNames } from '../../src/exchanges/registry.ts'
import { DEFAULT_INTERVALS, DEFAULT_SYMBOLS } from '../../src/history/housekeeping.ts'
import type { Display } from './display.ts'
import type { Progress } from './progress.ts'
import type { DemoSeries, Service, Slots } from './service.ts'

const POLL_MS = 1_000
/** What the bars count: the finest series take nearly all of the time. */
const SHOWN = '1m'

/** How many series a fresh deployment records by itself. */
export const SERIES_COUNT = exchangeNames.length * DEFAULT_SYMBOLS.length * DEFAULT_INTERVALS.length

/**
 * Shows how the default series are loaded until every slot of their first three days is present or proven empty.
 *
 * @param giveUp ends the watch
 * @returns the series, or `undefined` where it was given up before
 */
export async function watchLoading(
  service: Service,
  display: Display,
  giveUp: AbortSignal,
): Promise<DemoSeries[] | undefined> {
  while (!giveUp.aborted) {
    const series = await service.readSeries()
    const [shown, others] = [series.filter(isShown), series.filter((one) => !isShown(one))]
    const slots = await readAll(service, shown)
    display.show(progressOf(slots), Date.now())
    if (series.length === SERIES_COUNT && isComplete(slots) && isComplete(await readAll(service, others))) return series
    await sleep(POLL_MS, undefined, { signal: giveUp }).catch(() => undefined)
  }
  return undefined
}

function isShown({ interval }: DemoSeries): boolean {
  return interval === SHOWN
}

type SeriesSlots = ReadonlyMap<DemoSeries, Slots>

async function readAll(service: Service, series: readonly DemoSeries[]): Promise<SeriesSlots> {
  return new Map(await Promise.all(series.map(async (one) => [one, await service.readSlots(one)] as const)))
}

function isComplete(slots: SeriesSlots): boolean {
  return [...slots.values()].every(({ expected, present, empty }) => present + empty === expected)
}

function progressOf(slots: SeriesSlots): Progress[] {
  return exchangeNames.map((exchange) => {
    const own = [...slots].filter(([series]) => series.exchange === exchange)
    const sum = (name: keyof Slots) => own.reduce((total, [, counts]) => total + counts[name], 0)
    // A gap in the minutes after the window is none of it.
    const gaps = own.reduce((total, [series, { missing }]) => total + Math.min(series.gaps, missing), 0)
    return { exchange, expected: sum('expected'), present: sum('present'), empty: sum('empty'), gaps }
  })
}
