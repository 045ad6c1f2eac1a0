import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { besides } from './bodies.ts'
import { decodeFrames, recordedFrames } from './frames.ts'
import { differences } from './tardis-agreement.ts'

const files = recordedFrames()

/** What a recording of a channel gives, as the first part of the name says; every other channel is none of ours. */
const given: Readonly<Record<string, readonly string[]>> = {
  'binance/ack': ['ack'],
  'binance/aggTrade': ['trade'],
  'binance/bookTicker': ['bbo'],
  'binance/depth': ['book'],
  'binance/error-wsapi': ['rejected'],
  'binance/kline': ['candle'],
  'binance/partialDepth': ['book'],
  'binance/ticker': ['ticker'],
  'binance/trade': ['trade'],
  'binance-futures/aggTrade': ['trade'],
  'binance-futures/bookTicker': ['bbo'],
  'binance-futures/depth': ['book'],
  'binance-futures/kline': ['candle'],
  'binance-futures/liquidation': ['liquidation'],
  'binance-futures/markPrice': ['funding'],
  'binance-futures/ticker': ['ticker'],
  // One of them is an execution outside the book.
  'binance-futures/trade': ['trade', 'ignored'],
  'okx/ack': ['ack'],
  'okx/bbo-tbt': ['bbo'],
  'okx/books': ['book'],
  'okx/books-l2-tbt': ['book'],
  'okx/books5': ['book'],
  'okx/candles': ['candle'],
  'okx/funding-rate': ['funding'],
  'okx/index-tickers': ['funding'],
  'okx/liquidation-orders': ['liquidation'],
  'okx/mark-price': ['funding'],
  'okx/open-interest': ['open-interest'],
  'okx/tickers': ['ticker', 'bbo'],
  'okx/trades': ['trade'],
  'okx/trades-all': ['trade'],
  'bybit/ack': ['ack'],
  'bybit/error': ['rejected'],
  'bybit/kline': ['candle'],
  'bybit/liquidation': ['liquidation'],
  'bybit/orderbook': ['book', 'bbo'],
  'bybit/pong': ['heartbeat'],
  'bybit/ticker': ['ticker', 'bbo', 'funding', 'open-interest'],
  'bybit/trades': ['trade'],
  'coinbase-exchange/ack': ['ack'],
  'coinbase-exchange/error': ['rejected'],
  'coinbase-exchange/heartbeat': ['heartbeat'],
  'coinbase-exchange/level2': ['book'],
  'coinbase-exchange/matches': ['trade'],
  'coinbase-exchange/ticker': ['ticker', 'bbo'],
}

describe.skipIf(files.length === 0)('recorded frames', () => {
  it.each(files)('$name says what its channel is for', (file) => {
    const channel = file.name.split('/').slice(0, 2).join('/')
    const expected = given[channel] ?? ['ignored']
    for (const messages of decodeFrames(file)) {
      expect(messages.length).toBeGreaterThan(0)
      for (const message of messages) expect([...expected, message]).toContain(message.type)
    }
  })

  it.each(Object.entries(given))('%s gives all that its channel is for', (channel, expected) => {
    const ofChannel = files.filter(({ name }) => name.startsWith(`${channel}/`))
    const types = ofChannel.flatMap((file) => decodeFrames(file).flat()).map(({ type }) => type)
    expect(new Set(types)).toEqual(new Set(expected))
  })

  it.each(files.filter((file) => besides(file.path, '.expected-tardis.json') !== undefined))(
    '$name agrees with tardis',
    (file) => {
      const expected: unknown[][] = JSON.parse(readFileSync(besides(file.path, '.expected-tardis.json') ?? '', 'utf8'))
      const decoded = decodeFrames(file)
      expect(expected).toHaveLength(decoded.length)
      const found = expected.flatMap((theirs, index) => differences(decoded[index] ?? [], theirs))
      expect(found).toEqual([])
    },
  )

  it('cover the channels that are named', () => {
    const channels = new Set(files.map(({ name }) => name.split('/').slice(0, 2).join('/')))
    expect(Object.keys(given).filter((channel) => !channels.has(channel))).toEqual([])
  })
})
