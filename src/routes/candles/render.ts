import type { Candle } from '../../domain/candle.ts'
import type { CandleComparison } from '../../domain/candle-differences.ts'
import { type CandleLine, formatCandleLine } from '../../domain/candle-line.ts'
import type { StoredInstrument } from '../../domain/series.ts'
import type { CandleAnswer } from './answer.ts'
import { type Format, TRADES_SOURCE } from './query.ts'

/** A page as it is sent: the answer, and what surrounds it. */
export interface CandlesPage {
  readonly instrument: StoredInstrument
  readonly interval: string
  readonly source: string
  readonly derived: boolean
  readonly answer: CandleAnswer
  /** The unfinished candles, ascending; only where they were asked for. */
  readonly open: readonly Candle[] | undefined
  readonly isDescending: boolean
  readonly nextCursor: string | null
  readonly nextUrl: string | null
  readonly immutableUrl: string | null
  /** Of candles that are built from trades, with the exchange's own. */
  readonly comparison?: CandleComparison
}

const CSV_COLUMNS = 'openTime,open,high,low,close,volume,quoteVolume,tradeCount'

/** The columns of a table of candles of a source; those that are built from trades have more. */
export function columnsOf(source: string): string {
  return source === TRADES_SOURCE ? `${CSV_COLUMNS},vwap,buyVolume,sellVolume` : CSV_COLUMNS
}

/** A header of more would be refused by some clients. */
const MAX_HEADER_RANGES = 100

export const contentTypes = {
  json: 'application/json',
  array: 'application/json',
  csv: 'text/csv; charset=utf-8',
  ndjson: 'application/x-ndjson',
} as const satisfies Record<Format, string>

/** The body of a page. */
export function renderCandles(page: CandlesPage, format: Format): string {
  switch (format) {
    case 'json':
      return renderJson(page)
    case 'array':
      return `[${rowsOf(page, toArray).join(',')}]`
    case 'csv':
      return page.open === undefined
        ? [columnsOf(page.source), ...rowsOf(page, (line) => line), ''].join('\n')
        : [`${columnsOf(page.source)},closed`, ...rowsOf(page, (line, isClosed) => `${line},${isClosed}`), ''].join(
            '\n',
          )
    case 'ndjson':
      return [...rowsOf(page, toObject), ''].join('\n')
  }
}

/** The headers that say what a body without room for it cannot: what is missing, and where to go on. */
export function coverageHeaders(
  page: Pick<CandlesPage, 'answer' | 'nextCursor' | 'nextUrl' | 'immutableUrl'>,
): Headers {
  const { complete, missing } = page.answer.coverage
  const headers = new Headers({ 'X-Coverage-Complete': String(complete) })
  setMissing(
    headers,
    missing.map(({ start, end, reason }) => [start, end, reason]),
  )
  if (page.nextCursor !== null) headers.set('X-Next-Cursor', page.nextCursor)
  if (page.nextUrl !== null) headers.set('Link', `<${page.nextUrl}>; rel="next"`)
  if (page.immutableUrl !== null) headers.set('X-Immutable-Url', page.immutableUrl)
  return headers
}

/**
 * `X-Coverage-Missing`: the first of the missing ranges as JSON, and whether there are more.
 *
 * @param isCut whether there may be more than are given
 */
export function setMissing(headers: Headers, missing: readonly (readonly (string | number)[])[], isCut = false): void {
  headers.set('X-Coverage-Missing', JSON.stringify(missing.slice(0, MAX_HEADER_RANGES)))
  if (isCut || missing.length > MAX_HEADER_RANGES) headers.set('X-Coverage-Missing-Truncated', 'true')
}

/** A line as a JSON object, its members in their documented order. Decimals and names need no escaping. */
export function toObject(line: CandleLine, isClosed: boolean): string {
  const [openTime, open, high, low, close, volume, quoteVolume, tradeCount, vwap, buyVolume, sellVolume] =
    line.split(',')
  const fromTrades =
    buyVolume === undefined ? '' : `"vwap":${textOrNull(vwap)},"buyVolume":"${buyVolume}","sellVolume":"${sellVolume}",`
  return `{"openTime":${openTime},"open":"${open}","high":"${high}","low":"${low}","close":"${close}","volume":"${volume}","quoteVolume":${textOrNull(quoteVolume)},"tradeCount":${tradeCount || 'null'},${fromTrades}"closed":${isClosed}}`
}

function textOrNull(value: string | undefined): string {
  return value ? `"${value}"` : 'null'
}

/** Canonical decimals are JSON numbers as they stand. */
function toArray(line: CandleLine): string {
  const [openTime, open, high, low, close, volume] = line.split(',')
  return `[${openTime},${open},${high},${low},${close},${volume}]`
}

/** Every candle in the asked order, the unfinished ones at the new end. */
function rowsOf({ answer, open, isDescending }: CandlesPage, render: (line: CandleLine, isClosed: boolean) => string) {
  const rows = answer.lines.map((line) => render(line, true))
  for (const candle of open ?? []) rows.push(render(formatCandleLine(candle), false))
  return isDescending ? rows.reverse() : rows
}

function renderJson(page: CandlesPage): string {
  const { instrument, interval, source, derived, answer, nextCursor, nextUrl, immutableUrl, comparison } = page
  const { complete, verifiedTo, missing, empty } = answer.coverage
  const head = JSON.stringify({
    exchange: instrument.exchange,
    symbol: instrument.symbol,
    exchangeSymbol: instrument.exchangeSymbol,
    kind: instrument.kind,
    interval,
    source,
    derived,
    start: answer.window.start,
    end: answer.window.end,
    revision: answer.marks?.revision ?? null,
    coverage: {
      complete,
      verifiedTo,
      missing: missing.map(({ start, end, reason }) => [start, end, reason]),
      empty: empty.map(({ start, end }) => [start, end]),
    },
    nextCursor,
    nextUrl,
    immutableUrl,
    ...comparison,
  })
  return `${head.slice(0, -1)},"data":[${rowsOf(page, toObject).join(',')}]}`
}
