import { describe, expect, it } from 'vitest'
import type { InstrumentKind } from '../../src/domain/instrument.ts'
import { connectors, type ExchangeName, exchangeNames } from '../../src/exchanges/registry.ts'
import type { StreamApi } from '../../src/exchanges/stream.ts'
import { instrument } from './instruments.ts'

/** What the exchanges publish, written down a second time: see the pages that each `*-stream.ts` names. */
const tables: Readonly<Record<ExchangeName, Pick<StreamApi, 'bookRule' | 'tradeRecovery' | 'limits' | 'heartbeat'>>> = {
  binance: {
    bookRule: { spot: 'contiguous', perpetual: 'bridged' },
    tradeRecovery: { spot: 'byId', perpetual: 'byId' },
    limits: {
      ...{ topicsPerSocket: 200, topicsPerRequest: 100, maxAgeMs: 24 * 60 * 60_000 },
      messages: [{ limit: 4, windowMs: 1_000, per: 'socket' }],
      connects: { limit: 300, windowMs: 5 * 60_000 },
    },
    heartbeat: null,
  },
  okx: {
    bookRule: { spot: 'linked', perpetual: 'linked' },
    tradeRecovery: { spot: 'byId', perpetual: 'byId' },
    limits: {
      ...{ topicsPerSocket: 240, topicsPerRequest: 100, maxAgeMs: null },
      messages: [{ limit: 480, windowMs: 60 * 60_000, per: 'socket' }],
      connects: { limit: 3, windowMs: 1_000 },
    },
    heartbeat: { everyMs: 20_000, frame: 'ping' },
  },
  bybit: {
    bookRule: { spot: 'counted', perpetual: 'counted' },
    tradeRecovery: { spot: 'recentOnly', perpetual: 'recentOnly' },
    limits: {
      ...{ topicsPerSocket: 500, topicsPerRequest: 10, maxAgeMs: null, messages: [] },
      connects: { limit: 500, windowMs: 5 * 60_000 },
    },
    heartbeat: { everyMs: 20_000, frame: '{"op":"ping"}' },
  },
  coinbase: {
    bookRule: { spot: 'connection' },
    tradeRecovery: { spot: 'byId' },
    limits: {
      ...{ topicsPerSocket: 100, topicsPerRequest: 20, maxAgeMs: null },
      messages: [{ limit: 80, windowMs: 1_000, per: 'address' }],
      connects: { limit: 8, windowMs: 1_000 },
    },
    heartbeat: null,
  },
}

const addresses: Readonly<Record<ExchangeName, readonly string[]>> = {
  binance: [
    'https://data-stream.binance.vision/stream',
    'https://fstream.binance.com/public/stream',
    'https://fstream.binance.com/market/stream',
  ],
  okx: ['https://ws.okx.com:8443/ws/v5/public', 'https://ws.okx.com:8443/ws/v5/business'],
  bybit: ['https://stream.bybit.com/v5/public/spot', 'https://stream.bybit.com/v5/public/linear'],
  coinbase: ['https://ws-feed.exchange.coinbase.com'],
}

describe.each(exchangeNames)('the streams of %s', (exchange) => {
  const stream: StreamApi = connectors[exchange].stream

  it('join and are limited as published', () => {
    const { bookRule, tradeRecovery, limits, heartbeat } = stream
    expect({ bookRule, tradeRecovery, limits, heartbeat }).toEqual(tables[exchange])
  })

  it('are where they are published to be', () => {
    expect(stream.endpoints.map(({ baseUrl, path }) => baseUrl + path)).toEqual(addresses[exchange])
  })
})

