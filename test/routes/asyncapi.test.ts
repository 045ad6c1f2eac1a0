import { expect, it } from 'vitest'
import { z } from 'zod'
import { decimal } from '../../src/domain/decimal.ts'
import type { BookLevel } from '../../src/domain/order-book.ts'
import { type ClientTopic, channels } from '../../src/domain/topic.ts'
import { AcrossLine } from '../../src/live/across-line.ts'
import type { BookReading } from '../../src/live/consolidated.ts'
import * as messages from '../../src/live/messages.ts'
import { endMessage } from '../../src/live/replay.ts'
import * as replies from '../../src/live/replies.ts'
import { serverMessages } from '../../src/routes/asyncapi/messages.ts'
import { candleAt, T0 } from '../store/seed.ts'
import { read } from './api.ts'

const one = decimal('1')
const level = { price: one, size: one } satisfies BookLevel
const topicOf = (channel: ClientTopic['channel']): ClientTopic => ({
  channel,
  exchange: channel === 'arbitrage' ? '*' : 'okx',
  symbol: channel === 'status' ? null : 'BTC-USDT',
  interval: channel === 'candles' ? '1m' : null,
  depth: channel === 'book' ? 20 : null,
})
const values = { last: one, open: null, high: null, low: null, volume: null, quoteVolume: null }
const funding = { rate: one, nextFundingTime: 5, markPrice: null, indexPrice: null }
const book = { depth: 20, availableDepth: 1, bids: [level], asks: [], prevSequence: null, sequence: 7 }
const data = {
  trades: messages.tradeData({ id: '1', price: one, size: one, side: null }),
  candles: messages.candleData('1m', candleAt(T0), true),
  ticker: messages.tickerData(values),
  bbo: messages.bboData(level, null),
  book: messages.bookData({ kind: 'snapshot', ...book }),
  funding: messages.fundingData(funding),
  'open-interest': messages.openInterestData({ openInterest: one, value: null }),
  liquidations: messages.liquidationData({ price: one, size: one, side: 'sell' }),
  status: '{"state":"live","since":1}',
  arbitrage: '{"above":false,"best":null,"leftOut":[]}',
} satisfies Record<ClientTopic['channel'], string>

const lines = channels.map(
  (channel) => new messages.TopicLine(topicOf(channel), channel === 'arbitrage' ? null : 'BTC-USDT'),
)
// Of what is across exchanges nothing is ever missing: there the next message says how things stand.
const feedLines = lines.filter(({ topic }) => topic.exchange !== '*')
const across = (channel: 'bbo' | 'arbitrage') =>
  new AcrossLine({ ...topicOf(channel), exchange: '*', quotes: 'usd-like', threshold: one, fees: 'okx:0' }, 'e1')
const times = { exchangeSymbol: 'BTCUSDT', exchangeTime: null, receivedTime: 5, ageMs: 0 }
const readings: BookReading[] = [
  { exchange: 'okx', symbol: 'BTC-USDT', bid: level, ask: { price: decimal('2'), size: one }, ...times },
  { exchange: 'bybit', symbol: 'BTC-USDT', bid: { price: decimal('3'), size: one }, ask: null, ...times },
  { exchange: 'coinbase', symbol: 'BTC-USDT', reason: 'stale', detail: 'the stream was silent' },
]
const topic = topicOf('book')
const sent = [
  ...lines.map((line) => line.next(null, 5, data[line.topic.channel])),
  ...lines.map((line) => line.state(4, 5, data[line.topic.channel])),
  ...feedLines.flatMap((line) =>
    (['gap', 'resync', 'stale'] as const).map((type) => line.notice(type, 5, '{"from":1,"reason":"why"}')),
  ),
  ...[across('bbo'), across('arbitrage')].flatMap((line) => [line.state([], 5), line.update(readings, 6) ?? '']),
  messages.linkGap(topic, 5, 'link_lost'),
  replies.subscribedMessage(1, topic, 'e1', 4, true),
  replies.subscribedMessage(1, across('arbitrage').topic, 'e1', 0, true),
  replies.unsubscribedMessage('a', topicOf('status')),
  replies.errorMessage(null, 'unknown_channel', 'no such channel', { channel: 'x' }),
  endMessage('okx', 'BTC-USDT', { start: T0, end: T0 + 1 }, 0),
  replies.pongMessage(null),
  replies.pingMessage(7),
  replies.slowMessage(true, 1_000_000),
  replies.configuredMessage(1, { conflateMs: 100, maxMessagesPerSecond: null }),
  replies.subscriptionsMessage(1, [topic, topicOf('status')]),
]

it('describes every message that is sent, and no others', () => {
  const seen = new Set<string>()
  for (const text of sent) {
    const message: unknown = JSON.parse(text)
    const { type } = z.looseObject({ type: z.string() }).parse(message)
    const schema = Object.entries(serverMessages).find(([name]) => name === type)?.[1]
    expect(schema?.safeParse(message).error, text).toBeUndefined()
    // Nothing is sent that is not described.
    const described: unknown = schema?.parse(message)
    expect(described).toEqual(message)
    seen.add(type)
  }
  expect([...seen].sort()).toEqual(Object.keys(serverMessages).sort())
})

const reference = z.object({ $ref: z.string() })
const document = z.looseObject({
  asyncapi: z.literal('3.0.0'),
  servers: z.record(z.string(), z.object({ host: z.string(), protocol: z.string() })),
  channels: z.record(z.string(), z.looseObject({ address: z.string(), messages: z.record(z.string(), reference) })),
  operations: z.record(
    z.string(),
    z.looseObject({ action: z.enum(['send', 'receive']), channel: reference, messages: z.array(reference) }),
  ),
  components: z.object({
    messages: z.record(z.string(), z.looseObject({ payload: reference })),
    schemas: z.record(z.string(), z.looseObject({})),
  }),
})

it('is an AsyncAPI document whose references lead somewhere', async () => {
  const body = await read('/asyncapi.json')
  const { channels, components, servers } = document.parse(body)
  expect(Object.values(channels).map(({ address }) => address)).toEqual([
    '/v1/stream/{exchange}',
    '/v1/stream',
    '/v1/replay/{exchange}/{symbol}',
  ])
  expect(servers['here']).toEqual({ host: 'api.test', protocol: 'wss' })
  expect(Object.keys(components.schemas)).toEqual(['Command', 'Frame', ...Object.keys(serverMessages)])
  const references = [...JSON.stringify(body).matchAll(/"\$ref":"#\/([^"]+)"/g)].map(([, path = '']) => path)
  expect(references.length).toBeGreaterThan(20)
  for (const path of references) {
    const target = path.split('/').reduce<unknown>((value, key) => Object(value)[key], body)
    expect(target, path).toBeInstanceOf(Object)
  }
})
