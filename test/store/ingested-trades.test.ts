import { env } from 'cloudflare:workers'
import fc from 'fast-check'
import { beforeEach, describe, expect, it } from 'vitest'
import { decimal } from '../../src/domain/decimal.ts'
import type { IngestedTrade } from '../../src/domain/ingested-trade.ts'
import { readIngestedTrades, writeIngestedTrades } from '../../src/store/ingested-trades.ts'
import { MINUTE, T0 } from './seed.ts'

let instrumentId = 70_000
let batches = 0

beforeEach(() => {
  instrumentId += 10
})

function tradeAt(ms: number, id: number | string, rest: Partial<IngestedTrade> = {}): IngestedTrade {
  const [price, size] = [decimal('100.5'), decimal('0.25')]
  const names = { exchange: 'mine', symbol: 'A-B' }
  return { ...names, id: String(id), price, size, side: 'sell', exchangeTime: T0 + ms, receivedTime: null, ...rest }
}

interface Batch {
  readonly now?: number
  readonly source?: string
  readonly instrument?: number
  readonly batchId?: string
}

function write(records: readonly IngestedTrade[], batch: Batch = {}) {
  const { now = T0 + 10 * MINUTE, source = 'ingest', instrument = instrumentId, batchId = `b${++batches}` } = batch
  return writeIngestedTrades(env.DB, [{ instrumentId: instrument, records }], { source, batchId, receivedTime: now })
}

async function read(source = 'ingest', instrument = instrumentId) {
  const window = { start: T0 - MINUTE, end: T0 + 100 * MINUTE }
  return readIngestedTrades(env.DB, source, { instrumentId: instrument, window, direction: 'forward', limit: 100_000 })
}

const ids = async (source?: string) => (await read(source)).trades.map(({ id }) => id)
const parts = () =>
  env.DB.prepare('SELECT count(DISTINCT part) AS n FROM ingested_chunks WHERE instrument_id = ?1')
    .bind(instrumentId)
    .first<number>('n')

