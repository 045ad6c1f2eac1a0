import { applyD1Migrations } from 'cloudflare:test'
import { env } from 'cloudflare:workers'
import { beforeAll, describe, expect, it } from 'vitest'
import type { Candle } from '../../src/domain/candle.ts'
import { decimal } from '../../src/domain/decimal.ts'
import { DAY, type Window } from '../../src/domain/interval.ts'
import type { CheckedSeries, CheckMaterial } from '../../src/domain/quality/series-check.ts'
import { DEFAULT_THRESHOLDS } from '../../src/domain/quality/thresholds.ts'
import { runChecks } from '../../src/history/quality.ts'
import { writeChunk } from '../../src/store/chunk.ts'
import { writeCandles } from '../../src/store/ingest-candles.ts'
import { claimLease } from '../../src/store/leases.ts'
import { LoaderStore } from '../../src/store/loader-store.ts'
import { QualityStore } from '../../src/store/quality-store.ts'
import { calmCandles, withClose } from '../routes/quality-series.ts'
import { chunkOf, MINUTE, T0 } from './seed.ts'

/** Bybit has a database of its own. */
const databaseOf = (exchange: string) => (exchange === 'bybit' ? env.SECOND_DB : env.DB)
const stores = { main: env.DB, storeFor: databaseOf }
const minutes = (from: number, to: number): Window => ({ start: T0 + from * MINUTE, end: T0 + to * MINUTE })
/** Long after what is stored: nothing of it is checked anew by itself. */
const LATER = T0 + 40 * DAY

let lastId = 900_000

beforeAll(() => applyD1Migrations(env.SECOND_DB, env.MIGRATIONS))

/** An instrument of an exchange, with the ways to store candles of it. */
async function market(exchange: string, symbol: string) {
  const id = ++lastId
  const db = databaseOf(exchange)
  await db
    .prepare(
      `INSERT INTO instruments (id, exchange, kind, symbol, exchange_symbol, base, quote, inverse, active, valid_from)
       VALUES (?1, ?2, 'spot', ?3, ?3, 'X', 'USDT', 0, 1, 0)`,
    )
    .bind(id, exchange, symbol)
    .run()
  const record = () =>
    db
      .prepare(
        `INSERT INTO series (id, instrument_id, interval, source, recorded_from, first_candle_time)
         VALUES (?1, ?1, '1m', 'exchange', ?2, ?2)`,
      )
      .bind(id, T0)
      .run()
  const load = async (candles: readonly Candle[], window: Window = windowOf(candles)) => {
    const lease = await claimLease(db, exchange, 'loader')
    await writeChunk(db, chunkOf(id, '1m', { window, candles }), lease, crypto.randomUUID())
  }
  const send = (candles: readonly Candle[]) =>
    writeCandles(
      db.withSession('first-primary'),
      [{ instrumentId: id, records: candles.map((candle) => ({ ...candle, exchange, symbol, interval: '1m' })) }],
      { source: 'mine', batchId: crypto.randomUUID(), receivedTime: T0 },
    )
  return { id, db, record, load, send }
}

async function recorded(exchange: string, symbol: string, candles: readonly Candle[]) {
  const made = await market(exchange, symbol)
  await made.record()
  await made.load(candles)
  return made
}

function windowOf(candles: readonly Candle[]): Window {
  return { start: candles[0]?.openTime ?? T0, end: (candles.at(-1)?.openTime ?? T0) + MINUTE }
}

/** One run of the checks of an exchange's loader, whose clock goes on by `tickMs` whenever it is looked at. */
async function check(exchange: string, quality = new QualityStore(stores), tickMs = 0): Promise<void> {
  const db = databaseOf(exchange)
  const states = await new LoaderStore(db, await claimLease(db, exchange, 'loader'), () => '').readState()
  let now = LATER
  const clock = { now: () => (now += tickMs), at: (time: number) => time, realMs: (ms: number) => ms }
  await runChecks({ quality, thresholds: DEFAULT_THRESHOLDS, clock }, exchange, states)
}

async function rows<T>(db: D1Database, sql: string, ...values: unknown[]): Promise<T[]> {
  return (
    await db
      .prepare(sql)
      .bind(...values)
      .all<T>()
  ).results
}

/** What is found in a market, by kind, from which minute, and whether it still is. */
async function found({ db, id }: { db: D1Database; id: number }, source = 'exchange'): Promise<string[]> {
  const list = await rows<{ kind: string; start: number; state: string }>(
    db,
    `SELECT kind, start_time AS start, state FROM findings
     WHERE series_id = (SELECT id FROM series WHERE instrument_id = ?1 AND source = ?2) ORDER BY start_time, kind`,
    id,
    source,
  )
  return list.map(({ kind, start, state }) => `${kind} ${(start - T0) / MINUTE} ${state}`)
}

