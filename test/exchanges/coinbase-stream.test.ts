import { describe, expect, it } from 'vitest'
import type { MarketChannel } from '../../src/domain/event.ts'
import { intervals } from '../../src/domain/interval.ts'
import { coinbaseStream } from '../../src/exchanges/coinbase-stream.ts'
import { instrument } from './instruments.ts'

const product = instrument('coinbase', 'BTC-USD')

describe('the streams of Coinbase', () => {
  it.each([
    ['trades', ['matches:BTC-USD', 'heartbeat:BTC-USD']],
    ['candles', ['matches:BTC-USD', 'heartbeat:BTC-USD']],
    ['ticker', ['ticker:BTC-USD', 'heartbeat:BTC-USD']],
    ['bbo', ['ticker:BTC-USD', 'heartbeat:BTC-USD']],
    ['book', ['level2_batch:BTC-USD', 'heartbeat:BTC-USD']],
    ['funding', []],
    ['liquidations', []],
  ] as const satisfies readonly (readonly [MarketChannel, readonly string[]])[])('of %s', (channel, expected) => {
    const streams = coinbaseStream.streamsOf({ channel, instrument: product, interval: '1m' })
    expect(streams.map(({ name }) => name)).toEqual(expected)
  })

  it('of candles are those that REST has as well', () => {
    const offered = intervals.filter(
      (interval) => coinbaseStream.streamsOf({ channel: 'candles', instrument: product, interval }).length > 0,
    )
    expect(offered).toEqual(['1m', '5m', '15m', '1h', '6h', '1d'])
  })

  it('are asked for in a message a product, so that a refused one is alone', () => {
    const names = ['matches:BTC-USD', 'ticker:NOPE-USD', 'level2_batch:BTC-USD']
    const requests = coinbaseStream.subscribe(names, 3)
    expect(requests.map(({ requestId, names }) => [requestId, names])).toEqual([
      [3, ['matches:BTC-USD', 'level2_batch:BTC-USD']],
      [4, ['ticker:NOPE-USD']],
    ])
    expect(requests.map(({ frame }) => JSON.parse(frame))).toEqual([
      {
        type: 'subscribe',
        channels: [
          { name: 'matches', product_ids: ['BTC-USD'] },
          { name: 'level2_batch', product_ids: ['BTC-USD'] },
        ],
      },
      { type: 'subscribe', channels: [{ name: 'ticker', product_ids: ['NOPE-USD'] }] },
    ])
    expect(coinbaseStream.unsubscribe(['ticker:BTC-USD'], 1)[0]?.frame).toContain('"unsubscribe"')
  })

  it('are acknowledged under the names that they were asked for by', () => {
    const frame =
      '{"type":"subscriptions","channels":[{"name":"level2_50","product_ids":["BTC-USD"],"account_ids":null}]}'
    expect(coinbaseStream.decode(frame)).toEqual({ kind: 'ack', requestId: null, streams: ['level2_batch:BTC-USD'] })
  })
})

describe('frames of Coinbase', () => {
  const match =
    '{"type":"match","trade_id":7,"side":"sell","size":"1","price":"2.50","product_id":"BTC-USD","time":"2026-01-02T00:00:00.5Z"}'

  it('give the side of the taker, and the time in milliseconds', () => {
    const expected = { id: '7', price: '2.5', side: 'buy', exchangeTime: 1_767_312_000_500 }
    expect(coinbaseStream.decode(match)).toMatchObject({ events: [expected] })
  })

  it.each([
    ['"side":"sell"', '"side":"none"', 'side: neither buy nor sell'],
    ['"trade_id":7', '"trade_id":"7"', 'trade_id: not a counter'],
    ['2026-01-02T00:00:00.5Z', '2026-01-02', 'time: not a time'],
    ['2026-01-02T00:00:00.5Z', '2026-13-02T00:00:00Z', 'time: not a time'],
    ['2026-01-02T00:00:00.5Z', '0001-01-01T00:00:00.000000Z', 'time: not a time'],
    ['"type":"match",', '', 'type: not a text'],
  ])('with %s as %s are invalid', (part, wrong, detail) => {
    expect(coinbaseStream.decode(match.replace(part, wrong))).toEqual({ kind: 'invalid', detail })
  })

  it.each(['Rate limit exceeded', 'ErrSlowRead', 'ErrSlowConsume'])('ask to be slower: %s', (message) => {
    const error = { kind: 'rejected', streams: null, reason: message, retryAfterMs: 5_000 }
    expect(coinbaseStream.decode(JSON.stringify({ type: 'error', message }))).toMatchObject(error)
  })

  it('refuse a product for good, whatever its name', () => {
    const frame = '{"type":"error","message":"Failed to subscribe","reason":"ErrSlowRead-USD is not a valid product"}'
    expect(coinbaseStream.decode(frame)).not.toHaveProperty('retryAfterMs')
  })

  it('of books have no time in the year 1', () => {
    const frame =
      '{"type":"l2update","product_id":"A-B","changes":[["buy","1","0.00"]],"time":"0001-01-01T00:00:00.000000Z"}'
    expect(coinbaseStream.decode(frame)).toMatchObject({ events: [{ exchangeTime: null, bids: [{ size: '0' }] }] })
  })
})
