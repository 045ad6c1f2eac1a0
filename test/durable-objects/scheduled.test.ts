import { createScheduledController } from 'cloudflare:test'
import { env } from 'cloudflare:workers'
import { expect, it } from 'vitest'
import worker from '../../src/index.ts'

async function fire(STREAMS: string): Promise<readonly string[]> {
  const poked: string[] = []
  const namespace = {
    getByName: (name: string) => ({
      poke: async (exchange: string) => {
        poked.push(name)
        // One that cannot be woken keeps no other from it.
        if (exchange === 'binance') throw new Error('down')
      },
    }),
  }
  const bindings: unknown = { ...env, STREAMS, EXCHANGE_LOADER: namespace, EXCHANGE_FEED: namespace }
  await worker.scheduled(createScheduledController(), bindings as Env)
  return poked.sort()
}

it('wakes the loader and the feed of every exchange each minute', async () => {
  expect(await fire('on')).toEqual([
    ...['feed:binance:apac', 'feed:bybit:apac', 'feed:coinbase:enam', 'feed:okx:apac'],
    ...['loader:binance:apac', 'loader:bybit:apac', 'loader:coinbase:enam', 'loader:okx:apac'],
  ])
})

it('leaves the feeds alone where they start by command only', async () => {
  expect((await fire('off')).every((name) => name.startsWith('loader:'))).toBe(true)
})
