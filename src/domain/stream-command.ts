import { z } from 'zod'
import type { ErrorCode } from './errors.ts'
import { formatZvtId, parseSymbol } from './instrument.ts'
import { type Interval, intervals, isInterval } from './interval.ts'
import { formatFees, parseFees } from './own-fees.ts'
import { INVERSE_SIZES, isInverseSymbol, isQuoteGroup, quoteGroups } from './quote-group.ts'
import {
  ALL_EXCHANGES,
  type BookDepth,
  bookDepths,
  type Channel,
  type ClientTopic,
  channels,
  channelsAcross,
  isChannel,
  parseDepth,
  parseThreshold,
} from './topic.ts'

/** What a client may ask for at once, and hold in all. */
export const MAX_SUBSCRIPTIONS = 200
/** Of one command; those beyond what a connection may hold are refused one by one. */
const MAX_ARGS = 1_000
/** No name of an instrument comes near this, in any script and form. */
const MAX_SYMBOL_LENGTH = 120
const ACROSS = `${channelsAcross.join(' and ')} with the exchange ${ALL_EXCHANGES}`
const DEFAULT_INTERVAL: Interval = '1m'
const DEFAULT_DEPTH: BookDepth = 20
/** Percent: what is worth anything at all. */
const DEFAULT_THRESHOLD = '0'
/** A fee for each exchange, to more digits than any has. */
const MAX_FEES_LENGTH = 200
/** A client that wants less than one message a minute should ask over HTTP. */
const MAX_CONFLATE_MS = 60_000
const MAX_MESSAGES_PER_SECOND = 10_000

/** Stable codes of `error` messages: those of HTTP, and what can go wrong only here. */
export type StreamErrorCode = ErrorCode | 'unknown_channel' | 'too_many_subscriptions' | 'not_subscribed' | 'cancelled'

/** The client's own; it comes back in every answer. */
const requestId = z
  .union([z.string().max(64), z.int()], { error: 'must be a text of at most 64 characters, or an integer' })
  .nullish()
export type RequestId = string | number | null

/** One thing to subscribe to. */
export const topicArg = z.strictObject({
  channel: z.string().max(32).meta({ enum: channels, description: 'What to receive' }),
  exchange: z
    .string()
    .max(32)
    .optional()
    .meta({
      description:
        `May be left out on /v1/stream/{exchange}, and for arbitrage, which means \`${ALL_EXCHANGES}\`. ` +
        `\`${ALL_EXCHANGES}\`, on /v1/stream: ${channelsAcross.join(' and ')} across all exchanges`,
    }),
  symbol: z
    .string()
    .max(MAX_SYMBOL_LENGTH)
    .optional()
    .meta({ description: '`BTC-USDT`; also `BTC/USDT`, `cryptopair_binance_btcusdt`. Not for `status`' }),
  interval: z
    .string()
    .max(8)
    .optional()
    .meta({ description: `Of candles; ${DEFAULT_INTERVAL} where left out` }),
  depth: z
    .union([z.int(), z.string().max(8)])
    .optional()
    .meta({ description: `Of books: ${bookDepths.join(', ')} levels a side; ${DEFAULT_DEPTH} where left out` }),
  quotes: z
    .string()
    .max(16)
    .optional()
    .meta({ enum: quoteGroups, description: 'Across exchanges: quotes that count as one. Left out: each is its own' }),
  threshold: z
    .union([z.number(), z.string().max(16)])
    .optional()
    .meta({
      description: `Of arbitrage: the least net spread in percent, up to 6 places; ${DEFAULT_THRESHOLD} where left out`,
    }),
  fees: z.string().max(MAX_FEES_LENGTH).optional().meta({
    description:
      'Of arbitrage: your own taker fees as fractions, such as `okx:0.0005,binance:0.00075`, instead of the published ones of the base tier',
  }),
})
export type TopicArg = z.infer<typeof topicArg>

const subscriptionCommand = <Arg extends z.ZodType>(arg: Arg) =>
  z.object({
    op: z.enum(['subscribe', 'unsubscribe']),
    id: requestId,
    args: z.array(arg).min(1).max(MAX_ARGS),
  })

