import type { Interval } from '../domain/interval.ts'

/** In seconds: https://docs.cdp.coinbase.com/api-reference/exchange-api/rest-api/products/get-product-candles */
export const coinbaseIntervals = {
  '1m': '60',
  '5m': '300',
  '15m': '900',
  '1h': '3600',
  '6h': '21600',
  '1d': '86400',
} as const satisfies Partial<Record<Interval, string>>
