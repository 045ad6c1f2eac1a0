import { compareDecimals } from '../domain/decimal.ts'
import type { BookLevel } from '../domain/order-book.ts'
import { malformed, readDecimal } from './decode.ts'

/**
 * The levels of one side, best first, from rows that start with price and size; further columns (order counts and the
 * like) are not looked at.
 * @throws AppError `malformed_response` about the first bad row: a book with a hole is a wrong book
 */
export function readLevels(rows: unknown, side: 'bids' | 'asks', what: string): BookLevel[] {
  if (!Array.isArray(rows)) throw malformed(what, `${side}: not a list`)
  const levels = rows.map((row: unknown, index): BookLevel => {
    const [first, second]: readonly unknown[] = Array.isArray(row) ? row : []
    const price = readDecimal(first)
    const size = readDecimal(second)
    if (price === undefined || size === undefined) throw malformed(what, `${side}.${index}: not a level`)
    return { price, size }
  })
  return bestFirst(levels, side)
}

/** The same levels in the order of their worth: exchanges send whole books so, with rare exceptions. Sorts in place. */
export function bestFirst(levels: BookLevel[], side: 'bids' | 'asks'): BookLevel[] {
  const direction = side === 'bids' ? -1 : 1
  const inOrder = levels.every((level, index) => {
    const before = levels[index - 1]
    return before === undefined || direction * compareDecimals(before.price, level.price) <= 0
  })
  return inOrder ? levels : levels.sort((a, b) => direction * compareDecimals(a.price, b.price))
}
