const KILOBYTE = 1_024
const MEGABYTE = 1_024 * KILOBYTE

/** When the server asks a client how far it has read. All times here are real ones: clients are, on whatever clock. */
const PING_BYTES = 256 * KILOBYTE
const PING_MS = 5_000
/** As often where all clients together have much unacknowledged: what has been read of it is to be known soon. */
const CROWDED_PING_MS = 1_000
/**
 * An object that is busy without pause hears no pong, however well its clients read: size alone says that one is lost
 * only when a ping has been open for so long, in real time.
 */
const MIN_REAL_LOST_MS = 2_000
/**
 * Pings whose answers are awaited: more than a client that is not given up can have open. One that never answers is
 * pinged for days: it must not take memory for each.
 */
const MOST_PINGS = 128

/** From when a client is slow, and from when it is given up. */
interface SlowLimits {
  readonly slowBytes: number
  readonly slowMs: number
  /** With a ping that has been open for {@link MIN_REAL_LOST_MS}. */
  readonly lostBytes: number
  /** However young the pings. */
  readonly mostBytes: number
  readonly lostMs: number
}

const CLIENT_LIMITS: SlowLimits = {
  slowBytes: MEGABYTE,
  slowMs: 10_000,
  lostBytes: 4 * MEGABYTE,
  mostBytes: 16 * MEGABYTE,
  lostMs: 30_000,
}
/**
 * A relay reads for many and is never conflated. It still ends somewhere: what it does not read stands in the memory
 * of the feed, an eighth of which it may take, and twice that for a moment.
 */
const INTERNAL_LIMITS: SlowLimits = {
  slowBytes: Number.POSITIVE_INFINITY,
  slowMs: Number.POSITIVE_INFINITY,
  lostBytes: 16 * MEGABYTE,
  mostBytes: 32 * MEGABYTE,
  lostMs: 30_000,
}

/** `lost`: it has to be closed. */
export type Delivery = 'well' | 'slow' | 'lost'

interface Ping {
  readonly id: number
  readonly at: number
  /** All that was sent up to it, itself included. */
  readonly sent: number
}

/**
 * How far a client has read. A socket of an object does not tell what is still on its way (there is no
 * `bufferedAmount`), so pings go in the same queue as the data: what was sent after the last one that came back is
 * unacknowledged. Times are ms by the clock of the caller. Sizes are characters, which are bytes in nearly all
 * messages.
 *
 * A client that has never answered a ping is one that does not know them: for it only sizes count, not times.
 */
export class SlowWatch {
  readonly #limits: SlowLimits
  readonly #pingMs: number
  readonly #crowdedPingMs: number
  /** How much longer than said all times are. */
  readonly #stretch: number
  readonly #minLostMs: number
  #sent = 0
  #acknowledged = 0
  #sentAtPing = 0
  #pingedAt: number
  #hasAnswered = false
  #isSlow = false
  /** It is slow by what others hold, and has not caught up since. */
  #isBehind = false
  /** Of a socket that knows what was not taken: since when there has been something. */
  #leftSince: number | null = null
  readonly #pings: Ping[] = []

  /** @param timeScale ms of `now` in a real one */
  constructor(now: number, isInternal: boolean, timeScale: number) {
    this.#pingedAt = now
    this.#limits = isInternal ? INTERNAL_LIMITS : CLIENT_LIMITS
    this.#pingMs = PING_MS * timeScale
    this.#crowdedPingMs = CROWDED_PING_MS * timeScale
    this.#stretch = timeScale
    this.#minLostMs = MIN_REAL_LOST_MS * timeScale
  }

  get unacknowledged(): number {
    return this.#sent - this.#acknowledged
  }

  /** What it holds of the object's memory for certain: even one that reads well may not have answered for the rest. */
  get held(): number {
    return Math.max(0, this.unacknowledged - PING_BYTES)
  }

  sent(characters: number): void {
    this.#sent += characters
  }

  /** Since when it owes an answer, or has left something unread; `Infinity` where it does not. */
  get behindSince(): number {
    return this.#pings[0]?.at ?? this.#leftSince ?? Number.POSITIVE_INFINITY
  }

  /** Whether it has owed it for longer than one that reads does: an object that is busy hears no pong. */
  isOverdue(now: number): boolean {
    return now - this.behindSince >= this.#minLostMs
  }

  /** Whether a ping belongs at the end of a frame of so many characters. */
  isPingDue(now: number, characters: number, isCrowded = false): boolean {
    const isHurried = isCrowded && this.#pings.length === 0 && this.#sent > this.#acknowledged
    const everyMs = isHurried ? this.#crowdedPingMs : this.#pingMs
    return now - this.#pingedAt >= everyMs || this.#sent + characters - this.#sentAtPing >= PING_BYTES
  }

  /** When a ping is due by time. */
  get pingAt(): number {
    return this.#pingedAt + this.#pingMs
  }

  /** A ping goes out as the last of what {@link sent} was told. */
  pinged(id: number, now: number): void {
    this.#pings.push({ id, at: now, sent: this.#sent })
    // The oldest says for how long it has not answered.
    if (this.#pings.length > MOST_PINGS) this.#pings.splice(1, 1)
    this.#pingedAt = now
    this.#sentAtPing = this.#sent
  }

  /** @returns whether it answers a ping that is open: it also stands for those before */
  ponged(id: number): boolean {
    const index = this.#pings.findIndex((ping) => ping.id === id)
    const ping = this.#pings[index]
    if (ping === undefined) return false
    this.#pings.splice(0, index + 1)
    this.#acknowledged = ping.sent
    this.#hasAnswered = true
    this.#isBehind = false
    return true
  }

  /** All but so much has been taken: for a socket that knows. */
  left(unsent: number, now: number): void {
    this.#acknowledged = this.#sent - unsent
    if (unsent > 0) {
      this.#leftSince ??= now
      return
    }
    this.#leftSince = null
    this.#isBehind = false
  }

  /** It is slow by what others hold, too, until it has answered or read all. */
  slowDown(): void {
    this.#isSlow = this.#isBehind = true
  }

  /** @param waiting characters that are held back and not sent yet */
  judge(now: number, waiting: number): Delivery {
    const { slowBytes, slowMs, lostBytes, mostBytes, lostMs } = this.#limits
    const size = this.unacknowledged + waiting
    const [oldest] = this.#pings
    const openMs = oldest === undefined ? 0 : now - oldest.at
    const unansweredMs = this.#hasAnswered ? openMs / this.#stretch : 0
    const isTooMuch = size > lostBytes && (oldest === undefined || openMs >= this.#minLostMs)
    if (isTooMuch || size > mostBytes || unansweredMs >= lostMs) return 'lost'
    // It is well again when it has caught up, not as soon as it is just below the limit.
    if (size > slowBytes || unansweredMs >= slowMs) this.#isSlow = true
    else if (!this.#isBehind && size <= PING_BYTES && unansweredMs < PING_MS) this.#isSlow = false
    return this.#isSlow ? 'slow' : 'well'
  }
}
