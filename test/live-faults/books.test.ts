import { beforeAll, describe, expect, it } from 'vitest'
import { bookDepths } from '../../src/domain/topic.ts'
import { prepare } from '../faults/scenario.ts'
import { expectUntold } from './listener.ts'
import { deps, EXCHANGES, MARKETS, type Market, open } from './scenario.ts'
import { RETRY_LATE } from './timing.ts'
import { expectBooks } from './truth.ts'

/** There is a book a second, simulated. */
const SPAN_MS = 15_000
const DEEPEST = Math.max(...bookDepths)
const ONE_BY_ONE = { concurrent: false, retry: RETRY_LATE }

beforeAll(async () => {
  await Promise.all(EXCHANGES.map(prepare))
})

describe.concurrent.each(EXCHANGES)('the books of %s', (exchange) => {
  it.each(MARKETS[exchange])('are true in every depth after every message: $symbol', ONE_BY_ONE, async (each) => {
    const client = await open(exchange)
    const args = bookDepths.map((depth) => ({ channel: 'book', symbol: each.symbol, depth }))
    for (const { type } of await client.subscribe(...args)) expect(type).toBe('subscribed')
    const until = deps.clock.now() + SPAN_MS
    await client.until(() => args.every((arg) => client.topic(arg).dataTime >= until))
    client.close()
    expect(client.faults).toEqual([])
    for (const arg of args) {
      const log = client.topic(arg)
      expectUntold(log)
      // The best levels may rest for some seconds.
      expect(await expectBooks(each, log, 0, DEEPEST)).toBeGreaterThan(1)
      expect(log.messages[0]?.data).toMatchObject({ availableDepth: availableOf(each, arg.depth) })
    }
  })
})

/** What is deeper than the exchange goes is said to be. */
function availableOf({ exchange, kind }: Market, depth: number) {
  if (exchange === 'okx') return Math.min(depth, 400)
  // The snapshots of USD-M end at 1,000 levels: of these fewer are left when the price has moved.
  return depth === DEEPEST && exchange === 'binance' && kind === 'perpetual' ? expect.any(Number) : depth
}