const commandsOf = <Arg extends z.ZodType>(arg: Arg) =>
  z.discriminatedUnion('op', [
    subscriptionCommand(arg),
    z.object({ op: z.literal('ping'), id: requestId }),
    z.object({ op: z.literal('pong'), id: z.int() }).meta({ description: 'Answers a `ping` of the server' }),
    z.object({ op: z.literal('list'), id: requestId }),
    // A misspelt setting must not pass for one that was made.
    z.strictObject({
      op: z.literal('configure'),
      id: requestId,
      conflateMs: z.int().min(0).max(MAX_CONFLATE_MS).nullish().meta({
        description: 'At most one message a topic in this time, where one can stand for several. 0 or null: off',
      }),
      maxMessagesPerSecond: z.int().min(1).max(MAX_MESSAGES_PER_SECOND).nullish().meta({
        description: 'Holds back what can be merged; trades and closed candles always come. null: off',
      }),
    }),
  ])

/** What clients send, as documented. */
export const streamCommand = commandsOf(topicArg)

/** Each arg is judged by itself, so that one that is wrong costs only itself. */
const lenientCommand = commandsOf(z.unknown())
export type StreamCommand = z.infer<typeof lenientCommand>

/** `{"method":"subscribe","params":{"channel":"kline","symbol":"BTC-USDT","interval":"1m"}}` */
const olderCommand = z.object({
  method: z.string(),
  id: requestId,
  params: z.union([z.array(z.unknown()), z.looseObject({})]).nullish(),
})

/** The older form of a subscription, as documented. */
export const olderSubscription = z.object({
  method: z.enum(['subscribe', 'unsubscribe']),
  id: requestId,
  params: z.union([topicArg, z.array(topicArg).min(1).max(MAX_ARGS)]).meta({
    description: '`kline`, `trade`, `depth` and `orderbook` are understood as channels, too',
  }),
})

/** How the older form spells channels. */
const channelAliases: Readonly<Record<string, Channel>> = {
  kline: 'candles',
  trade: 'trades',
  depth: 'book',
  orderbook: 'book',
}

/** Of a command: 200 topics with the longest names fit. */
export const MAX_COMMAND_CHARACTERS = 16 * 1_024

/** What is no command, and why. */
export interface InvalidCommand {
  readonly op: 'invalid'
  /** The client's own, where it can be read. */
  readonly id: RequestId
  readonly detail: string
}

/** A command as sent, in either form; where it is none, what is wrong with it. */
export function readCommand(text: string): StreamCommand | InvalidCommand {
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch {
    return { op: 'invalid', id: null, detail: 'not a command: it is no JSON' }
  }
  const older = olderCommand.safeParse(value)
  const result = lenientCommand.safeParse(older.success ? modernize(older.data) : value)
  return result.success ? result.data : { op: 'invalid', id: idOf(value), detail: faultOf(result.error) }
}

function idOf(value: unknown): RequestId {
  return z.looseObject({ id: requestId }).safeParse(value).data?.id ?? null
}

function faultOf({ issues: [issue] }: z.ZodError): string {
  if (issue?.code === 'unrecognized_keys') return `${issue.keys.join(', ')}: there is no such setting`
  const [field] = issue?.path ?? []
  if (field === undefined) return 'not a command: it must be an object with an op'
  if (field === 'op') return 'op must be subscribe, unsubscribe, ping, pong, list or configure'
  return `${String(field)}: ${issue?.message}`
}

/** Topics are its parameters; what any other method needs are members of them. */
function modernize({ method, id, params }: z.infer<typeof olderCommand>): object {
  if (Array.isArray(params)) return { op: method, id, args: params }
  if (method === 'subscribe' || method === 'unsubscribe') return { op: method, id, args: [params] }
  return { id, ...params, op: method }
}

export type TopicReading =
  | { readonly ok: true; readonly topic: ClientTopic }
  | { readonly ok: false; readonly code: StreamErrorCode; readonly detail: string }

/**
 * The topic that an arg means. Its `symbol` is ours, except where the client gave an id of zvt: that is kept, and only
 * who knows the instruments can say which one it is.
 *
 * @param exchanges those that can be asked for here
 * @param pathExchange the one of the path, for args that name none
 */
