import { describe, expect, it } from 'vitest'
import { parseDecodeArguments, UsageError } from '../../src/cli/decode-arguments.ts'

const frames = ['--exchange', 'okx', '--transport', 'ws']
const needed = ['--exchange', 'okx', '--transport', 'rest', '--resource', 'candles']

describe('arguments of the decode command', () => {
  it('have defaults', () => {
    expect(parseDecodeArguments(needed)).toEqual({
      ...{ exchange: 'okx', transport: 'rest', resource: 'candles', kind: 'spot', symbol: null },
      ...{ interval: null, instrumentsFile: null, status: 200 },
    })
  })

  it('say what the body is', () => {
    const more = ['--kind', 'perpetual', '--symbol', 'BTC/USDT:USDT', '--interval', '1M', '--instruments', 'a.ndjson']
    expect(parseDecodeArguments([...needed, ...more, '--status', '429'])).toMatchObject({
      ...{ kind: 'perpetual', symbol: 'BTC/USDT:USDT', interval: '1M', instrumentsFile: 'a.ndjson', status: 429 },
    })
  })

  it('need no more than the exchange for frames', () => {
    expect(parseDecodeArguments(['--exchange', 'bybit', '--transport', 'ws', '--kind', 'perpetual'])).toEqual({
      ...{ exchange: 'bybit', transport: 'ws', kind: 'perpetual', symbol: null, instrumentsFile: null },
    })
  })

  it('may ask how the command is used', () => {
    expect(parseDecodeArguments(['--help'])).toBe('help')
    expect(parseDecodeArguments([...frames, '--help'])).toBe('help')
  })

  it.each([
    [[...frames, '--symbol', 'BTC-USDT-SWAP'], 'BTC-USDT-SWAP'],
    [[...frames, '--symbol', '币安人生-USDT'], '币安人生-USDT'],
    [[...frames, '--symbol', 'BTCUSDT'], 'BTCUSDT'],
  ])('name an instrument in any of its spellings: %o', (args, symbol) => {
    expect(parseDecodeArguments(args)).toMatchObject({ symbol })
  })

  it.each([
    [[], '--exchange must be one of binance, okx, bybit, coinbase'],
    [['--exchange', 'kraken'], '--exchange must be one of'],
    [['--exchange', 'okx'], '--transport must be one of rest, ws'],
    [['--exchange', 'okx', '--transport', 'rest'], '--resource must be one of'],
    [['--exchange', 'okx', '--transport', 'rest', '--resource', 'klines'], '--resource must be one of'],
    [[...needed, '--kind', 'future'], '--kind must be one of spot, perpetual'],
    [[...needed, '--interval', '7m'], '--interval must be one of 1m'],
    [[...needed, '--status', '99'], '--status must be an HTTP status'],
    [[...needed, '--status', 'ok'], '--status must be an HTTP status'],
    [[...needed, '--colour', 'red'], 'colour'],
    [[...needed, 'body.json'], 'body.json'],
    [[...needed, '--symbol'], 'symbol'],
    [[...frames, '--interval', '7m'], '--interval belongs to --transport rest'],
    [[...frames, '--status', '999'], '--status belongs to --transport rest'],
    [[...frames, '--resource', 'bogus'], '--resource belongs to --transport rest'],
    [[...frames, '--symbol', '//'], '--symbol must name an instrument'],
    [[...needed, '--symbol', ''], '--symbol must name an instrument'],
    [['--exchange', 'coinbase', '--transport', 'ws', '--symbol', 'BTC-USD-PERP'], 'coinbase has no perpetual'],
    [['--exchange', 'coinbase', '--transport', 'ws', '--symbol', 'BTC/USD:USD'], 'coinbase has no perpetual'],
    [['--exchange', 'coinbase', '--transport', 'ws', '--symbol', 'cryptoperp_coinbase_btcusd'], 'coinbase has no perp'],
    [['--exchange', 'coinbase', '--transport', 'rest', '--kind', 'perpetual'], 'coinbase has no perpetual'],
    [['--exchange', 'coinbase', '--transport', 'rest', '--resource', 'funding-rates'], 'coinbase has no funding rates'],
  ])('are refused as %o', (args, message) => {
    expect(() => parseDecodeArguments(args)).toThrow(UsageError)
    expect(() => parseDecodeArguments(args)).toThrow(message)
  })
})
