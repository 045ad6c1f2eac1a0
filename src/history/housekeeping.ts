import type { Interval } from '../domain/interval.ts'
import { DAY, floorToInterval } from '../domain/interval.ts'
import { refreshInstruments } from './instruments.ts'
import type { LoaderDeps } from './loader.ts'
import { type QualityDeps, runChecks } from './quality.ts'

const HOUR = 60 * 60_000
/** A new listing or a delisting is noticed within the hour. */
const REFRESH_INSTRUMENTS_MS = HOUR
const ROLL_UP_MS = HOUR
/** Candles are judged within so long after they are stored. */
const CHECK_MS = 60_000
/** A list that did not come is asked for again after this: nothing can be loaded before the first. */
const RETRY_MS = 15_000

/** What a fresh deployment records, until it is told otherwise: five symbols from three days back. */
export const DEFAULT_SYMBOLS = ['BTC-USDT', 'ETH-USDT', 'SOL-USDT', 'XRP-USDT', 'DOGE-USDT'] as const
export const DEFAULT_INTERVALS = ['1m', '1h', '1d'] as const satisfies readonly Interval[]
export const DEFAULT_PAST_MS = 3 * DAY

/** When runs, and things that are done now and then, were last done; ms UTC, kept in the object's storage. */
export interface LoaderMemo {
  readonly instrumentsTriedAt: number
  readonly instrumentsRefreshedAt: number | null
  readonly rolledUpAt: number
  readonly checkedAt: number
  /** Whether the default series have been recorded, or need not be. */
  readonly seeded: boolean
  /** When the last run began, and why it failed, in words that are safe for clients; `null` where it did not. */
  readonly lastRunAt: number | null
  readonly lastError: string | null
}

export const NEW_MEMO: LoaderMemo = {
  instrumentsTriedAt: 0,
  instrumentsRefreshedAt: null,
  rolledUpAt: 0,
  checkedAt: 0,
  seeded: false,
  lastRunAt: null,
  lastError: null,
}

/** Refreshes the lists of instruments, records the default series of a fresh deployment, and rolls up, where due. */
export async function keepHouse(deps: LoaderDeps, memo: LoaderMemo, deadline: number): Promise<LoaderMemo> {
  const { store, clock } = deps
  let { instrumentsTriedAt, instrumentsRefreshedAt, rolledUpAt, seeded } = memo
  const now = clock.now()
  const isStale = instrumentsRefreshedAt === null || now - instrumentsRefreshedAt >= REFRESH_INSTRUMENTS_MS
  if (isStale && now - instrumentsTriedAt >= RETRY_MS) {
    instrumentsTriedAt = now
    if (await refreshInstruments(deps, now, deadline)) instrumentsRefreshedAt = now
  }
  if (!seeded && instrumentsRefreshedAt !== null) {
    await store.recordDefaults(DEFAULT_SYMBOLS, DEFAULT_INTERVALS, floorToInterval(now, '1m') - DEFAULT_PAST_MS)
    seeded = true
  }
  if (now - rolledUpAt >= ROLL_UP_MS) {
    await store.rollUp(await store.readState())
    rolledUpAt = now
  }
  return { ...memo, instrumentsTriedAt, instrumentsRefreshedAt, rolledUpAt, seeded }
}

/** Runs the checks of quality on what has been stored, where due: after the loading, which must not wait for them. */
export async function checkStored(deps: LoaderDeps & QualityDeps, memo: LoaderMemo): Promise<LoaderMemo> {
  const now = deps.clock.now()
  if (now - memo.checkedAt < CHECK_MS) return memo
  await runChecks(deps, deps.connector.exchange, await deps.store.readState())
  return { ...memo, checkedAt: now }
}

/** When housekeeping is next due (ms UTC). Checks are not: they wait for the next run that loads something. */
export function housekeepingDueAt(memo: LoaderMemo): number {
  if (memo.instrumentsRefreshedAt === null) return memo.instrumentsTriedAt + RETRY_MS
  return Math.min(memo.instrumentsRefreshedAt + REFRESH_INSTRUMENTS_MS, memo.rolledUpAt + ROLL_UP_MS)
}
