/** How often a round of frames goes out, in real milliseconds. */
const MIN_INTERVAL_MS = 20
const MAX_INTERVAL_MS = 100
/** Sending may take this share of a core: the rest reads the exchange's frames. */
const MAX_SHARE = 0.5
/**
 * A round is cut into slices of about so much sending, so that what comes in between is read between them: neither does
 * it wait for the whole round, nor do the clients of its end wait for what was read before its start.
 */
const SLICE_MS = 5
/**
 * What a frame costs: some 50 µs whatever is in it, and 1 µs for 900 characters (frames of 250 to 60,000 characters to
 * 500 hibernatable sockets, by the CPU time of the runtime). An estimate, because a deployed object cannot time itself:
 * its clocks stand still while it computes. https://developers.cloudflare.com/workers/runtime-apis/performance/
 */
const SEND_MS = 0.05
const CHARACTER_MS = 1 / 900_000

/**
 * A round that waits for its time and still begins later than by this share of the interval shows that the thread is
 * short of time, whoever takes it: other objects may run on it, and none sees what they need. Then rounds come less
 * often, up to so many times, and slowly more often again when that has helped.
 */
const LATE_SHARE = 0.25
const MOST_STRETCH = 5
const [STRETCH_UP, STRETCH_DOWN] = [1.25, 0.95]

/**
 * When to send what waits: at once after an idle time, otherwise in rounds so far apart that sending takes at most half
 * a core, but no more often than each 20 ms and no less than each 100 ms. Times are ms by the caller's clock.
 */
export class FlushPace {
  readonly #timeScale: number
  /** Since the end of the round before, and since the slice began. */
  #roundCostMs = 0
  #sliceCostMs = 0
  #startedAt = Number.NEGATIVE_INFINITY
  #dueAt = Number.NEGATIVE_INFINITY
  /** Whether the slices of this round are spread, as those of an object that has no idle time are. */
  #isSpread = false
  #intervalMs = MIN_INTERVAL_MS
  #stretch = 1

  /** @param timeScale ms of the caller's clock in a real one */
  constructor(timeScale: number) {
    this.#timeScale = timeScale
  }

  /** When the next round or slice is due; in the past: at once. */
  get dueAt(): number {
    return this.#dueAt
  }

  /** Whether what is left of the round is to wait for the next slice. */
  get isSliceFull(): boolean {
    return this.#sliceCostMs >= SLICE_MS
  }

  /**
   * A round begins, and with it its first slice.
   * @param hasWaited whether there was something to send before it was due
   */
  begin(now: number, hasWaited: boolean): void {
    const lateMs = hasWaited ? (now - this.#dueAt) / this.#timeScale : 0
    const isLate = lateMs > this.#intervalMs * LATE_SHARE
    this.#stretch = isLate
      ? Math.min(MOST_STRETCH, this.#stretch * STRETCH_UP)
      : Math.max(1, this.#stretch * STRETCH_DOWN)
    this.#isSpread = now - this.#dueAt < MAX_INTERVAL_MS * this.#timeScale
    this.#startedAt = now
    this.#sliceCostMs = 0
  }

  /** A frame of so many characters went out, in a round or before it. */
  sent(characters: number): void {
    const costMs = SEND_MS + characters * CHARACTER_MS
    this.#roundCostMs += costMs
    this.#sliceCostMs += costMs
  }

  /** A slice has ended, and there is more to send in this round. */
  pause(now: number): void {
    const restMs = this.#isSpread ? (this.#sliceCostMs / MAX_SHARE) * this.#timeScale : 0
    this.#dueAt = Math.min(now + restMs, this.#startedAt + MAX_INTERVAL_MS * this.#timeScale)
    this.#sliceCostMs = 0
  }

  /** The round has ended. */
  end(): void {
    const leastMs = Math.max(MIN_INTERVAL_MS, this.#roundCostMs / MAX_SHARE)
    this.#intervalMs = Math.min(MAX_INTERVAL_MS, leastMs * this.#stretch)
    this.#dueAt = this.#startedAt + this.#intervalMs * this.#timeScale
    this.#roundCostMs = 0
  }
}