const noted = (db: D1Database) => rows(db, 'SELECT * FROM rechecks')
const scaled = (candles: readonly Candle[], times: number) =>
  candles.map((candle) => {
    const by = (value: string) => decimal((Number(value) * times).toFixed(4))
    const { open, high, low, close } = candle
    return { ...candle, open: by(open), high: by(high), low: by(low), close: by(close) }
  })

describe('what changes long after it was checked', () => {
  it('is checked again where a candle was revised, and its finding resolved', async () => {
    const calm = calmCandles(400)
    const one = await recorded('okx', 'LATE-USDT', withClose(calm, 100, '110'))
    await check('okx')
    expect(await found(one)).toEqual(['price_jump 100 open'])
    expect(await noted(env.DB)).toEqual([])
    await one.load(calm)
    expect(await noted(env.DB)).toEqual([
      { series_id: one.id, start_time: T0, end_time: T0 + DAY, changed: 1, begun: 0 },
    ])
    await check('okx')
    expect(await found(one)).toEqual(['live_rest 100 open', 'price_jump 100 resolved'])
    expect(await noted(env.DB)).toEqual([])
  })

  it.each([
    ['that was asked for in vain', true],
    ['that nobody had asked for', false],
  ])('is checked where a hole is filled %s', async (_, isAsked) => {
    const candles = withClose(calmCandles(400), 150, '110')
    const hole = minutes(140, 160)
    const isIn = ({ openTime }: Candle) => openTime >= hole.start && openTime < hole.end
    const one = await recorded('okx', `HOLE${isAsked}-USDT`, calmCandles(140))
    await one.load(candles.slice(160))
    const absent = candles.filter(isIn).map(({ openTime }) => ({ openTime, bracketed: true }))
    if (isAsked) {
      const lease = await claimLease(env.DB, 'okx', 'loader')
      await writeChunk(env.DB, chunkOf(one.id, '1m', { window: hole, absent }), lease, crypto.randomUUID())
    }
    // The newest is checked first; what is not asked for yet is not gone over.
    await check('okx')
    await check('okx')
    if (!isAsked) {
      await env.DB.prepare('UPDATE checked_series SET checked_from = ?2 WHERE series_id = ?1').bind(one.id, T0).run()
    }
    expect(await found(one)).toEqual([])
    await one.load(candles.filter(isIn))
    expect(await noted(env.DB)).toMatchObject([{ series_id: one.id }])
    await check('okx')
    expect(await found(one)).toEqual(['price_jump 150 open'])
    expect(await noted(env.DB)).toEqual([])
  })

  it('resolves what ends in the day though it began before, and keeps what goes on behind it', async () => {
    const still = (from: number, to: number) =>
      calmCandles(3_000, 0).map((candle, index) => {
        const close = decimal('100')
        return index < from || index >= to ? candle : { ...candle, open: close, high: close, low: close, close }
      })
    const one = await recorded('okx', 'STILL-USDT', still(1_400, 1_700))
    await check('okx')
    expect(await found(one)).toEqual(['flat_run 1400 open'])
    const end = () =>
      rows(env.DB, "SELECT end_time AS end FROM findings WHERE series_id = ?1 AND kind = 'flat_run'", one.id)
    // A candle of the day before changes: its check sees no more than the first hour of the second day.
    await one.load(
      still(1_400, 1_700)
        .slice(10, 11)
        .map((candle) => ({ ...candle, volume: decimal('11') })),
    )
    await check('okx')
    expect(await found(one)).toContain('flat_run 1400 open')
    expect(await end()).toEqual([{ end: T0 + 1_700 * MINUTE }])
    // Then the second day is revised: the rest that stood still was in the first day, and is long enough.
    await one.load(still(1_400, 1_440).slice(1_440))
    await check('okx')
    expect(await end()).toEqual([{ end: T0 + 1_440 * MINUTE }])
  })

  it('is checked where it was written while the check was under way', async () => {
    const calm = calmCandles(400)
    const one = await recorded('okx', 'RACE-USDT', calm)
    class Racing extends QualityStore {
      #isDone = false

      override async readMaterial(series: CheckedSeries, window: Window, peers: readonly string[]) {
        const material: CheckMaterial = await super.readMaterial(series, window, peers)
        const isRead = series.id === one.id && window.start <= minutes(100, 101).start
        if (isRead && !this.#isDone) await one.load(withClose(calm, 100, '110'))
        this.#isDone ||= isRead
        return material
      }
    }
    await check('okx', new Racing(stores))
    expect(await found(one)).toEqual([])
    await check('okx', new Racing(stores))
    expect(await found(one)).toContain('price_jump 100 open')
    // So is what is revised while it is checked for the second time.
    await one.load(calm)
    await check('okx', new Racing(stores))
    expect(await noted(env.DB)).toHaveLength(1)
    await check('okx')
    await check('okx')
    expect(await noted(env.DB)).toEqual([])
  })

  it('is checked beside what is new, however slow the database is', async () => {
    const calm = calmCandles(400)
    const one = await recorded('okx', 'SLOW-USDT', withClose(calm, 100, '110'))
    await check('okx', new QualityStore(stores), DAY)
    expect(await found(one)).toEqual(['price_jump 100 open'])
    await one.load(calm)
    await check('okx', new QualityStore(stores), DAY)
    expect(await found(one)).toContain('price_jump 100 resolved')
  })

  it('adds no rows to the writing of candles that come in their order', async () => {
    const one = await recorded('okx', 'ORDER-USDT', calmCandles(400))
    await check('okx')
    await one.load(calmCandles(400, 395))
    expect(await noted(env.DB)).toEqual([])
    const next = calmCandles(1, 900)[0]
    const insert = env.DB.prepare(
      `INSERT INTO candles (series_id, open_time, open, high, low, close, volume) VALUES (?1, ?2, '1', '1', '1', '1', '1')`,
    ).bind(one.id, next?.openTime)
    expect((await insert.run()).meta.rows_written).toBe(1)
  })
})

describe('the same symbol elsewhere', () => {
  const candles = calmCandles(400)
  const apart = scaled(candles, 1.03)

  it.each(['binance', 'bybit'])('is held against what %s has of the past, though it comes later', async (exchange) => {
    const symbol = `PEER-${exchange}`
    const first = await recorded('okx', symbol, candles)
    await check('okx')
    const later = await recorded(exchange, symbol, apart)
    await check(exchange)
    expect(await found(later)).toEqual(['cross_exchange 0 open'])
    expect(await found(first)).toEqual([])
    await check('okx')
    expect(await found(first)).toEqual(['cross_exchange 0 open'])
    // It ends: neither notes the other again.
    expect([await noted(env.DB), await noted(env.SECOND_DB)]).toEqual([[], []])

    // What is revised of one is held against the other again.
    await later.load(candles)
    for (const name of [exchange, 'okx', exchange]) await check(name)
    expect((await found(first)).filter((text) => text.endsWith('open'))).toEqual([])
    expect((await found(later)).filter((text) => /^cross.*open/.test(text))).toEqual([])
    expect([await noted(env.DB), await noted(env.SECOND_DB)]).toEqual([[], []])
  })
})

describe('what users send', () => {
  it('is checked by the loader of its exchange, with its holes, but not for what was said live', async () => {
    const calm = calmCandles(400)
    const one = await market('okx', 'SENT-USDT')
    await one.send(withClose(calm, 350, '110').slice(300))
    await one.send(withClose(calm, 50, '110').slice(0, 100))
    await check('binance')
    expect(await found(one, 'mine')).toEqual([])
    await check('okx')
    await check('okx')
    expect(await found(one, 'mine')).toEqual(['price_jump 50 open', 'price_jump 350 open'])
    await one.send(calm)
    await check('okx')
    expect(await found(one, 'mine')).toEqual(['price_jump 50 resolved', 'price_jump 350 resolved'])
    expect(await noted(env.DB)).toEqual([])
  })

  it('is checked to its end, however much it is, and not again while nothing comes', async () => {
    const one = await market('okx', 'LONG-USDT')
    await one.send(calmCandles(100))
    await check('okx')
    await one.send(withClose(calmCandles(9_000), 8_900, '110').slice(100))
    for (let run = 0; run < 3; run++) await check('okx')
    expect(await found(one, 'mine')).toEqual(['price_jump 8900 open'])
    const days = { today: LATER, recheckedFrom: LATER - 2 * DAY }
    expect(await new QualityStore(stores).readSentSeries(['okx'], days, 10)).toEqual([])
  })

  it('is checked by the first loader where a user has registered the exchange, and held against the others', async () => {
    await env.DB.prepare("INSERT INTO exchanges (exchange, name, registered_at) VALUES ('mine', 'Mine', 0)").run()
    const one = await market('mine', 'REG-USDT')
    await one.send(withClose(calmCandles(400), 100, '110'))
    await check('okx')
    expect(await found(one, 'mine')).toEqual([])
    await check('binance')
    expect(await found(one, 'mine')).toEqual(['price_jump 100 open'])
    await recorded('okx', 'REG-USDT', scaled(calmCandles(400), 1.03))
    await check('okx')
    await check('binance')
    expect(await found(one, 'mine')).toContain('cross_exchange 0 open')
    expect(await noted(env.DB)).toEqual([])
  })
})
