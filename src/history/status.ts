import type { InstrumentKind } from '../domain/instrument.ts'

/** How the loader of one exchange stands: what `/v1/exchanges/{exchange}/status` shows. Times are ms UTC. */
export interface LoaderStatus {
  readonly exchange: string
  /**
   * - `running`: work is under way or due; `idle`: all that is wanted is there;
   * - `degraded`: some hosts answer, others do not; `blocked`: none does;
   * - `never-run`: nothing has run since it was created.
   */
  readonly state: LoaderState
  readonly hosts: readonly HostStatus[]
  readonly lastRunAt: number | null
  readonly nextRunAt: number | null
  /** Safe for clients. */
  readonly lastError: string | null
  readonly instrumentsRefreshedAt: number | null
  readonly instruments: number
  readonly rejectedInstruments: number
}

export const loaderStates = ['running', 'idle', 'degraded', 'blocked', 'never-run'] as const
export type LoaderState = (typeof loaderStates)[number]

/** One host of an exchange: budgets, bans and blocks are its own. */
export interface HostStatus {
  readonly kind: InstrumentKind
  readonly host: string
  readonly state: HostState
  /** Since when it is in this state, and until when nothing is sent; `null` where there is no such time. */
  readonly since: number | null
  readonly until: number | null
  readonly reason: string | null
  readonly requests: number
  readonly failures: number
  readonly budget: readonly BudgetStatus[]
}

export const hostStates = ['ok', 'retry-after', 'banned', 'geo-blocked', 'unavailable'] as const
export type HostState = (typeof hostStates)[number]

/** One rate limit: how much of it may be used, and how much is in the current window. */
export interface BudgetStatus {
  readonly name: string
  readonly limit: number
  readonly used: number
  readonly windowMs: number
}

/** A host that is asked less than it could be, for a reason of its own, degrades its exchange. */
export function loaderState(
  hosts: readonly HostStatus[],
  lastRunAt: number | null,
  nextRunAt: number | null,
  now: number,
): LoaderState {
  const blocked = hosts.filter((host) => host.until !== null && host.until > now).length
  if (blocked > 0) return blocked === hosts.length ? 'blocked' : 'degraded'
  if (lastRunAt === null) return 'never-run'
  return nextRunAt === null || nextRunAt > now ? 'idle' : 'running'
}
