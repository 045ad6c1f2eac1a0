import { z } from 'zod'
import { marketChannels } from '../../domain/event.ts'
import { intervals } from '../../domain/interval.ts'
import { quoteGroups } from '../../domain/quote-group.ts'
import { ALL_EXCHANGES, bookDepths, channels } from '../../domain/topic.ts'
import { feedStates } from '../../live/status.ts'
import { arbitrageData, consolidatedBboData } from '../across/schemas.ts'

/** What the server sends, message by message: what `live/messages.ts` and `live/replies.ts` write as text. */

const decimal = z.string().meta({ description: 'An exact decimal' })
const time = z.int().meta({ description: 'Milliseconds UTC' })
const requestId = z.union([z.string(), z.int()]).nullable().meta({ description: 'That of the command' })

const numbers = {
  exchangeTime: time.nullable().meta({ description: "By the exchange's clock, ms UTC; null where it sends none" }),
  receivedTime: time,
  seq: z.int().nullable().meta({
    description:
      'Counts the messages of the topic, the same for every client. null: told by a relay, outside of the count',
  }),
  prevSeq: z.int().nullable().meta({
    description: 'The last `seq` that was sent to this client. Equal to `seq`: the state on subscribing, nothing new',
  }),
}

const instrument = { exchange: z.string(), symbol: z.string(), exchangeSymbol: z.string() }

function dataMessage<T extends string, D extends z.ZodRawShape>(type: T, data: D) {
  return z.object({ type: z.literal(type), ...instrument, ...numbers, data: z.object(data) })
}

const across = {
  quotes: z.enum(quoteGroups).optional().meta({ description: 'Quotes that count as one' }),
  threshold: decimal.optional().meta({ description: 'Of arbitrage: the least net spread that is told, in percent' }),
  fees: z.string().optional().meta({ description: 'Of arbitrage: the taker fees of the client, by name of exchange' }),
}

/** What a relay makes of the books of every exchange: times of the exchanges stand with each book. */
function acrossMessage<T extends string, D extends z.ZodRawShape>(type: T, data: D) {
  const head = { exchange: z.literal(ALL_EXCHANGES), symbol: z.string(), exchangeSymbol: z.null(), ...across }
  return z.object({ type: z.literal(type), ...head, ...numbers, data: z.object(data) })
}

const level = z.object({ price: decimal, size: decimal.nullable() }).nullable()
const levels = z.array(z.tuple([decimal, decimal])).meta({ description: '[price, size]; in an update size 0 removes' })
const side = z.enum(['buy', 'sell'])

const dataMessages = {
  trade: dataMessage('trade', {
    id: z.string(),
    price: decimal,
    size: decimal.meta({ description: 'In base units' }),
    side: side.nullable().meta({ description: "The taker's" }),
  }),
  candle: dataMessage('candle', {
    interval: z.enum(intervals),
    openTime: time,
    open: decimal,
    high: decimal,
    low: decimal,
    close: decimal,
    volume: decimal,
    quoteVolume: decimal.nullable(),
    tradeCount: z.int().nullable(),
    closed: z.boolean().meta({ description: 'true: final' }),
  }),
  ticker: dataMessage('ticker', {
    last: decimal.nullable(),
    open: decimal.nullable(),
    high: decimal.nullable(),
    low: decimal.nullable(),
    volume: decimal.nullable(),
    quoteVolume: decimal.nullable(),
  }),
  bbo: z
    .union([acrossMessage('bbo', consolidatedBboData), dataMessage('bbo', { bid: level, ask: level })])
    .meta({ description: 'With `exchange: "*"`: of every exchange, and the best across them, at each change' }),
  arbitrage: acrossMessage('arbitrage', arbitrageData).meta({
    description: 'At each change while the net spread is at or above the threshold, and once when it has fallen below',
  }),
  book: dataMessage('book', {
    kind: z.enum(['snapshot', 'update']).meta({ description: 'A snapshot replaces all levels' }),
    depth: z.literal([...bookDepths]),
    availableDepth: z.int().meta({ description: 'Levels a side that are known for certain' }),
    bids: levels,
    asks: levels,
    prevSequence: z.number().nullable(),
    sequence: z.number().nullable().meta({ description: "The exchange's counter" }),
  }),
  funding: dataMessage('funding', {
    rate: decimal.nullable(),
    nextFundingTime: time.nullable(),
    markPrice: decimal.nullable(),
    indexPrice: decimal.nullable(),
  }),
  'open-interest': dataMessage('open-interest', { openInterest: decimal, value: decimal.nullable() }),
  liquidation: dataMessage('liquidation', { price: decimal, size: decimal, side }),
} as const

