import type { Clock } from '../domain/clock.ts'
import { AppError } from '../domain/errors.ts'
import { type InstrumentKind, instrumentKinds } from '../domain/instrument.ts'
import type { ExchangeConnector, RestCall } from '../exchanges/connector.ts'
import { ExchangeClock, HEALTHY, type HostHealth, nextHostHealth } from './host.ts'
import { type Lane, RateBudget, type Spent } from './rate-budget.ts'
import type { HostStatus } from './status.ts'

/** A Worker may hold six connections at once; one is left for everything else.
 *  https://developers.cloudflare.com/workers/platform/limits/#simultaneous-open-connections */
export const CONCURRENT_FETCHES = 5
/** Long enough for an exchange's whole instrument list on a slow day. However fast the clock runs, an answer has a real second. */
const TIMEOUT_MS = 10_000
const MIN_REAL_TIMEOUT_MS = 1_000

/** By host and name of the limit. */
export type SpentBudgets = Readonly<Record<string, readonly Spent[]>>

export interface HttpOptions {
  readonly connector: ExchangeConnector
  /** Base URLs that replace the connector's. */
  readonly baseUrl: Readonly<Partial<Record<InstrumentKind, string>>>
  readonly budgetShare: number
  readonly clock: Clock
  /** In [0, 1). */
  readonly random: () => number
  /** What an earlier instance had learned, by host: a ban outlives an eviction. */
  readonly known: ReadonlyMap<string, HostHealth>
  /** What earlier instances have spent lately, as {@link ExchangeHttp.spent} gave it. */
  readonly spent: SpentBudgets
  /** Called when a host's health changes, so that it can be kept. */
  readonly onHostHealth: (host: string, health: HostHealth) => void
}

/** What came of one request. Only `answer` carries data; none of the others is an error of ours. */
export type Sent<T> =
  | { readonly kind: 'answer'; readonly value: T /** On the exchange's clock. */; readonly readAt: number }
  /** The host may not be asked, or the budget is spent, until then (our clock). */
  | { readonly kind: 'deferred'; readonly until: number }
  | { readonly kind: 'rejected'; readonly reason: string; readonly unknownInstrument: boolean }
  | { readonly kind: 'failed'; readonly reason: string }

interface RawAnswer {
  readonly status: number
  readonly headers: Headers
  readonly body: string
}

interface Host {
  readonly name: string
  health: HostHealth
  requests: number
  readonly clock: ExchangeClock
  readonly budgets: Map<string, RateBudget>
}

/** The only way to an exchange's REST API: one budget, one memory of bans and blocks for each of its hosts. */
export class ExchangeHttp {
  readonly #options: HttpOptions
  readonly #hosts = new Map<string, Host>()
  #fetching = 0
  readonly #waiting: (() => void)[] = []

  constructor(options: HttpOptions) {
    this.#options = options
  }

