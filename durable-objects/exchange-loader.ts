import { DurableObject } from 'cloudflare:workers'
import { createDeps, loaderName } from '../src/deps.ts'
import type { Answer } from '../src/domain/answer.ts'
import type { Candle } from '../src/domain/candle.ts'
import { AppError } from '../src/domain/errors.ts'
import type { Interval, Window } from '../src/domain/interval.ts'
import type { BookSnapshot } from '../src/domain/order-book.ts'
import type { StoredInstrument } from '../src/domain/series.ts'
import { connectorFor } from '../src/exchanges/registry.ts'
import {
  answerTradeHole,
  type BookLane,
  type Newest,
  readBookSnapshot,
  readCandles,
  readNewest,
} from '../src/history/feed-answers.ts'
import type { HostHealth } from '../src/history/host.ts'
import { checkStored, housekeepingDueAt, keepHouse, type LoaderMemo, NEW_MEMO } from '../src/history/housekeeping.ts'
import { ExchangeHttp, type SpentBudgets } from '../src/history/http.ts'
import { type LoaderDeps, RUN_MS, runLoader } from '../src/history/loader.ts'
import { type OpenCandles, readOpenCandles } from '../src/history/open-candle.ts'
import type { QualityDeps } from '../src/history/quality.ts'
import { UNKNOWN_INSTRUMENT } from '../src/history/refusal.ts'
import { type LoaderStatus, loaderState } from '../src/history/status.ts'
import type { FoundTrades, TradeHole } from '../src/history/trade-history.ts'
import type { Lease } from '../src/store/chunk.ts'
import { claimLease } from '../src/store/leases.ts'
import { LoaderStore } from '../src/store/loader-store.ts'
import { QualityStore } from '../src/store/quality-store.ts'

type Loading = LoaderDeps & QualityDeps & { readonly store: LoaderStore }

const ROLE = 'loader'
/** Under which the health of each host is kept. */
const HOST = 'host:'
/** Whoever asks for open candles within this time gets the same answer: readers must not use up the budget. */
const OPEN_CANDLES_MS = 1_000
const MAX_OPEN_CANDLES = 1_000
/** Where a run failed for a reason that is not an exchange's (D1 is down), the next comes after this. */
const RETRY_MS = 5_000

/**
 * Loads the history of one exchange: all REST calls to it, under one budget, in a region that it serves. An alarm runs
 * it; what is to be done is decided from the database alone, so it may be evicted at any time.
 */
export class ExchangeLoader extends DurableObject<Env> {
  readonly #app = createDeps(this.env)
  #loader: Promise<Loading> | undefined
  #pokedAs: string | undefined
  readonly #openCandles = new Map<string, { readonly at: number; readonly answer: Promise<OpenCandles> }>()
  /** When the run that is under way began: the memo does not tell before its housekeeping is done. */
  #runningSince: number | null = null

