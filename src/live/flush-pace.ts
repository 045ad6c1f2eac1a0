/** How often frames go out, in real milliseconds. */
const MIN_INTERVAL_MS = 20
const MAX_INTERVAL_MS = 100
/** Sending may take this share of a core: the rest reads the exchange's frames. */
const MAX_SHARE = 0.5
/**
 * What a frame costs, measured on the runtime: some 50 µs whatever is in it, and 1 µs for 400 characters. An estimate,
 * because a deployed object cannot time itself: its clocks stand still while it computes.
 * https://developers.cloudflare.com/workers/runtime-apis/performance/
 */
const SEND_MS = 0.05
const CHARACTER_MS = 1 / 400_000

/**
 * When to flush next: at once after an idle time, otherwise so that sending takes at most half a core, but no more
 * often than each 20 ms and no less than each 100 ms.
 */
export class FlushPace {
  readonly #timeScale: number
  #costMs = 0
  #dueAt = Number.NEGATIVE_INFINITY

  /** @param timeScale ms of `now` in a real one */
  constructor(timeScale: number) {
    this.#timeScale = timeScale
  }

  /** A frame of so many characters went out, in a flush or before it. */
  sent(characters: number): void {
    this.#costMs += SEND_MS + characters * CHARACTER_MS
  }

  /** A flush has ended. */
  flushed(now: number): void {
    const intervalMs = Math.min(MAX_INTERVAL_MS, Math.max(MIN_INTERVAL_MS, this.#costMs / MAX_SHARE))
    this.#dueAt = now + intervalMs * this.#timeScale
    this.#costMs = 0
  }

  /** When what waits is to be flushed; in the past: at once. */
  get dueAt(): number {
    return this.#dueAt
  }
}
