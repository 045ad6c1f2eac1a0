import { env } from 'cloudflare:workers'
import fc from 'fast-check'
import { beforeEach, describe, expect, it } from 'vitest'
import { decimal } from '../../src/domain/decimal.ts'
import type { IngestedBook } from '../../src/domain/ingested-book.ts'
import { readBookAt, writeIngestedBooks } from '../../src/store/ingested-books.ts'
import { MINUTE, T0 } from './seed.ts'

let instrumentId = 80_000
let batches = 0

beforeEach(() => {
  instrumentId += 1
})

function bookAt(ms: number, size = '1', levels = 1): IngestedBook {
  const ladder = (first: number, step: number) =>
    Array.from({ length: levels }, (_, index) => ({
      price: decimal(String(first + index * step)),
      size: decimal(size),
    }))
  const names = { exchange: 'mine', symbol: 'A-B' }
  const [bids, asks] = [ladder(1_000_000, -1), ladder(1_000_001, 1)]
  return { ...names, exchangeTime: T0 + ms, receivedTime: null, sequence: null, bids, asks }
}

function write(records: readonly IngestedBook[], now = T0 + 10 * MINUTE, source = 'ingest') {
  const mark = { source, batchId: `b${++batches}`, receivedTime: now }
  return writeIngestedBooks(env.DB, [{ instrumentId, records }], mark)
}

async function read(ms: number, source = 'ingest') {
  const { book, firstTime } = await readBookAt(env.DB, instrumentId, source, T0 + ms)
  return { time: book === undefined ? undefined : book.exchangeTime - T0, size: book?.bids[0]?.size, firstTime }
}

describe('readBookAt', () => {
  it('gives the newest book at or before a time, however long before', async () => {
    await write([bookAt(5_000), bookAt(30_000), bookAt(5 * MINUTE)])
    const firstTime = T0 + 5_000
    expect(await read(4_999)).toEqual({ time: undefined, size: undefined, firstTime })
    expect(await read(5_000)).toMatchObject({ time: 5_000, firstTime })
    expect(await read(29_999)).toMatchObject({ time: 5_000 })
    expect(await read(30_000)).toMatchObject({ time: 30_000 })
    expect(await read(5 * MINUTE - 1)).toMatchObject({ time: 30_000 })
    expect(await read(900 * MINUTE)).toMatchObject({ time: 5 * MINUTE })
    expect(await read(900 * MINUTE, 'nobody')).toEqual({ time: undefined, size: undefined, firstTime: null })
  })

  it('finds it among parts that were sent in any order', async () => {
    await write([bookAt(10_000), bookAt(50_000)])
    await write([bookAt(20_000), bookAt(40_000)])
    await write([bookAt(30_000)])
    for (const ms of [10_000, 20_000, 30_000, 40_000, 50_000]) {
      expect(await read(ms)).toMatchObject({ time: ms })
      expect(await read(ms + 5_000)).toMatchObject({ time: ms })
    }
    expect(await read(9_999)).toMatchObject({ time: undefined })
  })

  it('gives the last version of a book', async () => {
    await write([bookAt(10_000), bookAt(20_000)])
    expect(await write([bookAt(10_000, '2'), bookAt(20_000), bookAt(20_001)])).toEqual({
      accepted: 1,
      unchanged: 1,
      revised: 1,
    })
    expect(await read(15_000)).toMatchObject({ time: 10_000, size: '2' })
    // Its clock lies behind that of the writer before.
    expect(await write([bookAt(10_000, '3')], T0)).toMatchObject({ revised: 1 })
    expect(await read(15_000)).toMatchObject({ time: 10_000, size: '3' })
    expect(await write([bookAt(10_000, '3')], T0)).toMatchObject({ unchanged: 1 })
  })

  it('agrees with a plain list, whatever was sent', async () => {
    const sent = fc.record({ ms: fc.nat(100).map((step) => step * 1_500), size: fc.constantFrom('1', '2') })
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.uniqueArray(sent, { selector: ({ ms }) => ms, maxLength: 8 }), { maxLength: 5 }),
        fc.array(fc.integer({ min: -1_000, max: 160_000 }), { minLength: 8, maxLength: 8 }),
        async (bodies, times) => {
          instrumentId += 1
          const model = new Map<number, string>()
          for (const body of bodies) {
            const known = body.filter(({ ms }) => model.has(ms)).length
            const unchanged = body.filter(({ ms, size }) => model.get(ms) === size).length
            const counts = { accepted: body.length - known, unchanged, revised: known - unchanged }
            expect(await write(body.map(({ ms, size }) => bookAt(ms, size)))).toEqual(counts)
            for (const { ms, size } of body) model.set(ms, size)
          }
          for (const at of times) {
            const time = [...model.keys()].filter((ms) => ms <= at).sort((a, b) => b - a)[0]
            const size = time === undefined ? undefined : model.get(time)
            expect(await read(at)).toMatchObject({ time, size })
          }
        },
      ),
      { numRuns: 20 },
    )
  })

  it('keeps deep books in pieces that a row holds, and reads one of them', async () => {
    const deep = Array.from({ length: 12 }, (_, second) => bookAt(second * 1_000, '1.25', 5_000))
    expect(await write(deep)).toMatchObject({ accepted: 12 })
    expect(await write(deep)).toMatchObject({ unchanged: 12 })
    const { book } = await readBookAt(env.DB, instrumentId, 'ingest', T0 + 7_500)
    const { exchange: _exchange, symbol: _symbol, ...sent } = bookAt(7_000, '1.25', 5_000)
    expect(book).toEqual({ ...sent, receivedTime: T0 + 10 * MINUTE })
    const rows = 'SELECT count(*) AS n FROM ingested_chunks WHERE instrument_id = ?1'
    expect(await env.DB.prepare(rows).bind(instrumentId).first('n')).toBe(12)
  })
})
