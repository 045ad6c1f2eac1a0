import type { Clock } from '../domain/clock.ts'
import { nextOpenTime } from '../domain/interval.ts'
import type { SeriesState } from '../domain/series.ts'
import type { ExchangeConnector } from '../exchanges/connector.ts'
import { FINEST, type FoundCandle, findFirstCandle, findLastCandle, type SendCandles } from './bounds.ts'
import { FundingLoader } from './funding-loader.ts'
import { CONCURRENT_FETCHES, type ExchangeHttp, type Sent } from './http.ts'
import { judgePage } from './load-page.ts'
import { byUrgency, finishedBackfills, nextDueAt, type Page, planSeries } from './plan.ts'
import type { FinishedBackfills, LoaderStore } from './ports.ts'
import { putOffMs, REJECTED_DELAY_MS, Run } from './run.ts'

/** One run is short, so that the newest data waits behind no long one, and stays far below an alarm's limits. */
export const RUN_MS = 20_000

export interface LoaderDeps {
  readonly connector: ExchangeConnector
  readonly http: ExchangeHttp
  readonly store: LoaderStore
  readonly clock: Clock
}

/**
 * One run of an exchange's loader: plans from what the database holds, fetches and stores page after page until the
 * run's time, its statements or the work are used up. All progress is in the database: a run that dies anywhere loses
 * nothing but its own time.
 *
 * @param deadline our clock, ms UTC: nothing is begun after it
 * @returns when to run again (ms UTC, our clock)
 */
export async function runLoader(deps: LoaderDeps, deadline: number): Promise<number> {
  return new LoaderRun(deps, deadline).perform()
}

class LoaderRun {
  readonly #deps: LoaderDeps
  readonly #run: Run
  readonly #funding: FundingLoader
  /** Series that failed in this run: they are not asked for again before the next. */
  readonly #failed = new Set<number>()

  constructor(deps: LoaderDeps, deadline: number) {
    this.#deps = deps
    this.#run = new Run(deps.clock, deps.store, deadline)
    this.#funding = new FundingLoader(deps, this.#run)
  }

