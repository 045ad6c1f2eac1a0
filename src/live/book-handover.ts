import type { BookEvent } from '../domain/event.ts'
import { HeldUpdates } from './held-updates.ts'

/**
 * What another socket delivers of a book while one is rotated out: it waits until it joins what the book holds. Of a
 * socket that is always a little behind nothing ever does: what the book contains is dropped, and that socket goes on
 * from where the old one has ended.
 */
export class BookHandover {
  readonly #waiting = new HeldUpdates()

  /**
   * An update that is numbered.
   *
   * @param last the counter of the book; `null` while there is none
   * @returns what the book is to take now, in order: the socket rules from then on; nothing while it does not join
   */
  receive(update: BookEvent, last: number | null): readonly BookEvent[] {
    this.#add(update)
    if (last === null) return []
    const open = this.#waiting.events.filter((waiting) => !isContained(waiting, last))
    const isJoined = open.some((waiting) => joins(waiting, last))
    this.#waiting.replace(isJoined ? [] : open)
    return isJoined ? open : []
  }

  /** All that wait: one of the two sockets is gone. */
  takeAll(): readonly BookEvent[] {
    return this.#waiting.takeAll()
  }

  /** Of too many the oldest are let go: what follows does not join without them, and is found to be a gap. */
  #add(update: BookEvent): void {
    while (!this.#waiting.add(update)) {
      const { events } = this.#waiting
      this.#waiting.replace(events.slice(Math.ceil(events.length / 2)))
    }
  }
}

/** Whether the book is further already: an update that ends where the book is shows that both sockets agree. */
function isContained({ sequence }: BookEvent, last: number): boolean {
  return sequence !== null && sequence < last
}

/** Whether an update follows what has this counter, or has made it so. */
function joins({ firstSequence, prevSequence, sequence }: BookEvent, last: number): boolean {
  if (sequence === last || prevSequence === last) return true
  return prevSequence === null && firstSequence !== null && firstSequence <= last + 1
}
