import type { Answer } from '../../src/domain/answer.ts'
import { decimal } from '../../src/domain/decimal.ts'
import type { InstrumentKind } from '../../src/domain/instrument.ts'
import type { StoredInstrument } from '../../src/domain/series.ts'
import { type ClientTopic, parseTopicKey } from '../../src/domain/topic.ts'
import { connectors, type ExchangeName } from '../../src/exchanges/registry.ts'
import type { FeedEffect, FeedInput, Newest } from '../../src/live/feed-io.ts'
import { FeedSession } from '../../src/live/feed-session.ts'
import type { TopicMarks } from '../../src/live/market-topic.ts'
import { type PlayedExchange, playedExchanges } from './session-exchange.ts'

/** 2026-01-01: the begin of a minute, an hour and a day. */
export const START = Date.UTC(2026, 0, 1)
export const [SECOND, MINUTE, HOUR, DAY] = [1_000, 60_000, 3_600_000, 86_400_000]

/** One connection as the exchange sees it. */
export interface PlayedSocket {
  readonly id: number
  readonly url: string
  readonly connectedAt: number
  state: 'connecting' | 'open' | 'closed'
  closeReason: string | null
  readonly sent: { readonly frame: string; readonly at: number }[]
  readonly subscribed: Set<string>
}

export interface PlayOptions {
  readonly marks?: TopicMarks
  readonly random?: () => number
  /** Whether the exchange opens sockets and answers what it is asked; otherwise the test does. */
  readonly isHelpful?: boolean
  /** The name of a stream: requests that contain it are not answered. */
  readonly deaf?: string
  /** Sees what the exchange takes. */
  readonly onSent?: (socket: PlayedSocket, frame: string) => void
}

type Effect<K extends FeedEffect['kind']> = Extract<FeedEffect, { readonly kind: K }>

/** A message for clients, read. */
export interface Told {
  readonly type: string
  readonly seq: number
  readonly prevSeq: number
  readonly data: Record<string, unknown>
}

/** A session and the exchange that it is played against: what the session wants done is done, and kept. */
export class Play {
  readonly exchange: ExchangeName
  readonly session: FeedSession
  readonly protocol: PlayedExchange
  readonly effects: FeedEffect[] = []
  readonly sockets = new Map<number, PlayedSocket>()
  isHelpful: boolean
  /** What REST says is newest: what is known, unless a test knows better; `null`: it does not answer. */
  newest: (question: Effect<'ask-newest'>) => Answer<Newest> | null = ({ what, instrument }) => {
    if (what === 'trade') return { ok: true, value: { what, time: null } }
    const known = this.#demanded.filter(({ symbol, channel }) => symbol === instrument.symbol && isPriced(channel))
    const top = known.map((topic) => this.session.topic(topic)?.top()).find((found) => found != null)
    const [bids = [], asks = []] = [top?.bids, top?.asks].map((side = []) =>
      side.map(({ price, size }) => ({ price, size: size ?? decimal('1') })),
    )
    return { ok: true, value: { what, sequence: null, bids, asks } }
  }

  now = START
  readonly #deaf: string | undefined
  readonly #onSent: (socket: PlayedSocket, frame: string) => void
  readonly #demanded: ClientTopic[] = []
  #took = 0

  constructor(exchange: ExchangeName, { marks, random = () => 0.5, isHelpful = true, deaf, onSent }: PlayOptions = {}) {
    this.#deaf = deaf
    this.#onSent = onSent ?? (() => undefined)
    this.exchange = exchange
    this.protocol = playedExchanges[exchange]
    this.isHelpful = isHelpful
    const connector = connectors[exchange]
    const empty: TopicMarks = { trades: {}, candles: {} }
    this.session = new FeedSession({ connector, hosts: {}, epoch: 'e', random, marks: marks ?? empty })
    this.take({ kind: 'start' })
  }

