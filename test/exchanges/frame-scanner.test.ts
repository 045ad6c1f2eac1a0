import fc from 'fast-check'
import { afterEach, describe, expect, it, vi } from 'vitest'
import { connectors } from '../../src/exchanges/registry.ts'
import { change, changed } from './changed-frames.ts'

const RUNS = 20_000

/** What each exchange sends most. */
const updates = {
  okx: [
    '{"arg":{"channel":"books","instId":"BTC-USDT-SWAP"},"action":"update","data":[{"asks":[["56833.2","0.13","0","1"],["56834","0","0","0"]],"bids":[["56818.3","12.96","0","1"]],"ts":"1780315201000","checksum":0,"seqId":360244801,"prevSeqId":360244800}]}',
    '{"arg":{"channel":"books","instId":"币安-USDT-SWAP"},"action":"update","data":[{"asks":[],"bids":[["0.00000730","1300","0","1"]],"ts":"1780315201000","checksum":-1404728636,"seqId":360244801,"prevSeqId":360244800}]}',
  ],
  binance: [
    '{"stream":"btcusdt@depth@100ms","data":{"e":"depthUpdate","E":1780315201000,"s":"BTCUSDT","U":3602448001,"u":3602448010,"b":[["56814.39000000","0.00000000"],["56814.38000000","0.07720000"]],"a":[]}}',
    '{"stream":"btcusdt@depth","data":{"e":"depthUpdate","E":1573948821952,"T":1573948821948,"s":"BTCUSDT","U":687687944,"u":687687946,"pu":687687940,"b":[["8493.78","0.162"]],"a":[["8494.00","1"]]}}',
    '{"stream":"btcusdt@depth@100ms","data":{"e":"depthUpdate","E":1780315201000,"T":1780315200998,"s":"BTCUSDT","ps":"BTCUSDT","st":1,"U":157,"u":160,"pu":149,"b":[["0.0024","10"]],"a":[]}}',
    '{"stream":"币安人生usdt@depth@100ms","data":{"e":"depthUpdate","E":1780315201000,"T":1780315200998,"s":"币安人生USDT","U":157,"u":160,"pu":149,"b":[],"a":[["0.0026","100"]],"ps":"币安人生USDT","st":1}}',
  ],
  bybit: [
    '{"topic":"orderbook.50.BTCUSDT","ts":1680652808085,"type":"delta","data":{"s":"BTCUSDT","b":[["28161.04","0.177474"],["28145.71","0"]],"a":[["28184.33","0"]],"u":59438061,"seq":4281282230}}',
    '{"topic":"orderbook.1000.BTCUSDT","type":"delta","ts":1787612486096,"data":{"s":"BTCUSDT","b":[],"a":[["78715","1.271882"]],"u":18521288,"seq":7961638724},"cts":1787612486090}',
  ],
  coinbase: [
    '{"type":"l2update","product_id":"BTC-USDT","changes":[["buy","56825.17","0.00000000"],["sell","56826","0.00413892"]],"time":"2026-06-01T12:00:00.556000Z"}',
  ],
} as const

const cases = (['okx', 'binance', 'bybit', 'coinbase'] as const).flatMap((exchange) =>
  updates[exchange].map((frame) => ({ exchange, frame, decode: connectors[exchange].stream.decode })),
)

/** Space is nothing to JSON; a scanner knows no layout with it. */
function relaid(frame: string): string {
  return ` ${frame}`
}

afterEach(() => vi.restoreAllMocks())

describe('updates of books', () => {
  it.each(cases)('of $exchange are read without JSON.parse, and with it where they are laid out anew', (one) => {
    const parse = vi.spyOn(JSON, 'parse')
    const scanned = one.decode(one.frame, 'perpetual')
    expect(parse).not.toHaveBeenCalled()
    const parsed = one.decode(relaid(one.frame), 'perpetual')
    expect(parse).toHaveBeenCalledOnce()
    expect(scanned).toMatchObject({ kind: 'data', events: [{ channel: 'book', kind: 'update' }] })
    expect(scanned).toStrictEqual(parsed)
  })

  it.each(cases)(`of $exchange mean the same in any layout, in ${RUNS.toLocaleString('en')} runs`, (one) => {
    fc.assert(
      fc.property(fc.array(change, { minLength: 1, maxLength: 2 }), (changes) => {
        const frame = changes.reduce(changed, one.frame)
        const [scanned, parsed] = [one.decode(frame, 'perpetual'), one.decode(relaid(frame), 'perpetual')]
        // `expect` costs more than a decode.
        if (JSON.stringify(scanned) !== JSON.stringify(parsed)) expect(scanned).toStrictEqual(parsed)
      }),
      { numRuns: RUNS },
    )
  })

  it.each([
    ['"56833.2"', '"56833.20"'],
    ['"56833.2"', '"056833.2"'],
    ['"56833.2"', '".2"'],
    ['"56833.2"', '"56833."'],
    ['"56833.2"', '"+56833.2"'],
    ['"56833.2"', '"-56833.2"'],
    ['"56833.2"', '""'],
    ['"56833.2"', '56833.2'],
    ['"56833.2"', '"0.12345678901234567890"'],
    ['"0.13","0","1"', '"0.13"'],
    ['"0.13","0","1"', '"0.13",0,{}'],
    ['"0.13","0","1"', '"0.13","\\"]]","\\u0031"'],
    ['"0.13","0","1"', '"0.13","\u0001"'],
    ['"0.13","0","1"', '"0.13",'],
    ['360244801', '9007199254740993'],
    ['360244801', '00'],
    ['360244801', '-0'],
    ['360244801', '3.0'],
    ['360244801', '1e3'],
    ['"1780315201000"', '"00000000001"'],
    ['"1780315201000"', '"9999999999999999"'],
    ['BTC-USDT-SWAP', ''],
    ['BTC-USDT-SWAP', 'BTC\\u002dUSDT-SWAP'],
    ['}]}', '},{"asks":[],"bids":[],"ts":"1","seqId":1,"prevSeqId":1}]}'],
    ['}]}', ',"asks":[]}]}'],
    ['}]}', '}]} '],
    ['}]}', '}]}}'],
    ['}]}', '}]'],
    [']],"bids"', '],],"bids"'],
  ])('mean the same in any layout with %s as %s', (from, to) => {
    const { decode } = connectors.okx.stream
    const frame = updates.okx[0].replace(from, () => to)
    expect(frame).not.toBe(updates.okx[0])
    expect(decode(frame, 'perpetual')).toStrictEqual(decode(relaid(frame), 'perpetual'))
  })
})
