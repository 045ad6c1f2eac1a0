import { describe, expect, it } from 'vitest'
import type { StreamOptions } from '../../src/cli/decode-arguments.ts'
import { FrameDecoder } from '../../src/cli/decode-frames.ts'
import { decimal } from '../../src/domain/decimal.ts'
import type { Instrument } from '../../src/domain/instrument.ts'

const swap: Instrument = {
  ...{ exchange: 'okx', kind: 'perpetual', symbol: 'BTC-USDT-PERP', exchangeSymbol: 'BTC-USDT-SWAP' },
  ...{ base: 'BTC', quote: 'USDT', settle: 'USDT', inverse: false, contractSize: decimal('0.01') },
  ...{ tickSize: null, lotSize: null, active: true, listedAt: null },
}

function decoderOf(options: Partial<StreamOptions>, instruments: readonly Instrument[] = []): FrameDecoder {
  const defaults = { exchange: 'okx', transport: 'ws', kind: 'perpetual', symbol: null, instrumentsFile: null } as const
  return new FrameDecoder({ ...defaults, ...options }, instruments)
}

function okxFrame(channel: string, record: Record<string, unknown>, instId = 'BTC-USDT-SWAP'): string {
  return JSON.stringify({ arg: { channel, instId }, data: [{ instId, ts: '1767312000000', ...record }] })
}

describe('sizes', () => {
  const trade = okxFrame('trades', { tradeId: '1', px: '5', sz: '12.5', side: 'buy' })
  const bbo = JSON.stringify({
    arg: { channel: 'bbo-tbt', instId: 'BTC-USDT-SWAP' },
    data: [{ asks: [['6', '3', '0', '1']], bids: [['5', '2', '0', '1']], ts: '1767312000000', seqId: 9 }],
  })

  it('are in contracts, and said to be so, where nothing is known of the instrument', () => {
    const decoder = decoderOf({})
    expect(decoder.decode(trade)).toMatchObject([
      { symbol: 'BTC-USDT-PERP', unit: 'contracts', data: { size: '12.5' } },
    ])
    expect(decoder.decode(bbo)).toMatchObject([{ type: 'bbo', unit: 'contracts', data: { ask: { size: '3' } } }])
  })

  it('are in base units with its contract size', () => {
    const decoder = decoderOf({}, [swap])
    const [message] = decoder.decode(trade)
    expect(message).toMatchObject({ symbol: 'BTC-USDT-PERP', data: { size: '0.125' } })
    expect(message).not.toHaveProperty('unit')
    expect(decoder.decode(bbo)).toMatchObject([{ data: { bid: { size: '0.02' }, ask: { size: '0.03' } } }])
  })
})

describe('what comes in parts', () => {
  it('is a whole funding message', () => {
    const decoder = decoderOf({})
    const mark = okxFrame('mark-price', { markPx: '61000.50' })
    expect(decoder.decode(mark)).toMatchObject([{ type: 'funding', data: { markPrice: '61000.5', rate: null } }])
    const rate = okxFrame('funding-rate', { fundingRate: '0.0001', fundingTime: '1767340800000' })
    const [message] = decoder.decode(rate)
    expect(message).toMatchObject({ data: { rate: '0.0001', nextFundingTime: 1767340800000, markPrice: '61000.5' } })
    const other = decoder.decode(okxFrame('mark-price', { markPx: '1' }, 'ETH-USDT-SWAP'))
    expect(other).toMatchObject([{ data: { rate: null, markPrice: '1' } }])
  })

  it('is a whole open interest', () => {
    const decoder = decoderOf({ exchange: 'bybit' })
    const messages = [{ openInterest: '5', openInterestValue: '50' }, { openInterest: '6' }].flatMap((fields) =>
      decoder.decode(
        JSON.stringify({ topic: 'tickers.A', type: 'delta', ts: 1, data: { symbol: 'AUSDT', ...fields } }),
      ),
    )
    expect(messages.map(({ data }) => data)).toEqual([
      { openInterest: '5', value: '50' },
      { openInterest: '6', value: '50' },
    ])
  })

  it('is a whole ticker and a whole best bid and offer', () => {
    const decoder = decoderOf({ exchange: 'bybit' })
    const ticker = (type: string, data: Record<string, string>) =>
      JSON.stringify({ topic: 'tickers.BTCUSDT', type, cs: 1, ts: 1767312000000, data: { symbol: 'BTCUSDT', ...data } })
    const prices = { lastPrice: '5', highPrice24h: '7', lowPrice24h: '3' }
    const best = { bid1Price: '4', bid1Size: '1', ask1Price: '6', ask1Size: '2' }
    decoder.decode(ticker('snapshot', { ...prices, ...best }))
    const messages = decoder.decode(ticker('delta', { lastPrice: '6', bid1Price: '4.5', bid1Size: '9' }))
    expect(messages.find(({ type }) => type === 'ticker')).toMatchObject({
      data: { last: '6', high: '7', volume: null },
    })
    expect(messages.find(({ type }) => type === 'bbo')).toMatchObject({
      data: { bid: { price: '4.5', size: '9' }, ask: { price: '6', size: '2' } },
    })
  })
})

