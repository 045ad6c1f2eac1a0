/** What goes wrong with the rows of a page, whatever they are. */

import type { ExchangeState } from './exchange-state.ts'
import type { Target } from './protocol.ts'

/** The rows in a wrong order, or some of them twice, where a fault says so. */
export const rearranged = <Row>(state: ExchangeState, target: Target, rows: Row[]): Row[] => {
  const now = state.now()
  let page = rows
  if (state.faults.take('reorder', target, now)) {
    const middle = Math.floor(page.length / 2)
    page = [...page.slice(middle), ...page.slice(0, middle)]
  }
  if (state.faults.take('duplicate', target, now)) {
    page = page.flatMap((row, index) => (index % 3 === 0 ? [row, row] : [row]))
  }
  return page
}
