import { z } from 'zod'
import type { Report } from './report.ts'
import { usedHeapMb } from './stream-inspector.ts'
import { ASSETS, FULL_MIX, SYMBOL_COUNT } from './stream-market.ts'
import { BenchProcess, CpuTimes } from './stream-process.ts'
import { StreamExchange, socketUrl, startFeedWorker } from './stream-system.ts'

const LIMIT_MB = 128
const [FRAMES, PER_SECOND] = [10_000, 5_000]
/** Updates of each book after its snapshot: whole cycles of the market of Binance. */
const CYCLES = 3
const UPDATES = CYCLES * FULL_MIX.depth
const CYCLE_FRAMES = SYMBOL_COUNT * (FULL_MIX.depth + FULL_MIX.trades + FULL_MIX.bbo)
const port = z.object({ port: z.int() })
const told = z.object({ faults: z.array(z.string()) })

/**
 * What clients see of each book. A view of so many levels of Binance takes a snapshot of 1,000 a side, all that the
 * market has; Coinbase sends its books whole.
 */
const DEPTHS = { binance: 200, coinbase: 1_000 } as const
const exchanges = ['binance', 'coinbase'] as const

/**
 * The memory of the feeds of Binance (50 books of some 900 levels a side) and of Coinbase (50 of 8,000, of which 5,000
 * are within 10 % of the middle), both in one heap, which nothing else shares but the loaders. Deployed, they may share
 * one or not. Every book has been updated some hundred times since its snapshot; the heap is read after a collection, so
 * what counts is what the books hold, and not the garbage that they make between two collections.
 *
 * @throws where a client was told of anything that is missing or started anew
 */
export async function measureStreamMemory(report: Report): Promise<void> {
  const binance = await StreamExchange.start('full')
  const coinbase = new BenchProcess('./stream-coinbase.ts')
  const answer = await coinbase.ask(port, { ask: 'listen' })
  const coinbaseUrl = `http://127.0.0.1:${answer.port}`
  const EXCHANGE_HOSTS = JSON.stringify({ binance: { spot: binance.url }, coinbase: { spot: coinbaseUrl } })
  const worker = await startFeedWorker(binance, { EXCHANGE_HOSTS }, { coinbase: { feed: coinbaseUrl } })
  const clients = exchanges.map((exchange) => ({ exchange, client: new BenchProcess('./stream-follower.ts') }))
  const update = {
    binance: () => binance.send(CYCLES * CYCLE_FRAMES, PER_SECOND),
    coinbase: () => coinbase.ask(z.object({}), { ask: 'update', updates: UPDATES }),
  }
  const cpu = new CpuTimes({
    binance: binance.pid,
    coinbase: coinbase.pid,
    worker: worker.pid,
    ...Object.fromEntries(clients.map(({ exchange, client }) => [`client of ${exchange}`, client.pid])),
  })
  try {
    // The worker is not loaded before somebody asks it for something.
    await fetch(new URL('/v1/exchanges', worker.url.href))
    let before = await usedHeapMb(worker)
    for (const [index, { exchange, client }] of clients.entries()) {
      const args = ASSETS.map((asset) => ({
        channel: 'book',
        exchange,
        symbol: `${asset}-USDT`,
        depth: DEPTHS[exchange],
      }))
      await client.ask(z.object({}), { ask: 'open', url: socketUrl(worker, `/v1/stream/${exchange}`), args })
      if (exchange === 'binance') await binance.send(FRAMES, PER_SECOND)
      await client.ask(z.object({}), { ask: 'await-books' })
      // The books that are open already live on: a feed that hears nothing more would look for what is wrong.
      await Promise.all(exchanges.slice(0, index + 1).map((one) => update[one]()))
      await client.ask(z.object({}), { ask: 'await-rest' })
      const now = await usedHeapMb(worker)
      report({ case: `memory of ${exchange}`, value: now - before, unit: 'MB', against: null })
      before = now
    }
    cpu.report(report, 'memory')
    report({ case: 'memory', value: before, unit: 'MB', against: { name: 'limit', value: LIMIT_MB } })
    for (const { exchange, client } of clients) {
      const { faults } = await client.ask(told, { ask: 'report' })
      if (faults.length > 0) throw new Error(`the client of ${exchange} was told ${faults.slice(0, 3).join('; ')}`)
    }
  } finally {
    for (const { client } of clients) client.stop()
    await worker.stop()
    coinbase.stop()
    binance.stop()
  }
}
