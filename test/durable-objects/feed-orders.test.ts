import { runInDurableObject } from 'cloudflare:test'
import { env } from 'cloudflare:workers'
import { expect, it } from 'vitest'
import { ExchangeFeed } from '../../durable-objects/exchange-feed.ts'
import { deps, prepare } from '../faults/scenario.ts'

const off = { ...env, STREAMS: 'off' }
const stub = deps.feed('coinbase')
const stream = () => new Request('https://feed/v1/stream/coinbase', { headers: { Upgrade: 'websocket' } })
const unavailable = { ok: false, code: 'feed_unavailable', detail: expect.stringContaining('streams/coinbase/start') }

it('STREAMS=off: a feed runs only when it is told to, and then even after an eviction', async () => {
  await prepare('coinbase')
  await runInDurableObject(stub, async (_, state) => {
    const feed = new ExchangeFeed(state, off)
    for (const ask of [() => feed.status('coinbase'), () => feed.poke('coinbase')]) {
      await ask()
      expect((await feed.status('coinbase')).state).toBe('stopped')
    }
    expect(await feed.readTicker('coinbase', 'BTC-USD')).toMatchObject(unavailable)
    expect(await feed.readOrderBook('coinbase', 'BTC-USD', 5)).toMatchObject(unavailable)
    const response = await feed.fetch(stream())
    expect(response.status).toBe(503)
    expect(await response.json()).toMatchObject(unavailable)
    expect(await state.storage.getAlarm()).toBeNull()

    expect((await feed.start('coinbase')).state).not.toBe('stopped')
    expect(await state.storage.getAlarm()).not.toBeNull()
    const next = new ExchangeFeed(state, off)
    await state.blockConcurrencyWhile(async () => undefined)
    expect((await next.status('coinbase')).state).not.toBe('stopped')
    for (const each of [feed, next]) expect((await each.stop('coinbase')).state).toBe('stopped')
    expect(await next.readTicker('coinbase', 'BTC-USD')).toMatchObject(unavailable)
  })
})

it('STREAMS=on: a look at its status does not start a feed, a client does', async () => {
  await runInDurableObject(deps.feed('bybit'), async (_, state) => {
    const feed = new ExchangeFeed(state, env)
    await feed.status('bybit')
    expect(await state.storage.getAlarm()).toBeNull()
    expect((await feed.fetch(new Request('https://feed/v1/stream/bybit', stream()))).status).toBe(101)
    expect(await state.storage.getAlarm()).not.toBeNull()
    await feed.stop('bybit')
  })
})
