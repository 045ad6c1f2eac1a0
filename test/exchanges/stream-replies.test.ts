import { describe, expect, it } from 'vitest'
import { connectors } from '../../src/exchanges/registry.ts'

describe('a refusal without words', () => {
  it.each([
    ['binance', '{"error":{"code":2},"id":1}'],
    ['okx', '{"event":"error","code":"60018"}'],
    ['bybit', '{"success":false,"ret_msg":"","op":"subscribe"}'],
    ['coinbase', '{"type":"error"}'],
  ] as const)('of %s has a reason all the same', (exchange, frame) => {
    const rejected = { kind: 'rejected', reason: 'no reason given' }
    expect(connectors[exchange].stream.decode(frame, 'spot')).toMatchObject(rejected)
  })
})
