/** Rolling 24 hours of an instrument, as every exchange's ticker sums them up. */

import type { Instrument } from './catalogue.ts'
import type { ExchangeState } from './exchange-state.ts'
import { COLUMNS } from './market.ts'
import { bookSequenceAt, type OrderBook, readBook } from './order-book.ts'
import { MINUTE_MS, type Trade } from './trade-tape.ts'

const DAY_MS = 86_400_000

export interface Summary {
  /** ms UTC. */
  readonly start: number
  readonly end: number
  /** A row of the market: open, high, low, close, volume, ... */
  readonly row: Float64Array
  readonly firstId: number
  readonly last: Trade
  /** One level a side. */
  readonly book: OrderBook
}

/** The last 24 hours, from a whole minute on; undefined before the first trade. */
export const readSummary = (state: ExchangeState, instrument: Instrument): Summary | undefined => {
  const until = state.until(instrument)
  const start = Math.max(Math.ceil((until - DAY_MS) / MINUTE_MS) * MINUTE_MS, instrument.listedAt)
  const row = new Float64Array(COLUMNS)
  const tape = state.market.tape(instrument)
  const last = tape.from(tape.lastId(until), 1, until)[0]
  if (!last || !state.market.candle(instrument, start, start + DAY_MS + MINUTE_MS, until, row)) return undefined
  return {
    start,
    end: until,
    row,
    firstId: tape.firstId(start / MINUTE_MS),
    last,
    book: readBook(state.market, instrument, bookSequenceAt(until), 1),
  }
}

/** The open of the UTC day shifted by so many hours (OKX: `sodUtc0`, `sodUtc8`), in ticks. */
export const dayOpen = (state: ExchangeState, instrument: Instrument, hoursAhead: number): number => {
  const shift = hoursAhead * 3_600_000
  const until = state.until(instrument)
  const start = Math.max(Math.floor((until - 1 + shift) / DAY_MS) * DAY_MS - shift, instrument.listedAt)
  const row = new Float64Array(COLUMNS)
  state.market.candle(instrument, start, start + DAY_MS, until, row)
  return row[0] ?? 0
}
