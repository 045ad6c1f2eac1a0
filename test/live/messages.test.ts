import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { decimal } from '../../src/domain/decimal.ts'
import {
  ALL_EXCHANGES,
  bookDepths,
  type ClientTopic,
  channels,
  parseTopicKey,
  topicKey,
} from '../../src/domain/topic.ts'
import {
  bboData,
  bookData,
  candleData,
  fundingData,
  isState,
  keyOfMessage,
  linkGap,
  liquidationData,
  openInterestData,
  seqOfMessage,
  splitFrame,
  TopicLine,
  tickerData,
  tradeData,
  withPrevSeq,
} from '../../src/live/messages.ts'

const topic: ClientTopic = { channel: 'trades', exchange: 'okx', symbol: 'BTC-USDT', interval: null, depth: null }

/** A topic of every channel, named as strangely as instruments can be. */
const anyTopic = fc
  .record({
    channel: fc.constantFrom(...channels),
    exchange: fc.constantFrom('okx', 'binance'),
    symbol: fc.constantFrom('BTC-USDT', '币安人生-USDT', 'A_B.C-USD-PERP'),
    depth: fc.constantFrom(...bookDepths),
    isAcross: fc.boolean(),
    quotes: fc.constantFrom({}, { quotes: 'usd-like' } as const),
    threshold: fc.constantFrom('0', '-0.25', '12.000001').map(decimal),
    fees: fc.constantFrom({}, { fees: 'binance:0.00075,okx:0' }),
  })
  .map(({ channel, exchange, symbol, depth, isAcross, quotes, threshold, fees }): ClientTopic => {
    const topic = { channel, symbol, interval: null, depth: null }
    if (channel === 'arbitrage') return { ...topic, exchange: ALL_EXCHANGES, ...quotes, threshold, ...fees }
    if (channel === 'bbo' && isAcross) return { ...topic, exchange: ALL_EXCHANGES, ...quotes }
    return {
      channel,
      exchange,
      symbol: channel === 'status' ? null : symbol,
      interval: channel === 'candles' ? '1m' : null,
      depth: channel === 'book' ? depth : null,
    }
  })

const HOSTILE = ['},{"type":"trade"', '"seq":9,"prevSeq":9', '\\"', '"}]', ',"symbol":"X-Y"', '\u2028', '\ud800', '\n']
const hostile = fc
  .array(fc.oneof(fc.constantFrom(...HOSTILE), fc.string({ unit: 'binary' })), { maxLength: 4 })
  .map((parts) => parts.join(''))

describe('TopicLine', () => {
  it('numbers its messages, and tells the state without taking a number', () => {
    const line = new TopicLine(topic, 'BTC-USDT')
    const data = tradeData({ id: '7', price: decimal('43474.1'), size: decimal('0.0037'), side: 'buy' })
    expect(JSON.parse(line.next(1_000, 1_005, data))).toEqual({
      type: 'trade',
      exchange: 'okx',
      symbol: 'BTC-USDT',
      exchangeSymbol: 'BTC-USDT',
      exchangeTime: 1_000,
      receivedTime: 1_005,
      seq: 1,
      prevSeq: 0,
      data: { id: '7', price: '43474.1', size: '0.0037', side: 'buy' },
    })
    expect(JSON.parse(line.state(null, 1_006, data))).toMatchObject({ seq: 1, prevSeq: 1, exchangeTime: null })
    expect(JSON.parse(line.notice('gap', 1_007, '{"from":1}'))).toEqual({
      type: 'gap',
      channel: 'trades',
      exchange: 'okx',
      symbol: 'BTC-USDT',
      exchangeSymbol: 'BTC-USDT',
      exchangeTime: null,
      receivedTime: 1_007,
      seq: 2,
      prevSeq: 1,
      data: { from: 1 },
    })
    expect(line.seq).toBe(2)
  })

  it('makes JSON of every topic whatever the exchange calls its symbols, and is found again by its key', () => {
    fc.assert(
      fc.property(anyTopic, hostile, (any, exchangeSymbol) => {
        const line = new TopicLine(any, any.channel === 'status' ? null : exchangeSymbol)
        const data = dataOf(any)
        const messages = [line.next(1, 2, data), line.state(1, 2, data), line.notice('stale', 3, '{}')]
        for (const message of messages) {
          JSON.parse(message)
          expect(keyOfMessage(message)).toBe(topicKey(any))
        }
        expect(messages.map(isState)).toEqual([false, true, false])
        expect(messages.map(seqOfMessage)).toEqual([1, 1, 2])
        expect(keyOfMessage(linkGap(any, 4, exchangeSymbol))).toBe(topicKey(any))
        expect(JSON.parse(withPrevSeq(line.next(1, 2, data), 77))).toMatchObject({ seq: 3, prevSeq: 77 })
      }),
    )
  })
})

