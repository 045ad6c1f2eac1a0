import type { Instrument } from '../domain/instrument.ts'
import { DAY, floorToInterval, type Interval, intervalLength, shiftOpenTime, type Window } from '../domain/interval.ts'
import type { CandlePage, ExchangeConnector, RestCall } from '../exchanges/connector.ts'
import type { Sent } from './http.ts'

/** Nothing was traded before: the first block of Bitcoin. */
const EARLIEST = Date.UTC(2009, 0, 3)

/** Found, or not: `absent` where the exchange has no candles yet, else what stood in the way. */
export type FirstCandle =
  | { readonly kind: 'found'; readonly openTime: number }
  | { readonly kind: 'absent' }
  | Exclude<Sent<never>, { readonly kind: 'answer' }>

export type SendCandles = (call: RestCall<CandlePage>) => Promise<Sent<CandlePage>>

/** The open time of the first candle that an exchange has of an instrument, by the exchange's own rule. */
export async function findFirstCandle(
  { rest }: ExchangeConnector,
  instrument: Instrument,
  interval: Interval,
  exchangeTime: number,
  send: SendCandles,
): Promise<FirstCandle> {
  const rule = rest.firstCandle
  if (rule.by === 'listed' && instrument.listedAt !== null) {
    return { kind: 'found', openTime: floorToInterval(instrument.listedAt, interval) }
  }
  if (rule.by === 'oldest') return oldestOf(await send(rule.call(instrument, interval)))
  const readPage = async (at: Interval, window: Window) =>
    oldestOf(await send(rest.candles(instrument, at, window, exchangeTime)))
  const day = await searchFirstPage(readPage, rest.maxCandles[instrument.kind], exchangeTime)
  if (day.kind !== 'found') return day
  if (intervalLength(interval) >= DAY) return { kind: 'found', openTime: floorToInterval(day.openTime, interval) }
  return scanDay(readPage, interval, day.openTime, rest.maxCandles[instrument.kind])
}

type ReadPage = (interval: Interval, window: Window) => Promise<FirstCandle>

/** Halves the pages of days since 2009: those before the first candle are empty, those after it are not. */
async function searchFirstPage(readPage: ReadPage, maxCandles: number, exchangeTime: number): Promise<FirstCandle> {
  const pageMs = maxCandles * DAY
  const pageAt = (index: number) => ({ start: EARLIEST + index * pageMs, end: EARLIEST + (index + 1) * pageMs })
  let low = 0
  let high = Math.floor((exchangeTime - EARLIEST) / pageMs)
  let first: FirstCandle = { kind: 'absent' }
  while (low <= high) {
    const middle = (low + high) >> 1
    const page = await readPage('1d', pageAt(middle))
    if (page.kind === 'found') {
      first = page
      high = middle - 1
    } else if (page.kind === 'absent') low = middle + 1
    else return page
  }
  return first
}

async function scanDay(readPage: ReadPage, interval: Interval, day: number, maxCandles: number): Promise<FirstCandle> {
  for (let start = day; start < day + DAY; start = shiftOpenTime(start, interval, maxCandles)) {
    const end = Math.min(day + DAY, shiftOpenTime(start, interval, maxCandles))
    const page = await readPage(interval, { start, end })
    if (page.kind !== 'absent') return page
  }
  return { kind: 'absent' }
}

function oldestOf(sent: Sent<CandlePage>): FirstCandle {
  if (sent.kind !== 'answer') return sent
  const times = sent.value.candles.map((candle) => candle.openTime)
  return times.length === 0 ? { kind: 'absent' } : { kind: 'found', openTime: Math.min(...times) }
}
