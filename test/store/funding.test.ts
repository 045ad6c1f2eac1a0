import { env } from 'cloudflare:workers'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { decimal } from '../../src/domain/decimal.ts'
import type { FundingChunk } from '../../src/domain/funding-history.ts'
import type { Window } from '../../src/domain/interval.ts'
import { mergeWindows } from '../../src/domain/window.ts'
import type { Lease } from '../../src/store/chunk.ts'
import { readFunding } from '../../src/store/funding-pages.ts'
import { claimLease } from '../../src/store/leases.ts'
import { LoaderStore } from '../../src/store/loader-store.ts'
import { MINUTE, T0 } from './seed.ts'

const HOUR = 60 * MINUTE
const at = (hours: number): number => T0 + hours * HOUR
const window = (from: number, to: number): Window => ({ start: at(from), end: at(to) })

let nextId = 500_000

/** A perpetual with two recorded series and an ingested one, on an exchange of its own. */
async function seedPerpetual(kind = 'perpetual'): Promise<{ id: number; store: LoaderStore; lease: Lease }> {
  const id = nextId++
  const exchange = `x${id}`
  await env.DB.batch([
    env.DB.prepare(
      `INSERT INTO instruments (id, exchange, kind, symbol, exchange_symbol, base, quote, inverse, active, listed_at, valid_from)
       VALUES (?1, ?2, ?3, 'F-USDT-PERP', 'FUSDT', 'F', 'USDT', 0, 1, ?4, 0)`,
    ).bind(id, exchange, kind, at(-1_000)),
    env.DB.prepare(
      `INSERT INTO series (instrument_id, interval, source, recorded_from)
       VALUES (?1, '1m', 'exchange', ?2), (?1, '1h', 'exchange', ?3), (?1, '1d', 'exchange', NULL), (?1, '1m', 'mine', ?4)`,
    ).bind(id, at(10), at(5), at(1)),
  ])
  const lease = await claimLease(env.DB, exchange, 'loader')
  return { id, lease, store: new LoaderStore(env.DB, lease, () => crypto.randomUUID()) }
}

function chunkOf(instrumentId: number, part: Partial<FundingChunk>): FundingChunk {
  return { instrumentId, window: window(0, 100), rates: [], proven: [], absent: [], readAt: at(100), ...part }
}

function rateAt(hours: number, rate = '0.0001', markPrice: string | null = null): FundingChunk['rates'][number] {
  const mark = markPrice === null ? null : decimal(markPrice)
  return { fundingTime: at(hours), rate: decimal(rate), markPrice: mark, indexPrice: null }
}

async function gapsOf(id: number) {
  const { results } = await env.DB.prepare(
    'SELECT start_time, end_time, reason, attempts, next_attempt_at FROM funding_gaps WHERE instrument_id = ?1 ORDER BY 1',
  )
    .bind(id)
    .all<{ start_time: number; end_time: number; reason: string; attempts: number; next_attempt_at: number }>()
  return results.map((row) => [row.start_time, row.end_time, row.reason, row.attempts, row.next_attempt_at])
}

const stateOf = async (store: LoaderStore) => (await store.readFundingState())[0]
const read = (instrumentId: number, part: object = {}) =>
  readFunding(env.DB.withSession(), { instrumentId, window: window(0, 1_000), direction: 'forward', limit: 9, ...part })

describe('the state of funding', () => {
  it('is that of the perpetuals of the exchange with a recorded series, since the first of them', async () => {
    const { id, store } = await seedPerpetual()
    expect(await store.readFundingState()).toMatchObject([
      { instrument: { id, listedAt: at(-1_000) }, recordedFrom: at(5), covered: [], gaps: [], failures: 0 },
    ])
    await env.DB.prepare('UPDATE series SET recorded_from = NULL WHERE instrument_id = ?1').bind(id).run()
    expect(await store.readFundingState()).toEqual([])
    expect(await (await seedPerpetual('spot')).store.readFundingState()).toEqual([])
  })

  it('counts failures until an answer has been stored', async () => {
    const { id, store } = await seedPerpetual()
    await store.recordFundingFailure(id, at(3), '503')
    await store.recordFundingFailure(id, at(4), '503 again')
    expect(await stateOf(store)).toMatchObject({ failures: 2, nextAttemptAt: at(4) })
    expect((await read(id)).isFailing).toBe(true)
    await store.writeFunding(chunkOf(id, { proven: [window(0, 8)] }))
    expect(await stateOf(store)).toMatchObject({ failures: 0, nextAttemptAt: 0 })
    expect((await read(id)).isFailing).toBe(false)
  })
})

