import type { Candle } from '../../../src/domain/candle.ts'
import { type Decimal, decimal, toNumber } from '../../../src/domain/decimal.ts'
import type { Window } from '../../../src/domain/interval.ts'
import type { FindingKind } from '../../../src/domain/quality/finding.ts'
import type { FirstVersion } from '../../../src/domain/quality/live-rest.ts'
import { DEFAULT_THRESHOLDS } from '../../../src/domain/quality/thresholds.ts'
import { Chance, cleanMarket, type Market, MINUTE, scaled } from './market.ts'

export interface Planted extends Window {
  readonly kind: FindingKind
  readonly shape: string
}

export interface FaultyMarket extends Market {
  readonly planted: readonly Planted[]
}

/** Far enough from each other that none is among the neighbours of another. */
const SPACING = 220
/** How far beyond its stated size a fault is planted at least: planting moves the neighbours' figures by a little. */
const MARGIN = 1.02

interface Draft {
  readonly candles: Candle[]
  readonly firstVersions: Map<number, FirstVersion>
  readonly chance: Chance
}

/** Changes the candles from an index on; returns how many. */
type Shape = (draft: Draft, index: number) => number

const shapes: readonly { readonly kind: FindingKind; readonly shape: string; readonly plant: Shape }[] = [
  { kind: 'price_jump', shape: 'close', plant: plantClose },
  { kind: 'price_jump', shape: 'close and next open', plant: plantSpike },
  { kind: 'price_jump', shape: 'open', plant: plantOpen },
  { kind: 'price_jump', shape: 'one candle', plant: (draft, index) => plantLevel(draft, index, 1) },
  { kind: 'price_jump', shape: 'three candles', plant: (draft, index) => plantLevel(draft, index, 3) },
  { kind: 'price_jump', shape: 'high', plant: (draft, index) => plantWick(draft, index, 'high') },
  { kind: 'price_jump', shape: 'low', plant: (draft, index) => plantWick(draft, index, 'low') },
  { kind: 'volume_outlier', shape: 'volume', plant: plantVolume },
  { kind: 'volume_outlier', shape: 'volume', plant: plantVolume },
  { kind: 'flat_run', shape: 'traded', plant: (draft, index) => plantFlat(draft, index, true) },
  { kind: 'flat_run', shape: 'quiet', plant: (draft, index) => plantFlat(draft, index, false) },
  { kind: 'live_rest', shape: 'price', plant: (draft, index) => plantRevision(draft, index, 'close') },
  { kind: 'live_rest', shape: 'volume', plant: (draft, index) => plantRevision(draft, index, 'volume') },
  { kind: 'cross_exchange', shape: 'level', plant: plantDrift },
  { kind: 'cross_exchange', shape: 'level', plant: plantDrift },
]

/** A clean market with one fault of each shape in it, each at least of its stated size and up to five times that. */
export function faultyMarket(seed: number): FaultyMarket {
  const market = cleanMarket(seed)
  const draft: Draft = {
    candles: [...market.candles],
    firstVersions: new Map(market.firstVersions),
    chance: new Chance(seed + 1_000_000),
  }
  const planted: Planted[] = []
  for (const [place, { kind, shape, plant }] of shapes.entries()) {
    const index = 200 + place * (SPACING + 50) + Math.floor(draft.chance.between(0, 50))
    const start = openTimeAt(draft, index)
    const count = plant(draft, index)
    planted.push({ kind, shape, start, end: start + count * MINUTE })
  }
  return { ...market, candles: draft.candles, firstVersions: draft.firstVersions, planted }
}

function openTimeAt({ candles }: Draft, index: number): number {
  return at(candles, index).openTime
}

function at(candles: readonly Candle[], index: number): Candle {
  const candle = candles[index]
  if (candle === undefined) throw new RangeError(`there is no candle ${index}`)
  return candle
}

