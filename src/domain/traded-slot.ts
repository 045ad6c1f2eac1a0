import type { Candle } from './candle.ts'
import { compareDecimals, type Decimal } from './decimal.ts'
import { DecimalSum } from './decimal-sum.ts'
import type { Window } from './interval.ts'

/** What a candle is made of. */
export interface Execution {
  readonly price: Decimal
  /** In base units. */
  readonly size: Decimal
  /** ms UTC by the exchange's clock. */
  readonly exchangeTime: number
}

/** What was traded in one slot so far. Trades come in any order of time; those of one moment in that of their execution. */
export class TradedSlot {
  readonly start: number
  readonly end: number
  #open: Decimal
  #high: Decimal
  #low: Decimal
  #close: Decimal
  #firstTime: number
  #lastTime: number
  readonly #volume = new DecimalSum()
  readonly #quoteVolume = new DecimalSum()
  #tradeCount = 0

  constructor({ start, end }: Window, price: Decimal, exchangeTime: number) {
    this.start = start
    this.end = end
    this.#open = this.#high = this.#low = this.#close = price
    this.#firstTime = this.#lastTime = exchangeTime
  }

  add({ price, size, exchangeTime }: Execution): void {
    this.#reach(price)
    if (exchangeTime < this.#firstTime) {
      this.#open = price
      this.#firstTime = exchangeTime
    }
    if (exchangeTime >= this.#lastTime) {
      this.#close = price
      this.#lastTime = exchangeTime
    }
    this.#volume.add(size)
    this.#quoteVolume.addProduct(price, size)
    this.#tradeCount += 1
  }

  candle(closed: boolean): Candle {
    return {
      openTime: this.start,
      open: this.#open,
      high: this.#high,
      low: this.#low,
      close: this.#close,
      volume: this.#volume.value(),
      quoteVolume: this.#quoteVolume.value(),
      tradeCount: this.#tradeCount,
      closed,
    }
  }

  #reach(price: Decimal): void {
    if (compareDecimals(price, this.#high) > 0) this.#high = price
    else if (compareDecimals(price, this.#low) < 0) this.#low = price
  }
}
