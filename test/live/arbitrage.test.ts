import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { decimal } from '../../src/domain/decimal.ts'
import { bestArbitrage, takerFeeOf } from '../../src/live/arbitrage.ts'
import { type ExchangeBbo, sortOut } from '../../src/live/consolidated.ts'
import { MAX_AGE_MS, readings } from './books-across.ts'

const bookOf = (exchange: string, [bid, bidSize]: [string, string], [ask, askSize]: [string, string]): ExchangeBbo => ({
  exchange,
  symbol: 'BTC-USDT',
  exchangeSymbol: 'BTCUSDT',
  bid: { price: decimal(bid), size: decimal(bidSize) },
  ask: { price: decimal(ask), size: decimal(askSize) },
  exchangeTime: 1,
  receivedTime: 5,
  ageMs: 2,
})

describe('arbitrage', () => {
  it('buys low and sells high, net of the fees of both, as much as there is of both', () => {
    const books = [bookOf('okx', ['99', '5'], ['100', '0.5']), bookOf('bybit', ['101', '2'], ['102', '1'])]
    expect(bestArbitrage(books, takerFeeOf('spot'))).toEqual({
      buy: expect.objectContaining({ exchange: 'okx', price: '100', size: '0.5', takerFee: '0.001', ageMs: 2 }),
      sell: expect.objectContaining({ exchange: 'bybit', price: '101', size: '2', takerFee: '0.001' }),
      size: '0.5',
      spread: '1',
      spreadPercent: '1',
      // 101 * 0.999 - 100 * 1.001
      netSpread: '0.799',
      netPercent: '0.799',
    })
  })

  it('prefers what is left to what is offered: fees decide, and callers may have their own', () => {
    const books = [
      bookOf('okx', ['99', '1'], ['100', '1']),
      ...[bookOf('coinbase', ['101', '1'], ['102', '1']), bookOf('bybit', ['100.8', '1'], ['102', '1'])],
    ]
    expect(bestArbitrage(books, takerFeeOf('spot'))?.sell.exchange).toBe('bybit')
    const own = new Map([['coinbase', decimal('0')]])
    expect(bestArbitrage(books, takerFeeOf('spot', own))).toMatchObject({
      sell: { exchange: 'coinbase', takerFee: '0' },
    })
  })

  it('prefers, of what pays the same, what there is more of', () => {
    const books = [
      bookOf('okx', ['99', '1'], ['100', '4']),
      ...[bookOf('binance', ['101', '2'], ['102', '1']), bookOf('bybit', ['101', '3'], ['102', '1'])],
    ]
    expect(bestArbitrage(books, takerFeeOf('spot'))).toMatchObject({ sell: { exchange: 'bybit' }, size: '3' })
  })

  it('needs two exchanges, and a fee of each', () => {
    const book = bookOf('okx', ['99', '1'], ['100', '1'])
    expect(bestArbitrage([book, { ...book, symbol: 'BTC-USDC' }], takerFeeOf('spot'))).toBeNull()
    expect(bestArbitrage([book, { ...book, exchange: 'coinbase' }], takerFeeOf('perpetual'))).toBeNull()
  })

  it('is the best of all pairs of books that count, and never takes another', () => {
    const fees = { binance: 10n, okx: 3n, bybit: 10n, coinbase: 60n }
    const takerFee = takerFeeOf(
      'spot',
      new Map(Object.entries(fees).map(([name, fee]) => [name, decimal(`${fee}e-4`)])),
    )
    const feeOf = (exchange: string) => Object.entries(fees).find(([name]) => name === exchange)?.[1] ?? 0n
    const cents = (price: string) => BigInt(Math.round(Number(price) * 100))
    fc.assert(
      fc.property(readings, (given) => {
        const { exchanges: books } = sortOut(given, MAX_AGE_MS)
        const seen = bestArbitrage(books, takerFee)
        const nets = books.flatMap(({ exchange: from, ask }) =>
          books.flatMap(({ exchange: to, bid }) => {
            if (from === to || ask === null || bid === null) return []
            const net = cents(bid.price) * (10_000n - feeOf(to)) - cents(ask.price) * (10_000n + feeOf(from))
            return [Number(net) / Number(cents(ask.price)) / 100]
          }),
        )
        expect(seen === null).toBe(nets.length === 0)
        if (seen === null) return
        expect(Math.abs(Number(seen.netPercent) - Math.max(...nets))).toBeLessThan(0.000_002)
        const sides = [
          books.find(({ exchange }) => exchange === seen.buy.exchange)?.ask,
          books.find(({ exchange }) => exchange === seen.sell.exchange)?.bid,
        ]
        expect(sides).toEqual([seen.buy, seen.sell].map(({ price, size }) => ({ price, size })))
        expect(Number(seen.size)).toBe(Math.min(Number(seen.buy.size), Number(seen.sell.size)))
      }),
    )
  })
})
