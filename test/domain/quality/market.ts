import type { Candle } from '../../../src/domain/candle.ts'
import { type Decimal, decimal } from '../../../src/domain/decimal.ts'
import type { Peer } from '../../../src/domain/quality/cross-exchange.ts'
import type { FirstVersion } from '../../../src/domain/quality/live-rest.ts'
import { randomOf } from '../../bench/statistics.ts'

export const MINUTE = 60_000
export const DAYS = 3
const START = Date.UTC(2026, 0, 1)
const SLOTS = DAYS * 24 * 60

/** A clean market: what a check finds in it is wrong. */
export interface Market {
  readonly candles: readonly Candle[]
  readonly firstVersions: ReadonlyMap<number, FirstVersion>
  readonly peers: readonly Peer[]
}

/** Everything that is drawn of one seed. */
export class Chance {
  readonly uniform: () => number

  constructor(seed: number) {
    this.uniform = randomOf(seed)
  }

  between(low: number, high: number): number {
    return low + this.uniform() * (high - low)
  }

  /** Box and Muller's. */
  normal(): number {
    return Math.sqrt(-2 * Math.log(1 - this.uniform())) * Math.cos(2 * Math.PI * this.uniform())
  }

  /** Student's t with 3 degrees of freedom, scaled to a variance of 1. */
  student(): number {
    const squares = this.normal() ** 2 + this.normal() ** 2 + this.normal() ** 2
    return this.normal() / Math.sqrt(squares)
  }
}

/**
 * Three days of minutes: returns of Student's t (3 degrees), volatility that wanders and clusters, bursts of volume of
 * one minute to half an hour in which prices move more too, wicks as heavy-tailed as the returns, opens a little off the
 * last close, quiet minutes in some markets, and late answers that differ by less than they may.
 */
export function cleanMarket(seed: number): Market {
  const chance = new Chance(seed)
  const sigma = Math.exp(chance.between(Math.log(2e-4), Math.log(2e-3)))
  const quiet = chance.uniform() < 0.3 ? chance.between(0, 0.08) : 0
  const digits = Math.round(chance.between(2, 6))
  const candles: Candle[] = []
  let price = 10 ** chance.between(6 - digits, 8 - digits)
  let wander = 0
  let shock = 1
  let burst = { left: 0, times: 1 }
  for (let slot = 0; slot < SLOTS; slot++) {
    const openTime = START + slot * MINUTE
    if (burst.left > 0) burst = { ...burst, left: burst.left - 1 }
    else burst = nextBurst(chance)
    if (chance.uniform() < quiet) {
      candles.push(candleOf(openTime, [price, price, price, price], 0, digits))
      continue
    }
    wander = 0.98 * wander + 0.12 * chance.normal()
    const move = chance.student()
    const spread = sigma * Math.exp(wander) * Math.sqrt(shock) * Math.sqrt(burst.times)
    shock = 0.15 + 0.75 * shock + 0.1 * Math.min(move ** 2 * shock, 25)
    const open = price * Math.exp(0.1 * spread * chance.normal())
    const close = open * Math.exp(spread * move)
    const wick = () => Math.exp(0.4 * spread * Math.abs(chance.student()))
    const volume = 10 * Math.exp(0.9 * chance.normal()) * burst.times * (1 + Math.abs(move))
    candles.push(
      candleOf(openTime, [open, Math.max(open, close) * wick(), Math.min(open, close) / wick(), close], volume, digits),
    )
    price = close
  }
  return { candles, firstVersions: smallRevisions(candles, chance), peers: peersOf(candles, chance, seed) }
}

function nextBurst(chance: Chance): { readonly left: number; readonly times: number } {
  if (chance.uniform() > 0.006) return { left: 0, times: 1 }
  const isShort = chance.uniform() < 0.4
  return { left: isShort ? 0 : Math.floor(chance.between(1, 30)), times: chance.between(3, isShort ? 12 : 25) }
}

function candleOf(openTime: number, prices: readonly number[], volume: number, digits: number): Candle {
  const [open, high, low, close] = prices.map((price) => decimal(price.toFixed(digits)))
  if (open === undefined || high === undefined || low === undefined || close === undefined) throw new RangeError()
  const text = decimal(volume.toFixed(4))
  return { openTime, open, high, low, close, volume: text, quoteVolume: null, tradeCount: null, closed: null }
}

/** A price or volume that is `times` another; never rounded to it. */
export function scaled(value: Decimal, times: number): Decimal {
  return decimal((Number(value) * times).toPrecision(15))
}

function smallRevisions(candles: readonly Candle[], chance: Chance): Map<number, FirstVersion> {
  const revised = candles.filter(() => chance.uniform() < 0.05)
  return new Map(
    revised.map((candle) => [
      candle.openTime,
      { ...candle, close: scaled(candle.close, 1 + chance.between(-8e-4, 8e-4)) },
    ]),
  )
}

/** Every third market trades on one other exchange only, and says less for it. */
function peersOf(candles: readonly Candle[], chance: Chance, seed: number): Peer[] {
  const names = seed % 3 === 0 ? ['okx'] : ['okx', 'bybit', 'coinbase']
  return names.map((exchange) => ({
    exchange,
    closes: new Map(
      candles
        .filter(() => chance.uniform() < 0.97)
        .map(({ openTime, close }) => [openTime, scaled(close, Math.exp(5e-4 * chance.normal()))]),
    ),
  }))
}
