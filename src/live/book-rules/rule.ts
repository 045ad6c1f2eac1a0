import type { BookEvent } from '../../domain/event.ts'

/**
 * What an update is to a book:
 * - `next`: it continues it;
 * - `stale`: the book contains it already;
 * - `alive`: it changes nothing and says that nothing is missing;
 * - `gap`: something before it is missing.
 */
export type Continuity = 'next' | 'stale' | 'alive' | 'gap'

/** The counters of the last applied update; after a snapshot only its own. */
export interface LastCounters {
  readonly sequence: number | null
  readonly prevSequence: number | null
}

/** How the updates of an exchange join, and onto what: pure, a rule an exchange. */
export interface BookRule {
  /** Whether the snapshot is asked of REST, while the updates are held, or comes over the stream before them. */
  readonly snapshots: 'rest' | 'streamed'
  /** Of updates since a snapshot with the counter `sequence`, until one of them is `next`. */
  first(update: BookEvent, sequence: number | null): Continuity
  /** Of those that follow another update. */
  next(update: BookEvent, last: LastCounters): Continuity
}
