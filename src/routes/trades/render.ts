import type { StoredInstrument } from '../../domain/series.ts'
import type { StoredTrade } from '../../domain/trade-chunk.ts'
import { type Format, renderRows } from '../rows.ts'
import type { TradesAnswer } from './answer.ts'

/** A page as it is sent. */
export interface TradesPage {
  readonly instrument: StoredInstrument
  readonly source: string
  readonly answer: TradesAnswer
  readonly availableFrom: number | null
  readonly isDescending: boolean
  readonly nextCursor: string | null
  readonly nextUrl: string | null
}

const columns = ['id', 'price', 'size', 'side', 'exchangeTime', 'receivedTime', 'seq'] as const

export function renderTrades(page: TradesPage, format: Format): Response {
  const { instrument, source, answer, availableFrom, isDescending, nextCursor, nextUrl } = page
  const { exchange, symbol, exchangeSymbol, kind } = instrument
  const { start, end } = answer.window
  const gaps = answer.gaps.map(({ from, to, reason }): [number, number, string] => [from, to, reason])
  const rows = (isDescending ? answer.trades.toReversed() : answer.trades).map(toTrade)
  const about = { exchange, symbol, exchangeSymbol, kind, source, start, end, availableFrom, gaps }
  return renderRows({ rows, columns, about, missing: gaps, nextCursor, nextUrl }, format)
}

/** Its members in their documented order, whatever it was read from. */
function toTrade({ id, price, size, side, exchangeTime, receivedTime, seq }: StoredTrade): StoredTrade {
  return { id, price, size, side, exchangeTime, receivedTime, seq }
}