describe('channels that are none of ours', () => {
  it.each([
    ['binance', '{"stream":"btcusdt@referencePrice","data":{"e":"referencePrice","s":"BTCUSDT","r":"1"}}'],
    ['binance', '{"stream":"btcusdt@newThing","data":{"x":1}}'],
    ['okx', '{"arg":{"channel":"price-limit","instId":"BTC-USDT-SWAP"},"data":[{"buyLmt":"1"}]}'],
    ['okx', '{"arg":{"channel":"new-thing"},"data":{}}'],
    ['bybit', '{"topic":"priceLimit.BTCUSDT","data":{"symbol":"BTCUSDT"},"ts":1}'],
    ['bybit', '{"topic":"newThing","data":1,"ts":1}'],
    ['coinbase', '{"type":"received","product_id":"BTC-USD","sequence":1}'],
    ['coinbase', '{"type":"new_thing"}'],
  ] as const)('of %s are ignored: %s', (exchange, frame) => {
    for (const kind of ['spot', 'perpetual'] as const)
      expect(connectors[exchange].stream.decode(frame, kind)).toMatchObject({ kind: 'ignored' })
  })
})

describe('symbols in other letters', () => {
  const time = 1_767_312_000_000
  const row = [String(time), '1', '1', '1', '1', '1', '1', '1', '1']
  const okx = (channel: string, record: unknown) =>
    JSON.stringify({ arg: { channel, instId: '币安人生-USDT' }, data: [record] })

  it.each([
    ['binance', '币安人生USDT', '币安人生usdt@aggTrade', '币安人生usdt@kline_1m'],
    ['okx', '币安人生-USDT', 'trades-all:币安人生-USDT', 'candle1m:币安人生-USDT'],
    ['bybit', '币安人生USDT', 'publicTrade.币安人生USDT', 'kline.1.币安人生USDT'],
    ['coinbase', '币安人生-USD', 'matches:币安人生-USD', 'matches:币安人生-USD'],
  ] as const)('name the streams of %s', (exchange, symbol, trades, candles) => {
    const { streamsOf } = connectors[exchange].stream
    const first = (channel: 'trades' | 'candles') =>
      streamsOf({ channel, instrument: instrument(exchange, symbol), interval: channel === 'candles' ? '1m' : null })[0]
    expect([first('trades')?.name, first('candles')?.name]).toEqual([trades, candles])
  })

  it.each([
    [
      'binance',
      '币安人生USDT',
      `{"stream":"币安人生usdt@aggTrade","data":{"e":"aggTrade","s":"币安人生USDT","a":1,"p":"1","q":"1","T":${time},"m":true}}`,
    ],
    [
      'binance',
      '币安人生USDT',
      `{"stream":"币安人生usdt@kline_1m","data":{"e":"kline","E":${time},"s":"币安人生USDT","k":{"t":${time},"i":"1m","o":"1","c":"1","h":"1","l":"1","v":"1","n":1,"x":true,"q":"1"}}}`,
    ],
    [
      'okx',
      '币安人生-USDT',
      okx('trades-all', {
        ...{ instId: '币安人生-USDT', tradeId: '1', px: '1', sz: '1', side: 'buy', ts: String(time) },
      }),
    ],
    ['okx', '币安人生-USDT', okx('candle1m', row)],
    [
      'bybit',
      '币安人生USDT',
      `{"topic":"publicTrade.币安人生USDT","type":"snapshot","ts":${time},"data":[{"T":${time},"s":"币安人生USDT","S":"Buy","v":"1","p":"1","i":"a"}]}`,
    ],
    [
      'bybit',
      '币安人生USDT',
      `{"topic":"kline.1.币安人生USDT","type":"snapshot","ts":${time},"data":[{"start":${time},"open":"1","close":"1","high":"1","low":"1","volume":"1","turnover":"1","confirm":true,"timestamp":${time}}]}`,
    ],
    [
      'coinbase',
      '币安人生-USD',
      '{"type":"match","trade_id":1,"side":"buy","size":"1","price":"1","product_id":"币安人生-USD","time":"2026-01-02T00:00:00Z"}',
    ],
  ] as const)('are read in frames of %s', (exchange, exchangeSymbol, frame) => {
    const kind: InstrumentKind = 'spot'
    expect(connectors[exchange].stream.decode(frame, kind)).toMatchObject({
      kind: 'data',
      events: [{ exchangeSymbol }],
    })
  })
})