export function readTopic(arg: unknown, exchanges: readonly string[], pathExchange: string | null): TopicReading {
  const parsed = topicArg.safeParse(arg)
  if (!parsed.success) return refused('invalid_request', argFault(parsed.error))
  const { channel: name, symbol = null, interval = DEFAULT_INTERVAL, depth = DEFAULT_DEPTH } = parsed.data
  const channel = channelAliases[name] ?? name
  if (!isChannel(channel)) return refused('unknown_channel', `channel must be one of ${channels.join(', ')}`)
  const named = channel === 'status' ? { symbol: null, exchange: null } : readSymbol(symbol)
  if (named === undefined) return refused('invalid_request', 'symbol must be like BTC-USDT or BTC-USDT-PERP')
  const isAcross = channel === 'arbitrage' || parsed.data.exchange === ALL_EXCHANGES
  const owners = isAcross ? 'across' : 'one'
  const strange = ownMembers.find((own) => parsed.data[own.name] !== undefined && !own[owners].includes(channel))
  if (isAcross) {
    const reading = readAcross(channel, named, parsed.data, exchanges, pathExchange)
    return reading.ok && strange !== undefined ? refused('invalid_request', strange.detail) : reading
  }
  if (strange !== undefined) return refused('invalid_request', strange.detail)
  const exchange = parsed.data.exchange ?? pathExchange ?? named.exchange
  if (exchange === null || !exchanges.includes(exchange)) {
    return refused('unknown_exchange', `exchange must be ${exchanges.join(', ')}`)
  }
  if (named.exchange !== null && named.exchange !== exchange) {
    return refused('unknown_instrument', `symbol names another exchange than ${exchange}`)
  }
  const topic = { channel, exchange, symbol: named.symbol, interval: null, depth: null }
  if (channel === 'candles') {
    if (!isInterval(interval)) return refused('unknown_interval', `interval must be one of ${intervals.join(', ')}`)
    return { ok: true, topic: { ...topic, interval } }
  }
  if (channel === 'book') {
    const known = parseDepth(depth)
    if (known === undefined) return refused('invalid_request', `depth must be one of ${bookDepths.join(', ')}`)
    return { ok: true, topic: { ...topic, depth: known } }
  }
  return { ok: true, topic }
}

interface OwnMember {
  readonly name: 'interval' | 'depth' | 'quotes' | 'threshold' | 'fees'
  /** The channels that have it, of one exchange and across all. */
  readonly one: readonly Channel[]
  readonly across: readonly Channel[]
  readonly detail: string
}

/** What only some channels have: on any other a client means something that it would not get. */
const ownMembers: readonly OwnMember[] = [
  { name: 'interval', one: ['candles'], across: [], detail: 'interval is for candles only' },
  { name: 'depth', one: ['book'], across: [], detail: 'depth is for book only' },
  { name: 'quotes', one: [], across: channelsAcross, detail: `quotes are for ${ACROSS} only` },
  { name: 'threshold', one: [], across: ['arbitrage'], detail: 'threshold is for arbitrage only' },
  { name: 'fees', one: [], across: ['arbitrage'], detail: 'fees are for arbitrage only' },
]

function argFault({ issues: [issue] }: z.ZodError): string {
  const members = Object.keys(topicArg.shape).join(', ')
  if (issue?.code === 'unrecognized_keys')
    return `${issue.keys.join(', ')}: a topic has no such member, only ${members}`
  const [member] = issue?.path ?? []
  return member === undefined ? `must be an object with ${members}` : `${String(member)}: ${issue?.message}`
}