describe('rates', () => {
  it('are read in order, from either end', async () => {
    const { id, store } = await seedPerpetual()
    await store.writeFunding(chunkOf(id, { rates: [0, 8, 16, 24].map((hours) => rateAt(hours)) }))
    const hours = async (part: object) =>
      (await read(id, part)).rates.map(({ fundingTime }) => (fundingTime - T0) / HOUR)
    expect(await hours({})).toEqual([0, 8, 16, 24])
    expect(await hours({ limit: 2 })).toEqual([0, 8])
    expect(await hours({ limit: 2, direction: 'backward' })).toEqual([16, 24])
    expect(await hours({ window: window(8, 24) })).toEqual([8, 16])
  })

  it('count their changes, and lose nothing to an answer that says less', async () => {
    const { id, store } = await seedPerpetual()
    const write = (...rates: FundingChunk['rates']) => store.writeFunding(chunkOf(id, { rates }))
    await write(rateAt(0, '0.0001', '100'), rateAt(8))
    await write(rateAt(0, '0.0001'), rateAt(8))
    expect((await read(id)).rates).toMatchObject([
      { rate: '0.0001', markPrice: '100', revision: 0 },
      { rate: '0.0001', markPrice: null, revision: 0 },
    ])
    await write(rateAt(0, '-0.0002'))
    expect((await read(id)).rates[0]).toMatchObject({ rate: '-0.0002', markPrice: '100', revision: 1 })
  })

  it('are not written by a loader that has been replaced, nor is anything else', async () => {
    const { id, store, lease } = await seedPerpetual()
    await claimLease(env.DB, lease.exchange, lease.role)
    const chunk = chunkOf(id, { rates: [rateAt(0)], proven: [window(0, 8)] })
    await expect(store.writeFunding(chunk)).rejects.toMatchObject({ code: 'stale_lease' })
    expect(await read(id)).toMatchObject({ rates: [], covered: [] })
  })
})

describe('coverage', () => {
  it('is the union of all that has been proven, in whatever order and however it overlaps', async () => {
    const piece = fc.tuple(fc.integer({ min: 0, max: 60 }), fc.integer({ min: 1, max: 12 }))
    const answers = fc.array(fc.array(piece, { maxLength: 4 }), { minLength: 1, maxLength: 6 })
    await fc.assert(
      fc.asyncProperty(answers, async (chunks) => {
        const { id, store } = await seedPerpetual()
        const all: Window[] = []
        for (const pieces of chunks) {
          const proven = mergeWindows(pieces.map(([from, hours]) => window(from, from + hours)))
          all.push(...proven)
          await store.writeFunding(chunkOf(id, { window: window(20, 40), proven }))
        }
        expect((await stateOf(store))?.covered).toEqual(mergeWindows(all))
      }),
      { numRuns: 40 },
    )
  })
})

describe('what came in vain', () => {
  const lacking = (from: number, to: number, part: object = {}) =>
    ({
      ...window(from, to),
      ...{ reason: 'absent', bracketed: false, ...part },
    }) as FundingChunk['absent'][number]

  it('is asked for again later and later, and forgotten once it is covered', async () => {
    const { id, store } = await seedPerpetual()
    const asked = (absent: FundingChunk['absent'], readAt: number) =>
      store.writeFunding(chunkOf(id, { window: window(0, 10), absent, readAt }))
    await asked([lacking(2, 4)], at(20))
    expect(await gapsOf(id)).toEqual([[at(2), at(4), 'absent', 1, at(20) + 15_000]])
    await asked([lacking(3, 4)], at(21))
    expect(await gapsOf(id)).toEqual([[at(3), at(4), 'absent', 2, at(21) + 30_000]])
    for (let time = 0; time < 20; time++) await asked([lacking(3, 4)], at(22))
    expect((await gapsOf(id))[0]?.[4]).toBe(at(22) + (15_000 << 9))
    await store.writeFunding(chunkOf(id, { window: window(50, 60), proven: [window(0, 60)] }))
    expect(await gapsOf(id)).toEqual([])
    await asked([lacking(3, 4)], at(70))
    expect(await gapsOf(id)).toEqual([])
  })

  it('is forgotten by an answer that speaks of it anew, and only there', async () => {
    const { id, store } = await seedPerpetual()
    await store.writeFunding(chunkOf(id, { absent: [lacking(2, 4), lacking(50, 60, { reason: 'out_of_reach' })] }))
    await store.writeFunding(chunkOf(id, { window: window(0, 10), proven: [window(0, 3)], absent: [lacking(3, 4)] }))
    expect((await gapsOf(id)).map((gap) => gap.slice(0, 4))).toEqual([
      [at(3), at(4), 'absent', 2],
      [at(50), at(60), 'out_of_reach', 1],
    ])
    expect(await read(id, { window: window(0, 55) })).toMatchObject({
      covered: [window(0, 3)],
      gaps: [
        { ...window(3, 4), reason: 'absent' },
        { ...window(50, 60), reason: 'out_of_reach' },
      ],
    })
  })

  it('is covered once a second answer, ten minutes later and an hour after its end, lacks it between two rates', async () => {
    const { id, store } = await seedPerpetual()
    const asked = (absent: FundingChunk['absent'], readAt: number) =>
      store.writeFunding(chunkOf(id, { window: window(0, 30), absent, readAt }))
    const covered = async () => (await stateOf(store))?.covered
    await asked([lacking(8, 24)], at(40))
    await asked([lacking(8, 24)], at(41))
    expect(await covered()).toEqual([])
    const bracketed = lacking(8, 24, { bracketed: true })
    await asked([bracketed], at(42))
    await asked([bracketed], at(42) + 9 * MINUTE)
    expect(await covered()).toEqual([])
    await asked([bracketed], at(42) + 10 * MINUTE)
    expect(await covered()).toEqual([window(8, 24)])
    expect(await gapsOf(id)).toEqual([])
  })

  it('is not covered within an hour of its end', async () => {
    const { id, store } = await seedPerpetual()
    for (const minutes of [0, 30, 59, 60]) {
      const absent = [lacking(8, 24, { bracketed: true })]
      await store.writeFunding(chunkOf(id, { window: window(0, 30), absent, readAt: at(24) + minutes * MINUTE }))
      expect((await stateOf(store))?.covered).toEqual(minutes === 60 ? [window(8, 24)] : [])
    }
  })
})
