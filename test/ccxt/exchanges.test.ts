/**
 * The simulated exchanges are not made to measure: ccxt, which knows nothing of them, accepts them as the real ones, and
 * what it reads is what happened. Limits are on; ccxt's own throttle keeps to them.
 */

import type { Exchange, Trade } from 'ccxt'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { AGGREGATES_BEHIND } from '../simulator/binance-history.ts'
import type { ExchangeName, Kind } from '../simulator/catalogue.ts'
import { type RunningSimulator, startSimulator } from '../simulator/launch.ts'
import { bookSequenceAt } from '../simulator/order-book.ts'
import { createClient, createTruth } from './clients.ts'

interface Market {
  readonly exchange: ExchangeName
  readonly kind: Kind
  /** ccxt's name and the exchange's. */
  readonly symbol: string
  readonly exchangeSymbol: string
  /** Rows of a full page of 1m candles. */
  readonly page: number
}

const MARKETS: readonly Market[] = [
  { exchange: 'binance', kind: 'spot', symbol: 'BTC/USDT', exchangeSymbol: 'BTCUSDT', page: 1000 },
  { exchange: 'binance', kind: 'perpetual', symbol: 'ETH/USDT:USDT', exchangeSymbol: 'ETHUSDT', page: 1000 },
  { exchange: 'okx', kind: 'spot', symbol: 'SOL/USDT', exchangeSymbol: 'SOL-USDT', page: 300 },
  { exchange: 'okx', kind: 'perpetual', symbol: 'DOGE/USDT:USDT', exchangeSymbol: 'DOGE-USDT-SWAP', page: 300 },
  { exchange: 'bybit', kind: 'spot', symbol: 'XRP/USDT', exchangeSymbol: 'XRPUSDT', page: 1000 },
  { exchange: 'bybit', kind: 'perpetual', symbol: 'BTC/USDT:USDT', exchangeSymbol: 'BTCUSDT', page: 1000 },
  { exchange: 'coinbase', kind: 'spot', symbol: 'PEPE/USD', exchangeSymbol: 'PEPE-USD', page: 300 },
]
const LENGTHS: Readonly<Record<string, number>> = { '1m': 60_000, '1h': 3_600_000, '1d': 86_400_000 }
const LENGTH_OF_1H = 3_600_000
const PAGES = 3

let simulator: RunningSimulator
const clients = new Map<ExchangeName, Exchange>()

beforeAll(async () => {
  simulator = await startSimulator()
  await Promise.all(
    MARKETS.map(async ({ exchange }) => {
      if (clients.has(exchange)) return
      const client = createClient(exchange, simulator.urls)
      clients.set(exchange, client)
      await client.loadMarkets()
    }),
  )
})
afterAll(async () => {
  await Promise.all([...clients.values()].map((client) => client.close()))
  await simulator.stop()
})

const clientOf = (exchange: ExchangeName): Exchange => {
  const client = clients.get(exchange)
  if (!client) throw new Error(`no client for ${exchange}`)
  return client
}

/** ccxt speaks of swaps in contracts, the truth in base units. */
const baseUnits = (client: Exchange, symbol: string, contracts: number): number =>
  contracts * (client.market(symbol)?.contractSize ?? 1)

describe('loadMarkets', () => {
  it.each(['binance', 'okx', 'bybit', 'coinbase'] as const)('%s lists the demo symbols', (exchange) => {
    const symbols = clientOf(exchange).symbols
    expect(symbols).toEqual(expect.arrayContaining(['BTC', 'ETH', 'SOL', 'XRP', 'DOGE'].map((base) => `${base}/USDT`)))
    if (exchange !== 'coinbase') expect(symbols).toContain('BTC/USDT:USDT')
  })

  it('knows the precision and the contract size that trades and candles keep to', () => {
    const market = clientOf('okx').market('DOGE/USDT:USDT')
    expect(market).toMatchObject({ contractSize: 1000, linear: true, precision: { price: 0.00001, amount: 0.01 } })
    expect(clientOf('binance').market('BTC/USDT')).toMatchObject({ precision: { price: 0.01, amount: 0.00001 } })
    expect(clientOf('coinbase').market('PEPE/USD')).toMatchObject({ precision: { price: 1e-8, amount: 1 } })
  })

  it('finds what clients of USDT perpetuals have to leave out', () => {
    expect(clientOf('binance').markets?.['BTC/USDC:USDC']).toBeDefined()
    expect(clientOf('okx').markets?.['BTC/USD:BTC']).toMatchObject({ inverse: true })
    expect(clientOf('bybit').markets?.['BTC/USD:BTC']).toMatchObject({ inverse: true })
  })
})