/** The topic of an arg that looks across exchanges. */
function readAcross(
  name: Channel,
  { symbol, exchange: named }: SymbolReading,
  { exchange = ALL_EXCHANGES, quotes, threshold = DEFAULT_THRESHOLD, fees }: TopicArg,
  exchanges: readonly string[],
  pathExchange: string | null,
): TopicReading {
  const channel = channelsAcross.find((known) => known === name)
  if (channel === undefined) {
    return refused('invalid_request', `exchange ${ALL_EXCHANGES} is for ${channelsAcross.join(' and ')} only`)
  }
  if (exchange !== ALL_EXCHANGES)
    return refused('invalid_request', `exchange must be ${ALL_EXCHANGES}: ${channel} looks across all`)
  if (pathExchange !== null) {
    return refused('invalid_request', `${channel} across exchanges is on /v1/stream, not on that of ${pathExchange}`)
  }
  if (named !== null) return refused('invalid_request', 'symbol must name no exchange: like BTC-USDT or BTC-USDT-PERP')
  if (quotes !== undefined && !isQuoteGroup(quotes)) {
    return refused('invalid_request', `quotes must be ${quoteGroups.join(', ')}`)
  }
  if (channel === 'arbitrage' && symbol !== null && isInverseSymbol(symbol)) {
    return refused('unprocessable', INVERSE_SIZES)
  }
  const topic = { channel, exchange, symbol, interval: null, depth: null, ...(quotes === undefined ? {} : { quotes }) }
  if (channel === 'bbo') return { ok: true, topic }
  const least = parseThreshold(threshold)
  if (least === undefined) {
    return refused('invalid_request', 'threshold must be percent with at most 6 places, such as 0.05')
  }
  if (fees === undefined) return { ok: true, topic: { ...topic, threshold: least } }
  const own = parseFees(fees, exchanges)
  if (!own.ok) return refused('invalid_request', `fees: ${own.faults[0]}`)
  return { ok: true, topic: { ...topic, threshold: least, fees: formatFees(own.fees) } }
}

interface SymbolReading {
  /** `null`: of an exchange as a whole. */
  readonly symbol: string | null
  /** The one that an id of zvt names. */
  readonly exchange: string | null
}

function readSymbol(text: string | null): SymbolReading | undefined {
  const query = text === null ? undefined : parseSymbol(text)
  if (query === undefined) return undefined
  if (query.by === 'symbol') return { symbol: query.symbol, exchange: null }
  return { symbol: formatZvtId(query.exchange, query.kind, query.joined), exchange: query.exchange }
}

function refused(code: StreamErrorCode, detail: string): TopicReading {
  return { ok: false, code, detail }
}

/**
 * The arg that a `topic` of a URL means: `trades:okx:BTC-USDT`, `candles:okx:BTC-USDT:1m`, `book:okx:BTC-USDT:20`,
 * `status:okx`, `bbo:*:BTC-USDT:usd-like`, `arbitrage:*:BTC-USDT:usd-like:0.1`, and with fees of one's own
 * `arbitrage:*:BTC-USDT:0.1:okx=0.0005,binance=0.00075`. What follows the symbol may be left out, and so may the exchange
 * where the path names it, and the `*` of arbitrage: `book:BTC-USDT:20`, `status`. Symbols may be written in every form
 * that {@link readTopic} takes.
 */
export function readTopicParam(text: string, exchanges: readonly string[]): TopicArg {
  const [channel = '', ...parts] = text.split(':')
  const [first = ''] = parts
  const arg: TopicArg = { channel }
  // Every symbol holds a hyphen, a slash or an underscore: none is the name of an exchange.
  if (exchanges.includes(first) || (parts.length > 0 && !/[-/_]/.test(first))) arg.exchange = parts.shift()
  // ccxt's `BTC/USDT:USDT` ends like a symbol with a parameter.
  const [symbol = ''] = parts
  const last = parts.length > 1 ? (parts.at(-1) ?? '') : ''
  if (channel === 'candles' && (isInterval(last) || (last !== '' && !symbol.includes('/')))) arg.interval = parts.pop()
  if (channel === 'book' && /^\d+$/.test(last)) arg.depth = parts.pop()
  if (channel === 'arbitrage' || arg.exchange === ALL_EXCHANGES) takeAcross(arg, parts)
  if (parts.length > 0) arg.symbol = parts.join(':')
  return arg
}

/** Moves what follows the symbol of a topic across exchanges to the arg: quotes, threshold and fees, in this order. */
function takeAcross(arg: TopicArg, parts: string[]): void {
  const [symbol = ''] = parts
  const last = () => (parts.length > 1 ? (parts.at(-1) ?? '') : '')
  // After a slash and a colon a symbol of ccxt goes on: with an asset, which no number and no group of quotes is.
  const isParameter = (form: RegExp) => last() !== '' && (!symbol.includes('/') || form.test(last()))
  if (last().includes('=')) arg.fees = parts.pop()?.replaceAll('=', ':')
  const isGroup = /^[a-z]+-/.test(last())
  if (arg.channel === 'arbitrage' && !isGroup && isParameter(/^[-\d.]+$/)) arg.threshold = parts.pop()
  if (isParameter(/^[a-z-]+$/)) arg.quotes = parts.pop()
}
