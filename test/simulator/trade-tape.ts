/**
 * The trades of one instrument: the only source of its market. Any minute can be asked for first; candles, tickers
 * and the order book's middle all follow from here.
 *
 * Every two minutes hold exactly 2 * tradesPerMinute trades, shared unevenly between them, so that the id of a trade
 * follows from its minute without counting: ids ascend by one from the first trade on, as the exchanges' own do.
 */

import type { Instrument } from './catalogue.ts'
import { mix, seedOf, smoothNoise, unit } from './random.ts'

export const MINUTE_MS = 60_000
export const MINUTES_PER_DAY = 1440

/** Trade ids count from this minute (2015-01-01), before every listing. */
const ORIGIN_MINUTE = Date.UTC(2015, 0, 1) / MINUTE_MS

export interface Trade {
  readonly id: number
  /** ms UTC, ascending with the id. */
  readonly time: number
  /** Ticks of 10^-priceScale. */
  readonly price: number
  /** Lots of 10^-sizeScale. */
  readonly size: number
  /** Did the taker buy? */
  readonly takerBuys: boolean
}

/** The slow movement of an asset, the same on all exchanges: [minutes, share of the price]. Together under 0.4. */
const ASSET_WAVES: readonly (readonly [periodMinutes: number, amplitude: number])[] = [
  [262_144, 0.2],
  [32_768, 0.08],
  [4096, 0.03],
  [512, 0.01],
  [64, 0.004],
  [8, 0.0012],
]
/** Exchanges differ by some basis points, never by the same for long. */
const EXCHANGE_WAVE = [16, 0.0004] as const
/** A trade's price strays this far from the path: the spread and the taker's impatience. */
const TRADE_JITTER = 0.00015
/** Largest trade in quote units: keeps the sum of price * size over any minute below 2^53. */
export const LARGEST_TRADE = 25_000

export class TradeTape {
  readonly instrument: Instrument
  /** Scratch of the minute generated last. */
  readonly prices = new Float64Array(32)
  readonly sizes = new Float64Array(32)
  readonly buys = new Uint8Array(32)
  readonly #seed: number
  readonly #assetSeed: number
  readonly #ticks: number
  readonly #largestSize: number
  readonly #listedMinute: number

  constructor(seed: number, instrument: Instrument) {
    this.instrument = instrument
    this.#seed = seedOf(`${seed}:${instrument.exchange}:${instrument.kind}:${instrument.exchangeSymbol}`)
    this.#assetSeed = seedOf(`${seed}:${instrument.base}`)
    this.#ticks = instrument.typicalPrice * 10 ** instrument.priceScale
    this.#largestSize = Math.max(2, Math.floor((LARGEST_TRADE / instrument.typicalPrice) * 10 ** instrument.baseScale))
    this.#listedMinute = Math.floor(instrument.listedAt / MINUTE_MS)
  }

  /** The price path at the start of a minute (ms / 60,000 UTC), in ticks, not rounded. */
  path(minute: number): number {
    let x = smoothNoise(this.#seed, minute, EXCHANGE_WAVE[0]) * EXCHANGE_WAVE[1]
    for (let wave = 0; wave < ASSET_WAVES.length; wave++) {
      const [period, amplitude] = ASSET_WAVES[wave] ?? EXCHANGE_WAVE
      x += smoothNoise(this.#assetSeed + wave, minute, period) * amplitude
    }
    return this.#ticks * (1 + x + (x * x) / 2)
  }

  /** How many trades fall into a minute. */
  count(minute: number): number {
    return minute < this.#listedMinute ? 0 : this.#average + (minute & 1 ? -this.#skew(minute) : this.#skew(minute))
  }

  /** The id of the first trade at or after the start of a minute. */
  firstId(minute: number): number {
    const from = Math.max(minute, this.#listedMinute)
    return this.#countSinceOrigin(from) + 1
  }

  /** The minute of a trade id. */
  minuteOf(id: number): number {
    const even = ORIGIN_MINUTE + Math.floor((id - 1) / (2 * this.#average)) * 2
    return id - 1 < this.#countSinceOrigin(even + 1) ? even : even + 1
  }

  /**
   * Fills the scratch arrays with a minute's trades.
   *
   * @param from the path at the start of the minute, `to` at its end: callers that walk on pass them along
   * @returns how many
   */
  fill(minute: number, from = this.path(minute), to = this.path(minute + 1)): number {
    const count = this.count(minute)
    for (let index = 0; index < count; index++) {
      const hash = mix(this.#seed, minute, index)
      const middle = from + ((to - from) * (index + 0.5)) / count
      const jitter = ((hash & 1023) / 511.5 - 1) * TRADE_JITTER
      const share = (hash >>> 11) / 2097152
      this.prices[index] = Math.max(1, Math.round(middle * (1 + jitter)))
      this.sizes[index] = 1 + Math.floor(share * share * share * this.#largestSize)
      this.buys[index] = (hash >>> 10) & 1
    }
    return count
  }

  /** One minute's trades, ascending. */
  minute(minute: number): Trade[] {
    const count = this.fill(minute)
    const firstId = this.firstId(minute)
    return Array.from({ length: count }, (_, index) => ({
      id: firstId + index,
      time: this.#time(minute, index, count),
      price: this.prices[index] ?? 0,
      size: this.sizes[index] ?? 0,
      takerBuys: this.buys[index] === 1,
    }))
  }

  /** Up to `limit` trades from an id on (clipped to the listing), ascending, all before `until` (ms UTC, exclusive). */
  from(id: number, limit: number, until: number): Trade[] {
    const first = Math.max(id, this.firstId(this.#listedMinute))
    const trades: Trade[] = []
    for (let minute = this.minuteOf(first); minute * MINUTE_MS < until && trades.length < limit; minute++) {
      for (const trade of this.minute(minute)) {
        if (trade.id >= first && trade.time < until && trades.length < limit) trades.push(trade)
      }
    }
    return trades
  }

  /** The id of the last trade before `until` (ms UTC); one less than the first id where there is none yet. */
  lastId(until: number): number {
    const minute = Math.floor(until / MINUTE_MS)
    return this.firstId(minute) - 1 + this.minute(minute).filter((trade) => trade.time < until).length
  }

  get #average(): number {
    return this.instrument.tradesPerMinute
  }

  #countSinceOrigin(minute: number): number {
    const pairs = (minute - ORIGIN_MINUTE) >> 1
    return pairs * 2 * this.#average + (minute & 1 ? this.#average + this.#skew(minute) : 0)
  }

  /**
   * What the even minute of a pair has more than the average, and the odd one less. Seldom all of it: then one of the
   * two has no trade. The minute of the listing has some, and so has the last of a day, which bounds the search for a
   * previous close.
   */
  #skew(minute: number): number {
    const pair = minute >> 1
    if (pair === this.#listedMinute >> 1) return 0
    const hash = mix(this.#seed + 1, pair)
    const isEmpty = unit(mix(this.#seed + 2, pair)) < 2 / this.instrument.emptyOneIn
    const skew = isEmpty
      ? hash & 1
        ? this.#average
        : -this.#average
      : (hash % (2 * this.#average - 1)) - this.#average + 1
    return skew === this.#average && pair % (MINUTES_PER_DAY / 2) === MINUTES_PER_DAY / 2 - 1 ? 0 : skew
  }

  /** Each trade has an equal share of its minute and falls somewhere into it: times ascend by construction. */
  #time(minute: number, index: number, count: number): number {
    const share = index + unit(mix(this.#seed + 3, minute, index))
    return minute * MINUTE_MS + Math.floor((share * MINUTE_MS) / count)
  }
}
