import { ADMIN_TOKEN } from '../harness/worker.ts'

/** Commands to try against the running demo; each works as printed. */
export function commandsToTry(port: string): string[] {
  const base = `http://localhost:${port}`
  const backfill = {
    exchanges: ['bybit'],
    symbols: ['BTC-USDT-PERP'],
    intervals: ['1h'],
    start: '2026-01-01',
    end: '2026-02-01',
  }
  return [
    `curl '${base}/v1/exchanges'`,
    `curl '${base}/v1/candles/okx/BTC-USDT?interval=1m&limit=3'`,
    `curl '${base}/v1/candles/binance/ETH-USDT?interval=4h&format=csv'`,
    `curl '${base}/v1/coverage?exchange=coinbase&symbol=DOGE-USDT&interval=1m&recount=true'`,
    `curl '${base}/v1/gaps?exchange=coinbase'`,
    `curl '${base}/v1/backfills' -H 'Authorization: Bearer ${ADMIN_TOKEN}' --json '${JSON.stringify(backfill)}'`,
  ]
}
