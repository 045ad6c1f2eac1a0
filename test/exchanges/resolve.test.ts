import { describe, expect, it } from 'vitest'
import { decimal } from '../../src/domain/decimal.ts'
import type { Instrument } from '../../src/domain/instrument.ts'
import { resolveBookSnapshot, resolveTicker, resolveTrade, staysInContracts } from '../../src/exchanges/resolve.ts'

const spot: Instrument = {
  ...{ exchange: 'okx', kind: 'spot', symbol: 'BTC-USDT', exchangeSymbol: 'BTC-USDT', base: 'BTC', quote: 'USDT' },
  ...{ settle: null, inverse: false, contractSize: null, tickSize: null, lotSize: null, active: true, listedAt: null },
}
const linear: Instrument = {
  ...spot,
  ...{ kind: 'perpetual', symbol: 'BTC-USDT-PERP', exchangeSymbol: 'BTC-USDT-SWAP', contractSize: decimal('0.01') },
}
const inverse: Instrument = {
  ...linear,
  ...{ symbol: 'BTC-USD-PERP', exchangeSymbol: 'BTC-USD-SWAP', inverse: true, contractSize: decimal('100') },
}

const level = { price: decimal('61234.5'), size: decimal('12.5') }
const trade = { ...level, id: '1', side: 'buy', exchangeTime: 5, exchangeSymbol: null } as const
const none = { last: null, open: null, high: null, low: null, quoteVolume: null } as const
const ticker = { ...none, exchangeSymbol: null, exchangeTime: 5, volume: decimal('15'), bid: level, ask: null } as const
const book = { exchangeSymbol: null, exchangeTime: 5, sequence: '9', bids: [level], asks: [level, level] }

describe('resolving', () => {
  it('turns the contracts of a linear perpetual into base units', () => {
    expect(resolveTrade(trade, linear)).toEqual({ ...trade, size: '0.125', exchangeSymbol: 'BTC-USDT-SWAP' })
    const scaled = { price: '61234.5', size: '0.125' }
    expect(resolveBookSnapshot(book, linear)).toEqual({
      ...book,
      ...{ exchangeSymbol: 'BTC-USDT-SWAP', bids: [scaled], asks: [scaled, scaled] },
    })
    expect(resolveTicker(ticker, linear)).toMatchObject({ bid: scaled, ask: null })
  })

  it('leaves the 24 h volume alone, which is in base units already', () => {
    expect(resolveTicker(ticker, linear).volume).toBe('15')
  })

  it.each([spot, inverse])('names $symbol and leaves its sizes alone', (instrument) => {
    const { exchangeSymbol } = instrument
    expect(resolveTrade(trade, instrument)).toEqual({ ...trade, exchangeSymbol })
    expect(resolveTicker(ticker, instrument)).toEqual({ ...ticker, exchangeSymbol })
    expect(resolveBookSnapshot(book, instrument)).toEqual({ ...book, exchangeSymbol })
  })

  it('keeps a best price without a size', () => {
    const bid = { price: decimal('1'), size: null }
    expect(resolveTicker({ ...ticker, bid }, linear).bid).toEqual(bid)
  })

  it('says whose sizes stay in contracts', () => {
    expect([spot, linear, inverse].map(staysInContracts)).toEqual([false, false, true])
  })
})
