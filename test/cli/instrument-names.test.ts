import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { InstrumentNames, parseInstrumentsFile } from '../../src/cli/instrument-names.ts'

function listOf(file: string) {
  return parseInstrumentsFile(readFileSync(join(import.meta.dirname, '../fixtures', file), 'utf8'))
}

describe('what the caller typed', () => {
  it.each([
    ['binance', 'spot', 'BTC-USDT', 'BTC-USDT', 'BTCUSDT', 'spot'],
    ['binance', 'perpetual', 'BTC-USDT', 'BTC-USDT-PERP', 'BTCUSDT', 'perpetual'],
    ['binance', 'spot', 'BTC-USDT-PERP', 'BTC-USDT-PERP', 'BTCUSDT', 'perpetual'],
    ['binance', 'spot', 'BTC/USDT', 'BTC-USDT', 'BTCUSDT', 'spot'],
    ['binance', 'spot', 'BTC/USDT:USDT', 'BTC-USDT-PERP', 'BTCUSDT', 'perpetual'],
    ['binance', 'spot', 'BTCUSDT', null, 'BTCUSDT', 'spot'],
    ['binance', 'spot', 'cryptoperp_binance_btcusdt', null, 'BTCUSDT', 'perpetual'],
    ['okx', 'spot', 'BTC-USDT', 'BTC-USDT', 'BTC-USDT', 'spot'],
    ['okx', 'spot', 'BTC-USDT-SWAP', 'BTC-USDT-PERP', 'BTC-USDT-SWAP', 'perpetual'],
    ['okx', 'spot', 'BTC/USD:BTC', 'BTC-USD-PERP', 'BTC-USD-SWAP', 'perpetual'],
    ['bybit', 'perpetual', 'BTC-USDC', 'BTC-USDC-PERP', 'BTCPERP', 'perpetual'],
    ['coinbase', 'spot', 'BTC/USD', 'BTC-USD', 'BTC-USD', 'spot'],
  ] as const)('%s %s %s', (exchange, kind, typed, symbol, exchangeSymbol, meant) => {
    const names = new InstrumentNames(exchange, kind, typed)
    expect(names.kind).toBe(meant)
    expect(names.nameOf(null)).toEqual({ symbol, exchangeSymbol, instrument: null })
  })

  it('names only the records that it is about', () => {
    const names = new InstrumentNames('binance', 'spot', 'BTC-USDT')
    expect(names.nameOf('BTCUSDT').symbol).toBe('BTC-USDT')
    expect(names.nameOf('ETHUSDT')).toEqual({ symbol: null, exchangeSymbol: 'ETHUSDT', instrument: null })
  })
})

describe('symbols that say what they are', () => {
  it.each([
    ['okx', 'BTC-USDT', 'BTC-USDT'],
    ['okx', 'BTC-USD-SWAP', 'BTC-USD-PERP'],
    ['okx', 'BTC-USD-260327', null],
    ['okx', 'BTC-USD-260327-60000-C', null],
    ['okx', '-USDT', null],
    ['coinbase', 'BTC-USD', 'BTC-USD'],
    ['coinbase', 'BTC', null],
    ['bybit', 'BTCUSDT', null],
  ] as const)('%s %s', (exchange, exchangeSymbol, symbol) => {
    expect(new InstrumentNames(exchange, 'spot', null).nameOf(exchangeSymbol)).toMatchObject({ symbol, exchangeSymbol })
  })
})

describe('a list of instruments', () => {
  const okx = listOf('okx/instruments.perpetual.expected.ndjson')
  const binance = listOf('binance/instruments.spot.expected.ndjson')

  it('is read from the lines that the command prints, bad ones passed over', () => {
    expect(binance.map(({ symbol }) => symbol)).toEqual(['BTC-USDT', '币安人生-USDT', 'OLD-BTC'])
  })

  it('is read from an array too', () => {
    expect(parseInstrumentsFile(JSON.stringify(okx))).toEqual(okx)
  })

  it.each(['{', '[1]', '{"type":"instrument"', '7', '[{"exchange":"okx"}]'])('is not %s', (text) => {
    expect(() => parseInstrumentsFile(text)).toThrow()
  })

  it('names what the exchange’s symbol does not say', () => {
    const names = new InstrumentNames('binance', 'spot', null, binance)
    expect(names.nameOf('币安人生USDT')).toMatchObject({ symbol: '币安人生-USDT', instrument: { base: '币安人生' } })
    expect(names.nameOf('NEWUSDT').symbol).toBeNull()
  })

  it.each(['BTC-USDT-PERP', 'BTC-USDT-SWAP', 'BTC/USDT:USDT', 'cryptoperp_okx_btcusdt'])(
    'is searched for %s',
    (typed) => {
      const found = new InstrumentNames('okx', 'spot', typed, okx).nameOf(null)
      expect(found).toMatchObject({ symbol: 'BTC-USDT-PERP', exchangeSymbol: 'BTC-USDT-SWAP' })
      expect(found.instrument?.contractSize).toBe('0.01')
    },
  )

  it('of another exchange or kind is not looked at', () => {
    expect(new InstrumentNames('bybit', 'spot', 'BTC-USDT', binance).nameOf(null).instrument).toBeNull()
    expect(new InstrumentNames('binance', 'perpetual', 'BTCUSDT', binance).nameOf(null).instrument).toBeNull()
  })
})
