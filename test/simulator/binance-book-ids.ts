/**
 * The update ids of Binance's books: each new book takes several, as the real ones do. A snapshot can so fall between
 * two events, and on USD-M the ids of consecutive events do not join (their `pu` does).
 */

import type { Kind } from './catalogue.ts'
import { bookSequenceAt, bookTimeOf } from './order-book.ts'

const IDS_A_BOOK = 10
/** On USD-M the first ids of each book belong to other symbols. */
const FOREIGN_IDS: Readonly<Record<Kind, number>> = { spot: 0, perpetual: 2 }

/** The ids of the event that leads to the book of this sequence number. */
export const updateIdsOf = (kind: Kind, sequence: number): { first: number; last: number; previous: number } => {
  const last = sequence * IDS_A_BOOK
  const previous = last - IDS_A_BOOK
  return { first: previous + FOREIGN_IDS[kind] + 1, last, previous }
}

/** The last id of a snapshot taken at a moment, ms UTC: part of the next event's ids may have passed. */
export const updateIdAt = (kind: Kind, at: number): number => {
  const sequence = bookSequenceAt(at)
  const { last } = updateIdsOf(kind, sequence)
  const passed = Math.floor((at - bookTimeOf(sequence)) / 100)
  return passed > FOREIGN_IDS[kind] ? last + passed : last
}

/** The sequence number of the book in which a snapshot or an event with this last id leaves a client. */
export const bookSequenceOf = (updateId: number): number => Math.floor(updateId / IDS_A_BOOK)
