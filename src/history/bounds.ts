import type { Instrument } from '../domain/instrument.ts'
import {
  ceilToInterval,
  DAY,
  floorToInterval,
  type Interval,
  intervalLength,
  shiftOpenTime,
  type Window,
} from '../domain/interval.ts'
import type { CandlePage, ExchangeConnector, RestCall } from '../exchanges/connector.ts'
import type { Sent } from './http.ts'

/** Nothing was traded before: the first block of Bitcoin. */
const EARLIEST = Date.UTC(2009, 0, 3)

/** The interval at which every exchange serves candles: what bounds are found to. */
export const FINEST = '1m' satisfies Interval

/** Found, or not: `absent` where the exchange has no candles yet, else what stood in the way. */
export type FoundCandle =
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
): Promise<FoundCandle> {
  const rule = rest.firstCandle
  if (rule.by === 'listed' && instrument.listedAt !== null) {
    return { kind: 'found', openTime: floorToInterval(instrument.listedAt, interval) }
  }
  if (rule.by === 'oldest') return oldestOf(await send(rule.call(instrument, interval)))
  const readPage: ReadPage = async (at, window) =>
    oldestOf(await send(rest.candles(instrument, at, window, exchangeTime)))
  const day = await searchFirstPage(readPage, rest.maxCandles[instrument.kind], exchangeTime)
  if (day.kind !== 'found') return day
  if (intervalLength(interval) >= DAY) return { kind: 'found', openTime: floorToInterval(day.openTime, interval) }
  return scanDay(readPage, interval, day.openTime, rest.maxCandles[instrument.kind])
}

type ReadPage = (interval: Interval, window: Window) => Promise<FoundCandle>

/** Halves the pages of days since 2009: those before the first candle are empty, those after it are not. */
async function searchFirstPage(readPage: ReadPage, maxCandles: number, exchangeTime: number): Promise<FoundCandle> {
  const pageMs = maxCandles * DAY
  const pageAt = (index: number) => ({ start: EARLIEST + index * pageMs, end: EARLIEST + (index + 1) * pageMs })
  let low = 0
  let high = Math.floor((exchangeTime - EARLIEST) / pageMs)
  let first: FoundCandle = { kind: 'absent' }
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

async function scanDay(readPage: ReadPage, interval: Interval, day: number, maxCandles: number): Promise<FoundCandle> {
  for (let start = day; start < day + DAY; start = shiftOpenTime(start, interval, maxCandles)) {
    const end = Math.min(day + DAY, shiftOpenTime(start, interval, maxCandles))
    const page = await readPage(interval, { start, end })
    if (page.kind !== 'absent') return page
  }
  return { kind: 'absent' }
}

/**
 * The open time of the last candle (of the finest interval) that an exchange has of an instrument that ended at or
 * before `before`: looked for backwards by days, then in the day.
 */
export async function findLastCandle(
  { rest }: ExchangeConnector,
  instrument: Instrument,
  before: number,
  exchangeTime: number,
  send: SendCandles,
): Promise<FoundCandle> {
  const readPage: ReadPage = async (at, window) =>
    newestOf(await send(rest.candles(instrument, at, window, exchangeTime)))
  const maxCandles = rest.maxCandles[instrument.kind]
  const day = await scanBack(readPage, '1d', { start: EARLIEST, end: ceilToInterval(before, '1d') }, maxCandles)
  if (day.kind !== 'found') return day
  const end = Math.min(day.openTime + DAY, ceilToInterval(before, FINEST))
  return scanBack(readPage, FINEST, { start: day.openTime, end }, maxCandles)
}

async function scanBack(
  readPage: ReadPage,
  interval: Interval,
  window: Window,
  maxCandles: number,
): Promise<FoundCandle> {
  for (let { end } = window; end > window.start; ) {
    const start = Math.max(window.start, shiftOpenTime(end, interval, -maxCandles))
    const page = await readPage(interval, { start, end })
    if (page.kind !== 'absent') return page
    end = start
  }
  return { kind: 'absent' }
}

function newestOf(sent: Sent<CandlePage>): FoundCandle {
  return edgeOf(sent, Math.max)
}

function oldestOf(sent: Sent<CandlePage>): FoundCandle {
  return edgeOf(sent, Math.min)
}

function edgeOf(sent: Sent<CandlePage>, edge: (...times: number[]) => number): FoundCandle {
  if (sent.kind !== 'answer') return sent
  const times = sent.value.candles.map((candle) => candle.openTime)
  return times.length === 0 ? { kind: 'absent' } : { kind: 'found', openTime: edge(...times) }
}
