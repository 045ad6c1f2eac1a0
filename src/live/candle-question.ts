import type { Refusal } from '../domain/answer.ts'
import type { Window } from '../domain/interval.ts'

/** What comes meanwhile is held for so long. */
const PATIENCE_MS = 15_000
/** Where REST refuses, or lacks a candle that must be there, it is asked again after this. */
const RETRY_MS = 3_000

/** Slots that closed unheard, to be asked of REST: again where it refuses, as long as anybody waits. Times are ms. */
export class CandleQuestion {
  readonly #giveUpAt: number
  #window: Window
  #askAt: number
  #isAsked = false

  /** @param askAt when REST will have them */
  constructor(window: Window, askAt: number) {
    this.#window = window
    this.#askAt = askAt
    this.#giveUpAt = askAt + PATIENCE_MS
  }

  get window(): Window {
    return this.#window
  }

  /** The window, where it is to be asked for now: once each time. */
  takeDue(now: number): Window | null {
    if (this.#isAsked || now < this.#askAt) return null
    this.#isAsked = true
    return this.#window
  }

  isOver(now: number): boolean {
    return now >= this.#giveUpAt
  }

  /** @returns whether it is asked again; if not, there is nothing to wait for */
  refused({ code, retryAfterMs = 0 }: Refusal, now: number): boolean {
    return code !== 'unknown_instrument' && this.askAgain(now, retryAfterMs)
  }

  /** @returns whether there is time for it */
  askAgain(now: number, afterMs = 0): boolean {
    const askAt = now + Math.max(RETRY_MS, afterMs)
    if (askAt >= this.#giveUpAt) return false
    this.#askAt = askAt
    this.#isAsked = false
    // Another one, so that no earlier answer is taken for that to this question.
    this.#window = { ...this.#window }
    return true
  }
}
