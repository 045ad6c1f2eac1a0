import type { BookEvent } from '../domain/event.ts'
import { type BookSnapshot, counterOf } from '../domain/order-book.ts'
import type { StoredInstrument } from '../domain/series.ts'
import { differs, TouchedPrices } from './book-difference.ts'
import type { BookOutcome, BookSync } from './book-sync.ts'
import type { SnapshotRequest } from './feed-io.ts'
import type { Reply, TopicSurroundings } from './market-topic.ts'
import { SHALLOW_SNAPSHOT_DEPTH, SNAPSHOT_DEPTH } from './snapshot-depth.ts'

/** REST may answer with a book from so long before the question: caches stand between it and the matching engine. */
const LAG_MS = 5_000
/** Updates from before the answer may be under way to us for so long. */
const DELIVERY_MS = 5_000
/** A question that is not answered by then will not be. */
const ANSWER_MS = 60_000
/**
 * An update after the answer shows that the stream lives and has brought all from before it. One that is silent for so
 * long is quiet: had the best levels moved without it, `Watch` would have found it stale by now.
 */
const QUIET_MS = 60_000
/** A fresh book is checked within this time, when it is its turn: many may have become live together. */
const FIRST_WITHIN_MS = 3_000
/** Then seldom, in case it drifts: give or take a quarter. */
const AGAIN_MS = 10 * 60_000
/** After a check that proved nothing; each further one in a row waits twice as long, up to the longest. */
const FIRST_PAUSE_MS = 30_000
const LONGEST_PAUSE_MS = 10 * 60_000
/** A stream may say when it sent an update, and REST when that was made. */
const CLOCK_TOLERANCE_MS = 1_000

/** Where a book stands, by the exchange's counter and its clock; `null` where that is not known. */
interface Moment {
  readonly sequence: number | null
  readonly exchangeTime: number | null
}

/** What a check is based on: where the book stood when it began, and which prices were touched since. */
interface Ground extends Moment {
  readonly touched: TouchedPrices
  readonly since: number
}

type Phase =
  /** There is no book. */
  | { readonly kind: 'idle' }
  | { readonly kind: 'waiting'; readonly until: number }
  /** What is touched is remembered from some time before the question on. */
  | ({ readonly kind: 'listening' } & Ground)
  | ({ readonly kind: 'asked'; readonly at: number; readonly request: SnapshotRequest } & Ground)
  | ({
      readonly kind: 'answered'
      readonly at: number
      readonly depth: number
      readonly theirs: BookSnapshot
      /** Whether anything has come of the stream since. */
      isHeard: boolean
    } & Ground)

export interface BookCheckOptions {
  readonly instrument: StoredInstrument
  readonly sync: BookSync
  readonly surroundings: Pick<TopicSurroundings, 'emit' | 'turns' | 'random'>
}

/**
 * Compares a live book with REST's: soon after it began, for its snapshot may have been wrong, and seldom from then on.
 * It needs no counters. From `LAG_MS` before the question until `DELIVERY_MS` after the answer it remembers the prices
 * that updates touch; whatever moment of that time REST has answered for, all other levels must be equal. Where both
 * say which moment they are of, it waits for the stream to pass that of the answer, and takes none that is too old.
 */
export class BookCheck {
  readonly #options: BookCheckOptions
  #phase: Phase = { kind: 'idle' }
  /** Checks in a row that proved nothing. */
  #inVain = 0

  constructor(options: BookCheckOptions) {
    this.#options = options
  }

  /** A snapshot has replaced the book: what was asked about the old one says nothing about it. */
  renewed(now: number): void {
    this.#wait(now + FIRST_WITHIN_MS * this.#options.surroundings.random())
  }

  /** There is no book any more. */
  end(): void {
    this.#phase = { kind: 'idle' }
  }

