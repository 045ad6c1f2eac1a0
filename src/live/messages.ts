/**
 * Messages for clients as text: made once here, whoever gets them, and found again in a frame by their heads alone.
 *
 * A frame is one JSON array. Each message begins with `{"type":"`, and inside a string every quote is escaped, so that
 * `},{"type":"` stands between messages and nowhere else: data holds no list of objects whose first member is `type`.
 */

import type { Candle } from '../domain/candle.ts'
import type { FundingValues, LiquidationEvent, OpenInterestEvent, TickerValues, TradeEvent } from '../domain/event.ts'
import type { Interval } from '../domain/interval.ts'
import type { BookLevel, Level } from '../domain/order-book.ts'
import { ALL_EXCHANGES, type Channel, type ClientTopic, isChannel, topicKey } from '../domain/topic.ts'

/** What a message of each channel calls itself. */
const messageTypes = {
  trades: 'trade',
  candles: 'candle',
  ticker: 'ticker',
  bbo: 'bbo',
  book: 'book',
  funding: 'funding',
  'open-interest': 'open-interest',
  liquidations: 'liquidation',
  status: 'status',
  arbitrage: 'arbitrage',
} as const satisfies Record<Channel, string>

const channelOfType: ReadonlyMap<string, string> = new Map(
  Object.entries(messageTypes).map(([channel, type]) => [type, channel]),
)

/** What is said in band about a topic instead of data. */
export type NoticeType = 'gap' | 'resync' | 'stale'

/**
 * The messages of one topic, numbered from 1 in the order in which they are made. `exchangeTime` and `receivedTime` are
 * ms UTC by the exchange's clock and by ours; `data` is JSON text.
 */
export class TopicLine {
  readonly topic: ClientTopic
  readonly key: string
  readonly #dataHead: string
  readonly #noticeHead: string
  #seq = 0

  /** @param exchangeSymbol `null` for the status of an exchange, and for what is across exchanges */
  constructor(topic: ClientTopic, exchangeSymbol: string | null) {
    this.topic = topic
    this.key = topicKey(topic)
    const named = `"exchange":${quote(topic.exchange)}`
    const about =
      topic.symbol === null
        ? named
        : `${named},"symbol":${quote(topic.symbol)},"exchangeSymbol":${quoteOrNull(exchangeSymbol)}${acrossOf(topic)}`
    this.#dataHead = `{"type":"${messageTypes[topic.channel]}",${about},"exchangeTime":`
    this.#noticeHead = `"channel":"${topic.channel}",${about}${parameterOf(topic)},"exchangeTime":null`
  }

  /** Of the newest message; 0 before the first. */
  get seq(): number {
    return this.#seq
  }

  /** Takes the place of another one: to clients they are one. */
  goOnFrom({ seq }: TopicLine): void {
    this.#seq = seq
  }

  /** The next message of the line. */
  next(exchangeTime: number | null, receivedTime: number, data: string): string {
    const prevSeq = this.#seq++
    return `${this.#dataHead}${exchangeTime},"receivedTime":${receivedTime},"seq":${this.#seq},"prevSeq":${prevSeq},"data":${data}}`
  }

  /** What the line has come to, for one who has just subscribed: `seq` and `prevSeq` are both that of the newest message. */
  state(exchangeTime: number | null, receivedTime: number, data: string): string {
    return `${this.#dataHead}${exchangeTime},"receivedTime":${receivedTime},"seq":${this.#seq},"prevSeq":${this.#seq},"data":${data}}`
  }

  /** Something is missing or starts anew: told in the line, where it happened. */
  notice(type: NoticeType, receivedTime: number, data: string): string {
    const prevSeq = this.#seq++
    return `{"type":"${type}",${this.#noticeHead},"receivedTime":${receivedTime},"seq":${this.#seq},"prevSeq":${prevSeq},"data":${data}}`
  }

  /** A notice that still holds, for one who has just subscribed: as `state`, it takes no number. */
  standing(type: NoticeType, receivedTime: number, data: string): string {
    return `{"type":"${type}",${this.#noticeHead},"receivedTime":${receivedTime},"seq":${this.#seq},"prevSeq":${this.#seq},"data":${data}}`
  }
}

