import { env } from 'cloudflare:workers'
import { expect, it } from 'vitest'
import { decimal } from '../../src/domain/decimal.ts'
import { createApp } from '../../src/routes/app.ts'
import { FeedStore } from '../../src/store/feed-store.ts'
import { claimLease } from '../../src/store/leases.ts'
import { StreamClient } from '../harness/stream-client.ts'
import { MINUTE, T0 } from '../store/seed.ts'
import { seed } from './api.ts'

const NOW = T0 + 30 * 60 * MINUTE
/** Later than what is deleted, earlier than what a feed may hold. */
const START = NOW - 20 * 60 * MINUTE

/** One at the start, and one a minute later. */
async function writeTrades(instrumentId: number): Promise<void> {
  const store = new FeedStore(env.DB, await claimLease(env.DB, 'okx', 'feed'), () => crypto.randomUUID())
  const [price, size] = [decimal('100.5'), decimal('0.25')]
  const chunks = [START, START + MINUTE].map((time, seq) => {
    const trade = { id: `${seq}`, price, size, side: null, exchangeTime: time, receivedTime: time, seq }
    return { instrumentId, minute: time, part: 0, epoch: 'a', trades: [trade], gaps: [] }
  })
  await store.writeTrades(chunks, [{ instrumentId, from: START, to: NOW }])
}

/** By a clock that stands still: beyond its start, a replay that is paced waits. */
async function open(path: string, query: string): Promise<StreamClient> {
  const bindings = { ...env, TIME_SCALE: `0.000000000001@${NOW}` }
  const url = `https://api.test/v1/replay/${path}?${query}`
  const response = await createApp().request(url, { headers: { Upgrade: 'websocket' } }, bindings)
  const { webSocket } = response
  if (webSocket === null) throw new Error(`no replay: ${response.status} ${await response.text()}`)
  const client = new StreamClient(webSocket, 'okx')
  webSocket.accept()
  return client
}

it('takes a client that was written for the live stream, which subscribes on open', async () => {
  const series = await seed()
  await env.DB.prepare(
    "INSERT INTO instrument_aliases (exchange, symbol, instrument_id) VALUES ('okx', 'OLD-USDT', ?1)",
  )
    .bind(series.seriesId)
    .run()
  await writeTrades(series.seriesId)
  const client = await open('okx/OLD-USDT', `start=${START}&end=${START + 5 * MINUTE}&speed=10`)
  const onOpen = await client.subscribe({ channel: 'trades', symbol: series.symbol })
  expect(onOpen).toMatchObject([{ type: 'subscribed', channel: 'trades', seq: expect.any(Number) }])
  await client.until(() => client.messages.some(({ type }) => type === 'trade'))
  const [base = '', quote = ''] = series.symbol.split('-')
  const symbols = [series.symbol, 'OLD-USDT', `${base}/${quote}`, `cryptopair_okx_${base}${quote}`.toLowerCase()]
  const answers = await client.subscribe(...symbols.map((symbol) => ({ channel: 'trades', symbol })), {
    channel: 'candles',
    symbol: series.symbol,
  })
  const subscribed = { type: 'subscribed', channel: 'trades', symbol: series.symbol, seq: 1 }
  const error = { type: 'error', code: 'unprocessable', detail: expect.stringContaining("this replay's channels") }
  expect(answers).toMatchObject([...symbols.map(() => subscribed), error])
  expect(client.faults).toEqual([])
  client.close()
  await client.closed
})