  /** The stream has brought something of the book, and this has become of it. */
  heard(event: BookEvent, outcome: BookOutcome, now: number): void {
    if (event.kind === 'snapshot' && outcome === 'applied') this.renewed(now)
    if (!('touched' in this.#phase)) return
    this.#phase.touched.add(event)
    if (this.#phase.kind === 'answered') this.#phase.isHeard = true
  }

  answered({ request, answer }: Extract<Reply, { readonly kind: 'book-check' }>, now: number): void {
    const phase = this.#phase
    if (phase.kind !== 'asked' || phase.request !== request) return
    if (!answer.ok) this.#pause(now, answer.retryAfterMs ?? 0)
    else if (this.#isTooOld(answer.value, phase)) this.#pause(now)
    else {
      const { touched, since, sequence, exchangeTime } = phase
      const { depth } = request
      const ground = { touched, since, sequence, exchangeTime }
      this.#phase = { kind: 'answered', at: now, depth, theirs: answer.value, isHeard: false, ...ground }
    }
  }

  /**
   * About once a second.
   *
   * @param depths in which the book is needed; a depth of 1 is that of its best prices
   * @returns whether the book was found to be wrong
   */
  finds(depths: readonly number[], now: number): boolean {
    const phase = this.#phase
    switch (phase.kind) {
      case 'idle':
        return false
      case 'waiting':
        if (now >= phase.until && depths.length > 0 && this.#options.surroundings.turns.takeSpare(now))
          this.#listen(now)
        return false
      case 'listening':
        if (phase.touched.isOverfull) this.#pause(now)
        else if (now - phase.since >= LAG_MS) this.#ask(phase, depths, now)
        return false
      case 'asked':
        if (phase.touched.isOverfull || now - phase.at >= ANSWER_MS) this.#pause(now)
        return false
      case 'answered':
        return this.#judge(phase, now)
    }
  }

  #listen(now: number): void {
    const { sequence, exchangeTime } = this.#options.sync
    this.#phase = { kind: 'listening', since: now, touched: new TouchedPrices(), sequence, exchangeTime }
  }

  /**
   * For views all is compared that an exchange is sure to keep right, where deep answers cost no more than others: where
   * REST serves no snapshots that the updates join.
   */
  #ask(ground: Ground, depths: readonly number[], now: number): void {
    const { instrument, sync, surroundings } = this.#options
    const isDeep = sync.isStreamed && depths.some((depth) => depth > 1)
    const request = { depth: isDeep ? SNAPSHOT_DEPTH : Math.max(SHALLOW_SNAPSHOT_DEPTH, ...depths) }
    this.#phase = { ...ground, kind: 'asked', at: now, request }
    surroundings.emit({ kind: 'ask-book-check', instrument, request })
  }

  #judge(phase: Extract<Phase, { readonly kind: 'answered' }>, now: number): boolean {
    const { at, theirs, touched, depth, isHeard } = phase
    if (now - at < DELIVERY_MS) return false
    const isPassed = isHeard && this.#hasPassed(theirs)
    if (!isPassed && now - at < QUIET_MS && !touched.isOverfull) return false
    // Whatever has come since is from before the answer: there may be more of it.
    if (touched.isOverfull || (isHeard && !isPassed)) {
      this.#pause(now)
      return false
    }
    this.#inVain = 0
    this.#wait(now + AGAIN_MS * (0.75 + 0.5 * this.#options.surroundings.random()))
    return differs(this.#options.sync.book, theirs, touched, depth)
  }

  /** Whether an answer is from before what the book held when the check began. */
  #isTooOld(answer: BookSnapshot, ground: Moment): boolean {
    return isBefore(this.#momentOf(answer), ground, CLOCK_TOLERANCE_MS)
  }

  /** Whether the book is as new as an answer, as far as the two can be compared. */
  #hasPassed(answer: BookSnapshot): boolean {
    return !isBefore(this.#options.sync, this.#momentOf(answer), 0)
  }

  #momentOf({ sequence, exchangeTime }: BookSnapshot): Moment {
    return { sequence: this.#options.sync.isStreamed ? null : counterOf(sequence), exchangeTime }
  }

  #pause(now: number, retryAfterMs = 0): void {
    const pause = Math.min(LONGEST_PAUSE_MS, FIRST_PAUSE_MS * 2 ** this.#inVain++)
    this.#wait(now + Math.max(retryAfterMs, pause * (0.75 + 0.5 * this.#options.surroundings.random())))
  }

  #wait(until: number): void {
    this.#phase = { kind: 'waiting', until }
  }
}

/** By their counters where both have one, else by their times: which of an update those are is not the same everywhere. */
function isBefore(a: Moment, b: Moment, toleranceMs: number): boolean {
  if (a.sequence !== null && b.sequence !== null) return a.sequence < b.sequence
  return a.exchangeTime !== null && b.exchangeTime !== null && a.exchangeTime < b.exchangeTime - toleranceMs
}
