import { describe, expect, it } from 'vitest'
import type { MarketChannel } from '../../src/domain/event.ts'
import { binanceStream } from '../../src/exchanges/binance-stream.ts'
import { instrument } from './instruments.ts'

const spot = instrument('binance', 'BTCUSDT')
const perpetual = instrument('binance', 'BTCUSDT', 'perpetual')

function namesOf(of: typeof spot, channel: MarketChannel): readonly string[] {
  const interval = channel === 'candles' ? '1h' : null
  return binanceStream
    .streamsOf({ channel, instrument: of, interval })
    .map(({ endpoint, name }) => `${endpoint} ${name}`)
}

describe('the streams of Binance', () => {
  it.each([
    ['trades', ['spot btcusdt@aggTrade'], ['usdm-market btcusdt@aggTrade']],
    ['candles', ['spot btcusdt@kline_1h'], ['usdm-market btcusdt@kline_1h']],
    ['ticker', ['spot btcusdt@ticker'], ['usdm-market btcusdt@ticker']],
    ['bbo', ['spot btcusdt@bookTicker'], ['usdm-public btcusdt@bookTicker']],
    ['book', ['spot btcusdt@depth@100ms'], ['usdm-public btcusdt@depth@100ms']],
    ['funding', [], ['usdm-market btcusdt@markPrice@1s']],
    ['liquidations', [], ['usdm-market btcusdt@forceOrder']],
    ['open-interest', [], []],
  ] as const)('of %s are at the endpoint that carries them', (channel, ofSpot, ofPerpetual) => {
    expect(namesOf(spot, channel)).toEqual(ofSpot)
    expect(namesOf(perpetual, channel)).toEqual(ofPerpetual)
  })

  it('are named at endpoints that exist and serve the kind', () => {
    for (const of of [spot, perpetual]) {
      for (const { endpoint } of binanceStream.streamsOf({ channel: 'trades', instrument: of, interval: null })) {
        expect(binanceStream.endpoints.find(({ name }) => name === endpoint)?.kinds).toContain(of.kind)
      }
    }
  })

  it('are asked for in messages that count up', () => {
    const names = Array.from({ length: 150 }, (_, i) => `coin${i}usdt@aggTrade`)
    const requests = binanceStream.subscribe(names, 7)
    expect(requests.map(({ requestId, names }) => [requestId, names.length])).toEqual([
      [7, 100],
      [8, 50],
    ])
    expect(requests.flatMap((request) => request.names)).toEqual(names)
    expect(JSON.parse(requests[1]?.frame ?? '')).toEqual({ method: 'SUBSCRIBE', params: names.slice(100), id: 8 })
    expect(binanceStream.unsubscribe(['a@trade'], 9)).toEqual([
      { requestId: 9, frame: '{"method":"UNSUBSCRIBE","params":["a@trade"],"id":9}', names: ['a@trade'] },
    ])
    expect(binanceStream.subscribe([], 1)).toEqual([])
  })
})

describe('frames of Binance', () => {
  const trade = '{"e":"aggTrade","s":"BTCUSDT","a":1,"p":"2.50","q":"1","T":1767312000000,"m":false}'

  it('read alike with and without the name of the stream', () => {
    const bare = binanceStream.decode(trade)
    expect(bare).toMatchObject({ kind: 'data', events: [{ id: '1', price: '2.5', side: 'buy' }] })
    expect(binanceStream.decode(`{"stream":"btcusdt@aggTrade","data":${trade}}`)).toEqual({
      ...bare,
      stream: 'btcusdt@aggTrade',
    })
    expect(binanceStream.decode(`[${trade}]`)).toEqual(bare)
  })

  it.each([
    ['"a":1', '"a":9007199254740993', 'a: not a counter'],
    ['"a":1', '"a":1.5', 'a: not a counter'],
    ['"a":1', '"a":"1"', 'a: not a counter'],
    ['"p":"2.50"', '"p":"2,50"', 'p: not an amount'],
    ['"p":"2.50"', '"p":"-2.50"', 'p: not an amount'],
    ['"T":1767312000000', '"T":-1', 'T: not a time in milliseconds'],
    ['"m":false', '"m":"false"', 'm: neither true nor false'],
    ['"s":"BTCUSDT"', '"s":""', 's: not a text'],
    ['"e":"aggTrade"', '"e":1', 'e: not a text'],
    ['}', '', 'not JSON, or cut off'],
  ])('with %s as %s are invalid', (part, wrong, detail) => {
    expect(binanceStream.decode(trade.replace(part, wrong))).toEqual({ kind: 'invalid', detail })
  })

  it.each(['1', 'null', '""', '{}', '[1]', '{"stream":5,"data":{}}', '{"stream":"a","data":null}'])(
    'that say nothing are invalid: %s',
    (frame) => {
      expect(binanceStream.decode(frame)).toMatchObject({ kind: 'invalid' })
    },
  )

  it('keep every digit of a number that is not text', () => {
    const frame = trade.replace('"2.50"', '12345678901234567.10').replace('"q":"1"', '"q":1e-8')
    expect(binanceStream.decode(frame)).toMatchObject({
      events: [{ price: '12345678901234567.1', size: '0.00000001' }],
    })
  })

  const book = '{"e":"depthUpdate","E":1,"s":"BTCUSDT","U":1,"u":2,"b":[["1","2"]],"a":[]}'
  const candle =
    '{"e":"kline","E":1,"s":"BTCUSDT","k":{"t":57600000,"i":"1d","o":"1","c":"1","h":"1","l":"1","v":"1","n":1,"x":true,"q":"1"}}'

  it.each([
    ['btcusdt@rpiDepth@500ms', book],
    ['btcusdt@depthNew', book],
    ['btcusdt@kline_1d@+08:00', candle],
    ['btcusdt@newThing', '{"x":1}'],
    ['btcusdt@newThing', trade],
    ['!newThing@arr', '[[1,2]]'],
    ['!newThing', '"text"'],
  ])('of %s, which is none of ours, are ignored', (stream, payload) => {
    const reason = `no channel of ours: ${stream}`
    expect(binanceStream.decode(`{"stream":"${stream}","data":${payload}}`)).toEqual({ kind: 'ignored', reason })
  })

  it.each([
    ['btcusdt@aggTrade', trade],
    ['btcusdt@trade', trade.replace('aggTrade', 'trade').replace('"a":1', '"t":1')],
    ['btcusdt@depth', book],
    ['btcusdt@depth@100ms', book],
    ['btcusdt@depth20', book],
    ['btcusdt_260327@depth5@250ms', book],
    ['btcusdt@kline_1d', candle],
    ['币安人生usdt@kline_1d', candle],
  ])('of %s are read', (stream, payload) => {
    expect(binanceStream.decode(`{"stream":"${stream}","data":${payload}}`)).toMatchObject({ kind: 'data', stream })
  })

  it('keep what is known beside what is not', () => {
    const list = `[{"e":"newThing","x":1},${trade}]`
    expect(binanceStream.decode(list)).toMatchObject({ kind: 'data', events: [{ id: '1' }] })
    expect(binanceStream.decode('[{"e":"newThing","x":1}]')).toMatchObject({ kind: 'ignored' })
  })

  it('announce the end of the socket', () => {
    const frame = '{"stream":"!serverShutdown","data":{"e":"serverShutdown","E":1}}'
    expect(binanceStream.decode(frame)).toEqual({ kind: 'ignored', reason: 'serverShutdown', closing: true })
  })
})
