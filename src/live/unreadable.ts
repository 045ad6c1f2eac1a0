/** More unreadable frames than this within the time, and whatever brings them is given up. */
const MOST_UNREADABLE = 5
const UNREADABLE_MS = 10_000

/** The frames of a socket, or of one stream, that could not be read lately. */
export class Unreadable {
  #at: number[] = []

  /** One more. @returns whether there have been too many */
  add(now: number): boolean {
    this.#at = [...this.#at.filter((at) => now - at < UNREADABLE_MS), now]
    return this.#at.length > MOST_UNREADABLE
  }
}
