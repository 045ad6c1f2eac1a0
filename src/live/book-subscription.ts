import type { BookSync } from './book-sync.ts'
import type { UpstreamStream } from './upstream-stream.ts'

/** A snapshot that has not come after this is asked for again. */
export const SNAPSHOT_PATIENCE_MS = 15_000
/** A stream without an update for so long is quiet: the snapshot that is asked for now is not from before it. */
const QUIET_MS = 5_000

/** Since when sockets deliver a book, and so what snapshot it should have had by now. Times are ms by our clock. */
export class BookSubscription {
  readonly #sync: BookSync
  readonly #streams: readonly UpstreamStream[]
  /** `null` while no socket delivers it. */
  #since: number | null = null
  /** When it was last subscribed anew. */
  #renewedAt = 0

  constructor(sync: BookSync, streams: readonly UpstreamStream[]) {
    this.#sync = sync
    this.#streams = streams
  }

  get isThere(): boolean {
    return this.#since !== null
  }

  begun(now: number): void {
    this.#since ??= now
  }

  ended(): void {
    this.#since = null
  }

  renewed(now: number): void {
    this.#renewedAt = now
  }

  /** Whether there should have been a book by now. */
  isLate(now: number): boolean {
    return this.#since !== null && now - this.#since >= SNAPSHOT_PATIENCE_MS
  }

  /** Whether REST is to be asked: a snapshot from before the first update could be from before the stream, and not join. */
  needsSnapshot(now: number): boolean {
    const isHeard = this.#sync.state !== 'empty'
    return this.#sync.needsSnapshot && this.#since !== null && (isHeard || now - this.#since >= QUIET_MS)
  }

  /** Whether the stream should have brought a snapshot long ago. */
  isForgotten(now: number): boolean {
    if (this.#since === null || this.#sync.state === 'live' || this.#sync.needsSnapshot) return false
    // A request that waits to be sent has not been forgotten.
    const askedAt = this.#streams.map(({ requestedAt }) => requestedAt ?? now)
    return now - Math.max(this.#since, this.#renewedAt, ...askedAt) >= SNAPSHOT_PATIENCE_MS
  }
}