  /** One input and all that follows from it. */
  take(input: FeedInput): void {
    const inputs: FeedInput[] = [input]
    for (let next = inputs.shift(); next !== undefined; next = inputs.shift()) {
      for (const effect of this.session.handle(next, this.now)) {
        this.effects.push(effect)
        inputs.push(...this.#perform(effect))
      }
    }
  }

  /** Time passes, with a tick each second. */
  wait(ms: number, each: () => void = () => undefined): void {
    const end = this.now + ms
    while (this.now < end) {
      this.now = Math.min(end, this.now + SECOND)
      each()
      this.take({ kind: 'tick' })
    }
  }

  demand(...keys: readonly string[]): void {
    for (const key of keys) {
      const topic = topicOf(key)
      this.#demanded.push(topic)
      this.take({ kind: 'demand', topic, instrument: this.instrument(topic.symbol ?? '') })
    }
  }

  release(key: string): void {
    this.take({ kind: 'release', topic: topicOf(key) })
  }

  instrument(symbol: string): StoredInstrument {
    return playedInstrument(this.exchange, symbol)
  }

  /** Those that are open, oldest first. */
  get open(): readonly PlayedSocket[] {
    return [...this.sockets.values()].filter(({ state }) => state === 'open')
  }

  /** The one that is open. */
  get socket(): PlayedSocket {
    const [only, ...others] = this.open
    if (only === undefined || others.length > 0) throw new Error(`${this.open.length} sockets are open`)
    return only
  }

  frame(text: string, socket: PlayedSocket = this.socket): void {
    this.take({ kind: 'frame', socket: socket.id, text })
  }

  trade(exchangeSymbol: string, id: number, socket: PlayedSocket = this.socket): void {
    this.frame(this.protocol.trade(exchangeSymbol, id, this.now), socket)
  }

  /** The exchange, or the way to it, ends a socket. */
  drop(socket: PlayedSocket = this.socket): void {
    socket.state = 'closed'
    this.take({ kind: 'closed', socket: socket.id, reason: 'gone' })
  }

  /** Opens the oldest socket that waits for it. */
  openNext(): PlayedSocket {
    const socket = this.#connecting
    socket.state = 'open'
    this.take({ kind: 'opened', socket: socket.id })
    return socket
  }

  get isConnecting(): boolean {
    return [...this.sockets.values()].some(({ state }) => state === 'connecting')
  }

  /** The oldest socket that waits for it is refused. */
  refuse(status: number | null = null, retryAfterMs: number | null = null): void {
    const socket = this.#connecting
    socket.state = 'closed'
    this.take({ kind: 'refused', socket: socket.id, status, retryAfterMs, reason: `refused with ${status}` })
  }

  of<K extends FeedEffect['kind']>(kind: K): Effect<K>[] {
    return this.effects.filter((effect): effect is Effect<K> => effect.kind === kind)
  }

  /** The effects of that kind since this was last asked. */
  fresh<K extends FeedEffect['kind']>(kind: K): Effect<K>[] {
    return this.freshEffects().filter((effect): effect is Effect<K> => effect.kind === kind)
  }

  freshEffects(): FeedEffect[] {
    const fresh = this.effects.slice(this.#took)
    this.#took = this.effects.length
    return fresh
  }

  /** What clients of a topic were told. */
  told(key: string, type?: string): Told[] {
    const all = this.of('publish')
      .filter((effect) => effect.key === key)
      .map(({ message }): Told => JSON.parse(message))
    return type === undefined ? all : all.filter((message) => message.type === type)
  }

  /** The ids of the trades that clients were told. */
  ids(key: string): number[] {
    return this.told(key, 'trade').map(({ data }) => Number(String(data['id']).replace('t', '')))
  }

  get status() {
    return this.session.status(0, this.now)
  }

  #perform(effect: FeedEffect): readonly FeedInput[] {
    if (effect.kind === 'connect') {
      const { socket: id, url } = effect
      this.sockets.set(id, {
        ...{ id, url, connectedAt: this.now, closeReason: null, sent: [], subscribed: new Set() },
        state: this.isHelpful ? 'open' : 'connecting',
      })
      return this.isHelpful ? [{ kind: 'opened', socket: id }] : []
    }
    if (effect.kind === 'close') {
      const socket = this.#socketOf(effect.socket)
      socket.state = 'closed'
      socket.closeReason = effect.reason
    }
    if (effect.kind === 'ask-newest') {
      const answer = this.newest(effect)
      return answer === null ? [] : [{ kind: 'newest', stream: effect.stream, answer }]
    }
    if (effect.kind !== 'send') return []
    const socket = this.#socketOf(effect.socket)
    socket.sent.push({ frame: effect.frame, at: this.now })
    if (!this.isHelpful) return []
    if (this.#deaf !== undefined && effect.frame.includes(`"${this.#deaf}"`)) return []
    this.#onSent(socket, effect.frame)
    const answers = this.protocol.answer(effect.frame, socket.subscribed)
    return answers.map((text) => ({ kind: 'frame', socket: socket.id, text }))
  }

  get #connecting(): PlayedSocket {
    const socket = [...this.sockets.values()].find(({ state }) => state === 'connecting')
    if (socket === undefined) throw new Error('no socket is being opened')
    return socket
  }

  #socketOf(id: number): PlayedSocket {
    const socket = this.sockets.get(id)
    if (socket === undefined) throw new Error(`nobody opened socket ${id}`)
    return socket
  }
}

/** A book of REST with one level a side. */
export function newestBook(bid: string, ask: string, size = '1', sequence: number | null = null): Answer<Newest> {
  const [bids, asks] = [bid, ask].map((price) => [{ price: decimal(price), size: decimal(size) }])
  return { ok: true, value: { what: 'book', sequence, bids: bids ?? [], asks: asks ?? [] } }
}

function isPriced(channel: string): boolean {
  return channel === 'book' || channel === 'bbo'
}

export function topicOf(key: string): ClientTopic {
  const topic = parseTopicKey(key)
  if (topic === undefined) throw new Error(`no topic: ${key}`)
  return topic
}

/** `BTC-USDT`, or `BTC-USDT-PERP` for the perpetual. */
export function playedInstrument(exchange: ExchangeName, symbol: string): StoredInstrument {
  const [base = '', quote = '', perpetual] = symbol.split('-')
  const kind: InstrumentKind = perpetual === undefined ? 'spot' : 'perpetual'
  const joined = exchange === 'binance' || exchange === 'bybit' ? base + quote : `${base}-${quote}`
  return {
    ...{ id: idOf(symbol), exchange, kind, symbol, base, quote, inverse: false, validTo: null, endFound: false },
    exchangeSymbol: exchange === 'okx' && kind === 'perpetual' ? `${joined}-SWAP` : joined,
    settle: kind === 'perpetual' ? quote : null,
    contractSize: exchange === 'okx' && kind === 'perpetual' ? decimal('0.01') : null,
    ...{ tickSize: null, lotSize: null, active: true, listedAt: null },
  }
}

const ids = new Map<string, number>()

function idOf(symbol: string): number {
  const id = ids.get(symbol) ?? ids.size + 1
  ids.set(symbol, id)
  return id
}
