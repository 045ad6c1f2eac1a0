/**
 * A busy market of Binance spot, made before it is needed: the frames of one cycle, which can be sent over and over. Only
 * their numbers and times are written anew, and each cycle leaves every book as it found it.
 */

import { randomOf } from './statistics.ts'

export const SYMBOL_COUNT = 50
/** `S07`: of equal length, so that a reader finds everything in a message at the same place. */
export const ASSETS: readonly string[] = Array.from(
  { length: SYMBOL_COUNT },
  (_, index) => `S${String(index).padStart(2, '0')}`,
)

/** Frames of a cycle, of each instrument. */
export interface Mix {
  readonly depth: number
  readonly trades: number
  readonly bbo: number
}

/** 60 % depth, 30 % trades, 10 % best prices: 10,000 frames a cycle. */
export const FULL_MIX: Mix = { depth: 120, trades: 60, bbo: 20 }
export const TRADES_ONLY: Mix = { depth: 0, trades: 200, bbo: 0 }

export interface MarketBook {
  readonly sequence: number
  /** Price and size as sent, best first. */
  readonly bids: readonly (readonly [string, string])[]
  readonly asks: readonly (readonly [string, string])[]
}

const SEED = 3
/** Prices on each side that may have a level, next to each other from the middle outwards. */
const PRICES = 1_200
const CHANGES_PER_SIDE = 5
const EMPTY_SHARE = 0.25
const MIDDLE_TICKS = 2_000_000
/** Numbers begin here and keep their ten digits over 8,000,000,000 updates. */
const FIRST_ID = 1_000_000_000
const [ID_DIGITS, TIME_DIGITS] = [10, 13]
const ID_TEXT = '0'.repeat(ID_DIGITS)
const TIME_TEXT = '0'.repeat(TIME_DIGITS)

interface Instrument {
  readonly symbol: string
  /** Sizes by distance from the middle, in units of 0.00001; 0: no level. At the start of every cycle. */
  readonly bids: Float64Array
  readonly asks: Float64Array
  /** Changes in the order of the cycle. */
  readonly updates: Update[]
  /** Numbers that a cycle uses up. */
  sequencesPerCycle: number
  tradesPerCycle: number
}

interface Update {
  /** Which frame of the cycle carries it. */
  readonly frame: number
  /** Counted from the start of the cycle; the first is one more than the last of the update before. */
  readonly lastSequence: number
  readonly bids: readonly Change[]
  readonly asks: readonly Change[]
}

interface Change {
  readonly rank: number
  readonly size: number
}

/** A number to be written into the bytes of a frame: `value` in the first cycle, `step` more in each that follows. */
interface Patch {
  readonly at: number
  readonly value: number
  readonly step: () => number
}

export class StreamMarket {
  /** Frames of a cycle. */
  readonly length: number
  readonly #instruments: readonly Instrument[]
  /** The frames of the cycle as they go over the wire, one after another, and where each ends. */
  readonly #bytes: Buffer
  readonly #ends: readonly number[]
  readonly #patches: readonly (readonly Patch[])[]
  /** Where the times of each frame stand. */
  readonly #times: readonly (readonly number[])[]

