import type { RunningWorker } from '../harness/worker.ts'
import { MINUTE } from './system.ts'

export const SYMBOLS = ['BTC-USDT', 'ETH-USDT', 'SOL-USDT', 'XRP-USDT', 'DOGE-USDT'] as const
/** 5 series of 200,000 minutes: a million rows. */
export const MINUTES = 200_000
/** Rows a statement: D1 works at one for 30 s at most, this takes less than one. */
const BATCH = 50_000
export const FIRST = Date.UTC(2026, 0, 1)

/** A million candles that look like Binance's, complete and verified, straight into the tables. */
export async function storeCandles({ db }: RunningWorker): Promise<void> {
  for (const [index, symbol] of SYMBOLS.entries()) {
    const id = index + 1
    const [base, quote] = symbol.split('-')
    const end = FIRST + MINUTES * MINUTE
    await db.batch([
      db
        .prepare(
          `INSERT INTO instruments (id, exchange, kind, symbol, exchange_symbol, base, quote, inverse, active, valid_from)
           VALUES (?1, 'binance', 'spot', ?2, ?3 || ?4, ?3, ?4, 0, 1, 0)`,
        )
        .bind(id, symbol, base, quote),
      db
        .prepare(
          `INSERT INTO series (id, instrument_id, interval, source, recorded_from, first_candle_time, verified_to)
           VALUES (?1, ?1, '1m', 'exchange', ?2, ?2, ?3)`,
        )
        .bind(id, FIRST, end),
      db.prepare("INSERT INTO coverage VALUES (?1, ?2, ?3, 'bench')").bind(id, FIRST, end),
    ])
    for (let from = 0; from < MINUTES; from += BATCH) {
      await db
        .prepare(INSERT)
        .bind(id, FIRST, from, from + BATCH)
        .run()
    }
  }
}

/** Prices of two decimals, volumes of five, as BTC-USDT has them; each row another. */
const INSERT = `
WITH RECURSIVE
minutes (n) AS (SELECT CAST(?3 AS INTEGER) UNION ALL SELECT n + 1 FROM minutes WHERE n + 1 < ?4),
made (n, price, volume) AS (SELECT n, 60000 + n * 13 % 4999, 1 + n % 37 FROM minutes)
INSERT INTO candles (series_id, open_time, open, high, low, close, volume, quote_volume, trade_count)
SELECT ?1, ?2 + n * ${MINUTE}, format('%d.31', price), format('%d.87', price + 9), format('%d.12', price - 7),
  format('%d.55', price + 1), format('%d.%04d7', volume, n % 9973), format('%d.%05d3', volume * price, n % 99991),
  100 + n % 900
FROM made`