/** Up or down, and how far as a logarithm. */
function drawJump(draft: Draft, index: number, size: { readonly percent: number; readonly deviations: number }) {
  const moves = sorted(
    neighbours(draft, index)
      .map((i) => Math.abs(Math.log(price(draft, i, 'close') / price(draft, i - 1, 'close'))))
      .filter((move) => move > 0),
  )
  const deviation = 1.4826 * (moves[moves.length >> 1] ?? 0)
  return {
    sign: draft.chance.uniform() < 0.5 ? 1 : -1,
    least: leastOf(size, deviation),
    times: drawTimes(draft),
  } as const
}

function leastOf(
  { percent, deviations }: { readonly percent: number; readonly deviations: number },
  deviation: number,
) {
  return Math.max(Math.log1p(percent / 100), deviations * deviation)
}

/** Small ones are the hard ones: half are less than twice their stated size. */
function drawTimes({ chance }: Draft): number {
  return MARGIN * Math.exp(chance.between(0, Math.log(5)) * chance.uniform() ** 0.5)
}

function neighbours({ candles }: Draft, index: number): number[] {
  const all = Array.from({ length: 121 }, (_, offset) => index - 60 + offset)
  return all.filter((i) => i !== index && i > 0 && i < candles.length)
}

function sorted(values: readonly number[]): number[] {
  return values.toSorted((a, b) => a - b)
}

function price({ candles }: Draft, index: number, measure: 'open' | 'high' | 'low' | 'close'): number {
  return toNumber(at(candles, index)[measure])
}

function text(value: number): Decimal {
  return decimal(value.toPrecision(15))
}

/** A price beyond all of those by a factor. */
function beyond(prices: readonly number[], sign: 1 | -1, distance: number): number {
  return (sign > 0 ? Math.max(...prices) : Math.min(...prices)) * Math.exp(sign * distance)
}

/** Sets members, and stretches high and low to hold them. What was said of the candle before says nothing of it now. */
function put({ candles, firstVersions }: Draft, index: number, part: Partial<Candle>): void {
  const changed = { ...at(candles, index), ...part }
  firstVersions.delete(changed.openTime)
  const prices = [changed.open, changed.high, changed.low, changed.close].sort((a, b) => toNumber(a) - toNumber(b))
  candles[index] = { ...changed, low: prices[0] ?? changed.low, high: prices[3] ?? changed.high }
}

function plantClose(draft: Draft, index: number): number {
  const { sign, least, times } = drawJump(draft, index, DEFAULT_THRESHOLDS.priceJump)
  const around = [price(draft, index, 'open'), price(draft, index + 1, 'open')]
  put(draft, index, { close: text(beyond(around, sign, least * times)) })
  return 1
}

/** Where the next candle opens with the wrong close. */
function plantSpike(draft: Draft, index: number): number {
  const { sign, least, times } = drawJump(draft, index, DEFAULT_THRESHOLDS.priceJump)
  const around = [price(draft, index, 'open'), price(draft, index + 1, 'close')]
  const wrong = text(beyond(around, sign, least * times))
  put(draft, index, { close: wrong })
  put(draft, index + 1, { open: wrong })
  return 1
}

function plantOpen(draft: Draft, index: number): number {
  const { sign, least, times } = drawJump(draft, index, DEFAULT_THRESHOLDS.priceJump)
  const around = [price(draft, index - 1, 'close'), price(draft, index, 'close')]
  put(draft, index, { open: text(beyond(around, sign, least * times)) })
  return 1
}

/** Whole candles at another level: each of their opens and closes is beyond what stands before and after them. */
function plantLevel(draft: Draft, index: number, count: number): number {
  const { sign, least, times } = drawJump(draft, index, DEFAULT_THRESHOLDS.priceJump)
  const inside = Array.from({ length: count }, (_, offset) => index + offset)
  const nearest = beyond(
    inside.flatMap((i) => [price(draft, i, 'open'), price(draft, i, 'close')]),
    sign > 0 ? -1 : 1,
    0,
  )
  const around = [price(draft, index - 1, 'close'), price(draft, index + count, 'open')]
  const factor = beyond(around, sign, least * times) / nearest
  for (const i of inside) {
    const { open, high, low, close } = at(draft.candles, i)
    put(draft, i, {
      open: scaled(open, factor),
      high: scaled(high, factor),
      low: scaled(low, factor),
      close: scaled(close, factor),
    })
  }
  return count
}

