import { expect, it } from 'vitest'
import { isInverseSymbol, symbolsAlike } from '../../src/domain/quote-group.ts'

it.each([
  ['BTC-USDT', null, ['BTC-USDT']],
  ['BTC-USDT', 'usd-like', ['BTC-USDT', 'BTC-USDC', 'BTC-USD']],
  ['BTC-USD', 'usd-like', ['BTC-USD', 'BTC-USDT', 'BTC-USDC']],
  ['ETH-BTC', 'usd-like', ['ETH-BTC']],
  ['BTC-EUR', 'usd-like', ['BTC-EUR']],
  // Those in dollars are margined in their base: another contract.
  ['BTC-USDT-PERP', 'usd-like', ['BTC-USDT-PERP', 'BTC-USDC-PERP']],
  ['BTC-USD-PERP', 'usd-like', ['BTC-USD-PERP']],
] as const)('%s with quotes=%s counts as one with %j', (symbol, group, expected) => {
  expect(symbolsAlike(symbol, group)).toEqual(expected)
})

it('knows the perpetuals whose sizes are contracts', () => {
  expect(['BTC-USD-PERP', 'BTC-USDT-PERP', 'BTC-USD', 'USD-PERP'].filter(isInverseSymbol)).toEqual(['BTC-USD-PERP'])
})