  /** The pages of candles and of funding rates stand in one order: neither keeps the newest of the other waiting. */
  async perform(): Promise<number> {
    const pages = [...(await this.#plan()), ...(await this.#funding.plan())].sort(byUrgency)
    await inParallel(pages, (page) => ('series' in page ? this.#load(page) : this.#funding.load(page)))
    return this.#run.nextAt
  }

  async #plan(): Promise<Page[]> {
    const { connector, http, store, clock } = this.#deps
    const states = (await store.readState()).filter((series) => this.#isReady(series))
    const { settleMs, maxCandles } = connector.rest
    const known = await inParallel(states, (series) => this.#withBounds(series))
    const pages: Page[] = []
    const finished: FinishedBackfills[] = []
    for (const series of known) {
      if (series === undefined) continue
      const { kind } = series.instrument
      const now = http.exchangeTime(kind)
      const backfillIds = finishedBackfills(series, now, settleMs)
      if (backfillIds.length > 0) finished.push({ seriesId: series.id, backfillIds })
      pages.push(...planSeries(series, now, { settleMs, maxCandles: maxCandles[kind] }))
      this.#run.againAt(clock.now() + Math.max(0, nextDueAt(series, now, settleMs) - now))
    }
    if (finished.length > 0) await store.finishBackfills(finished, clock.now())
    return pages
  }

  /** Series whose host is blocked, or that are put off, wait; the run comes back for them. */
  #isReady(series: SeriesState): boolean {
    const now = this.#deps.clock.now()
    const readyAt = Math.max(this.#deps.http.availableAt(series.instrument.kind), series.nextAttemptAt)
    if (readyAt <= now) return true
    this.#run.againAt(readyAt)
    return false
  }

  /** The series with its first candle's time and its instrument's end; `undefined` where they cannot be had now. */
  async #withBounds(series: SeriesState): Promise<SeriesState | undefined> {
    const { connector, http, store } = this.#deps
    const { instrument, interval } = series
    const now = http.exchangeTime(instrument.kind)
    const send: SendCandles = (call) => http.send(call, 'repair', this.#run.deadline)
    let { firstCandleTime } = series
    const isKnown = firstCandleTime !== null && (instrument.validTo === null || instrument.endFound)
    if (!isKnown && !this.#run.hasTime()) {
      this.#run.againNow()
      return undefined
    }
    if (firstCandleTime === null) {
      const first = await findFirstCandle(connector, instrument, interval, now, send)
      if (first.kind !== 'found') return this.#handleNotFound(series, first)
      firstCandleTime = first.openTime
      await store.setFirstCandleTime(series.id, firstCandleTime)
    }
    if (instrument.validTo === null || instrument.endFound) return { ...series, firstCandleTime }
    const last = await findLastCandle(connector, instrument, instrument.validTo, now, send)
    // An exchange that does not know the instrument any more cannot say when it ended: what was noticed stands.
    if (last.kind === 'rejected') return { ...series, firstCandleTime }
    if (last.kind !== 'found') return this.#handleNotFound(series, last)
    const validTo = Math.min(instrument.validTo, nextOpenTime(last.openTime, FINEST))
    await store.setEnd(instrument.id, validTo)
    return { ...series, firstCandleTime, instrument: { ...instrument, validTo, endFound: true } }
  }

  async #handleNotFound(
    series: SeriesState,
    found: Exclude<FoundCandle, { readonly kind: 'found' }>,
  ): Promise<undefined> {
    if (found.kind === 'absent') await this.#fail(series, 'the exchange has no candles of it yet', REJECTED_DELAY_MS)
    else await this.#handleFailure(series, found)
    return undefined
  }

  async #load(page: Page): Promise<void> {
    const { series, lane, window } = page
    if (this.#failed.has(series.id)) return
    if (!this.#run.hasTime()) return this.#run.againNow()
    const { connector, http, store } = this.#deps
    const { instrument, interval } = series
    const call = connector.rest.candles(instrument, interval, window, http.exchangeTime(instrument.kind))
    const sent = await http.send(call, lane, this.#run.deadline)
    if (sent.kind !== 'answer') return this.#handleFailure(series, sent)
    await store.writeChunk(judgePage(page, sent.value, sent.readAt, connector.rest.settleMs))
    this.#run.againNow()
  }

  async #handleFailure(series: SeriesState, sent: Exclude<Sent<never>, { readonly kind: 'answer' }>): Promise<void> {
    if (sent.kind === 'deferred') return this.#run.againAt(sent.until)
    await this.#fail(series, sent.reason, putOffMs(sent, series.failures))
  }

  async #fail(series: SeriesState, reason: string, delayMs: number): Promise<void> {
    if (this.#failed.has(series.id)) return
    this.#failed.add(series.id)
    const nextAttemptAt = this.#deps.clock.now() + delayMs
    await this.#deps.store.recordFailure(series.id, nextAttemptAt, reason)
    this.#run.againAt(nextAttemptAt)
  }
}

/**
 * Works through the items in order, a few at a time; results keep the order of the items. After an error nothing more
 * is begun, and it is thrown once what was under way has ended: nothing goes on behind the next run's back.
 */
export async function inParallel<T, R>(items: readonly T[], work: (item: T) => Promise<R>): Promise<R[]> {
  const results: R[] = []
  let next = 0
  const worker = async () => {
    try {
      for (let index = next++; index < items.length; index = next++) {
        const item = items[index]
        if (item !== undefined) results[index] = await work(item)
      }
    } catch (error) {
      next = items.length
      throw error
    }
  }
  const ended = await Promise.allSettled(Array.from({ length: CONCURRENT_FETCHES }, worker))
  for (const end of ended) if (end.status === 'rejected') throw end.reason
  return results
}