  /** Sends one request as soon as its lane may; waits no longer than until `deadline` (our clock) for its turn. */
  async send<T>(call: RestCall<T>, lane: Lane, deadline: number): Promise<Sent<T>> {
    const host = this.#host(call.kind)
    const turn = await this.#turn(host, call, lane, deadline)
    if (turn !== undefined) return { kind: 'deferred', until: turn }
    await this.#connection()
    let response: RawAnswer | undefined
    try {
      // The host may have been blocked while this waited for a connection.
      const { until } = host.health
      if (until !== null && until > this.#options.clock.now()) return { kind: 'deferred', until }
      host.requests += 1
      response = await this.#fetch(this.#url(call.kind) + call.path)
    } finally {
      this.#release()
    }
    if (response === undefined) {
      this.#settle(host, { kind: 'unavailable', reason: 'no answer in time' })
      return { kind: 'failed', reason: 'no answer in time' }
    }
    const receivedAt = this.#options.clock.now()
    host.clock.observe(response.headers.get('date'), receivedAt)
    const outcome = this.#options.connector.rest.classify(response.status, response.headers, response.body)
    this.#settle(host, outcome)
    if (outcome.kind === 'rejected') return outcome
    if (outcome.kind !== 'ok') return { kind: 'failed', reason: outcome.reason }
    try {
      return { kind: 'answer', value: call.decode(response.body), readAt: host.clock.at(receivedAt) }
    } catch (error) {
      if (error instanceof AppError && error.code === 'malformed_response')
        return { kind: 'failed', reason: error.detail }
      throw error
    }
  }

  /** What has been spent lately of every budget, to be kept: an object may be evicted at any time. */
  spent(): SpentBudgets {
    const now = this.#options.clock.now()
    const all: Record<string, readonly Spent[]> = {}
    for (const host of this.#hosts.values()) {
      for (const budget of host.budgets.values()) all[`${host.name} ${budget.name}`] = budget.snapshot(now)
    }
    return all
  }

  /** The exchange's time (ms UTC) as its answers show it. */
  exchangeTime(kind: InstrumentKind): number {
    return this.#host(kind).clock.at(this.#options.clock.now())
  }

  /** When a host may next be asked: now, unless it is blocked. */
  availableAt(kind: InstrumentKind): number {
    return Math.max(this.#options.clock.now(), this.#host(kind).health.until ?? 0)
  }

  /** What is known of the host of a kind. */
  health(kind: InstrumentKind): HostHealth {
    return this.#host(kind).health
  }

  status(): HostStatus[] {
    const now = this.#options.clock.now()
    return instrumentKinds.flatMap((kind) => {
      if (this.#options.connector.rest.baseUrl[kind] === undefined) return []
      const { name: host, health, requests, budgets } = this.#host(kind)
      const budget = [...budgets.values()].map((b) => ({
        name: b.name,
        limit: b.allowance,
        used: b.used(now),
        windowMs: b.windowMs,
      }))
      return [{ kind, host, ...health, requests, budget }]
    })
  }

  /** Two kinds on one host share its budget, its clock and its bans. */
  #host(kind: InstrumentKind): Host {
    const name = new URL(this.#url(kind)).host
    let host = this.#hosts.get(name)
    if (host === undefined) {
      host = {
        name,
        health: this.#options.known.get(name) ?? HEALTHY,
        requests: 0,
        clock: new ExchangeClock(),
        budgets: new Map(),
      }
      this.#hosts.set(name, host)
    }
    return host
  }

  #url(kind: InstrumentKind): string {
    const { connector, baseUrl } = this.#options
    const url = baseUrl[kind] ?? connector.rest.baseUrl[kind]
    if (url === undefined) throw new AppError('misconfigured', `${connector.exchange} has no host for ${kind}`)
    return url
  }

  /** Resolves to `undefined` when the request may go, else to the time (our clock) until which it has to wait. */
  async #turn(host: Host, call: RestCall<unknown>, lane: Lane, deadline: number): Promise<number | undefined> {
    const { clock } = this.#options
    for (;;) {
      const now = clock.now()
      if (host.health.until !== null && host.health.until > now) return host.health.until
      const waitMs = this.#budget(host, call.limit).take(lane, call.weight, now)
      if (waitMs === 0) return undefined
      if (now + waitMs > deadline) return now + waitMs
      await new Promise((resolve) => setTimeout(resolve, clock.realMs(waitMs)))
    }
  }

  #budget(host: Host, name: string): RateBudget {
    const { connector, budgetShare } = this.#options
    let budget = host.budgets.get(name)
    if (budget === undefined) {
      const limit = connector.rest.rateLimits.find((candidate) => candidate.name === name)
      if (limit === undefined) throw new AppError('misconfigured', `${connector.exchange} has no rate limit ${name}`)
      budget = new RateBudget(limit, budgetShare)
      budget.restore(this.#options.spent[`${host.name} ${name}`] ?? [])
      host.budgets.set(name, budget)
    }
    return budget
  }

  async #fetch(url: string): Promise<RawAnswer | undefined> {
    const { clock, connector } = this.#options
    const timeoutMs = Math.max(MIN_REAL_TIMEOUT_MS, clock.realMs(TIMEOUT_MS))
    try {
      const response = await fetch(url, { headers: connector.rest.headers, signal: AbortSignal.timeout(timeoutMs) })
      return { status: response.status, headers: response.headers, body: await response.text() }
    } catch (error) {
      console.warn('exchange did not answer', { exchange: connector.exchange, url, error: String(error) })
      return undefined
    }
  }

  async #connection(): Promise<void> {
    if (this.#fetching >= CONCURRENT_FETCHES) await new Promise<void>((resolve) => this.#waiting.push(resolve))
    else this.#fetching += 1
  }

  /** A connection that becomes free is handed on; only where nobody waits is there one less. */
  #release(): void {
    const next = this.#waiting.shift()
    if (next === undefined) this.#fetching -= 1
    else next()
  }

  #settle(host: Host, outcome: Parameters<typeof nextHostHealth>[1]): void {
    const health = nextHostHealth(host.health, outcome, this.#options.clock.now(), this.#options.random())
    if (health === host.health) return
    host.health = health
    this.#options.onHostHealth(host.name, health)
  }
}
