import type { BookEvent } from '../domain/event.ts'
import type { BookLevel } from '../domain/order-book.ts'
import type { BookRuleName } from '../exchanges/stream.ts'
import type { BookRule, Continuity, LastCounters } from './book-rules/rule.ts'
import { bookRules } from './book-rules.ts'
import { HeldUpdates } from './held-updates.ts'
import { OrderBook } from './order-book.ts'

/**
 * - `applied`: the book is now as the exchange says;
 * - `held`: kept until the snapshot of REST is there;
 * - `stale`: contained already, or before the snapshot that the stream is about to send: dropped;
 * - `alive`: nothing changed and nothing is missing;
 * - `gap`: something is missing: the book has become invalid, clients are to be told, a snapshot is needed;
 * - `crossed`: the book made no sense: as a gap, and see `state`;
 * - `exhausted`: the price has left what is known of a side that was cut off: as a gap.
 */
export type BookOutcome = 'applied' | 'held' | 'stale' | 'alive' | 'gap' | 'crossed' | 'exhausted'

/**
 * - `empty`: nothing has been received since the start or the last `reset`;
 * - `syncing`: updates are received but do not make a book yet;
 * - `live`: the book is complete and may be shown;
 * - `crossed`: the snapshot that was to mend a crossed book was crossed too: to be retried, less and less often.
 */
export type BookState = 'empty' | 'syncing' | 'live' | 'crossed'

/** A streamed `BookEvent`, or a `BookSnapshot` of REST with its counter as a number. Levels best first. */
export interface SnapshotContent {
  readonly sequence: number | null
  readonly exchangeTime: number | null
  readonly bids: readonly BookLevel[]
  readonly asks: readonly BookLevel[]
}

/**
 * A snapshot of REST may be ahead of the stream by some updates, ten a second. More in a row that are said to be
 * contained already mean that the exchange has started to count anew.
 */
const MAX_STALE_UPDATES = 100
/** A book that has stayed uncrossed for so many updates is mended: the next crossing is a first one. */
const MENDED_AFTER_UPDATES = 100

const NOTHING: LastCounters = { sequence: null, prevSequence: null }

/**
 * One upstream book kept right by its exchange's rule, or invalid: whatever it holds while `live` is what the exchange
 * would answer, and every way out of `live` is an outcome. Feed it the events of one connection at a time.
 */
export class BookSync {
  readonly book = new OrderBook()
  readonly #rule: BookRule
  #state: BookState = 'empty'
  #generation = 0
  #last: LastCounters = NOTHING
  #exchangeTime: number | null = null
  /** No update has been applied since the snapshot. */
  #isFresh = false
  /** Since before the next snapshot was asked for, without a gap; while `live`, those are applied as well. */
  readonly #held = new HeldUpdates()
  #isRenewing = false
  #staleUpdates = 0
  #isSuspect = false
  #updatesSinceCrossing = 0

  constructor(rule: BookRuleName) {
    this.#rule = bookRules[rule]
  }

  get state(): BookState {
    return this.#state
  }

  /** The exchange's counter after the last applied update. */
  get sequence(): number | null {
    return this.#last.sequence
  }

  /** ms UTC by the exchange's clock, of the last update that carried it. */
  get exchangeTime(): number | null {
    return this.#exchangeTime
  }

  /** Grows whenever the book becomes invalid: levels of two generations must not be compared. */
  get generation(): number {
    return this.#generation
  }

  /** Whether snapshots come over the stream; otherwise they are asked of REST, and count as the stream does. */
  get isStreamed(): boolean {
    return this.#rule.snapshots === 'streamed'
  }

  /** Whether a snapshot must be asked of REST. In state `crossed` only after a while. */
  get needsSnapshot(): boolean {
    return !this.isStreamed && this.#state !== 'live'
  }

  /**
   * Whether fewer levels are known than `depth`, though the exchange has more: the price has left the range of the
   * snapshot. The book stays right as far as it goes, and is renewed by the next snapshot.
   * @param share of the levels that would do: with less than 1, whether it is short by more than that
   */
  lacks(depth: number, share?: number): boolean {
    return this.#state === 'live' && this.book.lacks(depth, share)
  }

  /** Whether the price is about to leave what is known of a side that was cut off. */
  get isNearBound(): boolean {
    return this.#state === 'live' && this.book.isNearBound
  }

