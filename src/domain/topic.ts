import { type MarketChannel, marketChannels } from './event.ts'
import { type Interval, isInterval } from './interval.ts'

/** What a client can subscribe to: what exchanges stream, and how the feed of an exchange is. */
export const channels = [...marketChannels, 'status'] as const
export type Channel = (typeof channels)[number]

/** Levels a side of the order books that clients can ask for. */
export const bookDepths = [5, 20, 50, 200, 1000] as const
export type BookDepth = (typeof bookDepths)[number]

/** One line of messages that a client can subscribe to; each counts its own `seq`. */
export interface ClientTopic {
  readonly channel: MarketChannel | 'status'
  readonly exchange: string
  /** Ours; `null` for the status of an exchange. */
  readonly symbol: string | null
  /** Of candles; `null` otherwise. */
  readonly interval: Interval | null
  /** Of books; `null` otherwise. */
  readonly depth: BookDepth | null
}

/** The topic as one text: `trades:okx:BTC-USDT`, `candles:okx:BTC-USDT:1m`, `book:okx:BTC-USDT:20`, `status:okx`. */
export function topicKey({ channel, exchange, symbol, interval, depth }: ClientTopic): string {
  const head = symbol === null ? `${channel}:${exchange}` : `${channel}:${exchange}:${symbol}`
  const parameter = interval ?? depth
  return parameter === null ? head : `${head}:${parameter}`
}

/** Reads what {@link topicKey} gives; `undefined` for any other text. */
export function parseTopicKey(text: string): ClientTopic | undefined {
  const [name = '', exchange = '', symbol, parameter, ...more] = text.split(':')
  if (!isChannel(name) || exchange === '' || symbol === '' || more.length > 0) return undefined
  const topic = { channel: name, exchange, symbol: symbol ?? null, interval: null, depth: null }
  if ((name === 'status') !== (symbol === undefined)) return undefined
  if (name === 'candles') {
    return parameter !== undefined && isInterval(parameter) ? { ...topic, interval: parameter } : undefined
  }
  if (name === 'book') {
    const depth = parseDepth(parameter)
    return depth === undefined ? undefined : { ...topic, depth }
  }
  return parameter === undefined ? topic : undefined
}

export function isChannel(text: string): text is Channel {
  return channels.some((channel) => channel === text)
}

/** The depth that a number or its digits name. */
export function parseDepth(value: unknown): BookDepth | undefined {
  return bookDepths.find((depth) => value === depth || value === String(depth))
}
