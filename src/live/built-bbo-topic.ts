import type { BookLevel } from '../domain/order-book.ts'
import type { StoredInstrument } from '../domain/series.ts'
import type { BookListener } from './book-listeners.ts'
import type { BookTopic } from './book-topic.ts'
import { LatestTopic } from './latest-topic.ts'
import type { TopicSurroundings } from './market-topic.ts'
import type { UpstreamStream } from './upstream-stream.ts'

/**
 * The best bid and offer of an exchange that streams them with its trades only: those of its book, told whenever they
 * change. Between two trades the others are as old as the first.
 */
export class BuiltBboTopic extends LatestTopic implements BookListener {
  readonly #book: BookTopic

  constructor(instrument: StoredInstrument, book: BookTopic, surroundings: TopicSurroundings) {
    super(instrument, { channel: 'bbo', probe: 'book', beginsWhole: true }, surroundings)
    this.#book = book
    book.listeners.add(this)
  }

  /** Its book is watched by its own topic. */
  override get probe(): null {
    return null
  }

  override get sources(): readonly UpstreamStream[] {
    return this.#book.streams
  }

  changed(bid: BookLevel | null, ask: BookLevel | null, exchangeTime: number | null, now: number): void {
    const known = this.latest.bbo?.values
    if (known !== undefined && isSame(known.bid, bid) && isSame(known.ask, ask)) return
    const { exchangeSymbol } = this.instrument
    this.receive({ channel: 'bbo', exchangeSymbol, exchangeTime, sequence: null, bid, ask }, 0, now, false)
  }

  /** The best prices of a book that is not right may be as wrong. */
  voided(now: number): void {
    if (this.latest.bbo === null) return
    this.latest.forget()
    this.notify('stale', now, { since: now })
  }

  override end(): void {
    this.#book.listeners.delete(this)
  }
}

function isSame(
  one: { readonly price: string; readonly size: string | null } | null,
  other: BookLevel | null,
): boolean {
  return one?.price === other?.price && one?.size === other?.size
}
