import { symbolsAlike } from '../domain/quote-group.ts'
import type { StreamErrorCode } from '../domain/stream-command.ts'
import { type BookDepth, type ClientTopic, topicKey } from '../domain/topic.ts'
import { AcrossLine } from './across-line.ts'
import type { ClientHub } from './client-hub.ts'
import type { BookReading } from './consolidated.ts'
import { ConsolidatedBook } from './consolidated-book.ts'
import type { HubClient, SubscribeRequest } from './hub-client.ts'
import { keyOfMessage, splitFrame, typeOfMessage } from './messages.ts'

/** The best level is all that is shown; a few more, and it is known what comes after it. */
const DEPTH: BookDepth = 5
/** A first answer waits so long for the books of all exchanges, if one of them has come. */
const GATHER_MS = 2_000
/** On a fast clock the feeds take no less time to answer: this is a real one. */
const MIN_REAL_GATHER_MS = 1_000
/** Clients go, and refused books are asked for anew, without a message: looked at so often. */
const CHECK_MS = 1_000
/** Topics with the fees of their clients, at once: each compares every pair of books for itself, at every change. */
export const MAX_OWN_FEES = 100

/** What the hub answers to `subscribe`: `replies.ts` writes it. */
interface ErrorReply {
  readonly code: StreamErrorCode
  readonly detail: string
  readonly arg: ClientTopic
}

interface Line {
  readonly line: AcrossLine
  readonly bookKeys: readonly string[]
  /** Clients that wait for the first answer. */
  readonly waiting: SubscribeRequest[]
  readonly since: number
}

/**
 * What a relay makes itself of the streams that it hands on: topics across exchanges. It follows the book of each exchange
 * as one more client of the relay's hub, so that links, restarts and refusals are those of every client. Inputs in,
 * requests out; times are ms.
 */
export class RelayAcross {
  readonly #hub: ClientHub
  readonly #exchanges: readonly string[]
  readonly #random: () => number
  readonly #gatherMs: number
  readonly #lines = new Map<string, Line>()
  readonly #books = new Map<string, ConsolidatedBook>()
  readonly #frames: string[] = []
  #client: HubClient | undefined
  #checkAt = 0

  /**
   * @param random as `Math.random`
   * @param timeScale ms of the caller's clock in a real one
   */
  constructor(hub: ClientHub, exchanges: readonly string[], random: () => number, timeScale: number) {
    this.#hub = hub
    this.#exchanges = exchanges
    this.#random = random
    this.#gatherMs = Math.max(GATHER_MS, MIN_REAL_GATHER_MS * timeScale)
  }

  /** When {@link tick} is due; `Infinity` while nobody has such a topic. */
  wakeAt(now: number): number {
    return this.#lines.size === 0 ? Number.POSITIVE_INFINITY : now + CHECK_MS
  }

  /** @returns the books that have to be asked for */
  request(request: SubscribeRequest, now: number): SubscribeRequest[] {
    const key = topicKey(request.topic)
    const known = this.#lines.get(key)
    if (known !== undefined) {
      known.waiting.push(request)
      this.#settle(known, now)
      return []
    }
    if (request.topic.fees !== undefined && this.#countOwnFees() >= MAX_OWN_FEES) {
      this.#hub.refuse(request, 'too_many_topics', `this relay counts with ${MAX_OWN_FEES} fees of clients already`)
      return []
    }
    const wanted = this.#bookTopics(request.topic)
    const epoch = `${now}-${Math.floor(this.#random() * 1e9).toString(36)}`
    const bookKeys = wanted.map(topicKey)
    this.#lines.set(key, { line: new AcrossLine(request.topic, epoch), bookKeys, waiting: [request], since: now })
    return wanted.filter((topic) => !this.#books.has(topicKey(topic))).flatMap((topic) => this.#follow(topic, now))
  }

  /** Clients were served, this one among them: what has come is read, and what has changed by it goes out next. */
  served(now: number): void {
    const changed = this.#read(now)
    if (changed.size === 0) return
    const read = this.#reader(now)
    for (const line of this.#lines.values()) {
      if (line.bookKeys.some((key) => changed.has(key))) this.#show(line, read, now)
    }
  }

  /** @returns the books that have to be asked for anew */
  tick(now: number): SubscribeRequest[] {
    this.served(now)
    if (now < this.#checkAt) return []
    this.#checkAt = now + CHECK_MS
    const read = this.#reader(now)
    for (const line of this.#lines.values()) this.#show(line, read, now)
    this.#release()
    const requests: SubscribeRequest[] = []
    for (const book of this.#books.values()) {
      if (!book.isRetryDue(now)) continue
      book.askedAgain()
      requests.push(...this.#ask(book.topic, now))
    }
    return requests
  }

  #countOwnFees(): number {
    return [...this.#lines.values()].filter(({ line }) => line.topic.fees !== undefined).length
  }

  #bookTopics({ symbol, quotes }: ClientTopic): ClientTopic[] {
    const symbols = symbolsAlike(symbol ?? '', quotes ?? null)
    return this.#exchanges.flatMap((exchange) =>
      symbols.map((alike): ClientTopic => ({ channel: 'book', exchange, symbol: alike, interval: null, depth: DEPTH })),
    )
  }

  #follow(topic: ClientTopic, now: number): SubscribeRequest[] {
    this.#books.set(topicKey(topic), new ConsolidatedBook(topic))
    return this.#ask(topic, now)
  }

  #ask(topic: ClientTopic, now: number): SubscribeRequest[] {
    // What it is sent is read later: not in the midst of a flush.
    const socket = {
      send: (frame: string) => void this.#frames.push(frame),
      close: () => undefined,
      buffer: { unsent: () => 0, keepAlive: () => undefined },
    }
    this.#client ??= this.#hub.add(socket, true, now)
    return [...this.#hub.subscribe(this.#client, [topic], now)]
  }

  /** @returns the keys of the books that it was about */
  #read(now: number): ReadonlySet<string> {
    const changed = new Set<string>()
    for (const message of this.#frames.splice(0).flatMap(splitFrame)) {
      const key = this.#take(message, now)
      if (key !== undefined) changed.add(key)
    }
    return changed
  }

