import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { formatSymbol, instrumentKinds, parseAsset, parseSymbol } from '../../src/domain/instrument.ts'

describe('an asset', () => {
  it.each(['BTC', '1000PEPE', '币安人生', 'USD_UM', 'LUNA2.0', 'ÉCU', 'हिन्दी', 'x'.repeat(32)])(
    'may be called %s',
    (name) => {
      expect(parseAsset(name)).toBe(name.normalize('NFC'))
    },
  )

  it.each(['', ' ', 'A B', 'A-B', 'A/B', 'A:B', '$BTC', "BTC';--", '<b>', 'A\u0000', 'x'.repeat(33), '💰'])(
    'may not be called %j',
    (name) => {
      expect(parseAsset(name)).toBeUndefined()
    },
  )

  it('has one name, however its letters were composed', () => {
    expect(parseAsset('E\u0301CU')).toBe('\u00c9CU')
  })
})

describe('a symbol', () => {
  it.each([
    ['BTC-USDT', 'BTC-USDT'],
    ['BTC-USDT-PERP', 'BTC-USDT-PERP'],
    ['BTC/USDT', 'BTC-USDT'],
    ['BTC/USDT:USDT', 'BTC-USDT-PERP'],
    ['BTC/USD:BTC', 'BTC-USD-PERP'],
    ['币安人生-USDT', '币安人生-USDT'],
    ['E\u0301CU-USD', '\u00c9CU-USD'],
  ])('%s is read as %s', (text, symbol) => {
    expect(parseSymbol(text)).toEqual({ by: 'symbol', symbol })
  })

  it.each([
    ['cryptopair_binance_btcusdt', 'binance', 'spot', 'BTCUSDT'],
    ['cryptoperp_okx_btcusdt', 'okx', 'perpetual', 'BTCUSDT'],
  ])('of zvt, %s, is read as joined', (text, exchange, kind, joined) => {
    expect(parseSymbol(text)).toEqual({ by: 'joined', exchange, kind, joined })
  })

  it.each([
    '',
    '-',
    'BTC',
    'BTC-',
    '-USDT',
    'BTC USDT',
    'BTC-USDT-SWAP',
    'BTC/USDT/X',
    'BTC-US$',
    'cryptopair_okx_',
    'A:B',
  ])('%j is none', (text) => {
    expect(parseSymbol(text)).toBeUndefined()
  })

  it('that is formatted is read back', () => {
    const asset = fc.stringMatching(/^[A-Z0-9_.]{1,32}$/).filter((name) => parseAsset(name) !== undefined)
    fc.assert(
      fc.property(asset, asset, fc.constantFrom(...instrumentKinds), (base, quote, kind) => {
        const symbol = formatSymbol(base, quote, kind)
        expect(parseSymbol(symbol)).toEqual({ by: 'symbol', symbol })
      }),
    )
  })

  it('of any text is read or refused, never thrown at', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary', maxLength: 40 }), (text) => {
        const query = parseSymbol(text)
        if (query?.by === 'symbol') expect(parseSymbol(query.symbol)).toEqual(query)
      }),
    )
  })
})
