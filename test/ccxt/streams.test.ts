/**
 * The streams of simulated Binance and Coinbase are not made to measure either: ccxt follows them as the real ones, and
 * what it then knows is what happened. Limits are on. Ten times as fast as real time, so that a minute ends in six seconds.
 */

import type { Exchange, OrderBook } from 'ccxt'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { ExchangeName, Kind } from '../simulator/catalogue.ts'
import { type RunningSimulator, startSimulator } from '../simulator/launch.ts'
import { createTruth, readDay } from './clients.ts'
import { createBinanceStreams, createCoinbaseStreams } from './stream-clients.ts'

interface Market {
  readonly exchange: ExchangeName
  readonly kind: Kind
  readonly symbol: string
  readonly exchangeSymbol: string
}

const MARKETS: readonly Market[] = [
  { exchange: 'binance', kind: 'spot', symbol: 'BTC/USDT', exchangeSymbol: 'BTCUSDT' },
  { exchange: 'binance', kind: 'perpetual', symbol: 'ETH/USDT:USDT', exchangeSymbol: 'ETHUSDT' },
  { exchange: 'coinbase', kind: 'spot', symbol: 'BTC/USD', exchangeSymbol: 'BTC-USD' },
]
const MINUTE = 60_000
const TIME_SCALE = 10
const BOOKS = 10
const DEPTH = 20
const TRADES = 5

let simulator: RunningSimulator
let binance: Exchange
let coinbase: Exchange
beforeAll(async () => {
  simulator = await startSimulator({ timeScale: TIME_SCALE })
  binance = createBinanceStreams(simulator)
  coinbase = createCoinbaseStreams(simulator)
  await Promise.all(
    [binance, coinbase].map(async (client) => {
      // ccxt opens sockets without TLS only with this agent.
      await client.loadHttpProxyAgent()
      await client.loadMarkets()
    }),
  )
})
afterAll(async () => {
  await Promise.all([binance, coinbase].map((client) => client.close()))
  await simulator.stop()
})

describe.concurrent.each(MARKETS)('$exchange $kind $symbol', ({ exchange, kind, symbol, exchangeSymbol }) => {
  const truthOf = () => createTruth(simulator.urls, exchange, kind, exchangeSymbol)
  const client = (): Exchange => (exchange === 'coinbase' ? coinbase : binance)

  it('watchTrades equals the truth', async () => {
    const trades: Readonly<Record<'id' | 'time' | 'price' | 'size' | 'side', unknown>>[] = []
    while (trades.length < TRADES) {
      for (const { id, timestamp, price, amount, side } of await client().watchTrades(symbol)) {
        trades.push({ id, time: timestamp, price, size: amount, side })
      }
    }
    // Each once, in order, none left out.
    const { trades: truth } = await truthOf().trades({ fromId: Number(trades[0]?.id), limit: trades.length })
    expect(trades).toEqual(
      truth.map(({ price, size, ...trade }) => ({ ...trade, price: Number(price), size: Number(size) })),
    )
  })

  it('watchTicker gives the last trade, and sums up the trades of the day before it', async () => {
    // Coinbase begins with the newest trade, however old: only later ones are sums of the moment that they name.
    if (exchange === 'coinbase') await client().watchTicker(symbol)
    const ticker = await client().watchTicker(symbol)
    const end = (ticker.timestamp ?? 0) + 1
    const { trades } = await truthOf().trades({ start: end - 10 * MINUTE, end })
    expect(ticker.last).toBe(Number(trades.at(-1)?.price))
    const { high, low, volume } = await readDay(truthOf(), ticker.timestamp ?? 0)
    expect([ticker.high, ticker.low]).toEqual([high, low])
    expect(ticker.baseVolume).toBeCloseTo(volume, 4)
  })

  it('watchOrderBook equals the truth at every update', async () => {
    for (let compared = 0; compared < BOOKS; compared++) {
      // The book lives on while it is compared.
      let book = copyOf(await client().watchOrderBook(symbol))
      // The snapshot with which Coinbase begins does not say when it was taken.
      while (book.nonce === undefined && book.timestamp === undefined) {
        book = copyOf(await client().watchOrderBook(symbol))
      }
      const { bids, asks, nonce, timestamp } = book
      const truth =
        exchange === 'coinbase'
          ? await truthOf().orderBookAt(timestamp ?? 0, DEPTH)
          : await truthOf().orderBook(nonce ?? 0, DEPTH)
      expect(bids).toEqual(truth.bids.map((level) => level.map(Number)))
      expect(asks).toEqual(truth.asks.map((level) => level.map(Number)))
    }
  })

  it.skipIf(exchange === 'coinbase')('watchOHLCV closes candles with the values of the truth', async () => {
    const rows = new Map<number, unknown>()
    while (rows.size < 2) {
      for (const row of await client().watchOHLCV(symbol, '1m')) rows.set(row[0] ?? 0, [...row])
    }
    const [first = 0] = rows.keys()
    const { candles } = await truthOf().candles('1m', first, first + MINUTE)
    expect(candles).toHaveLength(1)
    expect([rows.get(first)]).toEqual(candles.map((candle) => candle.slice(0, 6).map(Number)))
  })
})

it('Coinbase has no candles for ccxt', () => {
  expect(coinbase.has['watchOHLCV']).not.toBe(true)
})

const copyOf = ({ bids, asks, nonce, timestamp }: OrderBook) => {
  const side = (levels: [unknown, unknown, ...unknown[]][]) =>
    levels.slice(0, DEPTH).map(([price, size]) => [Number(price), Number(size)])
  return { bids: side(bids), asks: side(asks), nonce, timestamp }
}
