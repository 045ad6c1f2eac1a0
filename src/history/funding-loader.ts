import type { FundingState } from '../domain/funding-history.ts'
import { type FundingPage, fundingDueAt, judgeFunding, planFunding } from './funding.ts'
import type { LoaderDeps } from './loader.ts'
import { putOffMs, type Run } from './run.ts'

/** The part of a loader's run that fetches and stores funding rates. */
export class FundingLoader {
  readonly #deps: LoaderDeps
  readonly #run: Run
  /** Instruments whose funding failed in this run: they are not asked for again before the next. */
  readonly #failed = new Set<number>()

  constructor(deps: LoaderDeps, run: Run) {
    this.#deps = deps
    this.#run = run
  }

  /** What is to be fetched now; none where the exchange has no funding. */
  async plan(): Promise<FundingPage[]> {
    const { connector, http, store, clock } = this.#deps
    const { maxFundingRates } = connector.rest
    if (maxFundingRates === undefined) return []
    const states = await store.readFundingState()
    const exchangeTime = http.exchangeTime('perpetual')
    return states
      .filter((funding) => this.#isReady(funding))
      .flatMap((funding) => {
        this.#run.againAt(clock.now() + Math.max(0, fundingDueAt(funding, exchangeTime) - exchangeTime))
        return planFunding(funding, exchangeTime, maxFundingRates)
      })
  }

  async load(page: FundingPage): Promise<void> {
    const { funding, lane, asked } = page
    const { instrument } = funding
    if (this.#failed.has(instrument.id)) return
    if (!this.#run.hasTime()) return this.#run.againNow()
    const { connector, http, store, clock } = this.#deps
    const { fundingRates, maxFundingRates } = connector.rest
    if (fundingRates === undefined || maxFundingRates === undefined) return
    const sent = await http.send(fundingRates(instrument, asked), lane, this.#run.deadline)
    if (sent.kind === 'deferred') return this.#run.againAt(sent.until)
    if (sent.kind === 'answer') {
      await store.writeFunding(judgeFunding(page, sent.value, sent.readAt, maxFundingRates))
      return this.#run.againNow()
    }
    if (this.#failed.has(instrument.id)) return
    this.#failed.add(instrument.id)
    const nextAttemptAt = clock.now() + putOffMs(sent, funding.failures)
    await store.recordFundingFailure(instrument.id, nextAttemptAt, sent.reason)
    this.#run.againAt(nextAttemptAt)
  }

  /** What is put off, or whose host is blocked, waits; the run comes back for it. */
  #isReady({ nextAttemptAt }: FundingState): boolean {
    const readyAt = Math.max(this.#deps.http.availableAt('perpetual'), nextAttemptAt)
    if (readyAt <= this.#deps.clock.now()) return true
    this.#run.againAt(readyAt)
    return false
  }
}
