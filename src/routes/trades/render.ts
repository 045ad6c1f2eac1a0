import type { StoredInstrument } from '../../domain/series.ts'
import type { StoredTrade } from '../../domain/trade-chunk.ts'
import { setMissing } from '../candles/render.ts'
import { NO_STORE } from '../live.ts'
import type { TradesAnswer } from './answer.ts'
import type { Format } from './query.ts'

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

const CSV_COLUMNS = 'id,price,size,side,exchangeTime,receivedTime,seq'

const contentTypes = {
  json: 'application/json',
  csv: 'text/csv; charset=utf-8',
  ndjson: 'application/x-ndjson',
} as const satisfies Record<Format, string>

export function renderTrades(page: TradesPage, format: Format): Response {
  const { nextCursor, nextUrl } = page
  const gaps = gapTuples(page)
  const headers = new Headers({
    'Content-Type': contentTypes[format],
    'Cache-Control': NO_STORE,
    'X-Coverage-Complete': String(gaps.length === 0),
  })
  setMissing(headers, gaps)
  if (nextCursor !== null) headers.set('X-Next-Cursor', nextCursor)
  if (nextUrl !== null) headers.set('Link', `<${nextUrl}>; rel="next"`)
  return new Response(bodyOf(page, format), { headers })
}

function bodyOf(page: TradesPage, format: Format): string {
  const { instrument, source, answer, availableFrom, isDescending, nextCursor, nextUrl } = page
  const trades = (isDescending ? answer.trades.toReversed() : answer.trades).map(toTrade)
  switch (format) {
    case 'json': {
      const { exchange, symbol, exchangeSymbol, kind } = instrument
      const { start, end } = answer.window
      const gaps = gapTuples(page)
      const about = { exchange, symbol, exchangeSymbol, kind, source, start, end }
      return JSON.stringify({ ...about, availableFrom, gaps, nextCursor, nextUrl, data: trades })
    }
    case 'csv':
      return [CSV_COLUMNS, ...trades.map((trade) => Object.values(trade).map(toCell).join(',')), ''].join('\n')
    case 'ndjson':
      return [...trades.map((trade) => JSON.stringify(trade)), ''].join('\n')
  }
}

/** Its members in their documented order, whatever it was read from. */
function toTrade({ id, price, size, side, exchangeTime, receivedTime, seq }: StoredTrade): StoredTrade {
  return { id, price, size, side, exchangeTime, receivedTime, seq }
}

/** https://www.rfc-editor.org/rfc/rfc4180 */
function toCell(value: unknown): string {
  const text = value === null ? '' : String(value)
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text
}

function gapTuples({ answer }: TradesPage): [number, number, string][] {
  return answer.gaps.map(({ from, to, reason }) => [from, to, reason])
}