describe.concurrent.each(MARKETS)('$exchange $kind $symbol', ({ exchange, kind, symbol, exchangeSymbol, page }) => {
  const truthOf = () => createTruth(simulator.urls, exchange, kind, exchangeSymbol)

  it.each(['1m', '1h', '1d'])('fetchOHLCV %s, page after page, equals the truth', async (timeframe) => {
    const length = LENGTHS[timeframe] ?? 0
    const limit = timeframe === '1m' ? page : 150
    const end = Math.floor(Date.now() / 86_400_000) * 86_400_000 - 5 * 86_400_000
    const start = end - PAGES * limit * length
    const rows: (number | undefined)[][] = []
    for (let since = start; since < end; since += limit * length) {
      const found = await clientOf(exchange).fetchOHLCV(symbol, timeframe, since, limit)
      rows.push(...found.filter(([openTime]) => openTime !== undefined && openTime < end))
    }
    const { candles, empty } = await truthOf().candles(timeframe, start, end)
    expect(candles.length + empty.length).toBe(PAGES * limit)
    expect(empty.length > 0).toBe(exchange === 'coinbase' && timeframe === '1m')
    expect(rows).toEqual(candles.map((candle) => candle.slice(0, 6).map(Number)))
  })

  it('fetchOHLCV without a start ends with the candle that is still open', async () => {
    const rows = await clientOf(exchange).fetchOHLCV(symbol, '1h', undefined, 5)
    expect(rows.at(-1)?.[0]).toBeGreaterThan(Date.now() - LENGTH_OF_1H - 1000)
  })

  it('fetchTrades equals the truth', async () => {
    const client = clientOf(exchange)
    const trades = await client.fetchTrades(symbol, undefined, 40)
    const [first, last] = [trades[0], trades.at(-1)]
    const { trades: truth } = await truthOf().trades({ start: first?.timestamp ?? 0, end: (last?.timestamp ?? 0) + 1 })
    expect(trades).toHaveLength(40)
    // ccxt reads Binance's aggregated trades, which have ids of their own.
    const idOf = (id = '') => (exchange === 'binance' ? String(Number(id) + AGGREGATES_BEHIND) : id)
    const read = ({ id, timestamp, price, amount, side }: Trade) => ({
      id: idOf(id),
      time: timestamp,
      price,
      size: Number(baseUnits(client, symbol, amount ?? 0).toPrecision(12)),
      side,
    })
    const expected = truth
      .slice(-40)
      .map((trade) => ({ ...trade, price: Number(trade.price), size: Number(trade.size) }))
    expect(trades.map(read).toSorted(byId)).toEqual(expected.toSorted(byId))
  })

  it('fetchTicker gives the last trade and the best prices', async () => {
    const before = Date.now()
    const ticker = await clientOf(exchange).fetchTicker(symbol)
    const [earlier, since] = [
      await truthOf().trades({ end: before, limit: 1 }),
      await truthOf().trades({ start: before }),
    ]
    const prices = [...earlier.trades, ...since.trades].map(({ price }) => Number(price))
    expect(prices).toContain(ticker.last)
    if (exchange !== 'binance' || kind === 'spot') expect(ticker.bid).toBeLessThan(ticker.ask ?? 0)
    if (exchange !== 'coinbase') expect(ticker.high).toBeGreaterThanOrEqual(ticker.low ?? Number.POSITIVE_INFINITY)
    expect(ticker.baseVolume).toBeGreaterThan(0)
  })

  it('fetchOrderBook equals the truth', async () => {
    const client = clientOf(exchange)
    const book = await client.fetchOrderBook(symbol, 50)
    const sequence = exchange === 'bybit' || book.nonce === undefined ? bookSequenceAt(book.timestamp ?? 0) : book.nonce
    const depth = book.bids.length
    const truth = await truthOf().orderBook(sequence, Math.max(depth, book.asks.length))
    const side = (levels: [unknown, unknown, ...unknown[]][]) =>
      levels.map(([price, size]) => [Number(price), Number(baseUnits(client, symbol, Number(size)).toPrecision(12))])
    expect(depth).toBeGreaterThanOrEqual(50)
    expect(side(book.bids)).toEqual(truth.bids.slice(0, depth).map((known) => known.map(Number)))
    expect(side(book.asks)).toEqual(truth.asks.slice(0, book.asks.length).map((known) => known.map(Number)))
  })
})

describe.each(MARKETS.filter(({ kind }) => kind === 'perpetual'))('$exchange $symbol', (market) => {
  const { exchange, kind, symbol, exchangeSymbol } = market

  it('fetchFundingRateHistory equals the truth', async () => {
    const now = Date.now()
    const rates = await clientOf(exchange).fetchFundingRateHistory(symbol, now - 40 * LENGTH_OF_1H, 50)
    const truth = await createTruth(simulator.urls, exchange, kind, exchangeSymbol).funding(
      now - 40 * LENGTH_OF_1H,
      now,
    )
    expect(rates.map(({ timestamp, fundingRate }) => [timestamp, fundingRate])).toEqual(
      truth.rates.map(([time, rate]) => [time, Number(rate)]),
    )
    expect(rates.length).toBeGreaterThanOrEqual(5)
  })
})

const byId = (a: { id: string | undefined }, b: { id: string | undefined }): number =>
  (a.id ?? '') < (b.id ?? '') ? -1 : 1
