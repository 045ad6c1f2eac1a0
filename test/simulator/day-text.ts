/** A closed day of 1m candles as one flat text, from which pages are cut: most of what is ever asked for. */

import { MINUTES_PER_DAY } from './trade-tape.ts'

export interface DayText {
  /** Rows with commas between them, in the exchange's order. */
  readonly text: string
  /** Where the row of a minute of the day begins and ends in the text. */
  readonly starts: Uint32Array
  readonly ends: Uint32Array
  /** How many of the minutes before this one have a row. */
  readonly rowsBefore: Uint16Array
}

/** @param row the row of a minute of the day; undefined where the exchange sends none */
export const createDayText = (row: (minute: number) => string | undefined, isDescending: boolean): DayText => {
  const starts = new Uint32Array(MINUTES_PER_DAY)
  const ends = new Uint32Array(MINUTES_PER_DAY)
  const rowsBefore = new Uint16Array(MINUTES_PER_DAY + 1)
  const rows: string[] = []
  let length = 0
  for (let step = 0; step < MINUTES_PER_DAY; step++) {
    const minute = isDescending ? MINUTES_PER_DAY - 1 - step : step
    const text = row(minute)
    // A minute without a row begins where the next row will and ends where the last one did.
    starts[minute] = length === 0 ? 0 : length + 1
    if (text !== undefined) {
      rows.push(text)
      rowsBefore[minute + 1] = 1
      length = (starts[minute] ?? 0) + text.length
    }
    ends[minute] = length
  }
  for (let minute = 0; minute < MINUTES_PER_DAY; minute++) {
    rowsBefore[minute + 1] = (rowsBefore[minute + 1] ?? 0) + (rowsBefore[minute] ?? 0)
  }
  return { text: rows.join(','), starts, ends, rowsBefore }
}

/** How many rows the minutes [from, to] of the day have. */
export const countRows = ({ rowsBefore }: DayText, from: number, to: number): number =>
  (rowsBefore[to + 1] ?? 0) - (rowsBefore[from] ?? 0)

/** The rows of the minutes [from, to]; there must be one at least. */
export const cutRows = ({ text, starts, ends }: DayText, from: number, to: number, isDescending: boolean): string =>
  isDescending ? text.slice(starts[to], ends[from]) : text.slice(starts[from], ends[to])
