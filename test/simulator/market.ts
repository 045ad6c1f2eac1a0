/** The seeded market: candles as exact sums of the trades of {@link TradeTape}, kept a day at a time. */

import type { Instrument } from './catalogue.ts'
import type { DayText } from './day-text.ts'
import { WIDE } from './decimal-text.ts'
import { LevelSizes } from './level-sizes.ts'
import { LruCache } from './lru-cache.ts'
import { MINUTE_MS, MINUTES_PER_DAY, TradeTape } from './trade-tape.ts'

const HOUR_MS = 60 * MINUTE_MS
const DAY_MS = 24 * HOUR_MS

/** Columns of a row: ticks, lots, and sums of tick * lot as high * WIDE + low. */
export const OPEN = 0
export const HIGH = 1
export const LOW = 2
export const CLOSE = 3
export const VOLUME = 4
export const QUOTE_HIGH = 5
export const QUOTE_LOW = 6
export const BOUGHT = 7
export const BOUGHT_QUOTE_HIGH = 8
export const BOUGHT_QUOTE_LOW = 9
/** Trades; 0 is a flat row at the previous close; ABSENT is no row at all (before the listing). */
export const COUNT = 10
export const COLUMNS = 11
export const ABSENT = -1

/** One UTC day of an instrument, minute by minute or hour by hour. */
export interface DayBlock {
  readonly rows: Float64Array
  /** The rows as the exchange spells them, once they have been sent. */
  text?: DayText
}

/** 127 kB a day and twice that again once it has been sent: some 35 MB when full. */
const CACHED_MINUTE_DAYS = 96
/** 2 kB a day: nine years of five instruments. */
const CACHED_HOUR_DAYS = 16_384

/** A window of closed 1m candles whose values the exchange has changed afterwards. */
export interface Revision {
  readonly instrument: Instrument
  /** ms UTC, half-open. */
  readonly start: number
  readonly end: number
}

export class Market {
  readonly seed: number
  readonly #tapes = new Map<number, TradeTape>()
  readonly #levelSizes = new Map<number, LevelSizes>()
  readonly #minutes = new LruCache<DayBlock>(CACHED_MINUTE_DAYS)
  readonly #hours = new LruCache<Float64Array>(CACHED_HOUR_DAYS)
  #revisions: Revision[] = []

  constructor(seed: number) {
    this.seed = seed
  }

  tape(instrument: Instrument): TradeTape {
    const known = this.#tapes.get(instrument.index)
    if (known) return known
    const tape = new TradeTape(this.seed, instrument)
    this.#tapes.set(instrument.index, tape)
    return tape
  }

  levelSizes(instrument: Instrument): LevelSizes {
    const known = this.#levelSizes.get(instrument.index)
    if (known) return known
    const sizes = new LevelSizes(this.seed, instrument)
    this.#levelSizes.set(instrument.index, sizes)
    return sizes
  }

  /** Replaces the revised windows: minutes inside are served changed, longer candles stay the sums of their minutes. */
  setRevisions(revisions: Revision[]): void {
    this.#revisions = revisions
    this.#minutes.clear()
    this.#hours.clear()
  }

