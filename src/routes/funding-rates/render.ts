import type { StoredInstrument } from '../../domain/series.ts'
import type { StoredRate } from '../../store/funding-pages.ts'
import { type Format, renderRows } from '../rows.ts'
import type { FundingAnswer } from './answer.ts'
import type { CurrentAnswer } from './current.ts'

/** A page as it is sent. */
export interface FundingRatesPage extends CurrentAnswer {
  readonly instrument: StoredInstrument
  readonly answer: FundingAnswer
  readonly isDescending: boolean
  readonly nextCursor: string | null
  readonly nextUrl: string | null
}

const columns = ['fundingTime', 'rate', 'markPrice', 'indexPrice', 'revision'] as const

export function renderFundingRates(page: FundingRatesPage, format: Format): Response {
  const { instrument, answer, isDescending, current, currentReason, nextCursor, nextUrl } = page
  const { exchange, symbol, exchangeSymbol, kind } = instrument
  const { start, end } = answer.window
  const missing = answer.missing.map(({ start, end, reason }): [number, number, string] => [start, end, reason])
  const rows = (isDescending ? answer.rates.toReversed() : answer.rates).map(toRate)
  const coverage = { complete: missing.length === 0, settledTo: answer.settledTo, missing }
  const about = { exchange, symbol, exchangeSymbol, kind, start, end, coverage, current, currentReason }
  return renderRows({ rows, columns, about, missing, nextCursor, nextUrl }, format)
}

/** Its members in their documented order. */
function toRate({ fundingTime, rate, markPrice, indexPrice, revision }: StoredRate): StoredRate {
  return { fundingTime, rate, markPrice, indexPrice, revision }
}
