import { decimal } from '../../src/domain/decimal.ts'
import { encodeTrades, type StoredTrade } from '../../src/domain/trade-chunk.ts'
import type { RunningWorker } from '../harness/worker.ts'
import { randomOf } from './statistics.ts'
import { MINUTE } from './system.ts'

/** Within what is kept of trades, and before what a feed may hold still. */
const [MINUTES, END_MINUTES_AGO] = [20 * 60, 2 * 60]
const INSTRUMENT = 1
/** Rows a batch. */
const BATCH = 100
const SEED = 1

export interface ReplayWindow {
  readonly start: number
  readonly end: number
}

/** Whole minutes, which are the same for both workers. */
export function replayWindow(): ReplayWindow {
  const end = Math.floor(Date.now() / MINUTE - END_MINUTES_AGO) * MINUTE
  return { start: end - MINUTES * MINUTE, end }
}

/** So many trades over a window, as a feed stores them, and its candles. @returns how many records those are */
export async function storeReplayData(
  { db }: RunningWorker,
  { start, end }: ReplayWindow,
  trades: number,
): Promise<number> {
  await db.batch([
    db
      .prepare(
        `INSERT INTO instruments (id, exchange, kind, symbol, exchange_symbol, base, quote, inverse, active, valid_from)
         VALUES (?1, 'binance', 'spot', 'BTC-USDT', 'BTCUSDT', 'BTC', 'USDT', 0, 1, 0)`,
      )
      .bind(INSTRUMENT),
    db
      .prepare(
        `INSERT INTO series (id, instrument_id, interval, source, recorded_from, first_candle_time, verified_to)
         VALUES (?1, ?1, '1m', 'exchange', ?2, ?2, ?3)`,
      )
      .bind(INSTRUMENT, start, end),
    db.prepare("INSERT INTO coverage VALUES (?1, ?2, ?3, 'bench')").bind(INSTRUMENT, start, end),
    db
      .prepare('INSERT INTO trade_spans (instrument_id, from_time, to_time) VALUES (?1, ?2, ?3)')
      .bind(INSTRUMENT, start, end),
    db.prepare(INSERT_CANDLES).bind(INSTRUMENT, start, MINUTES),
  ])
  const random = randomOf(SEED)
  const perMinute = Math.ceil(trades / MINUTES)
  for (let first = 0; first < MINUTES; first += BATCH) {
    const statements = []
    for (let minute = first; minute < Math.min(first + BATCH, MINUTES); minute++) {
      const own = makeTrades(start + minute * MINUTE, minute * perMinute, perMinute, random)
      statements.push(db.prepare(INSERT_CHUNK).bind(...(await chunkRow(start + minute * MINUTE, own))))
    }
    await db.batch(statements)
  }
  return perMinute * MINUTES + MINUTES
}

async function chunkRow(minute: number, trades: readonly StoredTrade[]): Promise<(number | string | Uint8Array)[]> {
  const [first, last] = [trades[0], trades.at(-1)]
  return [
    ...[INSTRUMENT, minute, 'bench', first?.seq ?? 0, trades.length, first?.id ?? '', last?.id ?? ''],
    ...[first?.exchangeTime ?? 0, last?.exchangeTime ?? 0, await encodeTrades(trades)],
  ]
}

/** As Binance's: prices of two decimals, sizes of five, a few milliseconds on their way. */
function makeTrades(minute: number, firstId: number, count: number, random: () => number): StoredTrade[] {
  return Array.from({ length: count }, (_, index) => {
    const exchangeTime = minute + Math.floor((index * MINUTE) / count)
    const id = firstId + index
    return {
      id: String(3_000_000_000 + id),
      price: decimal((60_000 + random() * 1_000).toFixed(2).replace(/\.?0+$/, '')),
      size: decimal((0.00001 + random() / 10).toFixed(5).replace(/\.?0+$/, '')),
      side: random() < 0.5 ? 'buy' : 'sell',
      exchangeTime,
      receivedTime: minute + Math.floor((index * MINUTE) / count) + 20 + (id % 7),
      seq: id + 1,
    }
  })
}

const INSERT_CHUNK = `
INSERT INTO trade_chunks (instrument_id, minute, epoch, part, slice, count, first_id, last_id, first_time, last_time, data)
VALUES (?1, ?2, ?3, ?4, 0, ?5, ?6, ?7, ?8, ?9, ?10)`

const INSERT_CANDLES = `
WITH RECURSIVE minutes (n) AS (SELECT 0 UNION ALL SELECT n + 1 FROM minutes WHERE n + 1 < ?3)
INSERT INTO candles (series_id, open_time, open, high, low, close, volume, quote_volume, trade_count)
SELECT ?1, ?2 + n * ${MINUTE}, '60000.31', '60009.87', '59993.12', '60001.55', '21.12347', '1267426.5', 417 FROM minutes`