  /** A UTC day of minutes, past and future alike. @param day days since 1970 */
  minutesOfDay(instrument: Instrument, day: number): DayBlock {
    return this.#minutes.take(instrument.index * 100_000 + day, () => ({
      rows: this.#generate(instrument, day),
      spelt: [],
    }))
  }

  /**
   * Writes the candle of [openTime, closeTime) into `out`, from the trades before `until` only (ms UTC): the open
   * candle is what has been traded so far.
   *
   * @returns whether there is one; a candle without trades has COUNT 0 and all prices at the previous close
   */
  candle(instrument: Instrument, openTime: number, closeTime: number, until: number, out: Float64Array): boolean {
    const end = Math.min(closeTime, until)
    out.fill(0)
    out[COUNT] = ABSENT
    let at = openTime
    while (at < end) {
      const day = Math.floor(at / DAY_MS)
      if (at % HOUR_MS === 0 && at + HOUR_MS <= end) {
        const hour = (at - day * DAY_MS) / HOUR_MS
        add(out, this.#hoursOfDay(instrument, day), hour * COLUMNS)
        at += HOUR_MS
      } else if (at + MINUTE_MS <= end) {
        add(out, this.minutesOfDay(instrument, day).rows, ((at - day * DAY_MS) / MINUTE_MS) * COLUMNS)
        at += MINUTE_MS
      } else {
        this.#addTrades(instrument, at, end, out)
        break
      }
    }
    return out[COUNT] !== ABSENT
  }

  /** The price of the last trade before `until` (ms UTC), in ticks; undefined before the first. */
  lastPrice(instrument: Instrument, until: number): number | undefined {
    const tape = this.tape(instrument)
    return tape.from(tape.lastId(until), 1, until)[0]?.price
  }

  /** The middle of the order book at a moment (ms UTC), in ticks, not rounded. */
  middle(instrument: Instrument, at: number): number {
    const tape = this.tape(instrument)
    const minute = Math.floor(at / MINUTE_MS)
    const from = tape.path(minute)
    return from + (tape.path(minute + 1) - from) * (at / MINUTE_MS - minute)
  }

  #hoursOfDay(instrument: Instrument, day: number): Float64Array {
    return this.#hours.take(instrument.index * 100_000 + day, () => {
      const minutes = this.#generate(instrument, day)
      const hours = new Float64Array(24 * COLUMNS)
      for (let hour = 0; hour < 24; hour++) {
        const sum = hours.subarray(hour * COLUMNS, (hour + 1) * COLUMNS)
        sum[COUNT] = ABSENT
        for (let minute = hour * 60; minute < hour * 60 + 60; minute++) add(sum, minutes, minute * COLUMNS)
      }
      return hours
    })
  }

  #generate(instrument: Instrument, day: number): Float64Array {
    const tape = this.tape(instrument)
    const rows = new Float64Array(MINUTES_PER_DAY * COLUMNS)
    const firstMinute = day * MINUTES_PER_DAY
    const listedMinute = Math.floor(instrument.listedAt / MINUTE_MS)
    let previousClose = 0
    if (listedMinute < firstMinute) previousClose = tape.prices[tape.fill(firstMinute - 1) - 1] ?? 0
    let from = tape.path(firstMinute)
    for (let index = 0; index < MINUTES_PER_DAY; index++) {
      const to = tape.path(firstMinute + index + 1)
      const offset = index * COLUMNS
      if (firstMinute + index < listedMinute) rows[offset + COUNT] = ABSENT
      else {
        writeTrades(rows, offset, tape, tape.fill(firstMinute + index, from, to), previousClose)
        previousClose = rows[offset + CLOSE] ?? 0
      }
      from = to
    }
    for (const revision of this.#revisions) if (revision.instrument === instrument) revise(rows, firstMinute, revision)
    return rows
  }

  #addTrades(instrument: Instrument, start: number, until: number, out: Float64Array): void {
    const before = this.lastPrice(instrument, start)
    const tape = this.tape(instrument)
    const trades = tape.minute(start / MINUTE_MS).filter((trade) => trade.time < until)
    for (const [index, trade] of trades.entries()) {
      tape.prices[index] = trade.price
      tape.sizes[index] = trade.size
      tape.buys[index] = trade.takerBuys ? 1 : 0
    }
    if (trades.length === 0 && before === undefined) return
    const row = new Float64Array(COLUMNS)
    writeTrades(row, 0, tape, trades.length, before ?? 0)
    add(out, row, 0)
  }
}

