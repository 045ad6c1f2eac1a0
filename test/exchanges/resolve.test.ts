import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { decimal, multiplyDecimals, parseDecimal } from '../../src/domain/decimal.ts'
import type { MarketEvent } from '../../src/domain/event.ts'
import type { Instrument } from '../../src/domain/instrument.ts'
import {
  resolveBookSnapshot,
  resolveEvent,
  resolveTicker,
  resolveTrade,
  staysInContracts,
} from '../../src/exchanges/resolve.ts'

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

const named = { exchangeSymbol: 'BTC-USDT-SWAP', exchangeTime: 5 }
const counted: readonly MarketEvent[] = [
  { ...named, channel: 'trades', id: '1', side: 'buy', ...level },
  { ...named, channel: 'liquidations', side: 'sell', ...level },
  { ...named, channel: 'bbo', sequence: 7, bid: level, ask: level },
  {
    ...named,
    ...{ channel: 'book', kind: 'update', firstSequence: null, prevSequence: 8, sequence: 9 },
    ...{ bids: [level], asks: [level, { ...level, size: decimal('0') }] },
  },
]
const uncounted: readonly MarketEvent[] = [
  { ...named, channel: 'ticker', values: { volume: decimal('15') } },
  { ...named, channel: 'funding', values: { rate: decimal('0.0001') } },
  { ...named, channel: 'open-interest', values: { openInterest: decimal('25000'), value: null } },
  {
    ...named,
    ...{ channel: 'candles', interval: '1m' },
    candle: {
      ...{ openTime: 0, open: decimal('1'), high: decimal('1'), low: decimal('1'), close: decimal('1') },
      ...{ volume: decimal('12.5'), quoteVolume: null, tradeCount: null, closed: null },
    },
  },
]

describe('resolving events', () => {
  const scaled = { price: '61234.5', size: '0.125' }

  it('turns the contracts of a linear perpetual into base units', () => {
    expect(counted.map((event) => resolveEvent(event, linear))).toEqual([
      { ...counted[0], ...scaled },
      { ...counted[1], ...scaled },
      { ...counted[2], bid: scaled, ask: scaled },
      { ...counted[3], bids: [scaled], asks: [scaled, { price: '61234.5', size: '0' }] },
    ])
  })

  it.each(uncounted)('leaves $channel alone, which come in base units', (event) => {
    expect(resolveEvent(event, linear)).toBe(event)
  })

  it.each([spot, inverse])('gives back the same events of $symbol', (instrument) => {
    for (const event of [...counted, ...uncounted]) expect(resolveEvent(event, instrument)).toBe(event)
  })

  it('tells an unchanged side, an empty one and one without a size apart', () => {
    const price = decimal('1')
    const bbo = { ...named, channel: 'bbo', sequence: null, ask: null } as const
    expect(resolveEvent(bbo, linear)).toStrictEqual(bbo)
    const sizeless = { ...bbo, bid: { price, size: null } }
    expect(resolveEvent(sizeless, linear)).toStrictEqual(sizeless)
  })

  it('is exact for sizes of any length', () => {
    const amount = fc
      .tuple(fc.bigInt({ min: 0n, max: 10n ** 24n }), fc.nat({ max: 20 }))
      .map(([digits, places]) => parseDecimal(`${digits}e-${places}`) ?? decimal('0'))
    const contract = fc.constantFrom('0.01', '0.001', '0.1', '1', '10', '1000', '0.00025', '123456.789').map(decimal)
    fc.assert(
      fc.property(amount, contract, (size, contractSize) => {
        const event = { ...named, channel: 'trades', id: '1', price: level.price, side: null, size } as const
        const resolved = resolveEvent(event, { ...linear, contractSize })
        expect(resolved).toMatchObject({ size: multiplyDecimals(size, contractSize) })
      }),
      { numRuns: 2_000 },
    )
  })
})