function plantWick(draft: Draft, index: number, measure: 'high' | 'low'): number {
  const { least, times } = drawJump(draft, index, DEFAULT_THRESHOLDS.wick)
  const sign = measure === 'high' ? 1 : -1
  const wicks = sorted(
    neighbours(draft, index)
      .map((i) =>
        Math.min(
          ...(['open', 'close'] as const).map((side) =>
            Math.abs(Math.log(price(draft, i, measure) / price(draft, i, side))),
          ),
        ),
      )
      .filter((wick) => wick > 0),
  )
  const ofWicks = leastOf(DEFAULT_THRESHOLDS.wick, 1.4826 * (wicks[wicks.length >> 1] ?? 0))
  const around = [
    price(draft, index, 'open'),
    price(draft, index, 'close'),
    price(draft, index - 1, measure),
    price(draft, index + 1, measure),
  ]
  put(draft, index, { [measure]: text(beyond(around, sign, Math.max(least, ofWicks) * times)) })
  return 1
}

function plantVolume(draft: Draft, index: number): number {
  const volumes = sorted(
    neighbours(draft, index)
      .map((i) => toNumber(at(draft.candles, i).volume))
      .filter((volume) => volume > 0),
  )
  const high = volumes[Math.ceil(0.95 * volumes.length) - 1] ?? 0
  const median = volumes[volumes.length >> 1] ?? 0
  const least = high * Math.max(DEFAULT_THRESHOLDS.volumeOutlier.times, (high / median) ** 2)
  put(draft, index, { volume: text(least * drawTimes(draft)) })
  return 1
}

function plantFlat(draft: Draft, index: number, isTraded: boolean): number {
  const { slots, quietSlots } = DEFAULT_THRESHOLDS.flatRun
  const count = (isTraded ? slots : quietSlots) + Math.floor(draft.chance.between(0, 20))
  const { close } = at(draft.candles, index)
  for (let i = index; i < index + count; i++) {
    const { volume } = at(draft.candles, i)
    const traded = volume === '0' ? decimal('1') : volume
    put(draft, i, { open: close, high: close, low: close, close, volume: isTraded ? traded : decimal('0') })
  }
  return count
}

function plantRevision(draft: Draft, index: number, measure: 'close' | 'volume'): number {
  const candle = at(draft.candles, index)
  if (candle.volume === '0') put(draft, index, { volume: decimal('1') })
  const sign = draft.chance.uniform() < 0.5 ? 1 : -1
  const times = 1 + (sign * DEFAULT_THRESHOLDS.liveRest.percent * drawTimes(draft)) / 100
  const now = at(draft.candles, index)
  draft.firstVersions.set(now.openTime, { ...now, [measure]: scaled(now[measure], times) })
  return 1
}

/** A stretch of a market that is away from the others by more than it may, and longer than any jump. */
function plantDrift(draft: Draft, index: number): number {
  const count = Math.floor(draft.chance.between(5, 30))
  // The others are off by up to a fifth of a percent themselves.
  const distance = (DEFAULT_THRESHOLDS.crossExchange.percent / 100) * drawTimes(draft) + 3e-3
  const factor = draft.chance.uniform() < 0.5 ? 1 + distance : 1 - distance
  for (let i = index; i < index + count; i++) {
    const { open, high, low, close, volume } = at(draft.candles, i)
    put(draft, i, {
      open: scaled(open, factor),
      high: scaled(high, factor),
      low: scaled(low, factor),
      close: scaled(close, factor),
      volume: volume === '0' ? decimal('1') : volume,
    })
  }
  return count
}
