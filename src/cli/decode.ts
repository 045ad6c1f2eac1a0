import type { Candle } from '../domain/candle.ts'
import { AppError } from '../domain/errors.ts'
import type { FundingRate } from '../domain/funding.ts'
import type { Instrument } from '../domain/instrument.ts'
import type { BookSnapshot } from '../domain/order-book.ts'
import type { Ticker } from '../domain/ticker.ts'
import type { Trade } from '../domain/trade.ts'
import { type BadRow, isBadRow, type Row } from '../exchanges/decode.ts'
import type { PriceCandle } from '../exchanges/decode-candles.ts'
import { connectors, decoders } from '../exchanges/registry.ts'
import { resolveBookSnapshot, resolveTicker, resolveTrade } from '../exchanges/resolve.ts'
import type { RestOptions } from './decode-arguments.ts'
import { InstrumentNames } from './instrument-names.ts'
import { envelope, type Message, pairOf, unitOf } from './message.ts'

/**
 * What the stream would carry for REST bodies given to `npm run decode`: messages in order. What cannot be read yields an
 * `invalid` message, what carries nothing for this system an `ignored` one; nothing is thrown.
 * @param input one body, or lines of which each is one
 * @param instruments known ones, for symbols and contract sizes
 */
export function* decodeInput(
  options: RestOptions,
  input: string,
  instruments: readonly Instrument[] = [],
): Generator<Message> {
  if (options.resource === 'error') {
    yield classified(options, input)
    return
  }
  const names = new InstrumentNames(options.exchange, options.kind, options.symbol, instruments)
  for (const body of bodiesOf(input)) yield* decodeBody(options, names, body)
}

/** Record lists hold one record a line: their first line is JSON by itself, and not the only one. */
function bodiesOf(input: string): readonly string[] {
  const lines = input.split('\n').filter((line) => line.trim() !== '')
  const [first] = lines
  return lines.length > 1 && first !== undefined && isWhole(first) ? lines : [input]
}

function isWhole(line: string): boolean {
  try {
    return typeof JSON.parse(line) === 'object'
  } catch {
    return false
  }
}

function classified({ exchange, status }: RestOptions, body: string): Message {
  const { kind, ...rest } = connectors[exchange].rest.classify(status, new Headers(), body)
  return { type: 'error', exchange, class: kind, status, ...rest }
}

function* decodeBody(options: RestOptions, names: InstrumentNames, body: string): Generator<Message> {
  const { exchange, resource } = options
  try {
    const messages = [...read(options, names, body)]
    if (messages.length === 0) yield { type: 'ignored', exchange, detail: `no ${resource} in the body` }
    yield* messages
  } catch (error) {
    if (!(error instanceof AppError)) throw error
    yield { type: 'invalid', exchange, detail: error.detail }
  }
}

function* read(options: RestOptions, names: InstrumentNames, body: string): Generator<Message> {
  const decoder = decoders[options.exchange]
  switch (options.resource) {
    case 'instruments':
      yield* readInstruments(options, body)
      return
    case 'candles':
      yield* readCandles(options, names, body)
      return
    case 'trades':
      yield* eachRow(options, decoder.trades(body), (trade) => [tradeMessage(options, names, trade)])
      return
    case 'ticker':
      yield* eachRow(options, decoder.tickers(body), (ticker) => tickerMessages(options, names, ticker))
      return
    case 'order-book':
      yield bookMessage(options, names, decoder.orderBook(body))
      return
    case 'funding-rates':
      yield* eachRow(options, decoder.fundingRates?.(body) ?? [], (rate) => [fundingMessage(options, names, rate)])
      return
    case 'error':
      yield classified(options, body)
  }
}

function* eachRow<T extends object>(
  { exchange }: RestOptions,
  rows: readonly Row<T>[],
  messagesOf: (row: T) => readonly Message[],
): Generator<Message> {
  for (const row of rows) {
    if (isBadRow(row)) yield invalidRow(exchange, row)
    else yield* messagesOf(row)
  }
}

function invalidRow(exchange: string, { malformed, raw }: BadRow): Message {
  return { type: 'invalid', exchange, detail: malformed, raw }
}

