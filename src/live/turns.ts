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

  /** @returns whether the turn is the caller's */
  take(now: number): boolean {
    if (now < this.#nextAt) return false
    this.#nextAt = now + TURN_MS
    return true
  }
}
