/**
 * The dearest question for trades weighs 20 of the 2,400 that Binance allows its futures in a minute.
 * https://developers.binance.com/docs/derivatives/usds-margined-futures/market-data/rest-api/Compressed-Aggregate-Trades-List
 */
const TURN_MS = 1_000

/**
 * One turn a second for all topics of a feed: what many of them want at once after a reconnect, and none needs at once,
 * leaves REST free for what cannot wait. Times are ms.
 */
export class Turns {
  #nextAt = Number.NEGATIVE_INFINITY
  /** When somebody was last told to wait, who asks again as soon as a second is over. */
  #refusedAt = Number.NEGATIVE_INFINITY

  /** @returns whether the turn is the caller's */
  take(now: number): boolean {
    const isFree = now >= this.#nextAt
    if (isFree) this.#nextAt = now + TURN_MS
    else this.#refusedAt = now
    return isFree
  }

  /** A turn that nobody else waits for, for what is not urgent at all. @returns whether it is the caller's */
  takeSpare(now: number): boolean {
    if (now < this.#nextAt || now - this.#refusedAt <= TURN_MS) return false
    this.#nextAt = now + TURN_MS
    return true
  }
}