const topic = {
  channel: z.enum(channels),
  exchange: z.string(),
  symbol: z.string().optional(),
  interval: z.enum(intervals).optional(),
  depth: z.literal([...bookDepths]).optional(),
  ...across,
}

function notice<T extends string>(type: T, description: string) {
  return z
    .object({
      type: z.literal(type),
      ...topic,
      channel: z.enum([...marketChannels, 'status']),
      exchangeSymbol: z.string().nullable().optional(),
      ...numbers,
      data: z.looseObject({}),
    })
    .meta({ description })
}

const gapData = z.looseObject({
  from: time.nullish().meta({
    description:
      "Inclusive. Of trades by the exchange's clock, the time of the last one before the gap; of candles the first " +
      '`openTime` that is missing. Where it is left out or null, nobody knows, and so with `to`',
  }),
  to: time.nullish().meta({
    description:
      'Exclusive. Of trades a millisecond after the next one that is known, as more of its moment may be missing; of ' +
      'candles the end of the last that is missing',
  }),
  afterId: z.string().nullish().meta({ description: 'Of trades, live: the last one before the gap' }),
  beforeId: z.string().nullish().meta({ description: 'Of trades, live: the first one after it' }),
  reason: z.string().meta({
    description:
      'For people. Of trades `trades_missing`: lost while the feed listened. In a replay also those of `gaps` of ' +
      '`/v1/trades` (`not_recorded`, `pruned`, `feed_unavailable`, `unproven`, `more_gaps`), and of candles those of ' +
      '`missing` of `/v1/candles`',
  }),
})

/** Every message of the server by its `type`. */
export const serverMessages = {
  ...dataMessages,
  status: z.object({
    type: z.literal('status'),
    exchange: z.string(),
    ...numbers,
    data: z.looseObject({ state: z.enum(feedStates) }),
  }),
  gap: notice('gap', '')
    .extend({ data: gapData })
    .meta({ description: 'Something between the last message of the topic and the next is missing' }),
  resync: notice('resync', 'The book is not known to be right, or there is none yet: a snapshot follows'),
  stale: notice(
    'stale',
    'What comes is not known to be the newest: the exchange has newer data, no socket brings the topic, or the feed is stopped',
  ),
  subscribed: z.object({
    type: z.literal('subscribed'),
    id: requestId,
    ...topic,
    epoch: z.string().meta({ description: 'Changes when the feed restarts, and all `seq` with it' }),
    seq: z.int().meta({ description: 'The next message of the topic has this `prevSeq`' }),
    state: z.boolean().meta({ description: 'Whether the next message is the state of the topic' }),
  }),
  unsubscribed: z.object({ type: z.literal('unsubscribed'), id: requestId, ...topic }),
  error: z.object({
    type: z.literal('error'),
    id: requestId,
    code: z.string().meta({ description: 'Stable: programs decide by it' }),
    detail: z.string(),
    arg: z.unknown().meta({ description: 'What was asked for; null where the whole command is wrong' }),
  }),
  subscriptions: z.object({ type: z.literal('subscriptions'), id: requestId, topics: z.array(z.object(topic)) }),
  configured: z.looseObject({ type: z.literal('configured'), id: requestId }),
  pong: z.object({ type: z.literal('pong'), id: requestId }),
  ping: z.object({ type: z.literal('ping'), id: z.int() }).meta({ description: 'Answer {"op":"pong","id":...}' }),
  end: z
    .object({
      type: z.literal('end'),
      exchange: z.string(),
      symbol: z.string(),
      data: z.object({
        start: time,
        end: time,
        messages: z.int().meta({ description: 'All but `subscribed` and this one' }),
      }),
    })
    .meta({ description: 'The last message of a replay: without it, the replay broke off' }),
  slow: z
    .object({
      type: z.literal('slow'),
      data: z.object({ conflated: z.boolean(), unacknowledgedBytes: z.number() }),
    })
    .meta({ description: 'The client does not follow: what can be merged is; or it follows again' }),
} as const
