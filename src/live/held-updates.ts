import type { BookEvent } from '../domain/event.ts'

/**
 * Updates that wait for something to join are bounded by their levels (each update counting as one more): ten seconds
 * of the busiest book, minutes of the others, and about 1 MB at most.
 */
const MAX_HELD_LEVELS = 10_000

/** Updates of one book that cannot be applied yet, in their order. */
export class HeldUpdates {
  #events: BookEvent[] = []
  #levels = 0

  get events(): readonly BookEvent[] {
    return this.#events
  }

  /** @returns whether there was room for it; there always is where nothing is held */
  add(event: BookEvent): boolean {
    const weight = weightOf(event)
    if (this.#levels + weight > MAX_HELD_LEVELS && this.#events.length > 0) return false
    this.#events.push(event)
    this.#levels += weight
    return true
  }

  /** Holds these, and no others. */
  replace(events: BookEvent[]): void {
    this.#events = events
    this.#levels = events.reduce((total, event) => total + weightOf(event), 0)
  }

  /** All that are held, which then are no more. */
  takeAll(): readonly BookEvent[] {
    const events = this.#events
    this.replace([])
    return events
  }
}

function weightOf({ bids, asks }: BookEvent): number {
  return 1 + bids.length + asks.length
}
