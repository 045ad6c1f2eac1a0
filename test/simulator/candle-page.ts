/** One page of candles as an exchange sends it: rows as text, with the faults that concern candles already in them. */

import type { Instrument } from './catalogue.ts'
import { countRows, createDayText, cutRows } from './day-text.ts'
import type { ExchangeState } from './exchange-state.ts'
import type { FaultOf } from './faults.ts'
import { type CandleInterval, INTERVALS } from './intervals.ts'
import { CLOSE, COLUMNS, COUNT, HIGH, LOW, OPEN, VOLUME } from './market.ts'
import type { Target } from './protocol.ts'
import { rearranged } from './rearranged.ts'
import { MINUTE_MS, MINUTES_PER_DAY } from './trade-tape.ts'

const DAY_MS = MINUTES_PER_DAY * MINUTE_MS

/** Spells a row of the market as the exchange does. @param at where the row begins in `rows` */
export type SpellRow = (
  instrument: Instrument,
  rows: Float64Array,
  at: number,
  openTime: number,
  closeTime: number,
  isClosed: boolean,
) => string

export interface PageQuery {
  readonly instrument: Instrument
  readonly interval: CandleInterval
  /** Earliest and latest open time wanted, ms UTC, both included; they need not be aligned. */
  readonly from: number
  readonly to: number
  readonly limit: number
  /** Where more than `limit` candles exist: the oldest or the newest of them. */
  readonly take: 'oldest' | 'newest'
  /** The same for every page of an exchange. */
  readonly order: 'ascending' | 'descending'
  /** Leave out the candle that is still open. */
  readonly closedOnly?: boolean
  /** Leave out slots in which nothing was traded. */
  readonly omitEmpty?: boolean
}

/** The rows of the page, in order, with commas between them. */
export const readPage = (state: ExchangeState, target: Target, query: PageQuery, spell: SpellRow): string => {
  const { interval, instrument } = query
  const until = state.until(instrument)
  const aligned = interval.floor(query.from)
  const first = Math.max(
    aligned < query.from ? interval.step(aligned, 1) : aligned,
    interval.floor(instrument.listedAt),
  )
  const newest = interval.floor(until - 1)
  const isNewestOpen = interval.step(newest, 1) > state.now()
  const last = Math.min(interval.floor(query.to), query.closedOnly && isNewestOpen ? interval.step(newest, -1) : newest)
  const reader = new PageReader(state, target, query, spell, until)
  return reader.read(first, last)
}

class PageReader {
  readonly #state: ExchangeState
  readonly #target: Target
  readonly #query: PageQuery
  readonly #spell: SpellRow
  readonly #until: number
  readonly #row = new Float64Array(COLUMNS)
  readonly #missing: readonly FaultOf<'missing'>[]
  readonly #invalid: readonly { fault: FaultOf<'invalid'>; spend(): void }[]
  readonly #served = new Set<{ spend(): void }>()

  constructor(state: ExchangeState, target: Target, query: PageQuery, spell: SpellRow, until: number) {
    const now = state.now()
    this.#state = state
    this.#target = target
    this.#query = query
    this.#spell = spell
    this.#until = until
    this.#missing = state.faults
      .matching('missing', target, now)
      .map(({ fault }) => fault)
      .filter((fault) => fault.permanent || fault.until === undefined || now < fault.until)
    this.#invalid = state.faults.matching('invalid', target, now)
  }

  /** The page of the slots [first, last]. */
  read(first: number, last: number): string {
    const { interval, take, order } = this.#query
    const isFaulty = this.#state.faults.has(['missing', 'invalid', 'reorder', 'duplicate'], this.#state.now())
    const rows = interval === INTERVALS['1m'] && !isFaulty ? this.#minutes(first, last) : this.#slots(first, last)
    for (const fault of this.#served) fault.spend()
    if ((take === 'oldest') !== (order === 'ascending')) rows.reverse()
    return (isFaulty ? rearranged(this.#state, this.#target, rows) : rows).join(',')
  }

  /** Slot by slot, in the order of `take`. */
  #slots(first: number, last: number): string[] {
    const { interval, limit, take } = this.#query
    const isOldest = take === 'oldest'
    const rows: string[] = []
    for (let at = isOldest ? first : last; at >= first && at <= last; at = interval.step(at, isOldest ? 1 : -1)) {
      if (rows.length === limit) break
      const row = this.#slot(at)
      if (row !== undefined) rows.push(row)
    }
    return rows
  }

  #slot(openTime: number): string | undefined {
    const { instrument, interval, omitEmpty } = this.#query
    if (this.#missing.some(({ start, end }) => openTime >= start && openTime < end)) return undefined
    const closeTime = interval.step(openTime, 1)
    const row = this.#row
    if (!this.#state.market.candle(instrument, openTime, closeTime, this.#until, row)) return undefined
    if (omitEmpty && row[COUNT] === 0) return undefined
    const invalid = this.#invalid.find(({ fault }) => openTime >= fault.start && openTime < fault.end)
    if (invalid) {
      this.#served.add(invalid)
      spoil(row, invalid.fault.how)
    }
    return this.#spell(instrument, row, 0, openTime, closeTime, closeTime <= this.#state.now())
  }

  /** Day by day, in the order of `take`: whole closed days are cut from their text. */
  #minutes(first: number, last: number): string[] {
    const { limit, take, order } = this.#query
    const isOldest = take === 'oldest'
    const pieces: string[] = []
    let left = limit
    for (let at = isOldest ? first : last; at >= first && at <= last && left > 0; ) {
      const day = Math.floor(at / DAY_MS)
      const dayStart = day * DAY_MS
      if (dayStart + DAY_MS > this.#until) {
        const row = this.#slot(at)
        if (row !== undefined) {
          pieces.push(row)
          left--
        }
        at += isOldest ? MINUTE_MS : -MINUTE_MS
        continue
      }
      const text = this.#dayText(day)
      let from = (Math.max(first, dayStart) - dayStart) / MINUTE_MS
      let to = Math.min((last - dayStart) / MINUTE_MS, MINUTES_PER_DAY - 1)
      if (isOldest) from = (at - dayStart) / MINUTE_MS
      else to = (at - dayStart) / MINUTE_MS
      while (countRows(text, from, to) > left) isOldest ? to-- : from++
      const count = countRows(text, from, to)
      if (count > 0) pieces.push(cutRows(text, from, to, order === 'descending'))
      left -= count
      at = isOldest ? dayStart + DAY_MS : dayStart - MINUTE_MS
    }
    return pieces
  }

  #dayText(day: number) {
    const { instrument, order, omitEmpty } = this.#query
    const block = this.#state.market.minutesOfDay(instrument, day)
    block.text ??= createDayText((minute) => {
      const count = block.rows[minute * COLUMNS + COUNT] ?? 0
      if (count < 0 || (omitEmpty && count === 0)) return undefined
      const openTime = day * DAY_MS + minute * MINUTE_MS
      return this.#spell(instrument, block.rows, minute * COLUMNS, openTime, openTime + MINUTE_MS, true)
    }, order === 'descending')
    return block.text
  }
}

const spoil = (row: Float64Array, how: FaultOf<'invalid'>['how']): void => {
  const high = row[HIGH] ?? 0
  if (how === 'negative-volume') row[VOLUME] = -Math.max(1, row[VOLUME] ?? 0)
  if (how === 'open-above-high') row[OPEN] = high + 5
  if (how === 'high-below-low') {
    row[HIGH] = Math.min(row[LOW] ?? 0, row[OPEN] ?? 0, row[CLOSE] ?? 0) - 1
    row[LOW] = high
  }
}
