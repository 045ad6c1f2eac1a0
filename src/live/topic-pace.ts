/** No topic is suspected before it was silent for so long. */
const SHORTEST_SILENCE_MS = 10_000
/** A topic is silent for longer than usual after so many of its usual spacings. */
const USUAL_SPACINGS = 20
/** The weight of the newest distance in the mean: about the last twenty count. */
const NEWEST_WEIGHT = 0.05
/**
 * Data closer to each other than this are one burst: many trades of one moment say nothing of how often the market
 * moves. Spacings that come out at most twice as long by it are still below what the shortest silence allows.
 */
const BURST_MS = SHORTEST_SILENCE_MS / USUAL_SPACINGS / 2
/** The looks at a quiet topic become no rarer than this by doubling. */
const LONGEST_LOOK_MS = 60 * 60_000

/**
 * - `live`: data come as they usually do, or have not been waited for long;
 * - `suspect`: silent for too long, and REST is asked whether there is anything newer;
 * - `quiet`: REST has nothing newer either;
 * - `stale`: REST has something newer, or data are due whatever happens in the market, so the stream has failed.
 */
export type PaceState = 'live' | 'suspect' | 'quiet' | 'stale'

/**
 * How often one topic usually has data, and so when its silence is suspicious. Only data count, never heartbeats. Times
 * are ms by our clock. There is no timer: whoever holds many asks each for `suspectAt` now and then.
 */
export class TopicPace {
  #state: PaceState = 'live'
  /** The newest data or, where later, the subscription. */
  #since: number
  /** Start of the newest burst of this subscription; `null` before the first. */
  #burstAt: number | null = null
  /** Mean distance of bursts, ms; `null` before the second. */
  #spacing: number | null = null
  #lookAt: number
  /** How long the latest look was waited for, ms. */
  #waited: number

  /** @param now when its subscription was acknowledged */
  constructor(now: number) {
    this.#since = now
    this.#waited = SHORTEST_SILENCE_MS
    this.#lookAt = now + SHORTEST_SILENCE_MS
  }

  get state(): PaceState {
    return this.#state
  }

  /** When it was last heard, or subscribed if that was later, ms. */
  get since(): number {
    return this.#since
  }

  /** Its usual distance of data, ms; `null` before that is known. */
  get spacing(): number | null {
    return this.#spacing
  }

  /** Data of any kind have come. */
  data(now: number): void {
    this.#state = 'live'
    this.#since = now
    if (this.#burstAt === null) this.#burstAt = now
    const distance = now - this.#burstAt
    if (distance >= BURST_MS) {
      this.#burstAt = now
      this.#spacing = this.#spacing === null ? distance : this.#spacing + NEWEST_WEIGHT * (distance - this.#spacing)
    }
    this.#waitFor(this.#patience(), now)
  }

  /** It is subscribed anew: its silence counts from here, and the outage teaches nothing. Stays `stale` until data. */
  restart(now: number): void {
    if (this.#state !== 'stale') this.#state = 'live'
    this.#since = now
    this.#burstAt = null
    this.#waitFor(this.#patience(), now)
  }

  /** When the next look at REST is due, ms; `Infinity` while one is under way. */
  suspectAt(): number {
    return this.#lookAt
  }

  /** REST is being asked. */
  suspect(): void {
    if (this.#state !== 'stale') this.#state = 'suspect'
    this.#lookAt = Number.POSITIVE_INFINITY
  }

  /** REST has nothing newer: the next look is twice as far, at most an hour. */
  quiet(now: number): void {
    this.#state = 'quiet'
    this.#waitFor(Math.max(this.#patience(), Math.min(LONGEST_LOOK_MS, 2 * this.#waited)), now)
  }

  /** REST has something newer: to be subscribed anew. */
  stale(now: number): void {
    this.#state = 'stale'
    this.#waitFor(this.#patience(), now)
  }

  /** REST could not say: it is asked again after as long a wait. */
  again(now: number): void {
    this.#waitFor(this.#waited, now)
  }

  #patience(): number {
    return Math.max(SHORTEST_SILENCE_MS, USUAL_SPACINGS * (this.#spacing ?? 0))
  }

  #waitFor(ms: number, now: number): void {
    this.#waited = ms
    this.#lookAt = now + ms
  }
}