  /** @returns the key of the book that it was about */
  #take(message: string, now: number): string | undefined {
    const type = typeOfMessage(message)
    if (type === 'subscribed') {
      const key = bookKey(readSubscribed(message))
      this.#books.get(key)?.accepted()
      return key
    }
    if (type === 'error') {
      const { code, detail, arg } = readError(message)
      // That was our own doing; whoever has asked for the book since gets an answer of their own.
      if (code === 'cancelled') return undefined
      this.#books.get(bookKey(arg))?.refused(code, detail, now)
      return bookKey(arg)
    }
    const key = keyOfMessage(message)
    if (key !== undefined) this.#books.get(key)?.receive(message)
    return key
  }

  /** Topics that differ in their threshold alone look at the same books: these are read once for all of them. */
  #reader(now: number): (line: Line) => readonly BookReading[] {
    const known = new Map<string, readonly BookReading[]>()
    return ({ bookKeys }) => {
      const market = bookKeys.join()
      const readings = known.get(market) ?? bookKeys.flatMap((key) => this.#books.get(key)?.read(now) ?? [])
      known.set(market, readings)
      return readings
    }
  }

  #show(line: Line, read: (line: Line) => readonly BookReading[], now: number): void {
    this.#settle(line, now)
    if (this.#hub.audience(line.line.key) === 0) return
    const message = line.line.update(read(line), now)
    if (message !== null) this.#hub.publish(line.line.key, message)
  }

  #settle({ line, bookKeys, waiting, since }: Line, now: number): void {
    if (waiting.length === 0) return
    const books = bookKeys.flatMap((key) => this.#books.get(key) ?? [])
    const isListed = books.some((book) => book.isListed)
    const isLate = isListed && now - since >= this.#gatherMs
    if (!isLate && !books.every((book) => book.isKnown)) return
    const readings = books.map((book) => book.read(now))
    for (const request of waiting.splice(0)) {
      if (isListed) {
        const { epoch, seq, topic } = line
        this.#hub.accept(request, { topic, epoch, seq, state: line.state(readings, now) })
      } else if (readings.every((reading) => 'reason' in reading && reading.reason === 'not_listed')) {
        this.#hub.refuse(request, 'unknown_instrument', `no exchange lists ${line.topic.symbol}`)
      } else this.#hub.refuse(request, 'feed_unavailable', `no feed can be reached for ${line.topic.symbol}`)
    }
  }

  /** Ends what nobody has any more. */
  #release(): void {
    const used = new Set<string>()
    for (const [key, { waiting, bookKeys }] of this.#lines) {
      const isWanted = this.#hub.audience(key) > 0 || waiting.some((request) => request.client.requests.has(request))
      if (isWanted) for (const each of bookKeys) used.add(each)
      else this.#lines.delete(key)
    }
    const client = this.#client
    if (client === undefined) return
    for (const [key, { topic }] of this.#books) {
      if (used.has(key)) continue
      this.#books.delete(key)
      this.#hub.unsubscribe(client, null, topic)
    }
    if (this.#books.size > 0) return
    this.#hub.remove(client)
    this.#client = undefined
  }
}

function bookKey({ exchange, symbol, depth }: Pick<ClientTopic, 'exchange' | 'symbol' | 'depth'>): string {
  return `book:${exchange}:${symbol}:${depth}`
}

/** Our own text. */
function readSubscribed(message: string): ClientTopic {
  return JSON.parse(message)
}

function readError(message: string): ErrorReply {
  return JSON.parse(message)
}