describe('writeIngestedTrades', () => {
  it('stores trades of any minutes, and gives them back in the order of their times', async () => {
    const trades = [tradeAt(70_000, 3, { side: null }), tradeAt(5, 1), tradeAt(5, 2, { receivedTime: T0 + 9 })]
    expect(await write(trades)).toEqual({ accepted: 3, unchanged: 0, revised: 0 })
    const [price, size] = ['100.5', '0.25']
    const takenIn = T0 + 10 * MINUTE
    expect(await read()).toEqual({
      trades: [
        { id: '1', price, size, side: 'sell', exchangeTime: T0 + 5, receivedTime: takenIn, seq: 0 },
        { id: '2', price, size, side: 'sell', exchangeTime: T0 + 5, receivedTime: T0 + 9, seq: 1 },
        { id: '3', price, size, side: null, exchangeTime: T0 + 70_000, receivedTime: takenIn, seq: 0 },
      ],
      window: { start: T0 - MINUTE, end: T0 + 100 * MINUTE },
      firstTime: T0 + 5,
    })
  })

  it('writes nothing the second time', async () => {
    const trades = [tradeAt(5, 1, { receivedTime: T0 + 9 }), tradeAt(5, 2), tradeAt(90_000, 3)]
    await write(trades)
    expect(await write(trades, { now: T0 + 20 * MINUTE })).toEqual({ accepted: 0, unchanged: 3, revised: 0 })
    // Another recorder heard it later.
    expect(await write([tradeAt(5, 1, { receivedTime: T0 + 12 })])).toEqual({ accepted: 0, unchanged: 1, revised: 0 })
    expect(await parts()).toBe(1)
    expect(await write([])).toEqual({ accepted: 0, unchanged: 0, revised: 0 })
  })

  it('keeps the last version of a trade in its place, and stores no more than what is new', async () => {
    await write([tradeAt(5, 1), tradeAt(5, 2), tradeAt(5, 3)])
    const changed = tradeAt(5, 2, { price: decimal('7') })
    expect(await write([tradeAt(5, 1), changed, tradeAt(6, 4)])).toEqual({ accepted: 1, unchanged: 1, revised: 1 })
    expect((await read()).trades.map(({ id, price }) => [id, price])).toEqual([
      ['1', '100.5'],
      ['2', '7'],
      ['3', '100.5'],
      ['4', '100.5'],
    ])
    const rows = 'SELECT sum(count) AS n FROM ingested_chunks WHERE instrument_id = ?1'
    expect(await env.DB.prepare(rows).bind(instrumentId).first('n')).toBe(5)
    // And back again, within the same millisecond, in a batch whose name comes before: what was sent last counts.
    expect(await write([tradeAt(5, 2)], { batchId: 'a' })).toEqual({ accepted: 0, unchanged: 0, revised: 1 })
    expect(await write([tradeAt(5, 2)], { now: T0 })).toEqual({ accepted: 0, unchanged: 1, revised: 0 })
    expect((await read()).trades[1]).toMatchObject({ id: '2', price: '100.5' })
  })

  it('takes a trade that has moved within its minute for another version of it', async () => {
    await write([tradeAt(5, 1), tradeAt(6, 2)])
    expect(await write([tradeAt(50_000, 1)])).toEqual({ accepted: 0, unchanged: 0, revised: 1 })
    expect(await ids()).toEqual(['2', '1'])
  })

  it('keeps sources and instruments apart', async () => {
    await write([tradeAt(5, 1)])
    expect(await write([tradeAt(5, 1)], { source: 'other' })).toMatchObject({ accepted: 1 })
    expect(await write([tradeAt(5, 1)], { instrument: instrumentId + 1 })).toMatchObject({ accepted: 1 })
    await write([tradeAt(6, 2)], { source: 'other' })
    expect(await ids()).toEqual(['1'])
    expect(await ids('other')).toEqual(['1', '2'])
    expect(await read('nobody')).toMatchObject({ trades: [], firstTime: null })
  })

  it('loses nothing to writers at the same time, whatever they send', async () => {
    const sent = (from: number) => Array.from({ length: 40 }, (_, n) => tradeAt((from + n) * 1_000, from + n))
    const counts = await Promise.all([0, 10, 20, 0].map((from) => write(sent(from))))
    expect(counts.every(({ accepted, unchanged }) => accepted + unchanged === 40)).toBe(true)
    expect(await ids()).toEqual(Array.from({ length: 60 }, (_, id) => String(id)))
    expect(await write(sent(5))).toEqual({ accepted: 0, unchanged: 40, revised: 0 })
  })

  it('holds what was last said of each trade, whatever was sent in whichever batches', async () => {
    const sent = fc.record({ id: fc.nat(12), ms: fc.nat(150_000), price: fc.integer({ min: 1, max: 2 }) })
    await fc.assert(
      fc.asyncProperty(fc.array(fc.array(sent, { maxLength: 15 }), { maxLength: 6 }), async (bodies) => {
        instrumentId += 1
        const model = new Map<string, IngestedTrade>()
        for (const body of bodies) {
          const slots = new Map<string, IngestedTrade>()
          for (const { id, ms, price } of body) {
            slots.set(`${Math.floor(ms / MINUTE)} ${id}`, tradeAt(ms, id, { price: decimal(String(price)) }))
          }
          const expected = { accepted: 0, unchanged: 0, revised: 0 }
          for (const [slot, trade] of slots) {
            const known = model.get(slot)
            if (known === undefined) expected.accepted += 1
            else if (known.price === trade.price && known.exchangeTime === trade.exchangeTime) expected.unchanged += 1
            else expected.revised += 1
            model.set(slot, trade)
          }
          expect(await write([...slots.values()])).toEqual(expected)
        }
        const told = ({ id, price, exchangeTime }: Pick<IngestedTrade, 'id' | 'price' | 'exchangeTime'>) =>
          `${exchangeTime} ${id} ${price}`
        expect((await read()).trades.map(told).sort()).toEqual([...model.values()].map(told).sort())
      }),
      { numRuns: 25 },
    )
  })

  it('gives as many trades as are asked for, however often they were revised', async () => {
    const minutes = Array.from({ length: 8 }, (_, minute) => minute)
    for (const price of ['1', '2', '3', '4']) {
      await write(minutes.map((minute) => tradeAt(minute * MINUTE, minute, { price: decimal(price) })))
    }
    const window = { start: T0, end: T0 + 100 * MINUTE }
    const query = { instrumentId, window, direction: 'backward', limit: 5 } as const
    const { trades } = await readIngestedTrades(env.DB, 'ingest', query)
    expect(trades.slice(-5).map(({ id, price }) => [id, price])).toEqual(
      ['3', '4', '5', '6', '7'].map((id) => [id, '4']),
    )
  })

  it.each(['forward', 'backward'] as const)('looks at no more minutes than a page needs (%s)', async (direction) => {
    const stored = 1_000
    await write(Array.from({ length: stored }, (_, minute) => tradeAt(minute * MINUTE, minute)))
    const query = { instrumentId, window: { start: 0, end: T0 + stored * MINUTE }, direction, limit: 20 }
    const read: number[] = []
    const batch = async <T>(list: D1PreparedStatement[]) => {
      const results = await env.DB.batch<T>(list)
      read.push(...results.map(({ meta }) => meta.rows_read))
      return results
    }
    const db = { prepare: (sql: string) => env.DB.prepare(sql), batch }
    const { trades } = await readIngestedTrades(db, 'ingest', query)
    expect(trades.length).toBeGreaterThan(20)
    expect(trades.length).toBeLessThan(25)
    expect(Math.max(...read)).toBeLessThan(stored / 2)
  })

  it('takes a large batch over many minutes in a few statements, which keep the limits of the database', async () => {
    const trades = Array.from({ length: 3_000 }, (_, id) =>
      tradeAt(Math.floor(id / 2) * MINUTE, `${id} ${'x'.repeat(100)}`),
    )
    let statements = 0
    const db = databaseWith((statement) => {
      statements += 1
      const bind = statement.bind.bind(statement)
      statement.bind = (...values) => {
        // https://developers.cloudflare.com/d1/platform/limits/
        for (const value of values) expect(String(value).length).toBeLessThan(2_000_000)
        return bind(...values)
      }
      return statement
    })
    const mark = { source: 'ingest', batchId: 'x', receivedTime: T0 }
    const groups = [{ instrumentId, records: trades }]
    expect(await writeIngestedTrades(db, groups, mark)).toMatchObject({ accepted: 3_000 })
    expect(statements).toBeLessThan(5)
    expect(await writeIngestedTrades(db, groups, mark)).toMatchObject({ unchanged: 3_000 })
  })

  it('stores all of a batch or nothing', async () => {
    const digits = () => crypto.randomUUID() + crypto.randomUUID()
    const trades = Array.from({ length: 3_000 }, (_, id) => tradeAt(id * MINUTE, digits()))
    let inserts = 0
    const db = databaseWith((statement, sql) => {
      if (!sql.includes('INSERT')) return statement
      inserts += 1
      return inserts === 1 ? statement : env.DB.prepare(`${sql} AND nothing`)
    })
    const mark = { source: 'ingest', batchId: 'x', receivedTime: T0 }
    await expect(writeIngestedTrades(db, [{ instrumentId, records: trades }], mark)).rejects.toThrow('D1_ERROR')
    expect(inserts).toBeGreaterThan(1)
    expect(await parts()).toBe(0)
  })
})

/** The database, with its statements as `change` makes them. */
function databaseWith(change: (statement: D1PreparedStatement, sql: string) => D1PreparedStatement) {
  return {
    prepare: (sql: string) => change(env.DB.prepare(sql), sql),
    batch: <T>(list: D1PreparedStatement[]) => env.DB.batch<T>(list),
  }
}
