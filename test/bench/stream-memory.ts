import { z } from 'zod'
import type { Report } from './report.ts'
import { usedHeapMb } from './stream-inspector.ts'
import { ASSETS } from './stream-market.ts'
import { BenchProcess } from './stream-process.ts'
import { StreamExchange, socketUrl, startFeedWorker } from './stream-system.ts'

const LIMIT_MB = 128
const [FRAMES, PER_SECOND] = [10_000, 5_000]
const port = z.object({ port: z.int() })

/**
 * What clients see of each book. A view of so many levels of Binance takes a snapshot of 1,000 a side, all that the
 * market has; Coinbase sends its books whole.
 */
const DEPTHS = { binance: 200, coinbase: 1_000 } as const

/**
 * The memory of the feeds of Binance (50 books of some 900 levels a side) and of Coinbase (50 of 8,000, of which 5,000
 * are within 10 % of the middle), both in one heap, which nothing else shares but the loaders. Deployed, they may share
 * one or not.
 */
export async function measureStreamMemory(report: Report): Promise<void> {
  const binance = await StreamExchange.start('full')
  const coinbase = new BenchProcess('./stream-coinbase.ts')
  const answer = await coinbase.ask(port, { ask: 'listen' })
  const worker = await startFeedWorker(binance, {}, { coinbase: { feed: `http://127.0.0.1:${answer.port}` } })
  const clients = (['binance', 'coinbase'] as const).map((exchange) => ({
    exchange,
    client: new BenchProcess('./stream-follower.ts'),
  }))
  try {
    // The worker is not loaded before somebody asks it for something.
    await fetch(new URL('/v1/exchanges', worker.url.href))
    let before = await usedHeapMb(worker)
    for (const { exchange, client } of clients) {
      const args = ASSETS.map((asset) => ({
        channel: 'book',
        exchange,
        symbol: `${asset}-USDT`,
        depth: DEPTHS[exchange],
      }))
      await client.ask(z.object({}), { ask: 'open', url: socketUrl(worker, `/v1/stream/${exchange}`), args })
      if (exchange === 'binance') await binance.send(FRAMES, PER_SECOND)
      await client.ask(z.object({}), { ask: 'await-books' })
      const now = await usedHeapMb(worker)
      report({ case: `memory of ${exchange}`, value: now - before, unit: 'MB', against: null })
      before = now
    }
    report({ case: 'memory', value: before, unit: 'MB', against: { name: 'limit', value: LIMIT_MB } })
  } finally {
    for (const { client } of clients) client.stop()
    await worker.stop()
    coinbase.stop()
    binance.stop()
  }
}
