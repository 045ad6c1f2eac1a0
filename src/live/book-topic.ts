import type { BookEvent, MarketEvent } from '../domain/event.ts'
import { type BookSnapshot, counterOf } from '../domain/order-book.ts'
import type { StoredInstrument } from '../domain/series.ts'
import type { BookDepth, ClientTopic } from '../domain/topic.ts'
import type { BookRuleName } from '../exchanges/stream.ts'
import { BookCheck } from './book-check.ts'
import { BookHandover } from './book-handover.ts'
import { BookListeners } from './book-listeners.ts'
import { CROSSED, DIFFERENT, SILENT } from './book-reasons.ts'
import { BookRenewal } from './book-renewal.ts'
import { BookRetries } from './book-retries.ts'
import { BookSubscription, SNAPSHOT_PATIENCE_MS } from './book-subscription.ts'
import { type BookOutcome, BookSync } from './book-sync.ts'
import { type KnownTop, topOf } from './book-top.ts'
import { BookView, type ViewChange } from './book-view.ts'
import { BookViews } from './book-views.ts'
import type { SnapshotRequest } from './feed-io.ts'
import { MarketTopic, type Reply, type TopicSurroundings } from './market-topic.ts'
import type { TopicLine } from './messages.ts'
import { SNAPSHOT_DEPTH } from './snapshot-depth.ts'

/** A book that stayed right for so long is sound: the next failure is a first one. */
const SOUND_MS = 30_000
const DEFAULT_DEPTH = 20
/** What whoever listens needs to know of a book, in levels a side. */
const LISTENED_DEPTH = 1

/** The order book of one instrument and the views that clients have of it. */
export class BookTopic extends MarketTopic {
  readonly listeners: BookListeners
  readonly #sync: BookSync
  readonly #rule: BookRuleName
  readonly #views: BookViews
  /** The socket whose updates count; those of another one wait until they join. */
  #owner: number | null = null
  readonly #handover = new BookHandover()
  readonly #retries: BookRetries
  readonly #renewal: BookRenewal
  readonly #check: BookCheck
  readonly #subscription: BookSubscription
  #isDirty = false
  /** A flush was asked for, and has not come. */
  #isFlushDue = false
  /** What clients know: nothing yet, the book, or that there is none. */
  #told: 'nothing' | 'book' | 'void' = 'nothing'
  #receivedTime = 0
  #liveSince: number | null = null
  #asked: { readonly request: SnapshotRequest; readonly at: number } | null = null
  /**
   * The stream was found to be silent though the book moves, and has not been heard since: REST must not make a book
   * that nothing keeps. `top` was the last that it gave.
   */
  #silence: { readonly top: KnownTop | null } | null = null
  /** Why there is no book. */
  #reason = 'no snapshot has come yet'

