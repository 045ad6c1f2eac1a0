import { env } from 'cloudflare:workers'
import type { Candle } from '../../src/domain/candle.ts'
import { decimal } from '../../src/domain/decimal.ts'
import type { Interval } from '../../src/domain/interval.ts'
import type { Chunk } from '../../src/domain/series.ts'
import type { Lease } from '../../src/store/chunk.ts'
import { claimLease } from '../../src/store/leases.ts'

/** 2026-01-01: everything in these tests happens after it. */
export const T0 = Date.UTC(2026, 0, 1)
export const MINUTE = 60_000

/** A series of an instrument of its own. */
export async function seedSeries(interval: Interval, id: number): Promise<{ seriesId: number; lease: Lease }> {
  await env.DB.batch([
    env.DB.prepare(
      `INSERT INTO instruments (id, exchange, kind, symbol, exchange_symbol, base, quote, inverse, active, valid_from)
       VALUES (?1, 'okx', 'spot', ?2, ?2, ?3, 'USDT', 0, 1, 0)`,
    ).bind(id, `A${id}-USDT`, `A${id}`),
    env.DB.prepare(
      `INSERT INTO series (id, instrument_id, interval, source, recorded_from, first_candle_time)
       VALUES (?1, ?1, ?2, 'exchange', ?3, ?3)`,
    ).bind(id, interval, T0),
  ])
  return { seriesId: id, lease: await claimLease(env.DB, 'okx', `test${id}`) }
}

export function candleAt(openTime: number, close = '1'): Candle {
  return {
    openTime,
    open: decimal('1'),
    high: decimal('9'),
    low: decimal('0.5'),
    close: decimal(close),
    volume: decimal('10'),
    quoteVolume: decimal('10.5'),
    tradeCount: 3,
    closed: null,
  }
}

export function chunkOf(seriesId: number, interval: Interval, part: Pick<Chunk, 'window'> & Partial<Chunk>): Chunk {
  const readAt = part.readAt ?? T0 + 365 * 24 * 60 * MINUTE
  return { seriesId, interval, candles: [], absent: [], bad: [], readAt, verifiedTo: readAt, ...part }
}