describe('splitFrame', () => {
  it('gives the messages byte for byte, whatever stands in their strings', () => {
    fc.assert(
      fc.property(fc.array(fc.tuple(anyTopic, hostile, hostile), { maxLength: 6 }), (parts) => {
        const messages = parts.flatMap(([any, exchangeSymbol, id]) => {
          const trade = { id, price: decimal('1'), size: decimal('2'), side: null }
          return [
            new TopicLine({ ...any, channel: 'trades', symbol: 'A-B' }, exchangeSymbol).next(1, 2, tradeData(trade)),
            new TopicLine(any, exchangeSymbol).next(1, 2, dataOf(any)),
            linkGap(any, 1, id),
          ]
        })
        const frame = `[${messages.join(',')}]`
        expect(splitFrame(frame)).toEqual(messages)
        expect(JSON.parse(frame)).toHaveLength(messages.length)
      }),
    )
  })

  it('finds nothing in an empty frame', () => {
    expect(splitFrame('[]')).toEqual([])
  })
})

describe('topicKey', () => {
  it('is read back as the topic', () => {
    fc.assert(
      fc.property(anyTopic, (any) => {
        expect(parseTopicKey(topicKey(any))).toEqual(any)
      }),
    )
  })

  it.each([
    '',
    'trades',
    'trades:okx',
    'trades:okx:',
    'klines:okx:BTC-USDT',
    'book:okx:BTC-USDT:21',
    'book:okx:BTC-USDT',
  ])('is not %j', (text) => expect(parseTopicKey(text)).toBeUndefined())
})

describe('data', () => {
  it('keeps what is not sent as null', () => {
    const [a, b] = [decimal('1.5'), decimal('0.00000001')]
    expect(JSON.parse(bboData({ price: a, size: null }, null))).toEqual({
      bid: { price: '1.5', size: null },
      ask: null,
    })
    expect(JSON.parse(openInterestData({ openInterest: a, value: null }))).toEqual({ openInterest: '1.5', value: null })
    expect(JSON.parse(liquidationData({ price: a, size: b, side: 'sell' }))).toEqual({
      price: '1.5',
      size: '0.00000001',
      side: 'sell',
    })
    const funding = { rate: b, nextFundingTime: null, markPrice: a, indexPrice: null }
    expect(JSON.parse(fundingData(funding))).toEqual(funding)
    const ticker = { last: a, open: null, high: a, low: b, volume: a, quoteVolume: null }
    expect(JSON.parse(tickerData(ticker))).toEqual(ticker)
  })
})

function dataOf({ channel, depth }: ClientTopic): string {
  const [one, two] = [decimal('1'), decimal('2')]
  if (channel === 'candles') {
    const prices = { open: one, high: two, low: one, close: two, volume: one }
    return candleData('1m', { openTime: 60_000, ...prices, quoteVolume: null, tradeCount: 3, closed: null }, false)
  }
  if (channel !== 'book') return '{"last":"1"}'
  const levels = {
    bids: [{ price: one, size: two }],
    asks: [
      { price: two, size: one },
      { price: two, size: two },
    ],
  }
  return bookData({ kind: 'update', depth: depth ?? 5, availableDepth: 5, ...levels, prevSequence: 1, sequence: 2 })
}
