import type { BookSync } from './book-sync.ts'
import { BookView, type ViewChange } from './book-view.ts'
import { bookData, type TopicLine } from './messages.ts'

/** The views that clients have of one book: each depth with its own line of messages. */
export class BookViews {
  readonly #sync: BookSync
  readonly #views = new Map<string, { readonly view: BookView; readonly line: TopicLine }>()

  constructor(sync: BookSync) {
    this.#sync = sync
  }

  get isEmpty(): boolean {
    return this.#views.size === 0
  }

  get depths(): readonly number[] {
    return Array.from(this.#views.values(), ({ view: { depth } }) => depth)
  }

  open(depth: number, line: TopicLine): void {
    this.#views.set(line.key, { view: new BookView(depth), line })
  }

  close(key: string): void {
    this.#views.delete(key)
  }

  /** What one who has just subscribed should know first; `null` where nothing was told yet, or does not hold any more. */
  state(key: string, receivedTime: number): string | null {
    const shown = this.#views.get(key)
    if (shown === undefined || this.#sync.state !== 'live') return null
    // What has changed since the last flush is not in the numbered messages yet: the next one brings it, to all.
    const change = shown.view.snapshot()
    return change === null
      ? null
      : shown.line.state(change.exchangeTime, receivedTime, dataOf(change, shown.view.depth))
  }

  /** What has changed since the last flush, a message for each view that it is in. */
  *flush(now: number): Generator<{ readonly key: string; readonly message: string }> {
    for (const { view, line } of this.#views.values()) {
      const change = view.update(this.#sync)
      if (change === null) continue
      yield { key: line.key, message: line.next(change.exchangeTime, now, dataOf(change, view.depth)) }
    }
  }

  /** Clients have nothing any more: the next change is a snapshot. */
  invalidate(): void {
    for (const { view } of this.#views.values()) view.invalidate()
  }
}

function dataOf({ kind, bids, asks, availableDepth, prevSequence, sequence }: ViewChange, depth: number): string {
  return bookData({ kind, depth, availableDepth, bids, asks, prevSequence, sequence })
}
