/** A client of `/v1/stream`, as a user would write one: it keeps all that comes, and what about it breaks a promise. */

import { z } from 'zod'
import { type BookMessage, ClientBook, type Levels } from './client-book.ts'

const levels = z.array(z.tuple([z.string(), z.string()]))
const bookSchema = z.object({
  kind: z.enum(['snapshot', 'update']),
  depth: z.int(),
  availableDepth: z.int(),
  bids: levels,
  asks: levels,
  prevSequence: z.int().nullable(),
  sequence: z.int().nullable(),
}) satisfies z.ZodType<BookMessage>
const tradeSchema = z.object({ id: z.string(), price: z.string(), size: z.string(), side: z.string().nullable() })
const candleSchema = z.object({
  interval: z.string(),
  openTime: z.int(),
  open: z.string(),
  high: z.string(),
  low: z.string(),
  close: z.string(),
  volume: z.string(),
  quoteVolume: z.string().nullable(),
  closed: z.boolean(),
})
const gapSchema = z.looseObject({ from: z.int().nullish(), to: z.int().nullish(), reason: z.string() })

const messageSchema = z.looseObject({
  type: z.string(),
  id: z.union([z.int(), z.string()]).nullish(),
  code: z.string().optional(),
  detail: z.string().optional(),
  channel: z.string().optional(),
  exchange: z.string().optional(),
  symbol: z.string().optional(),
  interval: z.string().optional(),
  depth: z.int().optional(),
  exchangeTime: z.int().nullish(),
  receivedTime: z.int().nullish(),
  seq: z.int().nullish(),
  prevSeq: z.int().nullish(),
  epoch: z.string().optional(),
  state: z.boolean().optional(),
  data: z.record(z.string(), z.unknown()).optional(),
})
export type StreamMessage = z.infer<typeof messageSchema>
const frameSchema = z.array(messageSchema)

const channelOfType: Readonly<Record<string, string>> = {
  trade: 'trades',
  candle: 'candles',
  liquidation: 'liquidations',
}
const NOTICES: ReadonlySet<string> = new Set(['gap', 'resync', 'stale'])
const DATA: ReadonlySet<string> = new Set([
  ...['trade', 'candle', 'ticker', 'bbo', 'book', 'funding', 'open-interest', 'liquidation', 'status'],
])

/** What a client needs of a WebSocket: those of browsers, Node and workerd have it. */
export interface StreamSocket {
  send(text: string): void
  close(code?: number, reason?: string): void
  addEventListener(type: 'message', listener: (event: { readonly data?: unknown }) => void): void
  addEventListener(type: 'close', listener: (event: { readonly code: number; readonly reason: string }) => void): void
}

/** What to subscribe to. */
export interface StreamArg {
  readonly channel: string
  readonly symbol?: string
  readonly exchange?: string
  readonly interval?: string
  readonly depth?: number
}

export interface ClientTrade {
  readonly id: string
  readonly price: string
  readonly size: string
  readonly side: string | null
  /** ms UTC. */
  readonly exchangeTime: number
}

/** The order book after one of its messages. */
export interface BookMoment {
  readonly sequence: number | null
  readonly exchangeTime: number | null
  readonly depth: number
  readonly availableDepth: number
  readonly bids: Levels
  readonly asks: Levels
}

/** One topic of a client: what came, in order. */
export class TopicLog {
  readonly key: string
  readonly messages: StreamMessage[] = []
  /** How often it was subscribed, anew after a restart of the feed. */
  epochs: string[] = []
  #seq: number | null = null
  #expectsState = false
  /** Nothing new has come since it was subscribed: an outage that lasts is told without a number. */
  #isFresh = false

  constructor(key: string) {
    this.key = key
  }

  /** @returns what is wrong, if anything is */
  subscribed({ seq, epoch = '', state = false }: StreamMessage): string | undefined {
    this.#seq = seq ?? null
    this.#expectsState = state
    this.#isFresh = true
    this.epochs.push(epoch)
    return epoch === '' || this.#seq === null ? 'subscribed without epoch or seq' : undefined
  }

