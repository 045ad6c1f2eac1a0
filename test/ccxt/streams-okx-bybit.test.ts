/**
 * ccxt's streaming clients accept the simulated OKX and Bybit as the real ones, and what they see is what happened.
 * Time runs faster, so that candles close while one waits; limits are on.
 */

import type { Exchange, Trade } from 'ccxt'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { Kind } from '../simulator/catalogue.ts'
import { type RunningSimulator, startSimulator } from '../simulator/launch.ts'
import { bookSequenceAt } from '../simulator/order-book.ts'
import { createTruth, readDay } from './clients.ts'
import { createBybitStreams, createOkxStreams } from './stream-clients.ts'

const TIME_SCALE = 20
/** ccxt pings every 18 s of its own time; OKX wants to hear something every 30 s of its own. */
const KEEP_ALIVE_MS = 400
const MINUTE = 60_000

const MARKETS = [
  { exchange: 'okx', kind: 'spot', symbol: 'SOL/USDT', exchangeSymbol: 'SOL-USDT', depth: 400 },
  { exchange: 'okx', kind: 'perpetual', symbol: 'DOGE/USDT:USDT', exchangeSymbol: 'DOGE-USDT-SWAP', depth: 400 },
  { exchange: 'bybit', kind: 'spot', symbol: 'XRP/USDT', exchangeSymbol: 'XRPUSDT', depth: 50 },
  { exchange: 'bybit', kind: 'perpetual', symbol: 'BTC/USDT:USDT', exchangeSymbol: 'BTCUSDT', depth: 50 },
] as const satisfies readonly { kind: Kind; [name: string]: unknown }[]

let simulator: RunningSimulator
let clients: Readonly<Record<'okx' | 'bybit', Exchange>>

beforeAll(async () => {
  simulator = await startSimulator({ timeScale: TIME_SCALE })
  clients = { okx: createOkxStreams(simulator, KEEP_ALIVE_MS), bybit: createBybitStreams(simulator) }
  await Promise.all(
    Object.values(clients).map(async (client) => {
      // ccxt opens sockets without TLS only with this agent.
      await client.loadHttpProxyAgent()
      await client.loadMarkets()
    }),
  )
})
afterAll(async () => {
  await Promise.all(Object.values(clients).map((client) => client.close()))
  await simulator.stop()
})

describe.concurrent.each(MARKETS)('$exchange $kind $symbol', ({ exchange, kind, symbol, exchangeSymbol, depth }) => {
  const truthOf = () => createTruth(simulator.urls, exchange, kind, exchangeSymbol)
  /** ccxt speaks of swaps in contracts, the truth in base units. */
  const baseUnits = (contracts: unknown): number =>
    Number((Number(contracts) * (clients[exchange].market(symbol)?.contractSize ?? 1)).toPrecision(12))

  it('watchTrades misses none', async () => {
    const trades: Trade[] = []
    while (trades.length < 12) trades.push(...(await clients[exchange].watchTrades(symbol)))
    const [start, last] = [trades[0]?.timestamp ?? 0, trades.at(-1)?.timestamp ?? 0]
    const { trades: truth } = await truthOf().trades({ start, end: last + 1 })
    expect(
      trades.map(({ id, timestamp, price, amount, side }) => [id, timestamp, price, baseUnits(amount), side]),
    ).toEqual(truth.map(({ id, time, price, size, side }) => [id, time, Number(price), Number(size), side]))
  })

  it('watchOHLCV ends each candle as it was', async () => {
    const rows = new Map<number, (number | undefined)[]>()
    while (rows.size < 4) {
      for (const row of await clients[exchange].watchOHLCV(symbol, '1m')) rows.set(row[0] ?? 0, row)
    }
    const times = [...rows.keys()]
    const closed = times.slice(0, -1)
    expect(times).toEqual(times.map((_, index) => (times[0] ?? 0) + index * MINUTE))
    const { candles } = await truthOf().candles('1m', closed[0] ?? 0, (closed.at(-1) ?? 0) + 1)
    expect(closed.map((time) => rows.get(time))).toEqual(candles.map((candle) => candle.slice(0, 6).map(Number)))
  })

  it('watchTicker gives the last trade', async () => {
    for (let count = 0; count < 5; count++) {
      const { last, timestamp, bid, ask, high, low, baseVolume } = await clients[exchange].watchTicker(symbol)
      const { trades } = await truthOf().trades({ end: timestamp ?? 0, limit: 1 })
      expect(last).toBe(Number(trades[0]?.price))
      const day = await readDay(truthOf(), timestamp ?? 0)
      expect([high, low]).toEqual([day.high, day.low])
      expect(baseUnits(baseVolume)).toBeCloseTo(day.volume, 4)
      // Spot tickers of Bybit have no best prices.
      if (exchange === 'okx' || kind === 'perpetual') expect(bid).toBeLessThan(ask ?? 0)
    }
  })

  it('watchOrderBook keeps the book as it is', async () => {
    for (let count = 0; count < 10; count++) {
      const book = await clients[exchange].watchOrderBook(symbol)
      const seen = [book.bids, book.asks].map((side) => side.map(([price, size]) => [price, baseUnits(size)]))
      const truth = await truthOf().orderBook(bookSequenceAt(book.timestamp ?? 0), depth)
      expect(seen).toEqual([truth.bids, truth.asks].map((side) => side.map((level) => level.map(Number))))
    }
  })
})
