/** The first repetition waits so long, each further one twice as long as the one before, up to the longest. */
const FIRST_PAUSE_MS = 30_000
const LONGEST_PAUSE_MS = 10 * 60_000

/**
 * How often one topic may ask REST for what it may have missed. Questions that bring nothing are repeated less and less
 * often: whatever keeps a doubt alive in a quiet market must not keep REST busy. Times are ms by our clock.
 */
export class AskPace {
  #askedAt = Number.NEGATIVE_INFINITY
  /** Until the next question; 0 while the newest one has brought something, or none was asked. */
  #pauseMs = 0

  /** From when on it may ask. */
  get mayAskAt(): number {
    return this.#askedAt + this.#pauseMs
  }

  asked(now: number): void {
    // What was in vain long ago says nothing of the present doubt.
    const isFirst = this.#pauseMs === 0 || now - this.#askedAt > 2 * LONGEST_PAUSE_MS
    this.#pauseMs = isFirst ? FIRST_PAUSE_MS : Math.min(LONGEST_PAUSE_MS, 2 * this.#pauseMs)
    this.#askedAt = now
  }

  /** There was something. */
  paid(): void {
    this.#pauseMs = 0
  }
}