/** A `gap` from between the feed and the client: it stands outside of the topic's numbers, which only the feed gives. */
export function linkGap({ channel, exchange, symbol, ...rest }: ClientTopic, receivedTime: number, reason: string) {
  const about = symbol === null ? '' : `,"symbol":${quote(symbol)},"exchangeSymbol":null${acrossOf(rest)}`
  return `{"type":"gap","channel":"${channel}","exchange":${quote(exchange)}${about}${parameterOf(rest)},"exchangeTime":null,"receivedTime":${receivedTime},"seq":null,"prevSeq":null,"data":{"reason":${quote(reason)}}}`
}

export function tradeData({ id, price, size, side }: Omit<TradeEvent, 'channel' | 'exchangeSymbol' | 'exchangeTime'>) {
  return `{"id":${quote(id)},"price":"${price}","size":"${size}","side":${plainOrNull(side)}}`
}

export function candleData(interval: Interval, candle: Candle, closed: boolean): string {
  const { openTime, open, high, low, close, volume, quoteVolume, tradeCount } = candle
  return `{"interval":"${interval}","openTime":${openTime},"open":"${open}","high":"${high}","low":"${low}","close":"${close}","volume":"${volume}","quoteVolume":${plainOrNull(quoteVolume)},"tradeCount":${tradeCount},"closed":${closed}}`
}

export function tickerData({ last, open, high, low, volume, quoteVolume }: TickerValues): string {
  return `{"last":${plainOrNull(last)},"open":${plainOrNull(open)},"high":${plainOrNull(high)},"low":${plainOrNull(low)},"volume":${plainOrNull(volume)},"quoteVolume":${plainOrNull(quoteVolume)}}`
}

/** `null`: that side is empty, or not known yet. */
export function bboData(bid: Level | null, ask: Level | null): string {
  return `{"bid":${levelData(bid)},"ask":${levelData(ask)}}`
}

export interface BookData {
  readonly kind: 'snapshot' | 'update'
  readonly depth: number
  /** How many levels a side there are, where these are fewer than `depth`. */
  readonly availableDepth: number
  readonly bids: readonly BookLevel[]
  readonly asks: readonly BookLevel[]
  readonly prevSequence: number | null
  readonly sequence: number | null
}

export function bookData({ kind, depth, availableDepth, bids, asks, prevSequence, sequence }: BookData): string {
  return `{"kind":"${kind}","depth":${depth},"availableDepth":${availableDepth},"bids":${levelsData(bids)},"asks":${levelsData(asks)},"prevSequence":${prevSequence},"sequence":${sequence}}`
}

export function fundingData({ rate, nextFundingTime, markPrice, indexPrice }: FundingValues): string {
  return `{"rate":${plainOrNull(rate)},"nextFundingTime":${nextFundingTime},"markPrice":${plainOrNull(markPrice)},"indexPrice":${plainOrNull(indexPrice)}}`
}

export function openInterestData({ openInterest, value }: Pick<OpenInterestEvent, 'openInterest' | 'value'>): string {
  return `{"openInterest":"${openInterest}","value":${plainOrNull(value)}}`
}

export function liquidationData({ price, size, side }: Pick<LiquidationEvent, 'price' | 'size' | 'side'>): string {
  return `{"price":"${price}","size":"${size}","side":"${side}"}`
}

const BOUNDARY = '},{"type":"'

/** The messages of a frame as they stand in it, byte for byte. `[]` holds none. */
export function splitFrame(frame: string): string[] {
  const messages: string[] = []
  let start = 1
  for (let end = frame.indexOf(BOUNDARY); end >= 0; end = frame.indexOf(BOUNDARY, start)) {
    messages.push(frame.slice(start, end + 1))
    start = end + 2
  }
  if (frame.length - start > 1) messages.push(frame.slice(start, -1))
  return messages
}

const HEAD = '{"type":"'

/** What a message calls itself: `trade`, `gap`, `subscribed`, `ping`. */
export function typeOfMessage(message: string): string {
  return message.slice(HEAD.length, message.indexOf('"', HEAD.length))
}

