import { compareDecimals, type Decimal, ZERO } from '../domain/decimal.ts'
import type { BookLevel } from '../domain/order-book.ts'
import type { StreamErrorCode } from '../domain/stream-command.ts'
import type { ClientTopic } from '../domain/topic.ts'
import { type BookReading, type LeftOut, type LeftOutReason, reasonOf, refusedBook } from './consolidated.ts'
import { typeOfMessage } from './messages.ts'

/** A refusal is looked into again after this; what an exchange does not list is not listed soon. */
const RETRY_MS = 10_000
const UNLISTED_RETRY_MS = 300_000

/** What a feed writes about a book, and a relay where the link is lost (`seq` is `null`). */
interface BookMessage {
  readonly type: 'book' | 'gap' | 'resync' | 'stale'
  readonly exchangeSymbol: string | null
  readonly exchangeTime: number | null
  readonly receivedTime: number
  readonly seq: number | null
  readonly data: {
    readonly kind?: 'snapshot' | 'update'
    readonly bids?: readonly Row[]
    readonly asks?: readonly Row[]
    readonly reason?: string
  }
}

type Row = readonly [price: Decimal, size: Decimal]

/** The book of one exchange as a relay hears of it: its best levels, or why there are none. Times are ms. */
export class ConsolidatedBook {
  readonly topic: ClientTopic
  readonly #exchange: string
  readonly #symbol: string
  #bids: readonly BookLevel[] = []
  #asks: readonly BookLevel[] = []
  #exchangeSymbol: string | null = null
  #exchangeTime: number | null = null
  #receivedTime = 0
  /** `null`: the levels hold. */
  #leftOut: LeftOut | null
  /** Something was said of its levels, good or bad, or it was refused. */
  #isKnown = false
  #isListed = false
  #retryAt = Number.POSITIVE_INFINITY

  constructor(topic: ClientTopic) {
    this.topic = topic
    this.#exchange = topic.exchange
    this.#symbol = topic.symbol ?? ''
    this.#leftOut = this.#out('unsynced', 'no snapshot has come yet')
  }

  get isKnown(): boolean {
    return this.#isKnown
  }

  /** Whether its exchange is known to have it: one that cannot be reached may. */
  get isListed(): boolean {
    return this.#isListed
  }

  /** The feed gives it from now on. */
  accepted(): void {
    this.#isListed = true
    // Whatever it was refused for is over; its levels come with the next snapshot.
    if (this.#leftOut?.reason === 'not_listed') this.#leftOut = this.#out('unsynced', 'no snapshot has come yet')
  }

  /** A message of its topic: what comes after a notice counts from the next snapshot on. */
  receive(text: string): void {
    const { type, data, seq, exchangeSymbol, exchangeTime, receivedTime } = readBookMessage(text)
    this.#isKnown = true
    if (type !== 'book') {
      const reason = type === 'stale' ? 'stale' : seq === null ? 'unreachable' : reasonOf(data.reason ?? '')
      this.#leftOut = this.#out(reason, data.reason ?? 'the exchange has newer data than it streams')
      return
    }
    if (data.kind === 'snapshot') {
      this.#leftOut = null
      this.#bids = this.#asks = []
    }
    if (this.#leftOut !== null) return
    this.#bids = merge(this.#bids, data.bids ?? [], (a, b) => compareDecimals(b, a))
    this.#asks = merge(this.#asks, data.asks ?? [], compareDecimals)
    this.#exchangeSymbol = exchangeSymbol
    this.#exchangeTime = exchangeTime
    this.#receivedTime = receivedTime
  }

  /** The feed does not give it. */
  refused(code: StreamErrorCode, detail: string, now: number): void {
    this.#isKnown = true
    this.#isListed = false
    this.#leftOut = refusedBook(this.#exchange, this.#symbol, code, detail)
    this.#retryAt = now + (code === 'unknown_instrument' ? UNLISTED_RETRY_MS : RETRY_MS)
  }

  /** It was asked for again: what was said of it holds until there is an answer. */
  askedAgain(): void {
    this.#retryAt = Number.POSITIVE_INFINITY
  }

  isRetryDue(now: number): boolean {
    return now >= this.#retryAt
  }

  read(now: number): BookReading {
    if (this.#leftOut !== null) return this.#leftOut
    return {
      exchange: this.#exchange,
      symbol: this.#symbol,
      exchangeSymbol: this.#exchangeSymbol,
      bid: this.#bids[0] ?? null,
      ask: this.#asks[0] ?? null,
      exchangeTime: this.#exchangeTime,
      receivedTime: this.#receivedTime,
      ageMs: Math.max(0, now - this.#receivedTime),
    }
  }

  #out(reason: LeftOutReason, detail: string): LeftOut {
    return { exchange: this.#exchange, symbol: this.#symbol, reason, detail }
  }
}

/** The few best levels of a side with what has changed in them, best first. */
function merge(levels: readonly BookLevel[], changes: readonly Row[], order: (a: Decimal, b: Decimal) => number) {
  if (changes.length === 0) return levels
  const sizes = new Map(levels.map(({ price, size }) => [price, size]))
  for (const [price, size] of changes) {
    if (size === ZERO) sizes.delete(price)
    else sizes.set(price, size)
  }
  return Array.from(sizes, ([price, size]) => ({ price, size })).sort((a, b) => order(a.price, b.price))
}

/** Our own text: feeds and relays are of one deployment. */
function readBookMessage(text: string): BookMessage {
  return { ...JSON.parse(text), type: typeOfMessage(text) }
}