  /**
   * To be called when a snapshot is asked for to renew a live book: from now on updates are held as well as applied, so
   * that they can follow the snapshot, which is older than they are. Without it the first snapshot is `older`.
   */
  expectSnapshot(): void {
    if (!this.isStreamed && this.#state === 'live') this.#isRenewing = true
  }

  receive(event: BookEvent): BookOutcome {
    if (event.kind === 'snapshot') return this.isStreamed ? this.#replace(event, [], null) : 'stale'
    if (this.#state !== 'live') return this.isStreamed ? this.#ignore() : this.#wait(event)
    switch (this.#judge(event, this.#last, this.#isFresh)) {
      case 'next':
        return this.#apply(event)
      case 'alive':
        return 'alive'
      case 'stale':
        return ++this.#staleUpdates > MAX_STALE_UPDATES ? this.#lose(event) : 'stale'
      case 'gap':
        return this.#lose(event)
    }
  }

  /**
   * A snapshot that was asked of REST, or came by the stream.
   * @param depth how many levels a side are asked of REST: a side that comes with fewer is whole
   * @returns `older` where it is from before what is held: another one is needed, and nothing else has changed
   */
  snapshot(snapshot: SnapshotContent, depth: number): BookOutcome | 'older' {
    if (this.isStreamed) return this.#replace(snapshot, [], null)
    const following = this.#following(snapshot.sequence)
    if (following === 'older') {
      this.expectSnapshot()
      return 'older'
    }
    return following === 'gap' ? 'gap' : this.#replace(snapshot, following, depth)
  }

  /** The connection is gone, or the stream is subscribed anew: invalid at once. */
  reset(): void {
    this.#invalidate('empty')
  }

  #judge(event: BookEvent, last: LastCounters, isFresh: boolean): Continuity {
    return isFresh ? this.#rule.first(event, last.sequence) : this.#rule.next(event, last)
  }

  /** The held updates that follow a snapshot. After a hole among them, only those behind it remain held. */
  #following(sequence: number | null): BookEvent[] | 'older' | 'gap' {
    if (sequence === null) return 'older'
    const isBehind = this.#state === 'live' && this.sequence !== null && sequence < this.sequence
    if (isBehind && this.#held.events.length === 0) return 'older'
    const following: BookEvent[] = []
    let last: LastCounters = { sequence, prevSequence: null }
    for (const [i, event] of this.#held.events.entries()) {
      const continuity = this.#judge(event, last, following.length === 0)
      if (continuity === 'stale' || continuity === 'alive') continue
      if (continuity === 'gap') {
        if (following.length === 0) return 'older'
        this.#held.replace(this.#held.events.slice(i))
        return 'gap'
      }
      following.push(event)
      last = event
    }
    return following
  }

  #replace(snapshot: SnapshotContent, following: readonly BookEvent[], depth: number | null): BookOutcome {
    this.book.replace(snapshot.bids, snapshot.asks, depth)
    this.#last = { sequence: snapshot.sequence, prevSequence: null }
    this.#exchangeTime = snapshot.exchangeTime ?? this.#exchangeTime
    for (const event of following) this.#advance(event)
    this.#isFresh = following.length === 0
    this.#isRenewing = false
    this.#staleUpdates = 0
    this.#held.replace([])
    if (this.book.isExhausted) return this.#exhaust()
    if (this.book.isCrossed()) return this.#cross()
    this.#state = 'live'
    return 'applied'
  }

  #apply(event: BookEvent): BookOutcome {
    this.#advance(event)
    this.#isFresh = false
    this.#staleUpdates = 0
    if (this.#isRenewing && !this.#held.add(event)) this.#stopRenewing()
    if (this.book.isExhausted) return this.#exhaust(event)
    if (this.book.isCrossed()) return this.#cross(event)
    if (this.#isSuspect && ++this.#updatesSinceCrossing >= MENDED_AFTER_UPDATES) this.#isSuspect = false
    return 'applied'
  }

  #advance(event: BookEvent): void {
    this.book.apply(event.bids, event.asks)
    this.#last = { sequence: event.sequence, prevSequence: event.prevSequence }
    this.#exchangeTime = event.exchangeTime ?? this.#exchangeTime
  }

  /** An update before the snapshot that the stream is going to send. */
  #ignore(): 'stale' {
    if (this.#state === 'empty') this.#state = 'syncing'
    return 'stale'
  }

  #wait(event: BookEvent): 'held' | 'gap' {
    if (this.#state === 'empty') this.#state = 'syncing'
    if (this.#held.add(event)) return 'held'
    this.#held.replace([event])
    // While crossed, nobody has been promised a snapshot soon.
    return this.#state === 'crossed' ? 'held' : 'gap'
  }

  #lose(event: BookEvent): 'gap' {
    this.#invalidate('syncing')
    if (!this.isStreamed) this.#held.add(event)
    return 'gap'
  }

  #cross(event?: BookEvent): 'crossed' {
    this.#invalidate(this.#isSuspect ? 'crossed' : 'syncing')
    this.#isSuspect = true
    this.#updatesSinceCrossing = 0
    if (event !== undefined && !this.isStreamed) this.#held.add(event)
    return 'crossed'
  }

  /** Nothing was missed: a snapshot that was asked for to renew the book still joins what has been held for it. */
  #exhaust(event?: BookEvent): 'exhausted' {
    const held = this.#isRenewing ? [...this.#held.events] : event === undefined ? [] : [event]
    this.#invalidate('syncing')
    if (!this.isStreamed) this.#held.replace(held)
    return 'exhausted'
  }

  #invalidate(state: BookState): void {
    this.#state = state
    this.#generation++
    this.#last = NOTHING
    this.#exchangeTime = null
    this.#staleUpdates = 0
    this.book.clear()
    this.#stopRenewing()
  }

  #stopRenewing(): void {
    this.#isRenewing = false
    this.#held.replace([])
  }
}
