import { env } from 'cloudflare:workers'
import type { Candle } from '../../src/domain/candle.ts'
import { decimal } from '../../src/domain/decimal.ts'
import { MINUTE, T0 } from '../store/seed.ts'
import { insertInstrument, type SeededSeries } from './api.ts'

/** Minutes of a calm market: closes move by up to 0.1 %, each candle opens where the last one closed. */
export function calmCandles(count: number, from = 0): Candle[] {
  const closeAt = (minute: number) => 100 + 0.1 * Math.sin(minute * 1.7)
  return Array.from({ length: count }, (_, index) => {
    const minute = from + index
    const [open, close] = [closeAt(minute - 1), closeAt(minute)]
    return {
      openTime: T0 + minute * MINUTE,
      open: decimal(open.toFixed(4)),
      high: decimal((Math.max(open, close) + 0.01).toFixed(4)),
      low: decimal((Math.min(open, close) - 0.01).toFixed(4)),
      close: decimal(close.toFixed(4)),
      volume: decimal((10 + Math.cos(minute)).toFixed(4)),
      quoteVolume: null,
      tradeCount: null,
      closed: null,
    }
  })
}

/** The candles with one of them, by its place, changed; high and low stretch to hold it. */
export function withClose(candles: readonly Candle[], place: number, close: string): Candle[] {
  return candles.map((candle, index) => {
    if (index !== place) return candle
    const high = Number(close) > Number(candle.high) ? decimal(close) : candle.high
    const low = Number(close) < Number(candle.low) ? decimal(close) : candle.low
    return { ...candle, close: decimal(close), high, low }
  })
}

/** Stores candles of a series from T0 on, as one page that was read long after. */
export function store(series: SeededSeries, candles: readonly Candle[]): Promise<void> {
  const last = candles.at(-1)?.openTime ?? T0
  return series.write({ window: { start: candles[0]?.openTime ?? T0, end: last + MINUTE }, candles: [...candles] })
}

/** The same symbol on another exchange, with those candles. */
export async function storeElsewhere(exchange: string, symbol: string, candles: readonly Candle[]): Promise<void> {
  const instrumentId = await insertInstrument({ exchange, symbol })
  const series = await env.DB.prepare(
    "INSERT INTO series (instrument_id, interval, source) VALUES (?1, '1m', 'exchange') RETURNING id",
  )
    .bind(instrumentId)
    .first<{ id: number }>()
  await env.DB.prepare(
    `INSERT INTO candles (series_id, open_time, open, high, low, close, volume)
     SELECT ?1, value->>0, value->>1, value->>2, value->>3, value->>4, value->>5 FROM json_each(?2)`,
  )
    .bind(series?.id, JSON.stringify(candles.map((c) => [c.openTime, c.open, c.high, c.low, c.close, c.volume])))
    .run()
}
