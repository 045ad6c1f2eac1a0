import type { Candle } from './candle.ts'
import type { Decimal } from './decimal.ts'

/**
 * A stored candle as one line of text: open time, open, high, low, close, volume, quote volume, trade count, joined by
 * commas; what the exchange does not send is empty. The database writes these lines and most of them are rendered
 * without ever becoming objects.
 */
export type CandleLine = string

export function formatCandleLine(candle: Candle): CandleLine {
  const { openTime, open, high, low, close, volume, quoteVolume, tradeCount } = candle
  return `${openTime},${open},${high},${low},${close},${volume},${quoteVolume ?? ''},${tradeCount ?? ''}`
}

/** Reads a line that this system wrote; its decimals are canonical. `closed` is `null`: only closed ones are stored. */
export function parseCandleLine(line: CandleLine): Candle {
  const [openTime, open, high, low, close, volume, quoteVolume, tradeCount] = line.split(',')
  return {
    openTime: Number(openTime),
    open: open as Decimal,
    high: high as Decimal,
    low: low as Decimal,
    close: close as Decimal,
    volume: volume as Decimal,
    quoteVolume: quoteVolume === '' ? null : (quoteVolume as Decimal),
    tradeCount: tradeCount === '' ? null : Number(tradeCount),
    closed: null,
  }
}

/** The open time (ms UTC) of a line. */
export function openTimeOf(line: CandleLine): number {
  return Number(line.slice(0, line.indexOf(',')))
}
