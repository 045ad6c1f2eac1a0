import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { decodeBooks, encodeBooks, type StoredBook, sliceBooks } from '../../src/domain/book-chunk.ts'
import { MAX_CHUNK_BYTES } from '../../src/domain/columns.ts'
import { type Decimal, decimal } from '../../src/domain/decimal.ts'
import { MAX_LEVELS } from '../../src/domain/ingested-book.ts'

const amount = fc.tuple(fc.bigInt(1n, 10n ** 24n), fc.integer({ min: 0, max: 30 })).map(([digits, scale]) => {
  const text = String(digits).padStart(scale + 1, '0')
  return decimal(scale === 0 ? text : `${text.slice(0, -scale)}.${text.slice(-scale)}`)
})

const side = fc.array(fc.record({ price: amount, size: amount }), { maxLength: 8 })

const book: fc.Arbitrary<StoredBook> = fc.record({
  exchangeTime: fc.integer({ min: 0, max: 4_000_000_000_000 }),
  receivedTime: fc.integer({ min: 0, max: 4_000_000_000_000 }),
  sequence: fc.oneof(fc.constant(null), fc.bigInt(0n, 2n ** 64n).map(String), fc.constantFrom('007', 'a:1', '-5')),
  bids: side,
  asks: side,
})

const steps = (count: number, priceAt: (index: number) => string, sizeAt: (index: number) => string) =>
  Array.from({ length: count }, (_, index) => ({ price: decimal(priceAt(index)), size: decimal(sizeAt(index)) }))

describe('encodeBooks', () => {
  it('gives back exactly what it was given', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(book, { maxLength: 12 }), async (books) => {
        expect(await decodeBooks(await encodeBooks(books))).toEqual(books)
      }),
      { numRuns: 200 },
    )
  })

  it('takes a few bytes a level of a busy market', async () => {
    const books = Array.from({ length: 60 }, (_, second) => ({
      exchangeTime: 1_767_225_600_000 + second * 1_000,
      receivedTime: 1_767_225_600_000 + second * 1_000 + 35,
      sequence: String(9_007_199_254_740_993n + BigInt(second * 40)),
      bids: steps(
        50,
        (i) => `${60_000 - second - i}.1`,
        (i) => `0.${1 + ((i * 37 + second) % 900)}`,
      ),
      asks: steps(
        50,
        (i) => `${60_001 - second + i}.1`,
        (i) => `0.${1 + ((i * 53 + second) % 900)}`,
      ),
    }))
    expect((await encodeBooks(books)).byteLength).toBeLessThan(60 * 100 * 4)
  })

  it('refuses what it did not make', async () => {
    await expect(decodeBooks(new Uint8Array([1, 2, 3]))).rejects.toThrow()
  })
})

describe('sliceBooks', () => {
  const digits = () => String(crypto.getRandomValues(new BigUint64Array(1))[0]).padStart(20, '1')
  const long = (): Decimal => decimal(`${digits()}.${digits()}${digits()}1`)
  const bookOf = (levels: number): StoredBook => ({
    exchangeTime: 0,
    receivedTime: 0,
    sequence: null,
    bids: Array.from({ length: levels }, () => ({ price: long(), size: long() })),
    asks: Array.from({ length: levels }, () => ({ price: long(), size: long() })),
  })

  it('keeps a piece below its size even where nothing can be compressed', async () => {
    const books = Array.from({ length: 20 }, () => bookOf(200))
    const slices = sliceBooks(books)
    expect(slices.length).toBeGreaterThan(1)
    expect(slices.flat()).toEqual(books)
    for (const slice of slices) expect((await encodeBooks(slice)).byteLength).toBeLessThan(MAX_CHUNK_BYTES)
  })

  it('has the largest book that is taken in one piece, which a value of the database holds', async () => {
    const largest = bookOf(MAX_LEVELS)
    expect(sliceBooks([bookOf(1), largest, bookOf(1)]).map(({ length }) => length)).toEqual([1, 1, 1])
    // Written as two hexadecimal digits a byte; D1 takes 2 MB.
    expect((await encodeBooks([largest])).byteLength * 2).toBeLessThan(1_900_000)
  })
})
