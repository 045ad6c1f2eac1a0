import { expect, it } from 'vitest'
import type { FeedStatus } from '../../src/live/status.ts'
import { ADMIN, problem } from './api.ts'
import { askWith } from './feed-stub.ts'

const STATUS: FeedStatus = {
  exchange: 'okx',
  state: 'live',
  since: 1,
  epoch: 'e1',
  clients: 2,
  topics: 3,
  messagesPerSecond: 1.5,
  dataAgeMs: 20,
  reconnects: 1,
  gaps: 0,
  resyncs: 0,
  invalidFrames: 0,
  lastError: null,
  sockets: [{ endpoint: 'public', state: 'open', topics: 3, connectedAt: 1, dataAgeMs: 20, retryAt: null }],
  stale: [],
  quiet: ['trades:okx:BTC-USDT'],
  rejected: [{ topic: 'trades:okx:NO-NE', reason: 'no such instrument' }],
  unsynced: [{ symbol: 'ETH-USDT', reason: 'the book was crossed' }],
}

it.each(['start', 'stop'])('%ss a feed for who has the token', async (verb) => {
  const asked: string[] = []
  const feed = {
    start: async (exchange: string) => {
      asked.push(`start ${exchange}`)
      return STATUS
    },
    stop: async (exchange: string) => {
      asked.push(`stop ${exchange}`)
      return STATUS
    },
  }
  const path = `/v1/streams/okx/${verb}`
  const refused = await askWith(path, { feed }, { method: 'POST' })
  expect(await problem(refused.response)).toMatchObject({ status: 401 })
  expect(asked).toEqual([])
  const { response } = await askWith(path, { feed }, { method: 'POST', headers: ADMIN })
  expect(await response.json()).toEqual(STATUS)
  expect(asked).toEqual([`${verb} okx`])
})

it('knows its exchanges, and says where a feed does not answer', async () => {
  const init = { method: 'POST', headers: ADMIN }
  const unknown = await askWith('/v1/streams/mtgox/start', {}, init)
  expect(await problem(unknown.response)).toMatchObject({ status: 404, code: 'unknown_exchange' })
  const silent = await askWith('/v1/streams/okx/stop', {}, init)
  expect(await problem(silent.response)).toMatchObject({ status: 503, code: 'feed_unavailable' })
})

it('shows the feed in the state of its exchange, or that it does not answer', async () => {
  const shown = await askWith('/v1/exchanges/okx/status', { feed: { status: async () => STATUS } })
  expect(await shown.response.json()).toMatchObject({ exchange: 'okx', hosts: expect.any(Array), stream: STATUS })
  const silent = await askWith('/v1/exchanges/okx/status', { feed: {} })
  expect(await silent.response.json()).toMatchObject({ exchange: 'okx', stream: null })
})