  /** Wakes the loader: it runs at once, unless it is running already. */
  async poke(exchange: string): Promise<void> {
    // An alarm does not know its object's name: the first call leaves it.
    if (this.#pokedAs !== exchange) await this.ctx.storage.put({ exchange, name: this.ctx.id.name })
    this.#pokedAs = exchange
    await this.#runAt(this.#app.clock.now())
  }

  override async alarm(): Promise<void> {
    const exchange = await this.#exchange()
    if (exchange === undefined) return
    const startedAt = this.#app.clock.now()
    this.#runningSince = startedAt
    try {
      await this.#runAt(await this.#run(exchange, startedAt))
    } catch (error) {
      console.error('loader run failed', { exchange, error: String(error) })
      if (error instanceof AppError && error.code === 'stale_lease') return this.#resign()
      const lastError = error instanceof AppError ? error.detail : 'the database did not answer'
      await this.ctx.storage.put('memo', { ...(await this.#memo()), lastRunAt: startedAt, lastError })
      await this.#runAt(this.#app.clock.now() + RETRY_MS)
    } finally {
      this.#runningSince = null
    }
  }

  async status(exchange: string): Promise<LoaderStatus> {
    const { connector, http, store } = await this.#deps(exchange)
    const memo = await this.#memo()
    const lastRunAt = this.#runningSince ?? memo.lastRunAt
    const { instruments, rejected } = await store.countInstruments()
    const alarm = await this.ctx.storage.getAlarm()
    const hosts = http.status()
    const nextRunAt = alarm === null ? null : this.#app.clock.at(alarm)
    return {
      exchange: connector.exchange,
      state: loaderState(hosts, lastRunAt, nextRunAt, this.#app.clock.now()),
      hosts,
      lastRunAt,
      nextRunAt,
      lastError: memo.lastError,
      instrumentsRefreshedAt: memo.instrumentsRefreshedAt,
      instruments,
      rejectedInstruments: rejected,
    }
  }

  /** The candles of the slots that are not closed yet, as the exchange has them now. */
  async readOpenCandles(exchange: string, instrumentId: number, interval: Interval): Promise<OpenCandles> {
    const key = `${instrumentId}:${interval}`
    const now = this.#app.clock.now()
    const recent = this.#openCandles.get(key)
    if (recent !== undefined && now - recent.at < OPEN_CANDLES_MS) return recent.answer
    if (this.#openCandles.size > MAX_OPEN_CANDLES) this.#openCandles.clear()
    const answer = this.#askOpenCandles(exchange, instrumentId, interval)
    this.#openCandles.set(key, { at: now, answer })
    return answer
  }

  /**
   * For the feed of the exchange, as are the next three: see `history/feed-answers.ts`. The feed brings the instrument,
   * so that its questions are answered while the database does not answer.
   */
  async readBookSnapshot(
    exchange: string,
    instrument: StoredInstrument,
    depth: number,
    lane: BookLane = 'snapshot',
  ): Promise<Answer<BookSnapshot>> {
    return readBookSnapshot(await this.#deps(exchange), instrument, depth, lane)
  }

  async readTradeHole(exchange: string, instrument: StoredInstrument, hole: TradeHole): Promise<Answer<FoundTrades>> {
    return answerTradeHole(await this.#deps(exchange), instrument, hole)
  }

  async readCandles(
    exchange: string,
    instrument: StoredInstrument,
    interval: Interval,
    window: Window,
  ): Promise<Answer<readonly Candle[]>> {
    return readCandles(await this.#deps(exchange), instrument, interval, window)
  }

  async readNewest(exchange: string, instrument: StoredInstrument, what: Newest['what']): Promise<Answer<Newest>> {
    return readNewest(await this.#deps(exchange), instrument, what)
  }

  async #askOpenCandles(exchange: string, instrumentId: number, interval: Interval): Promise<OpenCandles> {
    const deps = await this.#deps(exchange)
    const instrument = await deps.store.readInstrument(instrumentId)
    return instrument === undefined ? UNKNOWN_INSTRUMENT : readOpenCandles(deps, instrument, interval)
  }

  /** One run; returns when the next is due. */
  async #run(exchange: string, startedAt: number): Promise<number> {
    const deps = await this.#deps(exchange)
    const deadline = startedAt + RUN_MS
    const memo = await keepHouse(deps, { ...(await this.#memo()), lastRunAt: startedAt }, deadline)
    await this.ctx.storage.put('memo', memo)
    let nextRun: number
    try {
      nextRun = await runLoader(deps, deadline)
    } finally {
      await this.ctx.storage.put('spent', deps.http.spent())
    }
    await this.ctx.storage.put('memo', { ...(await checkStored(deps, memo)), lastError: null })
    return Math.min(nextRun, housekeepingDueAt(memo))
  }

  /** The exchange that this object serves; `undefined`, and no alarm any more, where the configuration has moved it. */
  async #exchange(): Promise<string | undefined> {
    const exchange = await this.ctx.storage.get<string>('exchange')
    const name = await this.ctx.storage.get<string>('name')
    if (exchange !== undefined && name === loaderName(this.#app.config, exchange)) return exchange
    await this.#resign()
    return undefined
  }

  /** Another object does the work now: this one forgets it all, its alarm included. */
  async #resign(): Promise<void> {
    this.#loader = undefined
    this.#pokedAs = undefined
    await this.ctx.storage.deleteAlarm()
    await this.ctx.storage.deleteAll()
  }

  /** Arms the alarm for `time` (our clock), unless it is armed for sooner. */
  async #runAt(time: number): Promise<void> {
    const { clock } = this.#app
    const at = Date.now() + Math.max(0, clock.realMs(time - clock.now()))
    const armed = await this.ctx.storage.getAlarm()
    if (armed === null || armed > at) await this.ctx.storage.setAlarm(at)
  }

  #deps(exchange: string): Promise<Loading> {
    this.#loader ??= this.#createDeps(exchange).catch((error: unknown) => {
      this.#loader = undefined
      throw error
    })
    return this.#loader
  }

  async #createDeps(exchange: string): Promise<Loading> {
    const connector = connectorFor(exchange)
    if (connector === undefined) throw new AppError('unknown_exchange', `there is no exchange ${exchange}`)
    const { clock, config, stores, newId } = this.#app
    const { storage } = this.ctx
    const known = await storage.list<HostHealth>({ prefix: HOST })
    const spent = (await storage.get<SpentBudgets>('spent')) ?? {}
    const http = new ExchangeHttp({
      connector,
      baseUrl: config.hosts[exchange] ?? {},
      budgetShare: config.rateBudgetShare,
      clock,
      random: Math.random,
      known: new Map([...known].map(([key, health]) => [key.slice(HOST.length), health])),
      spent,
      onHostHealth: (host, health) => storage.put(HOST + host, health),
    })
    const db = stores.storeFor(exchange)
    let lease = await storage.get<Lease>('lease')
    if (lease === undefined) {
      lease = await claimLease(db, exchange, ROLE)
      await storage.put({ lease, memo: NEW_MEMO })
    }
    const store = new LoaderStore(db, lease, newId)
    return { connector, http, store, quality: new QualityStore(stores), thresholds: config.quality, clock }
  }

  async #memo(): Promise<LoaderMemo> {
    return { ...NEW_MEMO, ...(await this.ctx.storage.get<LoaderMemo>('memo')) }
  }
}
