import type { Clock } from '../domain/clock.ts'
import type { Sent } from './http.ts'
import type { LoaderStore } from './ports.ts'

/** What one run sends to the database: an invocation may send 1,000. https://developers.cloudflare.com/d1/platform/limits/ */
const RUN_STATEMENTS = 200
/** What fails is put off by this, doubled at each failure in a row up to the most (ms). */
const FAILURE_DELAY = { first: 2_000, most: 15 * 60_000 } as const
/** Instruments that the exchange does not know (any more) are asked for this rarely. */
export const REJECTED_DELAY_MS = 6 * 3_600_000

/** The bounds of one run of a loader, and when the next one is due. */
export class Run {
  /** Our clock, ms UTC: nothing is begun after it. */
  readonly deadline: number
  readonly #clock: Clock
  readonly #store: Pick<LoaderStore, 'statements'>
  readonly #statementsBefore: number
  #nextAt = Number.POSITIVE_INFINITY

  constructor(clock: Clock, store: Pick<LoaderStore, 'statements'>, deadline: number) {
    this.deadline = deadline
    this.#clock = clock
    this.#store = store
    this.#statementsBefore = store.statements
  }

  /** Whether anything more may be begun. */
  hasTime(): boolean {
    return this.#clock.now() < this.deadline && this.#store.statements - this.#statementsBefore < RUN_STATEMENTS
  }

  /** There is something to do at `time` (our clock), if not sooner. */
  againAt(time: number): void {
    this.#nextAt = Math.min(this.#nextAt, time)
  }

  againNow(): void {
    this.againAt(this.#clock.now())
  }

  /** When the next run is due (ms UTC, our clock). */
  get nextAt(): number {
    return Math.max(this.#nextAt, this.#clock.now())
  }
}

/** How long something is put off that was refused, or that failed after `failures` others in a row (ms). */
export function putOffMs(
  sent: Extract<Sent<never>, { readonly kind: 'rejected' | 'failed' }>,
  failures: number,
): number {
  if (sent.kind === 'rejected') return sent.unknownInstrument ? REJECTED_DELAY_MS : FAILURE_DELAY.most
  return Math.min(FAILURE_DELAY.first * 2 ** Math.min(failures, 30), FAILURE_DELAY.most)
}
