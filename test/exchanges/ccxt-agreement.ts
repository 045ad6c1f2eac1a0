import type { Message } from '../../src/cli/message.ts'

/**
 * Where our messages and what ccxt made of the same body say different things. Values compare as numbers, for ccxt's are
 * doubles; what ccxt does not say is no difference.
 */
export function differences(messages: readonly Message[], expected: unknown): readonly string[] {
  const [first] = messages
  switch (first?.type) {
    case 'candle':
      return rowDifferences(messages.map(candleRow), asList(expected))
    case 'trade':
      return rowDifferences(messages.map(tradeRow), asList(expected).map(ccxtTrade))
    case 'book':
      return rowDifferences([bookRow(first)], [ccxtBook(asRecord(expected))])
    case 'ticker':
      return tickerDifferences(messages, expected)
    case 'instrument':
      return rowDifferences(messages.map(instrumentRow), asList(expected).map(ccxtMarket))
    default:
      return [`nothing to compare with ${first?.type}`]
  }
}

type Fields = Readonly<Record<string, unknown>>

function rowDifferences(ours: readonly unknown[], theirs: readonly unknown[]): readonly string[] {
  if (ours.length !== theirs.length) return [`${ours.length} rows instead of ${theirs.length}`]
  return ours.flatMap((row, index) => valueDifferences(row, theirs[index], `${index}`))
}

function valueDifferences(ours: unknown, theirs: unknown, path: string): readonly string[] {
  if (theirs === null || theirs === undefined) return []
  if (Array.isArray(ours) && Array.isArray(theirs)) {
    if (ours.length !== theirs.length) return [`${path}: ${ours.length} instead of ${theirs.length}`]
    return ours.flatMap((value, index) => valueDifferences(value, theirs[index], `${path}.${index}`))
  }
  if (typeof ours === 'object' && typeof theirs === 'object') {
    const expected = asRecord(theirs)
    return Object.entries(asRecord(ours)).flatMap(([key, value]) =>
      valueDifferences(value, expected[key], `${path}.${key}`),
    )
  }
  const same = typeof theirs === 'number' ? isSameNumber(Number(ours), theirs) : ours === theirs
  return same ? [] : [`${path}: ${String(ours)} instead of ${String(theirs)}`]
}

function isSameNumber(ours: number, theirs: number): boolean {
  return Math.abs(ours - theirs) <= 1e-12 * Math.abs(theirs)
}

function candleRow({ data }: Message) {
  const { openTime, open, high, low, close, volume } = asRecord(data)
  return [openTime, open, high, low, close, volume]
}

function tradeRow({ exchangeTime, data, symbol }: Message) {
  const { id, price, size, side } = asRecord(data)
  // ccxt knows which instrument was asked for; some bodies do not say.
  return { id, price, size, side, time: exchangeTime, ...(symbol === null ? {} : { symbol }) }
}

function ccxtTrade(trade: Fields) {
  const { id, price, amount, side, timestamp } = trade
  return { id, price, size: amount, side, time: timestamp, symbol: ourSymbol(trade['symbol']) }
}

function bookRow({ exchangeTime, data }: Message) {
  const { bids, asks } = asRecord(data)
  return { bids, asks, time: exchangeTime }
}

function ccxtBook({ bids, asks, timestamp }: Fields) {
  return { bids, asks, time: timestamp }
}

/** ccxt holds the tickers that it was asked for by symbol; one alone stands for itself. */
function tickerDifferences(messages: readonly Message[], expected: unknown): readonly string[] {
  const record = asRecord(expected)
  const theirs = 'symbol' in record ? [record] : Object.values(record).map(asRecord)
  return theirs.flatMap((ticker) => {
    const id = asRecord(ticker['info'])['symbol'] ?? asRecord(ticker['info'])['instId']
    const mine = messages.filter((message) => message['exchangeSymbol'] === id)
    const ours = Object.assign({}, ...mine.map(({ data, exchangeTime }) => ({ ...asRecord(data), exchangeTime })))
    if (mine.length === 0) return [`no ticker of ${String(id)}`]
    const { open, high, low, last, baseVolume, quoteVolume, bid, bidVolume, ask, askVolume, timestamp } = ticker
    const wanted = {
      ...{ open, high, low, last, quoteVolume, volume: baseVolume, exchangeTime: timestamp },
      bid: { price: bid, size: bidVolume },
      ask: { price: ask, size: askVolume },
    }
    return valueDifferences(ours, wanted, String(id))
  })
}

function instrumentRow({ data }: Message) {
  const { symbol, exchangeSymbol, base, quote, settle, kind, inverse, active, tickSize, contractSize } = asRecord(data)
  return { symbol, exchangeSymbol, base, quote, settle, kind, inverse, active, tickSize, contractSize }
}

function ccxtMarket(market: Fields) {
  const { id, base, quote, settle, inverse, active, contractSize } = market
  return {
    ...{ exchangeSymbol: id, base, quote, settle, inverse, active, contractSize, symbol: ourSymbol(market['symbol']) },
    kind: market['type'] === 'swap' ? 'perpetual' : market['type'],
    tickSize: asRecord(market['precision'])['price'],
  }
}

/** `BTC/USDT:USDT` -> `BTC-USDT-PERP` */
function ourSymbol(symbol: unknown): string {
  const [pair = '', settle] = String(symbol).split(':')
  return `${pair.replace('/', '-')}${settle === undefined ? '' : '-PERP'}`
}

function asRecord(value: unknown): Fields {
  return typeof value === 'object' && value !== null ? { ...value } : {}
}

function asList(value: unknown): readonly Fields[] {
  return Array.isArray(value) ? value : []
}
