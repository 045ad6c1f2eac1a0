import { type Decimal, parseDecimal } from './decimal.ts'
import { type MarketChannel, marketChannels } from './event.ts'
import { type Interval, isInterval } from './interval.ts'
import { isQuoteGroup, type QuoteGroup } from './quote-group.ts'

/** What a client can subscribe to: what exchanges stream, how the feed of one is, and what is seen across them only. */
export const channels = [...marketChannels, 'status', 'arbitrage'] as const
export type Channel = (typeof channels)[number]

/** Stands for every exchange at once, in the channels that look across them. */
export const ALL_EXCHANGES = '*'
export const channelsAcross = ['bbo', 'arbitrage'] as const satisfies readonly Channel[]

/** In percent; finer ones than spreads are told in would promise too much. */
const THRESHOLD = /^-?\d{1,3}(\.\d{1,6})?$/

/** Levels a side of the order books that clients can ask for. */
export const bookDepths = [5, 20, 50, 200, 1000] as const
export type BookDepth = (typeof bookDepths)[number]

/** One line of messages that a client can subscribe to; each counts its own `seq`. */
export interface ClientTopic {
  readonly channel: Channel
  /** `*` ({@link ALL_EXCHANGES}) where it is about all of them. */
  readonly exchange: string
  /** Ours; `null` for the status of an exchange. */
  readonly symbol: string | null
  /** Of candles; `null` otherwise. */
  readonly interval: Interval | null
  /** Of books; `null` otherwise. */
  readonly depth: BookDepth | null
  /** Across exchanges: which quotes count as one. Absent: only the symbol's own. */
  readonly quotes?: QuoteGroup
  /** Of arbitrage: from which net spread on it is told, in percent. */
  readonly threshold?: Decimal
  /** Of arbitrage: the taker fees of the client, as `formatFees` writes them. Absent: the published ones. */
  readonly fees?: string
}

/**
 * The topic as one text: `trades:okx:BTC-USDT`, `candles:okx:BTC-USDT:1m`, `book:okx:BTC-USDT:20`, `status:okx`,
 * `bbo:*:BTC-USDT:usd-like`, `arbitrage:*:BTC-USDT:usd-like:0.1`, `arbitrage:*:BTC-USDT:0.1:binance=0.00075,okx=0.0005`.
 */
export function topicKey(topic: ClientTopic): string {
  const { channel, exchange, symbol, interval, depth } = topic
  const head = symbol === null ? `${channel}:${exchange}` : `${channel}:${exchange}:${symbol}`
  if (exchange === ALL_EXCHANGES) return head + acrossKey(topic)
  const parameter = interval ?? depth
  return parameter === null ? head : `${head}:${parameter}`
}

/** Each topic once, where it was named first. */
export function distinctTopics(topics: readonly ClientTopic[]): ClientTopic[] {
  const byKey = new Map<string, ClientTopic>()
  for (const topic of topics) if (!byKey.has(topicKey(topic))) byKey.set(topicKey(topic), topic)
  return [...byKey.values()]
}

/** How the keys of topics across exchanges end. */
function acrossKey({ quotes, threshold, fees }: Pick<ClientTopic, 'quotes' | 'threshold' | 'fees'>): string {
  const parameters = [quotes, threshold, fees?.replaceAll(':', '=')]
  return parameters.map((parameter) => (parameter === undefined ? '' : `:${parameter}`)).join('')
}

/** Reads what {@link topicKey} gives; `undefined` for any other text. */
export function parseTopicKey(text: string): ClientTopic | undefined {
  const [name = '', exchange = '', symbol, parameter, ...more] = text.split(':')
  if (exchange === ALL_EXCHANGES) return parseAcross(text)
  if (!isChannel(name) || exchange === '' || symbol === '' || more.length > 0) return undefined
  const topic = { channel: name, exchange, symbol: symbol ?? null, interval: null, depth: null }
  if (name === 'arbitrage') return undefined
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

function parseAcross(text: string): ClientTopic | undefined {
  const [name = '', exchange = '', symbol = '', ...parameters] = text.split(':')
  const channel = channelsAcross.find((known) => known === name)
  if (channel === undefined || symbol === '') return undefined
  const topic = { channel, exchange, symbol, interval: null, depth: null }
  const [first] = parameters
  const quotes = first !== undefined && isQuoteGroup(first) ? { quotes: first } : {}
  const rest = 'quotes' in quotes ? parameters.slice(1) : parameters
  if (channel === 'bbo') return rest.length === 0 ? { ...topic, ...quotes } : undefined
  const threshold = parseThreshold(rest[0])
  const [, fees, ...more] = rest
  if (threshold === undefined || more.length > 0) return undefined
  if (fees === undefined) return { ...topic, ...quotes, threshold }
  return fees.includes('=') ? { ...topic, ...quotes, threshold, fees: fees.replaceAll('=', ':') } : undefined
}

export function isMarketChannel(channel: Channel): channel is MarketChannel {
  return channel !== 'status' && channel !== 'arbitrage'
}

/** A net spread in percent as a number or its digits name it: at most 6 places, as spreads have. */
export function parseThreshold(value: unknown): Decimal | undefined {
  const text = String(value)
  return THRESHOLD.test(text) ? parseDecimal(text) : undefined
}

export function isChannel(text: string): text is Channel {
  return channels.some((channel) => channel === text)
}

/** The depth that a number or its digits name. */
export function parseDepth(value: unknown): BookDepth | undefined {
  return bookDepths.find((depth) => value === depth || value === String(depth))
}