  constructor(mix: Mix) {
    const random = randomOf(SEED)
    this.#instruments = ASSETS.map((asset) => createInstrument(`${asset}USDT`, random))
    const plan = shuffled(
      this.#instruments.flatMap((instrument) => [
        ...repeated({ instrument, kind: 'depth' as const }, mix.depth),
        ...repeated({ instrument, kind: 'trade' as const }, mix.trades),
        ...repeated({ instrument, kind: 'bbo' as const }, mix.bbo),
      ]),
      random,
    )
    const frames = plan.map(({ instrument, kind }, index) => {
      if (kind === 'depth') return depthFrame(instrument, index, random)
      return kind === 'trade' ? tradeFrame(instrument, random) : bboFrame(instrument, random)
    })
    // What a cycle leaves is what it begins with: the changes are made once before anyone sees the books.
    for (const instrument of this.#instruments) for (const update of instrument.updates) apply(instrument, update)
    const parts: Buffer[] = []
    const ends: number[] = []
    const patches: Patch[][] = []
    const times: number[][] = []
    let end = 0
    for (const { text, numbers } of frames) {
      const payload = Buffer.from(text)
      const header = headerOf(payload.length)
      const start = end + header.length
      parts.push(header, payload)
      end = start + payload.length
      ends.push(end)
      patches.push(numbers.map((number) => ({ ...number, at: start + number.at })))
      times.push([...text.matchAll(new RegExp(`:${TIME_TEXT}[,}]`, 'g'))].map(({ index }) => start + index + 1))
    }
    this.#bytes = Buffer.concat(parts)
    this.#ends = ends
    this.#patches = patches
    this.#times = times
    this.length = frames.length
  }

  /**
   * The bytes of some frames, which are counted on over all cycles.
   *
   * @param time what they say of when they were sent, ms UTC
   */
  frames(from: number, to: number, time: number): Buffer {
    const parts: Buffer[] = []
    for (let start = from; start < to; ) {
      const cycle = Math.floor(start / this.length)
      const end = Math.min(to, (cycle + 1) * this.length)
      parts.push(this.#ofCycle(cycle, start - cycle * this.length, end - cycle * this.length, time))
      start = end
    }
    const [first] = parts
    return parts.length === 1 && first !== undefined ? first : Buffer.concat(parts)
  }

  /** A book as it is when so many frames have been sent. */
  book(symbol: string, sent: number, depth: number): MarketBook | undefined {
    const instrument = this.#instruments.find((one) => one.symbol === symbol)
    if (instrument === undefined) return undefined
    const cycle = Math.floor(sent / this.length)
    const { bids, asks, updates, sequencesPerCycle } = instrument
    const now = { bids: bids.slice(), asks: asks.slice() }
    const done = updates.filter(({ frame }) => frame < sent - cycle * this.length)
    for (const update of done) apply(now, update)
    const sequence = FIRST_ID + cycle * sequencesPerCycle + (done.at(-1)?.lastSequence ?? 0)
    return { sequence, bids: levels(now.bids, -1, depth), asks: levels(now.asks, 1, depth) }
  }

  #ofCycle(cycle: number, from: number, to: number, time: number): Buffer {
    const start = this.#ends[from - 1] ?? 0
    const bytes = Buffer.from(this.#bytes.subarray(start, this.#ends[to - 1]))
    for (let frame = from; frame < to; frame++) {
      for (const at of this.#times[frame] ?? []) writeDigits(bytes, at - start, TIME_DIGITS, time)
      for (const { at, value, step } of this.#patches[frame] ?? []) {
        writeDigits(bytes, at - start, ID_DIGITS, value + cycle * step())
      }
    }
    return bytes
  }
}

function createInstrument(symbol: string, random: () => number): Instrument {
  const side = () => Float64Array.from({ length: PRICES }, () => randomSize(random))
  return { symbol, bids: side(), asks: side(), updates: [], sequencesPerCycle: 0, tradesPerCycle: 0 }
}

interface Frame {
  readonly text: string
  readonly numbers: readonly Patch[]
}

/** Ten changes, most of them near the best price. */
function depthFrame(instrument: Instrument, frame: number, random: () => number): Frame {
  const { symbol, updates } = instrument
  const side = (): Change[] => {
    const ranks = Array.from({ length: CHANGES_PER_SIDE }, () => Math.floor(PRICES * random() ** 3))
    return [...new Set(ranks)].map((rank) => ({ rank, size: random() < EMPTY_SHARE ? 0 : randomSize(random) }))
  }
  const [bids, asks] = [side(), side()]
  const before = instrument.sequencesPerCycle
  instrument.sequencesPerCycle += bids.length + asks.length
  updates.push({ frame, lastSequence: instrument.sequencesPerCycle, bids, asks })
  const spell = (changes: readonly Change[], sign: number) =>
    JSON.stringify(changes.map(({ rank, size }) => [priceText(rank, sign), sizeText(size)]))
  const text = `{"stream":"${symbol.toLowerCase()}@depth@100ms","data":{"e":"depthUpdate","E":${TIME_TEXT},"s":"${symbol}","U":${ID_TEXT},"u":${ID_TEXT},"b":${spell(bids, -1)},"a":${spell(asks, 1)}}}`
  const step = () => instrument.sequencesPerCycle
  const numbers = [
    { at: placeOf(text, 'U'), value: FIRST_ID + before + 1, step },
    { at: placeOf(text, 'u'), value: FIRST_ID + instrument.sequencesPerCycle, step },
  ]
  return { text, numbers }
}

function tradeFrame(instrument: Instrument, random: () => number): Frame {
  const { symbol } = instrument
  const value = FIRST_ID + instrument.tradesPerCycle++
  const isSell = random() < 0.5
  const price = priceText(Math.floor(4 * random()), isSell ? -1 : 1)
  const text = `{"stream":"${symbol.toLowerCase()}@aggTrade","data":{"e":"aggTrade","E":${TIME_TEXT},"s":"${symbol}","a":${ID_TEXT},"p":"${price}","q":"${sizeText(randomSize(random))}","f":${ID_TEXT},"l":${ID_TEXT},"T":${TIME_TEXT},"m":${isSell},"M":true}}`
  const step = () => instrument.tradesPerCycle
  return { text, numbers: ['a', 'f', 'l'].map((name) => ({ at: placeOf(text, name), value, step })) }
}

function bboFrame(instrument: Instrument, random: () => number): Frame {
  const { symbol } = instrument
  const value = FIRST_ID + instrument.sequencesPerCycle
  const [bid, ask] = [priceText(Math.floor(4 * random()), -1), priceText(Math.floor(4 * random()), 1)]
  const [bidSize, askSize] = [sizeText(randomSize(random)), sizeText(randomSize(random))]
  const text = `{"stream":"${symbol.toLowerCase()}@bookTicker","data":{"u":${ID_TEXT},"s":"${symbol}","b":"${bid}","B":"${bidSize}","a":"${ask}","A":"${askSize}"}}`
  return { text, numbers: [{ at: placeOf(text, 'u'), value, step: () => instrument.sequencesPerCycle }] }
}

function placeOf(text: string, name: string): number {
  return text.indexOf(`"${name}":${ID_TEXT}`) + name.length + 3
}

function apply(book: Pick<Instrument, 'bids' | 'asks'>, { bids, asks }: Update): void {
  for (const { rank, size } of bids) book.bids[rank] = size
  for (const { rank, size } of asks) book.asks[rank] = size
}

function levels(sizes: Float64Array, sign: number, depth: number): (readonly [string, string])[] {
  const found: (readonly [string, string])[] = []
  for (const [rank, size] of sizes.entries()) {
    if (size > 0 && found.push([priceText(rank, sign), sizeText(size)]) === depth) break
  }
  return found
}

function randomSize(random: () => number): number {
  return 1 + Math.floor(random() * 9_999_999)
}

/** Eight places, as Binance has them. */
function priceText(rank: number, sign: number): string {
  return `${((MIDDLE_TICKS + sign * (rank + 1)) / 100).toFixed(2)}000000`
}

function sizeText(size: number): string {
  return `${(size / 100_000).toFixed(5)}000`
}

function writeDigits(bytes: Buffer, at: number, digits: number, value: number): void {
  let rest = value
  for (let place = at + digits - 1; place >= at; place--) {
    const next = Math.floor(rest / 10)
    bytes[place] = 48 + rest - next * 10
    rest = next
  }
}

/** Of a text message that a server sends whole: https://www.rfc-editor.org/rfc/rfc6455#section-5.2 */
function headerOf(length: number): Buffer {
  const WHOLE_TEXT = 0x81
  if (length < 126) return Buffer.from([WHOLE_TEXT, length])
  return Buffer.from([WHOLE_TEXT, 126, length >> 8, length & 255])
}

function repeated<T>(value: T, count: number): T[] {
  return Array.from({ length: count }, () => value)
}

function shuffled<T>(values: readonly T[], random: () => number): T[] {
  return values
    .map((value) => ({ value, key: random() }))
    .sort((a, b) => a.key - b.key)
    .map(({ value }) => value)
}
