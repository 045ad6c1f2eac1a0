import type { StoredInstrument } from '../../domain/series.ts'
import type { StoredRate } from '../../store/funding-pages.ts'
import { setMissing } from '../candles/render.ts'
import { NO_STORE } from '../live.ts'
import type { FundingAnswer } from './answer.ts'
import type { CurrentAnswer } from './current.ts'
import type { Format } from './query.ts'

/** A page as it is sent. */
export interface FundingRatesPage extends CurrentAnswer {
  readonly instrument: StoredInstrument
  readonly answer: FundingAnswer
  readonly isDescending: boolean
  readonly nextCursor: string | null
  readonly nextUrl: string | null
}

const CSV_COLUMNS = 'fundingTime,rate,markPrice,indexPrice,revision'

const contentTypes = {
  json: 'application/json',
  csv: 'text/csv; charset=utf-8',
  ndjson: 'application/x-ndjson',
} as const satisfies Record<Format, string>

export function renderFundingRates(page: FundingRatesPage, format: Format): Response {
  const { nextCursor, nextUrl } = page
  const missing = missingTuples(page)
  const headers = new Headers({
    'Content-Type': contentTypes[format],
    'Cache-Control': NO_STORE,
    'X-Coverage-Complete': String(missing.length === 0),
  })
  setMissing(headers, missing)
  if (nextCursor !== null) headers.set('X-Next-Cursor', nextCursor)
  if (nextUrl !== null) headers.set('Link', `<${nextUrl}>; rel="next"`)
  return new Response(bodyOf(page, format), { headers })
}

function bodyOf(page: FundingRatesPage, format: Format): string {
  const { instrument, answer, isDescending, current, currentReason, nextCursor, nextUrl } = page
  const rates = (isDescending ? answer.rates.toReversed() : answer.rates).map(toRate)
  switch (format) {
    case 'json': {
      const { exchange, symbol, exchangeSymbol, kind } = instrument
      const { start, end } = answer.window
      const missing = missingTuples(page)
      const coverage = { complete: missing.length === 0, settledTo: answer.settledTo, missing }
      const about = { exchange, symbol, exchangeSymbol, kind, start, end, coverage, current, currentReason }
      return JSON.stringify({ ...about, nextCursor, nextUrl, data: rates })
    }
    case 'csv':
      // Numbers and decimals need no quotes.
      return [CSV_COLUMNS, ...rates.map((rate) => Object.values(rate).join(',')), ''].join('\n')
    case 'ndjson':
      return [...rates.map((rate) => JSON.stringify(rate)), ''].join('\n')
  }
}

/** Its members in their documented order. */
function toRate({ fundingTime, rate, markPrice, indexPrice, revision }: StoredRate): StoredRate {
  return { fundingTime, rate, markPrice, indexPrice, revision }
}

function missingTuples({ answer }: FundingRatesPage): [number, number, string][] {
  return answer.missing.map(({ start, end, reason }) => [start, end, reason])
}
