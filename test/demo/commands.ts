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
  const json = `-H 'Authorization: Bearer ${ADMIN_TOKEN}' -H 'Content-Type: application/json'`
  const okx = `${base}/v1/trades/okx/BTC-USDT`
  return [
    `curl '${base}/v1/exchanges'`,
    `curl '${base}/v1/candles/okx/BTC-USDT?interval=1m&limit=3'`,
    `curl '${base}/v1/candles/binance/ETH-USDT?interval=4h&format=csv'`,
    ...series.filter(isQuietest).map(({ exchange, symbol, interval, window }) => {
      const query = { exchange, symbol, interval, start: `${window.start}`, end: `${window.end}`, recount: 'true' }
      return `curl '${base}/v1/coverage?${new URLSearchParams(query)}'`
    }),
    `curl '${base}/v1/gaps?exchange=coinbase'`,
    `curl ${json} -d '${JSON.stringify(backfill)}' '${base}/v1/backfills'`,
    `curl '${base}/v1/backfills'`,
    `curl -N -H 'Accept: text/event-stream' '${base}/v1/stream?topic=bbo:okx:BTC-USDT&topic=trades:bybit:BTC-USDT'`,
    `curl '${base}/v1/tickers/binance/BTC-USDT'`,
    `curl '${base}/v1/order-books/coinbase/BTC-USDT?depth=5'`,
    `curl '${okx}?limit=3'`,
    `curl '${base}/v1/bbo/BTC-USDT'`,
    `curl '${base}/v1/arbitrage?symbols=BTC-USDT,ETH-USDT&fees=okx:0.0005,binance:0.00075'`,
    `curl '${base}/v1/candles/binance/BTC-USDT?interval=1m&source=trades&limit=1'`,
    // The clock of the demo is not that of the terminal: the newest trades say what time it is there.
    `END=$(curl -s '${okx}?limit=1' | grep -o '"end":[0-9]*' | cut -d: -f2); curl -sN "${base}/v1/replay/okx/BTC-USDT?start=$((END-600000))&end=$END&channels=trades,candles:1m"`,
    `curl '${base}/v1/quality?exchange=okx&symbol=BTC-USDT&interval=1m'`,
    `curl ${json} -d '${JSON.stringify([OWN_CANDLE])}' '${base}/v1/ingest/candles?exchange=okx&symbol=BTC-USDT&interval=1m&source=mine' && curl '${base}/v1/candles/okx/BTC-USDT?interval=1m&source=mine'`,
    `npx node -e '${oneLineClient(port)}'`,
    `${base}/docs in a browser`,
  ]
}

/** As a user has it of somewhere else. */
const OWN_CANDLE = {
  openTime: '2024-01-01T00:00Z',
  open: '42283.58',
  high: '42300',
  low: '42261.02',
  close: '42298.62',
  volume: '35.92724',
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