  /**
   * @param isMerged whether one message may stand for several
   * @returns what is wrong, if anything is
   */
  receive(message: StreamMessage, isMerged = false): string | undefined {
    const { type, seq, prevSeq } = message
    this.messages.push(message)
    // Told by a relay, which numbers nothing.
    if (type === 'gap' && seq === null) return undefined
    const [expected, isState] = [this.#seq, this.#expectsState]
    if (this.#isFresh && !isState && NOTICES.has(type) && seq === prevSeq && seq === expected) return undefined
    this.#expectsState = false
    this.#isFresh = isState
    this.#seq = seq ?? null
    if (isState && (seq !== prevSeq || seq !== expected)) return `the state is ${prevSeq} to ${seq} at ${expected}`
    if (!isState && seq === prevSeq) return `a state that nobody expected at ${seq}`
    if (prevSeq !== expected) return `prevSeq ${prevSeq} after ${expected}`
    if (isMerged && type !== 'trade') return undefined
    // Merged messages skip numbers; `prevSeq` is that of the one before all the same.
    return !isState && (seq ?? 0) <= (prevSeq ?? 0) ? `seq ${seq} after ${prevSeq}` : undefined
  }

  /** `gap`, `resync` and `stale`, from the `since`th message on. */
  notices(since = 0): StreamMessage[] {
    return this.messages.slice(since).filter(({ type }) => NOTICES.has(type))
  }

  /** What is said to be missing, ms UTC; open where no end is known. */
  gaps(): { readonly from: number; readonly to: number }[] {
    return this.messages.flatMap(({ type, data }) => {
      if (type !== 'gap') return []
      const { from, to } = gapSchema.parse(data)
      return [{ from: from ?? Number.NEGATIVE_INFINITY, to: to ?? Number.POSITIVE_INFINITY }]
    })
  }

  trades(): ClientTrade[] {
    return this.messages.flatMap(({ type, data, exchangeTime }) =>
      type === 'trade' ? [{ ...tradeSchema.parse(data), exchangeTime: exchangeTime ?? Number.NaN }] : [],
    )
  }

  /** Closed ones, as they came. */
  closedCandles(): z.infer<typeof candleSchema>[] {
    return this.messages.flatMap(({ type, data }) => {
      const candle = type === 'candle' ? candleSchema.parse(data) : undefined
      return candle?.closed === true ? [candle] : []
    })
  }

  /**
   * The book after each of its messages, made of these alone. Works them through anew each time.
   * @throws where a message does not follow from those before
   */
  *books(since = 0): Generator<BookMoment> {
    const book = new ClientBook()
    for (const [index, { type, data, exchangeTime = null }] of this.messages.entries()) {
      if (NOTICES.has(type)) book.clear()
      if (type !== 'book') continue
      const message = bookSchema.parse(data)
      const fault = book.receive(message)
      if (fault !== undefined) throw new Error(`${this.key}, message ${index}: ${fault}`)
      const { sequence, depth, availableDepth } = message
      if (index >= since) yield { sequence, exchangeTime, depth, availableDepth, ...book.levels() }
    }
  }

  /** The exchange's time of the newest data, ms UTC. */
  get dataTime(): number {
    const newest = this.messages.findLast(({ type, exchangeTime }) => !NOTICES.has(type) && exchangeTime !== null)
    return newest?.exchangeTime ?? Number.NEGATIVE_INFINITY
  }
}

export class StreamClient {
  /** All that came, but pings. */
  readonly messages: StreamMessage[] = []
  readonly topics = new Map<string, TopicLog>()
  /** Broken promises of the protocol; empty at best. */
  readonly faults: string[] = []
  /** Whether the server's pings are answered. */
  answersPings = true
  /** How many were. */
  pongs = 0
  /** Set when the connection has ended. */
  closeCode: number | undefined
  closeReason: string | undefined
  readonly closed: Promise<number>
  readonly #socket: StreamSocket
  readonly #exchange: string
  readonly #waiting = new Set<() => void>()
  /** Since the server said `slow`, until it says that it is over. */
  #isMerged = false
  #nextId = 1

  /** @param exchange the one that is meant where a message names none */
  constructor(socket: StreamSocket, exchange = '') {
    this.#socket = socket
    this.#exchange = exchange
    socket.addEventListener('message', ({ data }) => this.#receive(String(data)))
    this.closed = new Promise((resolve) => {
      socket.addEventListener('close', ({ code, reason }) => {
        this.closeCode = code
        this.closeReason = reason
        this.#look()
        resolve(code)
      })
    })
  }

  /** Sends a command; nothing where the connection has ended. */
  say(command: object): void {
    if (this.closeCode === undefined) this.#socket.send(JSON.stringify(command))
  }

  /** Resolves with one answer an arg: `subscribed`, or `error` with a code. */
  async subscribe(...args: readonly StreamArg[]): Promise<StreamMessage[]> {
    const id = this.#nextId++
    this.say({ op: 'subscribe', id, args })
    const answers = () => this.messages.filter((message) => message.id === id)
    await this.until(() => answers().length >= args.length)
    return answers()
  }

  /** @throws where nothing was said about it */
  topic(arg: StreamArg): TopicLog {
    const key = keyOf({ exchange: this.#exchange, ...arg })
    const found = this.topics.get(key)
    if (found === undefined) throw new Error(`no topic ${key} among ${[...this.topics.keys()].join(' ')}`)
    return found
  }

  /** Resolves once it holds: looked at whenever a frame has come. Rejects when the connection has ended before. */
  until(holds: () => boolean): Promise<void> {
    return new Promise((resolve, reject) => {
      const look = (): void => {
        const isHeld = holds()
        if (!isHeld && this.closeCode === undefined) return
        this.#waiting.delete(look)
        if (isHeld) resolve()
        else reject(new Error(`the connection has ended with ${this.closeCode}`))
      }
      this.#waiting.add(look)
      look()
    })
  }

  close(): void {
    this.#socket.close(1000)
  }

  #receive(text: string): void {
    for (const message of frameSchema.parse(JSON.parse(text))) {
      if (message.type !== 'ping') this.#take(message)
      else if (this.answersPings) {
        this.say({ op: 'pong', id: message.id })
        this.pongs += 1
      }
    }
    this.#look()
  }

  #look(): void {
    for (const look of [...this.#waiting]) look()
  }

  #take(message: StreamMessage): void {
    this.messages.push(message)
    const { type, data } = message
    if (type === 'slow') this.#isMerged = data?.['conflated'] === true
    if (type !== 'subscribed' && !DATA.has(type) && !NOTICES.has(type)) return
    const key = keyOf(addressOf(message))
    const known = this.topics.get(key)
    const topic = known ?? new TopicLog(key)
    this.topics.set(key, topic)
    const fault = type === 'subscribed' ? topic.subscribed(message) : topic.receive(message, this.#isMerged)
    const isUninvited = known === undefined && type !== 'subscribed'
    if (fault !== undefined || isUninvited) this.faults.push(`${key}: ${fault ?? `${type} without a subscription`}`)
  }
}

/** What a message is about. */
function addressOf({ type, channel, exchange, symbol, interval, depth, data }: StreamMessage): StreamArg {
  const candle = type === 'candle' ? candleSchema.parse(data).interval : interval
  const book = type === 'book' ? bookSchema.shape.depth.parse(data?.['depth']) : depth
  return {
    channel: channel ?? channelOfType[type] ?? type,
    ...(exchange === undefined ? {} : { exchange }),
    ...(symbol === undefined ? {} : { symbol }),
    ...(candle === undefined ? {} : { interval: candle }),
    ...(book === undefined ? {} : { depth: book }),
  }
}

function keyOf({ channel, exchange, symbol, interval, depth }: StreamArg): string {
  return [channel, exchange, symbol, interval, depth].filter((part) => part !== undefined).join(':')
}