/** Writes the row of the tape's scratch trades; without any, a flat one at the previous close. */
const writeTrades = (
  rows: Float64Array,
  offset: number,
  tape: TradeTape,
  count: number,
  previousClose: number,
): void => {
  const { prices, sizes, buys } = tape
  let high = count === 0 ? previousClose : 0
  let low = count === 0 ? previousClose : Number.MAX_SAFE_INTEGER
  let volume = 0
  let quote = 0
  let bought = 0
  let boughtQuote = 0
  for (let index = 0; index < count; index++) {
    const price = prices[index] ?? 0
    const size = sizes[index] ?? 0
    if (price > high) high = price
    if (price < low) low = price
    volume += size
    quote += price * size
    if (buys[index] === 1) {
      bought += size
      boughtQuote += price * size
    }
  }
  rows[offset + OPEN] = count === 0 ? previousClose : (prices[0] ?? 0)
  rows[offset + HIGH] = high
  rows[offset + LOW] = low
  rows[offset + CLOSE] = count === 0 ? previousClose : (prices[count - 1] ?? 0)
  rows[offset + VOLUME] = volume
  rows[offset + QUOTE_HIGH] = Math.floor(quote / WIDE)
  rows[offset + QUOTE_LOW] = quote % WIDE
  rows[offset + BOUGHT] = bought
  rows[offset + BOUGHT_QUOTE_HIGH] = Math.floor(boughtQuote / WIDE)
  rows[offset + BOUGHT_QUOTE_LOW] = boughtQuote % WIDE
  rows[offset + COUNT] = count
}

/** Adds a later row to the candle in `out`. Rows without trades count only while there is nothing else. */
const add = (out: Float64Array, rows: Float64Array, offset: number): void => {
  const column = (index: number): number => rows[offset + index] ?? 0
  const own = (index: number): number => out[index] ?? 0
  const count = column(COUNT)
  if (count === ABSENT || (count === 0 && own(COUNT) !== ABSENT)) return
  if (own(COUNT) <= 0) {
    for (let index = 0; index < COLUMNS; index++) out[index] = column(index)
    return
  }
  if (column(HIGH) > own(HIGH)) out[HIGH] = column(HIGH)
  if (column(LOW) < own(LOW)) out[LOW] = column(LOW)
  out[CLOSE] = column(CLOSE)
  out[VOLUME] = own(VOLUME) + column(VOLUME)
  out[BOUGHT] = own(BOUGHT) + column(BOUGHT)
  out[COUNT] = own(COUNT) + count
  for (const high of [QUOTE_HIGH, BOUGHT_QUOTE_HIGH]) {
    const low = own(high + 1) + column(high + 1)
    out[high] = own(high) + column(high) + (low >= WIDE ? 1 : 0)
    out[high + 1] = low >= WIDE ? low - WIDE : low
  }
}

/** How a revised candle differs: one more trade of so many lots, so many ticks above the old high. */
const REVISED_LOTS = 7
const REVISED_TICKS = 2

const revise = (rows: Float64Array, firstMinute: number, { start, end }: Revision): void => {
  const from = Math.max(0, Math.ceil(start / MINUTE_MS) - firstMinute)
  const to = Math.min(MINUTES_PER_DAY, Math.ceil(end / MINUTE_MS) - firstMinute)
  for (let offset = from * COLUMNS; offset < to * COLUMNS; offset += COLUMNS) {
    const count = rows[offset + COUNT] ?? 0
    if (count <= 0) continue
    const price = (rows[offset + HIGH] ?? 0) + REVISED_TICKS
    const quote = (rows[offset + QUOTE_LOW] ?? 0) + price * REVISED_LOTS
    rows[offset + HIGH] = price
    rows[offset + VOLUME] = (rows[offset + VOLUME] ?? 0) + REVISED_LOTS
    rows[offset + QUOTE_HIGH] = (rows[offset + QUOTE_HIGH] ?? 0) + Math.floor(quote / WIDE)
    rows[offset + QUOTE_LOW] = quote % WIDE
    rows[offset + COUNT] = count + 1
  }
}
