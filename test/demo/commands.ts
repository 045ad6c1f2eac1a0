import { ADMIN_TOKEN } from '../harness/worker.ts'
import type { DemoSeries } from './service.ts'

/** Commands to try against the running demo; each works as printed. */
export function commandsToTry(port: string, series: readonly DemoSeries[]): string[] {
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
    ...series.filter(isQuietest).map(({ exchange, symbol, interval, window }) => {
      const query = { exchange, symbol, interval, start: `${window.start}`, end: `${window.end}`, recount: 'true' }
      return `curl '${base}/v1/coverage?${new URLSearchParams(query)}'`
    }),
    `curl '${base}/v1/gaps?exchange=coinbase'`,
    `curl -H 'Authorization: Bearer ${ADMIN_TOKEN}' -H 'Content-Type: application/json' -d '${JSON.stringify(backfill)}' '${base}/v1/backfills'`,
    `curl '${base}/v1/backfills'`,
    `curl -N -H 'Accept: text/event-stream' '${base}/v1/stream?topic=bbo:okx:BTC-USDT&topic=trades:bybit:BTC-USDT'`,
    `curl '${base}/v1/tickers/binance/BTC-USDT'`,
    `curl '${base}/v1/order-books/coinbase/BTC-USDT?depth=5'`,
    `curl '${base}/v1/trades/okx/BTC-USDT?limit=3'`,
    `npx node -e '${oneLineClient(port)}'`,
    `${base}/docs in a browser`,
  ]
}

/** Prints every frame of an order book. The project's own Node has WebSocket, an older one may not. */
function oneLineClient(port: string): string {
  const command = { op: 'subscribe', args: [{ channel: 'book', symbol: 'BTC-USDT', depth: 5 }] }
  const url = `ws://localhost:${port}/v1/stream/bybit`
  return `s=new WebSocket("${url}");s.onopen=()=>s.send(JSON.stringify(${JSON.stringify(command)}));s.onmessage=m=>console.log(m.data)`
}

/** Where the most slots are empty. */
function isQuietest({ exchange, symbol, interval }: DemoSeries): boolean {
  return exchange === 'coinbase' && symbol === 'DOGE-USDT' && interval === '1m'
}
