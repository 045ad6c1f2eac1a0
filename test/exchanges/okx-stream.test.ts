import { describe, expect, it } from 'vitest'
import { decimal } from '../../src/domain/decimal.ts'
import { type MarketChannel, marketChannels } from '../../src/domain/event.ts'
import type { Instrument } from '../../src/domain/instrument.ts'
import type { Interval } from '../../src/domain/interval.ts'
import { okx } from '../../src/exchanges/okx.ts'

const spot: Instrument = {
  ...{ exchange: 'okx', kind: 'spot', symbol: 'BTC-USDT', exchangeSymbol: 'BTC-USDT', base: 'BTC', quote: 'USDT' },
  ...{ settle: null, inverse: false, contractSize: null, tickSize: null, lotSize: null, active: true, listedAt: null },
}
const swap: Instrument = {
  ...spot,
  ...{ kind: 'perpetual', symbol: 'BTC-USDT-PERP', exchangeSymbol: 'BTC-USDT-SWAP', contractSize: decimal('0.01') },
}

const { stream, rest } = okx

function streamsOf(channel: MarketChannel, instrument: Instrument, interval: Interval | null = null) {
  return stream.streamsOf({ channel, instrument, interval }).map(({ endpoint, name }) => `${endpoint}/${name}`)
}

describe('frames of OKX', () => {
  it('say so where they end the socket', () => {
    const notice = '{"event":"notice","code":"64008","msg":"The connection will soon be closed","connId":"a4d3ae55"}'
    expect(stream.decode(notice, 'spot')).toMatchObject({ kind: 'ignored', closing: true })
    expect(stream.decode(notice.replace('64008', '64009'), 'spot')).not.toHaveProperty('closing')
  })

  it.each([
    ['candle1Dutc', { interval: '1d' }],
    ['candle4H', { interval: '4h' }],
    ['candle1D', { interval: null, exchangeInterval: '1D' }],
    ['candle6H', { interval: null, exchangeInterval: '6H' }],
  ])('of %s are of that interval only where it is one of UTC', (channel, expected) => {
    const row = ['1767283200000', '1', '1', '1', '1', '1', '1', '1', '1']
    const frame = stream.decode(JSON.stringify({ arg: { channel, instId: 'BTC-USDT' }, data: [row] }), 'spot')
    expect(frame).toMatchObject({ kind: 'data', events: [expected] })
  })

  it('of candles of other lengths are ignored', () => {
    const frame = '{"arg":{"channel":"candle3Mutc","instId":"BTC-USDT"},"data":[["1","1","1","1","1","1","1","1","1"]]}'
    expect(stream.decode(frame, 'spot')).toEqual({ kind: 'ignored', reason: 'candle3Mutc' })
  })

  it('keep prices exact that come as JSON numbers', () => {
    const frame =
      '{"arg":{"channel":"mark-price"},"data":[{"instId":"X-SWAP","markPx":0.12345678901234567890,"ts":"1"}]}'
    const event = { channel: 'funding', values: { markPrice: '0.1234567890123456789' } }
    expect(stream.decode(frame, 'perpetual')).toMatchObject({ kind: 'data', events: [event] })
  })
})

describe('streams of OKX', () => {
  it('give each topic of a swap', () => {
    expect(streamsOf('trades', swap)).toEqual(['business/trades-all:BTC-USDT-SWAP'])
    expect(streamsOf('candles', swap, '1m')).toEqual(['business/candle1m:BTC-USDT-SWAP'])
    expect(streamsOf('candles', swap, '1d')).toEqual(['business/candle1Dutc:BTC-USDT-SWAP'])
    expect(streamsOf('ticker', swap)).toEqual(['public/tickers:BTC-USDT-SWAP'])
    expect(streamsOf('bbo', swap)).toEqual(['public/bbo-tbt:BTC-USDT-SWAP'])
    expect(streamsOf('book', swap)).toEqual(['public/books:BTC-USDT-SWAP'])
    expect(streamsOf('funding', swap)).toEqual([
      'public/funding-rate:BTC-USDT-SWAP',
      'public/mark-price:BTC-USDT-SWAP',
      'public/index-tickers:BTC-USDT',
    ])
    expect(streamsOf('open-interest', swap)).toEqual(['public/open-interest:BTC-USDT-SWAP'])
    expect(streamsOf('liquidations', swap)).toEqual(['public/liquidation-orders:SWAP'])
  })

  it('leave the index price of a swap in USDC unsaid, which follows another index', () => {
    const inUsdc = { ...swap, exchangeSymbol: 'BTC-USDC-SWAP', quote: 'USDC' }
    expect(streamsOf('funding', inUsdc)).toEqual([
      'public/funding-rate:BTC-USDC-SWAP',
      'public/mark-price:BTC-USDC-SWAP',
    ])
  })

  it('give spot what spot has', () => {
    const had = marketChannels.filter((channel) => streamsOf(channel, spot, '1h').length > 0)
    expect(had).toEqual(['trades', 'candles', 'ticker', 'bbo', 'book'])
  })

  it('are asked for by request, and acknowledged under their own names', () => {
    const names = ['trades-all:BTC-USDT', 'liquidation-orders:SWAP', 'candle6Hutc:ETH-USDT-SWAP']
    const [request, ...others] = stream.subscribe(names, 41)
    expect(others).toEqual([])
    expect(request).toMatchObject({ requestId: 41, names })
    const { id, op, args } = JSON.parse(request?.frame ?? '')
    expect([id, op]).toEqual(['41', 'subscribe'])
    const acks = args.map((arg: unknown) => stream.decode(JSON.stringify({ id, event: 'subscribe', arg }), 'spot'))
    expect(acks).toEqual(names.map((name) => ({ kind: 'ack', requestId: 41, streams: [name] })))
  })

  it('come in requests of a size that OKX takes, each with its own id', () => {
    const { topicsPerRequest, topicsPerSocket } = stream.limits
    const names = Array.from({ length: topicsPerSocket }, (_, i) => `trades-all:LONGEST${i}-USDT-SWAP`)
    const requests = stream.unsubscribe(names, 1)
    expect(requests.flatMap((request) => request.names)).toEqual(names)
    expect(requests.map(({ requestId }) => requestId)).toEqual([1, 2, 3])
    for (const { frame, names: part } of requests) {
      expect(part.length).toBeLessThanOrEqual(topicsPerRequest)
      expect(frame.length).toBeLessThan(64_000)
    }
  })
})

describe('past trades of OKX', () => {
  it('are asked for by the id that they precede', () => {
    const { tradeHistory } = rest
    expect(tradeHistory.page(swap, '1500')).toMatchObject({
      path: '/api/v5/market/history-trades?instId=BTC-USDT-SWAP&after=1500&limit=100',
      limit: 'history-trades',
    })
    expect(tradeHistory.page(spot, null).path).toBe('/api/v5/market/history-trades?instId=BTC-USDT&limit=100')
    expect([tradeHistory.from, tradeHistory.pageSize]).toEqual(['newest', 100])
  })

  it('ascend', () => {
    const row = (tradeId: string) => ({ instId: 'BTC-USDT', tradeId, px: '1', sz: '2', side: 'buy', ts: '5' })
    const body = JSON.stringify({ code: '0', msg: '', data: [row('12'), row('11')] })
    const ids = rest.tradeHistory
      .page(spot, '13')
      .decode(body)
      .map(({ id }) => id)
    expect(ids).toEqual(['11', '12'])
  })
})