describe('the price of an index', () => {
  const index = (instId: string) => okxFrame('index-tickers', { idxPx: '61000.50', instId }, instId)

  it('is that of the perpetuals in the list of instruments which follow it', () => {
    const margined = { ...swap, symbol: 'BTC-USD_UM-PERP', exchangeSymbol: 'BTC-USD_UM-SWAP', quote: 'USD_UM' }
    const decoder = decoderOf({}, [swap, margined])
    const data = { indexPrice: '61000.5', rate: null }
    expect(decoder.decode(index('BTC-USDT'))).toMatchObject([{ type: 'funding', symbol: 'BTC-USDT-PERP', data }])
    expect(decoder.decode(index('BTC-USD'))).toMatchObject([{ type: 'funding', symbol: 'BTC-USD_UM-PERP', data }])
    expect(decoder.decode(index('ETH-EUR'))).toEqual([
      { type: 'ignored', exchange: 'okx', detail: 'an index of no instrument that is known' },
    ])
  })

  it('is that of none where no list is given, nor of a perpetual that is only named by the caller', () => {
    for (const symbol of [null, 'ETH-EUR-PERP'])
      expect(decoderOf({ symbol }).decode(index('ETH-EUR'))).toMatchObject([{ type: 'ignored' }])
  })
})

describe('books', () => {
  const depth = '{"e":"depthUpdate","E":1767312000000,"s":"BTCUSDT","U":11,"u":15,"b":[["4","0"]],"a":[]}'
  const binance = decoderOf({ exchange: 'binance', kind: 'spot' })

  it('say what they follow', () => {
    expect(binance.decode(depth)).toMatchObject([
      { data: { kind: 'update', depth: null, bids: [['4', '0']], asks: [], prevSequence: 10, sequence: 15 } },
    ])
    expect(binance.decode(depth.replace('"u":15', '"u":15,"pu":3'))).toMatchObject([{ data: { prevSequence: 3 } }])
  })

  it('follow nothing where they are whole', () => {
    const partial = '{"stream":"btcusdt@depth5","data":{"lastUpdateId":9,"bids":[["4","1"],["3","1"]],"asks":[]}}'
    expect(binance.decode(partial)).toMatchObject([
      { exchangeSymbol: 'BTCUSDT', data: { kind: 'snapshot', depth: 2, prevSequence: null, sequence: 9 } },
    ])
  })
})

describe('frames without data', () => {
  it.each([
    ['binance', '{"result":null,"id":4}', { type: 'ack', requestId: 4, streams: null }],
    ['binance', '{"error":{"code":2,"msg":"no"},"id":4}', { type: 'rejected', requestId: 4, code: '2', reason: 'no' }],
    ['binance', '{"e":"avgPrice"}', { type: 'ignored', detail: 'no channel of ours: avgPrice' }],
    [
      'coinbase',
      '{"type":"heartbeat","last_trade_id":1,"product_id":"A-B","time":"2026-01-01T00:00:00Z"}',
      { type: 'heartbeat' },
    ],
    ['okx', '<html>', { type: 'invalid' }],
    [
      'okx',
      '{"arg":{"channel":"trades","instId":"A-B"},"data":[]}',
      { type: 'ignored', detail: 'no data in the frame' },
    ],
  ] as const)('of %s say what they are: %s', (exchange, frame, expected) => {
    expect(decoderOf({ exchange, kind: 'spot' }).decode(frame)).toEqual([
      expect.objectContaining({ exchange, ...expected }),
    ])
  })
})