function* readInstruments({ exchange }: RestOptions, body: string): Generator<Message> {
  const { instruments, rejected } = decoders[exchange].instruments(body)
  for (const instrument of instruments) {
    const { symbol, exchangeSymbol } = instrument
    yield { ...envelope('instrument', exchange, { symbol, exchangeSymbol, instrument }, null), data: instrument }
  }
  for (const { exchangeSymbol, reason, raw } of rejected) {
    yield { type: 'invalid', exchange, exchangeSymbol, detail: reason, raw }
  }
}

function* readCandles({ exchange, interval }: RestOptions, names: InstrumentNames, body: string): Generator<Message> {
  const decoder = decoders[exchange]
  const traded = decoder.candles(body, names.kind)
  const isOfPrices = traded.candles.length === 0 && traded.bad.length > 0
  const { exchangeSymbol, candles, bad } = (isOfPrices ? decoder.priceCandles?.(body) : undefined) ?? traded
  const head = envelope('candle', exchange, names.nameOf(exchangeSymbol), null)
  const ordered: readonly (Candle | PriceCandle)[] = [...candles].sort((a, b) => a.openTime - b.openTime)
  for (const candle of ordered) yield { ...head, data: { interval, ...candle } }
  for (const { openTime, reason, raw } of bad) yield { type: 'invalid', exchange, detail: reason, openTime, raw }
}

function tradeMessage({ exchange }: RestOptions, names: InstrumentNames, sent: Trade): Message {
  const named = names.nameOf(sent.exchangeSymbol)
  const { id, price, size, side, exchangeTime } =
    named.instrument === null ? sent : resolveTrade(sent, named.instrument)
  return {
    ...envelope('trade', exchange, named, exchangeTime),
    ...unitOf(exchange, names, named),
    data: { id, price, size, side },
  }
}

function tickerMessages({ exchange }: RestOptions, names: InstrumentNames, sent: Ticker): readonly Message[] {
  const named = names.nameOf(sent.exchangeSymbol)
  const ticker = named.instrument === null ? sent : resolveTicker(sent, named.instrument)
  const { bid, ask, last, open, high, low, volume, quoteVolume, exchangeTime } = ticker
  const summary = { last, open, high, low, volume, quoteVolume }
  const hasBbo = bid !== null || ask !== null
  const hasSummary = Object.values(summary).some((value) => value !== null)
  const tickerMessage = { ...envelope('ticker', exchange, named, exchangeTime), data: summary }
  if (!hasBbo) return [tickerMessage]
  const bbo = {
    ...envelope('bbo', exchange, named, exchangeTime),
    ...unitOf(exchange, names, named),
    data: { bid, ask },
  }
  return hasSummary ? [tickerMessage, bbo] : [bbo]
}

function bookMessage({ exchange }: RestOptions, names: InstrumentNames, sent: BookSnapshot): Message {
  const named = names.nameOf(sent.exchangeSymbol)
  const { bids, asks, sequence, exchangeTime } =
    named.instrument === null ? sent : resolveBookSnapshot(sent, named.instrument)
  return {
    ...envelope('book', exchange, named, exchangeTime),
    ...unitOf(exchange, names, named),
    data: {
      kind: 'snapshot',
      depth: Math.max(bids.length, asks.length),
      bids: bids.map(pairOf),
      asks: asks.map(pairOf),
      prevSequence: null,
      sequence: sequence === null ? null : counterOf(sequence),
    },
  }
}

/** A number like on the stream; the text of one that a double cannot hold. */
function counterOf(sequence: string): number | string {
  const value = Number(sequence)
  return Number.isSafeInteger(value) ? value : sequence
}

function fundingMessage({ exchange }: RestOptions, names: InstrumentNames, rate: FundingRate): Message {
  const { exchangeSymbol, exchangeTime, fundingTime, settled, markPrice, indexPrice } = rate
  return {
    ...envelope('funding', exchange, names.nameOf(exchangeSymbol), exchangeTime),
    data: {
      rate: rate.rate,
      fundingTime,
      nextFundingTime: settled ? null : fundingTime,
      markPrice,
      indexPrice,
    },
  }
}