/** The topic key of a message; `undefined` where it belongs to none (`subscribed`, `ping`, ...). */
export function keyOfMessage(message: string): string | undefined {
  const type = typeOfMessage(message)
  const channel = isNotice(type) ? textAfter(message, '"channel":"', HEAD.length) : channelOfType.get(type)
  if (channel === undefined || !isChannel(channel)) return undefined
  const exchange = textAfter(message, '"exchange":"', HEAD.length)
  if (exchange === undefined) return undefined
  if (channel === 'status') return `status:${exchange}`
  const symbol = textAfter(message, '"symbol":"', HEAD.length)
  if (symbol === undefined) return undefined
  if (channel === 'candles') return `candles:${exchange}:${symbol}:${textAfter(message, '"interval":"', HEAD.length)}`
  if (channel === 'book') return `book:${exchange}:${symbol}:${digitsAfter(message, '"depth":')}`
  const key = `${channel}:${exchange}:${symbol}`
  return exchange === ALL_EXCHANGES ? key + acrossKeyOf(message) : key
}

/** The end of a key that looks across exchanges. */
function acrossKeyOf(message: string): string {
  const head = message.slice(0, message.indexOf(',"exchangeTime":'))
  const parameters = ['"quotes":"', '"threshold":"', '"fees":"'].map((label) => textAfter(head, label, HEAD.length))
  return parameters.map((parameter) => (parameter === undefined ? '' : `:${parameter.replaceAll(':', '=')}`)).join('')
}

/** `seq` of a message of a topic; `NaN` for one without. */
export function seqOfMessage(message: string): number {
  return Number.parseInt(digitsAfter(message, ',"seq":'), 10)
}

export function prevSeqOfMessage(message: string): number {
  return Number.parseInt(digitsAfter(message, PREV_SEQ), 10)
}

const PREV_SEQ = ',"prevSeq":'

/** The message with another `prevSeq`: that of the message before it for a client who did not get all. */
export function withPrevSeq(message: string, prevSeq: number): string {
  const at = message.indexOf(PREV_SEQ) + PREV_SEQ.length
  return message.slice(0, at) + prevSeq + message.slice(message.indexOf(',', at))
}

/** Whether it is the present state of a topic rather than something new in it. */
export function isState(message: string): boolean {
  return seqOfMessage(message) === prevSeqOfMessage(message)
}

/** Whether it is a notice that still holds, for one who has just subscribed. */
export function isStanding(message: string): boolean {
  return isNotice(typeOfMessage(message)) && isState(message)
}

function isNotice(type: string): type is NoticeType {
  return type === 'gap' || type === 'resync' || type === 'stale'
}

/** What stands in quotes after `label`, which no escaped text can contain. Only for text that needs no escapes itself. */
function textAfter(message: string, label: string, from: number): string | undefined {
  const at = message.indexOf(label, from)
  return at < 0 ? undefined : message.slice(at + label.length, message.indexOf('"', at + label.length))
}

const [ZERO_CODE, NINE_CODE] = [48, 57]

function digitsAfter(message: string, label: string): string {
  const start = message.indexOf(label) + label.length
  let end = start
  for (let code = message.charCodeAt(end); code >= ZERO_CODE && code <= NINE_CODE; code = message.charCodeAt(end)) end++
  return message.slice(start, end)
}

function parameterOf({ interval, depth }: Pick<ClientTopic, 'interval' | 'depth'>): string {
  if (interval !== null) return `,"interval":"${interval}"`
  return depth === null ? '' : `,"depth":${depth}`
}

/** What tells one line across exchanges from another of the same symbol. */
function acrossOf({ quotes, threshold, fees }: Pick<ClientTopic, 'quotes' | 'threshold' | 'fees'>): string {
  const members = Object.entries({ quotes, threshold, fees })
  return members.map(([name, value]) => (value === undefined ? '' : `,"${name}":"${value}"`)).join('')
}

function levelsData(levels: readonly BookLevel[]): string {
  let text = ''
  for (const { price, size } of levels) text += text === '' ? `["${price}","${size}"]` : `,["${price}","${size}"]`
  return `[${text}]`
}

function levelData(level: Level | null): string {
  return level === null ? 'null' : `{"price":"${level.price}","size":${plainOrNull(level.size)}}`
}

/** Of decimals and our own words, which need no escapes. */
function plainOrNull(text: string | null): string {
  return text === null ? 'null' : `"${text}"`
}

const PLAIN = /^[\w.:/-]*$/

/** Text from outside as a JSON string. */
export function quote(text: string): string {
  return PLAIN.test(text) ? `"${text}"` : JSON.stringify(text)
}

function quoteOrNull(text: string | null): string {
  return text === null ? 'null' : quote(text)
}
