import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { MAX_CHUNK_BYTES } from '../../src/domain/columns.ts'
import { decimal } from '../../src/domain/decimal.ts'
import { decodeTrades, encodeTrades, type StoredTrade, sliceTrades } from '../../src/domain/trade-chunk.ts'

const price = fc.tuple(fc.bigInt(1n, 10n ** 18n), fc.integer({ min: 0, max: 12 })).map(([digits, scale]) => {
  const text = String(digits).padStart(scale + 1, '0')
  return decimal(scale === 0 ? text : `${text.slice(0, -scale)}.${text.slice(-scale)}`)
})

const trade: fc.Arbitrary<StoredTrade> = fc.record({
  id: fc.oneof(fc.bigInt(0n, 2n ** 64n).map(String), fc.uuid(), fc.string(), fc.constantFrom('007', '-0', '1e3')),
  price,
  size: price,
  side: fc.constantFrom('buy', 'sell', null),
  exchangeTime: fc.integer({ min: 0, max: 4_000_000_000_000 }),
  receivedTime: fc.integer({ min: 0, max: 4_000_000_000_000 }),
  seq: fc.maxSafeNat(),
})

describe('encodeTrades', () => {
  it('gives back exactly what it was given', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(trade, { maxLength: 60 }), async (trades) => {
        expect(await decodeTrades(await encodeTrades(trades))).toEqual(trades)
      }),
      { numRuns: 300 },
    )
  })

  it('takes a few bytes a trade of a busy market', async () => {
    const trades = Array.from({ length: 2_000 }, (_, index) => ({
      id: String(5_000_000_000 + index),
      price: decimal(`${60_000 + (index % 7)}.1`),
      size: decimal(`0.00${100 + ((index * 37) % 900)}`),
      side: index % 3 === 0 ? ('buy' as const) : ('sell' as const),
      exchangeTime: 1_767_225_600_000 + index * 30,
      receivedTime: 1_767_225_600_000 + index * 30 + 40 + (index % 5),
      seq: index + 1,
    }))
    expect((await encodeTrades(trades)).byteLength).toBeLessThan(trades.length * 10)
  })

  it('refuses what it did not make', async () => {
    await expect(decodeTrades(new Uint8Array([1, 2, 3]))).rejects.toThrow()
  })
})

describe('sliceTrades', () => {
  it('cuts nothing but what is too large, and loses nothing', () => {
    fc.assert(
      fc.property(fc.array(trade, { maxLength: 20 }), (trades) => {
        expect(sliceTrades(trades)).toEqual(trades.length === 0 ? [] : [trades])
      }),
    )
  })

  it('keeps a piece below its size even where nothing can be compressed', async () => {
    const random = () => crypto.randomUUID()
    const digits = () => decimal(`1.${String(crypto.getRandomValues(new BigUint64Array(1))[0]).replace(/0+$/, '1')}`)
    const trades = Array.from({ length: 6_000 }, (_, seq) => ({
      id: random(),
      price: digits(),
      size: digits(),
      side: null,
      exchangeTime: Math.floor(Number(`0x${random().slice(0, 8)}`) * 900),
      receivedTime: Math.floor(Number(`0x${random().slice(0, 8)}`) * 900),
      seq,
    }))
    const slices = sliceTrades(trades)
    expect(slices.length).toBeGreaterThan(1)
    expect(slices.flat()).toEqual(trades)
    for (const slice of slices) expect((await encodeTrades(slice)).byteLength).toBeLessThan(MAX_CHUNK_BYTES)
  })
})
