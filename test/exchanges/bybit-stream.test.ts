import { describe, expect, it } from 'vitest'
import { type MarketChannel, marketChannels } from '../../src/domain/event.ts'
import type { Instrument } from '../../src/domain/instrument.ts'
import type { Interval } from '../../src/domain/interval.ts'
import { bybit } from '../../src/exchanges/bybit.ts'

const spot: Instrument = {
  ...{ exchange: 'bybit', kind: 'spot', symbol: 'BTC-USDT', exchangeSymbol: 'BTCUSDT', base: 'BTC', quote: 'USDT' },
  ...{ settle: null, inverse: false, contractSize: null, tickSize: null, lotSize: null, active: true, listedAt: null },
}
const linear: Instrument = { ...spot, kind: 'perpetual', symbol: 'BTC-USDT-PERP', settle: 'USDT' }

const { stream } = bybit

function streamsOf(channel: MarketChannel, instrument: Instrument, interval: Interval | null = null) {
  return stream.streamsOf({ channel, instrument, interval }).map(({ endpoint, name }) => `${endpoint}/${name}`)
}

describe('frames of Bybit', () => {
  it('say of a ticker only what has changed', () => {
    const delta = '{"topic":"tickers.BTCUSDT","type":"delta","data":{"symbol":"BTCUSDT","markPrice":"7.10"},"ts":9}'
    const event = { channel: 'funding', exchangeSymbol: 'BTCUSDT', exchangeTime: 9, values: { markPrice: '7.1' } }
    expect(stream.decode(delta, 'perpetual')).toEqual({
      ...{ kind: 'data', stream: 'tickers.BTCUSDT' },
      events: [event],
      isPartial: true,
    })
  })

  it('say of the open interest only what has changed, in base units', () => {
    const values = (symbol: string, fields: object) => {
      const data = { symbol, ...fields }
      const frame = stream.decode(
        JSON.stringify({ topic: `tickers.${symbol}`, type: 'delta', data, ts: 9 }),
        'perpetual',
      )
      return frame.kind === 'data' && frame.events.map((event) => event.channel === 'open-interest' && event.values)
    }
    expect(values('BTCUSDT', { openInterest: '10' })).toEqual([{ openInterest: '10' }])
    expect(values('BTCUSDT', { openInterestValue: '60' })).toEqual([{ value: '60' }])
    expect(values('BTCUSD', { openInterest: '60', openInterestValue: '10' })).toEqual([
      { openInterest: '10', value: '60' },
    ])
  })

  it('have no time of funding where it is 0', () => {
    const frame = '{"topic":"tickers.A","type":"delta","ts":9,"data":{"symbol":"AUSDT","nextFundingTime":"0"}}'
    expect(stream.decode(frame, 'perpetual')).toMatchObject({ events: [{ values: { nextFundingTime: null } }] })
  })

  it('say of a best price only the side that has changed', () => {
    const sides = (b: unknown, a: unknown, type: string) => {
      const data = { s: 'BTCUSDT', b, a, u: 7, seq: 8 }
      const frame = stream.decode(JSON.stringify({ topic: 'orderbook.1.BTCUSDT', ts: 9, type, data }), 'spot')
      const [event] = frame.kind === 'data' ? frame.events : []
      return event?.channel === 'bbo' && [event.bid, event.ask]
    }
    expect(sides([['1', '2']], [], 'delta')).toEqual([{ price: '1', size: '2' }, undefined])
    expect(sides([['1', '2']], [], 'snapshot')).toEqual([{ price: '1', size: '2' }, null])
    expect(
      sides(
        [['1', '0']],
        [
          ['3', '0.0'],
          ['4', '5'],
        ],
        'delta',
      ),
    ).toEqual([null, { price: '4', size: '5' }])
  })

  it('of books with other columns are none of ours', () => {
    const data = { s: 'BTCUSDT', b: [['1', '2', '3']], a: [['4', '5', '6']], u: 1, seq: 1 }
    const frame = { topic: 'orderbook.rpi.BTCUSDT', type: 'snapshot', ts: 1, data }
    const reason = 'orderbook.rpi.BTCUSDT'
    expect(stream.decode(JSON.stringify(frame), 'spot')).toEqual({ kind: 'ignored', reason })
  })

  it('refuse a request as a whole, and name the topic', () => {
    const refused = (ret_msg: string) =>
      stream.decode(JSON.stringify({ success: false, ret_msg, conn_id: 'c', req_id: '5', op: 'subscribe' }), 'spot')
    const rejected = { kind: 'rejected', requestId: 5, undone: true }
    expect(refused('error:handler not found,topic:kline.1.NOPE')).toMatchObject({
      ...rejected,
      streams: ['kline.1.NOPE'],
    })
    expect(refused('Invalid symbol :[tickers.NOPE]')).toMatchObject({ ...rejected, streams: ['tickers.NOPE'] })
    expect(refused('args size >10')).toMatchObject({ ...rejected, streams: null, reason: 'args size >10' })
    expect(refused('Invalid symbol :[NOPE]')).toMatchObject({ ...rejected, streams: null })
    expect(refused('error:already subscribed,topic:kline.1.BTCUSDT')).toEqual({
      ...{ kind: 'ack', requestId: 5, streams: ['kline.1.BTCUSDT'], undone: true },
    })
  })
})

describe('streams of Bybit', () => {
  it('give each topic of a linear perpetual', () => {
    expect(streamsOf('trades', linear)).toEqual(['linear/publicTrade.BTCUSDT'])
    expect(streamsOf('candles', linear, '1m')).toEqual(['linear/kline.1.BTCUSDT'])
    expect(streamsOf('candles', linear, '1d')).toEqual(['linear/kline.D.BTCUSDT'])
    expect(streamsOf('bbo', linear)).toEqual(['linear/orderbook.1.BTCUSDT'])
    expect(streamsOf('book', linear)).toEqual(['linear/orderbook.1000.BTCUSDT'])
    for (const channel of ['ticker', 'funding', 'open-interest'] as const) {
      expect(streamsOf(channel, linear)).toEqual(['linear/tickers.BTCUSDT'])
    }
    expect(streamsOf('liquidations', linear)).toEqual(['linear/allLiquidation.BTCUSDT'])
  })

  it('give spot what spot has, on its own socket', () => {
    const had = marketChannels.filter((channel) => streamsOf(channel, spot, '1h').length > 0)
    expect(had).toEqual(['trades', 'candles', 'ticker', 'bbo', 'book'])
    expect(streamsOf('ticker', spot)).toEqual(['spot/tickers.BTCUSDT'])
  })

  it('have nothing of inverse perpetuals, whose socket is another', () => {
    expect(streamsOf('trades', { ...linear, inverse: true })).toEqual([])
  })

  it('are asked for ten at a time, each request with its own id', () => {
    const names = Array.from({ length: 21 }, (_, i) => `publicTrade.A${i}USDT`)
    const requests = stream.subscribe(names, 7)
    expect(requests.map(({ requestId, names: part }) => [requestId, part.length])).toEqual([
      [7, 10],
      [8, 10],
      [9, 1],
    ])
    expect(requests[2]?.frame).toBe('{"req_id":"9","op":"subscribe","args":["publicTrade.A20USDT"]}')
    expect(stream.unsubscribe(['a.b'], 1)[0]?.frame).toBe('{"req_id":"1","op":"unsubscribe","args":["a.b"]}')
  })
})
