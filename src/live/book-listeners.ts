import type { BookLevel } from '../domain/order-book.ts'
import type { BookSync } from './book-sync.ts'

/** Told of the best levels at every change of a book that is right, and when it is not any more. */
export interface BookListener {
  /** `null`: that side is empty. */
  changed(bid: BookLevel | null, ask: BookLevel | null, exchangeTime: number | null, now: number): void
  voided(now: number): void
  rejected(reason: string, now: number): void
}

/** Those who need nothing of a book but its best levels. */
export class BookListeners extends Set<BookListener> {
  readonly #sync: BookSync

  constructor(sync: BookSync) {
    super()
    this.#sync = sync
  }

  /** Tells the best levels, where there is a book. */
  tellBest(now: number): void {
    if (this.size === 0 || this.#sync.state !== 'live') return
    const [bid = null] = this.#sync.book.bids.top(1)
    const [ask = null] = this.#sync.book.asks.top(1)
    for (const listener of this) listener.changed(bid, ask, this.#sync.exchangeTime, now)
  }

  voided(now: number): void {
    for (const listener of this) listener.voided(now)
  }

  rejected(reason: string, now: number): void {
    for (const listener of this) listener.rejected(reason, now)
  }
}