  constructor(instrument: StoredInstrument, surroundings: TopicSurroundings, rule: BookRuleName) {
    super(instrument, surroundings)
    this.#sync = new BookSync(rule)
    this.#views = new BookViews(this.#sync)
    this.listeners = new BookListeners(this.#sync)
    this.#subscription = new BookSubscription(this.#sync, this.streams)
    this.#rule = rule
    this.#retries = new BookRetries(surroundings.random)
    this.#renewal = new BookRenewal(this.#sync, surroundings.random)
    this.#check = new BookCheck({ instrument, sync: this.#sync, surroundings })
  }

  override get isNeeded(): boolean {
    return super.isNeeded || this.listeners.size > 0
  }

  override get probe(): 'book' {
    return 'book'
  }

  /** While the stream is silent, what it gave last: by that it is seen to be silent still. */
  override top(): KnownTop | null {
    if (this.#sync.state !== 'live') return this.#silence?.top ?? null
    return topOf(this.#sync)
  }

  /** Where the stream brings the snapshot. */
  override get beginsWhole(): boolean {
    return this.#sync.isStreamed
  }

  override open(topic: ClientTopic, begun?: TopicLine): TopicLine {
    const line = super.open(topic, begun)
    this.#views.open(topic.depth ?? DEFAULT_DEPTH, line)
    // The next flush tells the new view.
    if (this.#sync.state === 'live') this.#expectFlush()
    return line
  }

  override succeed(_former: MarketTopic, now: number): void {
    this.surroundings.counters.resyncs += 1
    this.notify('resync', now, { reason: 'the instrument has changed' })
  }

  override close(key: string): void {
    super.close(key)
    this.#views.close(key)
  }

  override receive(event: MarketEvent, socket: number, now: number): void {
    if (event.channel !== 'book') return
    this.#subscription.begun(now)
    this.#owner ??= socket
    if (socket === this.#owner) this.#take(event, now)
    else for (const joined of this.#takeOver(event, socket)) this.#take(joined, now)
  }

  /** The levels of a view, or why there are none. */
  read(depth: BookDepth): ViewChange | { readonly reason: string } {
    return new BookView(depth).update(this.#sync) ?? { reason: this.#whyVoid }
  }

  /** Why there is no book; `null` where there is one. */
  get trouble(): string | null {
    return this.#sync.state === 'live' ? null : this.#whyVoid
  }

  /** Whether a deeper snapshot is on its way, or about to be asked for, that a view of this depth needs. */
  awaitsLevels(depth: BookDepth): boolean {
    return this.#renewal.lacks(depth)
  }

  /** When what the book holds was last heard, ms by our clock. */
  get receivedTime(): number {
    return this.#receivedTime
  }

  override state(key: string): string | null {
    return this.#views.state(key, this.#receivedTime)
  }

  /** One who comes late is told what the others know. */
  override outage(key: string, now: number): string | null {
    const outage = super.outage(key, now)
    if (outage !== null || this.#told !== 'void') return outage
    return this.line(key)?.standing('resync', now, JSON.stringify({ reason: this.#whyVoid })) ?? null
  }

  override subscribed(_socket: number, now: number): void {
    this.#subscription.begun(now)
  }

  override answered(input: Reply, now: number): void {
    if (input.kind === 'book-check') this.#check.answered(input, now)
    if (input.kind !== 'snapshot' || input.request !== this.#asked?.request) return
    const { answer, request } = input
    this.#asked = null
    if (!answer.ok) {
      this.#reason = answer.detail
      this.#retries.refused(answer.retryAfterMs ?? null, now)
      return
    }
    // USD-M gives no more than the usual depth, however much is asked for: a side that is as long may be cut off.
    const outcome = this.#sync.snapshot(snapshotOf(answer.value), Math.min(request.depth, SNAPSHOT_DEPTH))
    if (outcome === 'older') this.#retries.refused(null, now)
    else this.#after(outcome, now)
    if (outcome !== 'applied') return
    this.#retries.answered()
    this.#receivedTime = now
    this.#renewal.came(request.depth)
    this.#check.renewed(now)
  }

  override lost(socket: number, now: number, heir: number | null): void {
    const waiting = this.#handover.takeAll()
    if (this.#owner !== null && socket !== this.#owner) return
    this.#owner = heir
    if (heir === null) {
      this.#asked = null
      this.#subscription.ended()
      this.#retries.cancel()
      this.#void('the connection was lost', now)
      this.#sync.reset()
    } else if (!this.#sync.isStreamed) {
      // The heir's updates join by their counters, or do not.
      for (const event of waiting) this.#take(event, now)
    } else this.#startAnew('the connection was lost', now)
  }

  override rejected(reason: string, now: number): void {
    super.rejected(reason, now)
    this.listeners.rejected(reason, now)
  }

  /** Where the exchange numbers its updates, a missing one is noticed; elsewhere the book starts anew. */
  override suspect(now: number): void {
    if (this.#rule === 'connection' && this.#subscription.isThere) this.#startAnew('a frame could not be read', now)
  }

  override stale(now: number): void {
    this.notify('stale', now, { since: now })
    // A socket that is given up takes along streams of which nothing is proven: those start anew on the next one.
    if (this.streams.some(({ pace }) => pace.state === 'stale')) this.#silence = { top: this.top() }
    this.#asked = null
    this.#retries.cancel()
    this.#void(SILENT, now)
    this.#sync.reset()
  }

  /** Nothing was missed: REST may make a book again. */
  override quiet(): void {
    this.#silence = null
  }

  override tick(now: number): void {
    if (!this.#subscription.isThere) return
    if (this.#check.finds(this.#depths, now)) this.#startAnew(DIFFERENT, now)
    if (this.#retries.takeDue(now)) this.#renew(now)
    if (this.#asked !== null && now - this.#asked.at > SNAPSHOT_PATIENCE_MS) this.#asked = null
    if (this.#told === 'nothing' && this.#subscription.isLate(now)) this.#tellVoid(this.#whyVoid, now)
    if (this.#asked !== null || this.#retries.isWaiting) return
    if (this.#liveSince !== null && now - this.#liveSince > SOUND_MS) this.#retries.sound()
    if (this.#subscription.needsSnapshot(now)) this.#ask(now)
    else if (this.#renewal.take(this.#depths, now)) this.#renewLive(now)
    else if (this.#subscription.isForgotten(now)) this.#forgotten(now)
  }

  override flush(now: number): void {
    this.#isFlushDue = false
    if (!this.#isDirty || this.#sync.state !== 'live') return
    this.#isDirty = false
    for (const told of this.#views.flush(now)) this.surroundings.emit({ kind: 'publish', ...told })
  }

  #take(event: BookEvent, now: number): void {
    this.#silence = null
    this.#receivedTime = now
    if (event.exchangeTime !== null) this.dataTime = event.exchangeTime
    const outcome = this.#sync.receive(event)
    this.#check.heard(event, outcome, now)
    if (event.kind === 'snapshot' && outcome === 'applied') this.#retries.answered()
    this.#after(outcome, now)
  }

  #after(outcome: BookOutcome, now: number): void {
    switch (outcome) {
      case 'applied':
        this.#liveSince ??= now
        this.#told = 'book'
        if (!this.#views.isEmpty) this.#expectFlush()
        this.listeners.tellBest(now)
        return
      case 'held':
        if (this.#sync.needsSnapshot && !this.#retries.isWaiting) this.#ask(now)
        return
      case 'stale':
      case 'alive':
        return
      case 'gap':
        this.#restart('an update is missing', now)
        return
      case 'crossed':
        this.#restart(CROSSED, now)
        return
      case 'exhausted':
        this.#renewal.ranOut()
        this.#restart('the price has left the levels that are known', now)
        return
    }
  }

  /** The updates of another socket, from when they join what the book holds: from then on they rule. */
  #takeOver(event: BookEvent, socket: number): readonly BookEvent[] {
    const isSnapshot = event.kind === 'snapshot'
    if (!isSnapshot && this.#sync.isStreamed) return []
    const joined = isSnapshot ? [event] : this.#handover.receive(event, this.#sync.sequence)
    if (joined.length > 0) this.#owner = socket
    return joined
  }

  get #whyVoid(): string {
    return this.#silence === null ? this.#reason : SILENT
  }

  #expectFlush(): void {
    this.#isDirty = true
    if (this.#isFlushDue) return
    this.#isFlushDue = true
    this.surroundings.emit({ kind: 'changed' })
  }

  /** There is no book any more: clients who had one are told. */
  #void(reason: string, now: number): void {
    this.#reason = reason
    this.#liveSince = null
    this.#check.end()
    if (this.#told === 'book') this.#tellVoid(reason, now)
  }

  #tellVoid(reason: string, now: number): void {
    this.#told = 'void'
    this.listeners.voided(now)
    this.surroundings.counters.resyncs += 1
    this.#views.invalidate()
    this.notify('resync', now, { reason })
  }

  /** What the book holds is not to be relied on, though it follows from what the exchange has sent. */
  #startAnew(reason: string, now: number): void {
    this.#sync.reset()
    this.#restart(reason, now)
  }

  /** The book is wrong, or may be: clients are told, and it starts anew, later and later where that does not help. */
  #restart(reason: string, now: number): void {
    this.#doubt(reason, now)
    if (this.#retries.failed(now)) this.#renew(now)
  }

  /** There is no book, and clients know. */
  #doubt(reason: string, now: number): void {
    this.#void(reason, now)
    if (this.#told === 'nothing') this.#tellVoid(reason, now)
  }

  #renew(now: number): void {
    if (!this.#sync.isStreamed) this.#ask(now)
    else {
      this.#subscription.renewed(now)
      this.#renewal.asked(now)
      this.surroundings.resubscribe(this, now)
    }
  }

  /**
   * A book that is right as far as it goes, which is not far enough. Until the snapshot of a new subscription comes the
   * exchange sends no updates, so that what is held is old: clients are told.
   */
  #renewLive(now: number): void {
    if (this.#sync.isStreamed) {
      this.#void('the price is about to leave the levels that are known', now)
      this.#sync.reset()
    }
    this.#renew(now)
  }

  /** It was asked for, and acknowledged: another socket may bring what this one does not. */
  #forgotten(now: number): void {
    const next = this.#retries.forgotten(now)
    if (next === 'here') this.#renew(now)
    if (next === 'elsewhere') this.surroundings.rehome(this, now)
    this.#doubt('no snapshot has come', now)
  }

  #ask(now: number): void {
    if (this.#asked !== null || this.#silence !== null) return
    const request = { depth: this.#renewal.depth(this.#depths) }
    this.#asked = { request, at: now }
    this.#renewal.asked(now)
    this.#sync.expectSnapshot()
    this.surroundings.emit({ kind: 'ask-snapshot', instrument: this.instrument, request })
  }

  /** How deep the book is needed: by the views, and by those who listen. */
  get #depths(): readonly number[] {
    return this.listeners.size === 0 ? this.#views.depths : [...this.#views.depths, LISTENED_DEPTH]
  }
}

function snapshotOf({ sequence, exchangeTime, bids, asks }: BookSnapshot) {
  return { sequence: counterOf(sequence), exchangeTime, bids, asks }
}
