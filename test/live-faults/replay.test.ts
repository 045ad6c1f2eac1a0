import { exports } from 'cloudflare:workers'
import { describe, expect, it } from 'vitest'
import { z } from 'zod'
import { settleMsOf } from '../../src/exchanges/registry.ts'
import { StreamClient, type StreamMessage } from '../harness/stream-client.ts'
import { Listener } from './listener.ts'
import { control, deps, type Exchange, feed, type Market, MINUTE, until } from './scenario.ts'
import { RETRY_LATE } from './timing.ts'
import { trueTrades } from './truth.ts'

const gapSchema = z.looseObject({ from: z.int(), to: z.int(), reason: z.string() })
const candleSchema = z.looseObject({ openTime: z.int(), closed: z.boolean() })

/** What is missed cannot be had later. A request that is rejected says nothing of the host: candles are had all the same. */
const NO_TRADES = { type: 'status', status: 400, path: '[tT]rade', on: 'rest' }
const NO_STREAM = { type: 'status', status: 503, on: 'stream' }

const NEVER = Number.POSITIVE_INFINITY

interface Span {
  readonly start: number
  readonly end: number
}

function pathOf({ exchange, symbol }: Market, { start, end }: Span): string {
  return `http://worker/v1/replay/${exchange}/${symbol}?start=${start}&end=${end}&channels=trades,candles:1m`
}

/** Replayed to a client that was written for the live stream. */
async function replayFrames(market: Market, span: Span): Promise<StreamClient> {
  const response = await exports.default.fetch(pathOf(market, span), { headers: { Upgrade: 'websocket' } })
  const { webSocket } = response
  if (webSocket === null) throw new Error(`no replay: ${response.status} ${await response.text()}`)
  const client = new StreamClient(webSocket, market.exchange)
  webSocket.accept()
  expect(await client.closed).toBe(1000)
  return client
}

async function replayLines(market: Market, span: Span): Promise<unknown[]> {
  const response = await exports.default.fetch(pathOf(market, span))
  const text = new TextDecoder().decode(await response.arrayBuffer())
  return text
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line))
}

/** All but what counts messages: a replay counts them anew. */
function uncounted({ seq: _seq, prevSeq: _prevSeq, ...message }: StreamMessage) {
  return message
}

/**
 * The trades and their gaps of a span. Of a gap it is not stored when it was told, nor which trades stand on both sides;
 * that a stream was stale is not stored at all.
 */
function tradesOf(messages: readonly StreamMessage[], { start, end }: Span) {
  return messages.flatMap((message) => {
    if (message.type === 'gap') {
      const { from, to, reason } = gapSchema.parse(message.data)
      const { receivedTime: _, ...rest } = uncounted(message)
      return from >= start && to < end ? [{ ...rest, data: { from, to, reason } }] : []
    }
    const time = message.exchangeTime ?? 0
    return message.type === 'trade' && time >= start && time < end ? [uncounted(message)] : []
  })
}

/** The closed candles of whole slots of a span, as they were told last. Neither of their times is stored. */
function candlesOf(messages: readonly StreamMessage[], { start, end }: Span) {
  const candles = messages.flatMap((message) => {
    if (message.type !== 'candle') return []
    const { openTime, closed } = candleSchema.parse(message.data)
    const { exchangeTime: _exchangeTime, receivedTime: _receivedTime, ...rest } = uncounted(message)
    return closed && openTime >= start && openTime + MINUTE <= end ? [[openTime, rest] as const] : []
  })
  return [...new Map(candles).values()]
}

/** Lives through an outage that loses trades, until a candle has closed. */
async function live(exchange: Exchange): Promise<{ listener: Listener; market: Market; span: Span }> {
  const listener = await Listener.start(exchange, { records: true })
  const { client } = listener
  const [market] = listener.markets
  const [trades, candles] = [listener.trades(market), listener.candles(market)]
  await client.until(() => trades.trades().length >= 3)
  // Before the first trade that was heard others may have been stored.
  const start = trades.trades()[1]?.exchangeTime ?? 0
  try {
    for (const fault of [NO_TRADES, NO_STREAM, { type: 'drop' }]) await control(exchange, { fault })
    const lostAt = deps.clock.now()
    await until('trades to be missed', async () => (await trueTrades(market, lostAt, deps.clock.now())).length > 1)
    await control(exchange, { clear: 'all', fault: NO_TRADES })
    await until('a gap', async () => trades.gaps().length > 0)
  } finally {
    await control(exchange, { clear: 'all' })
  }
  const closedAt = () => (candles.closedCandles().find(({ openTime }) => openTime >= start)?.openTime ?? NEVER) + MINUTE
  await until('a candle to be final', async () => deps.clock.now() > closedAt() + settleMsOf(exchange))
  await client.until(() => trades.dataTime > closedAt())
  await listener.caughtUp()
  // Beyond the last trade nothing is known once the feed has stopped.
  return { listener, market, span: { start, end: trades.dataTime } }
}

/** One whose candles are streamed, and one whose candles are built from its trades. */
const EXCHANGES = ['okx', 'coinbase'] as const

describe.concurrent.each(EXCHANGES)('a live session of %s', (exchange) => {
  it('is replayed message for message', { retry: RETRY_LATE }, async () => {
    const { listener, market, span } = await live(exchange)
    // Live, a candle is told as soon as it has closed.
    const final = { ...span, end: Math.min(span.end, deps.clock.now() - settleMsOf(exchange)) }
    // With what the feed holds still, and once all of it is stored.
    const early = await replayFrames(market, span)
    await feed(exchange).stop(exchange)
    const client = await replayFrames(market, span).finally(() => feed(exchange).start(exchange))
    for (const replayed of [early, client]) {
      expect(replayed.faults).toEqual([])
      const trades = replayed.topic({ channel: 'trades', symbol: market.symbol })
      expect(tradesOf(trades.messages, span)).toEqual(tradesOf(listener.trades(market).messages, span))
      expect(trades.gaps().length).toBeGreaterThan(0)
      expect(trades.trades().length).toBe(trades.messages.length - trades.gaps().length)
    }
    const candles = client.topic({ channel: 'candles', symbol: market.symbol, interval: '1m' })
    const compared = candlesOf(candles.messages, final)
    expect(compared).toEqual(candlesOf(listener.candles(market).messages, final))
    expect(compared.length).toBeGreaterThan(0)
    const data = client.messages.filter(({ seq, type }) => seq !== undefined && type !== 'subscribed')
    const times = data.map(({ receivedTime }) => receivedTime ?? 0)
    expect(times).toEqual(times.toSorted((a, b) => a - b))
    expect(await replayLines(market, span)).toEqual(client.messages)
    listener.client.close()
  })
})
