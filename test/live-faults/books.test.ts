import { beforeAll, describe, expect, it } from 'vitest'
import { bookDepths } from '../../src/domain/topic.ts'
import { prepare } from '../faults/scenario.ts'
import { deps, EXCHANGES, expectBooks, MARKETS, open } from './scenario.ts'

/** So many books later, simulated. */
const SPAN_MS = 30_000

beforeAll(async () => {
  await Promise.all(EXCHANGES.map(prepare))
})

describe.concurrent.each(EXCHANGES)('the books of %s', (exchange) => {
  it.each(MARKETS[exchange])('are true in every depth after every message: $symbol', async (each) => {
    const client = await open(exchange)
    const args = bookDepths.map((depth) => ({ channel: 'book', symbol: each.symbol, depth }))
    for (const { type } of await client.subscribe(...args)) expect(type).toBe('subscribed')
    const until = deps.clock.now() + SPAN_MS
    await client.until(() => args.every((arg) => client.topic(arg).dataTime >= until))
    expect(client.faults).toEqual([])
    for (const arg of args) {
      const log = client.topic(arg)
      expect(log.notices()).toEqual([])
      expect(await expectBooks(each, log)).toBeGreaterThan(10)
      // What is deeper than the exchange goes is said to be.
      const available = Math.max(...[...log.books()].map(({ availableDepth }) => availableDepth))
      expect(available).toBe(exchange === 'okx' ? Math.min(arg.depth, 400) : arg.depth)
    }
    client.close()
  })
})
