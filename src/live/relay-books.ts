import { compareDecimals, type Decimal, ZERO } from '../domain/decimal.ts'
import { parseTopicKey } from '../domain/topic.ts'
import { isBookSnapshot } from './book-merge.ts'

/** Of all books that the relay keeps of one exchange, both sides: some 5 MB. Those beyond go out merged, however long. */
const MOST_LEVELS = 50_000
/** One that no client has let wait for so long is not kept. */
const IDLE_MS = 60_000

type Row = readonly [price: Decimal, size: Decimal]

/** What a feed writes about a book. */
interface BookMessage {
  readonly type: string
  readonly exchange: string
  readonly symbol: string
  readonly exchangeSymbol: string | null
  readonly exchangeTime: number | null
  readonly receivedTime: number
  readonly seq: number
  readonly prevSeq: number
  readonly data: {
    readonly kind: 'snapshot' | 'update'
    readonly depth: number
    readonly availableDepth: number
    readonly bids: readonly Row[]
    readonly asks: readonly Row[]
    readonly prevSequence: number | null
    readonly sequence: number | null
  }
}

interface KeptBook {
  /** Without its levels; `null` before the state has come. It is no part of the frame that it came in: those are large. */
  newest: BookMessage | null
  readonly bids: Map<Decimal, Decimal>
  readonly asks: Map<Decimal, Decimal>
  readonly room: number
  wantedAt: number
}

/**
 * The books whose updates wait for a client of the relay: where they outgrow the book, this goes out instead. A feed has
 * it at hand; a relay asks for it once and follows. Times are ms.
 */
export class RelayBooks {
  readonly #books = new Map<string, KeptBook>()
  readonly #unasked = new Set<string>()
  #room = MOST_LEVELS
  #now = 0

  /** Updates of a book begin to wait for a client. */
  want(key: string): void {
    const known = this.#books.get(key)
    if (known !== undefined) {
      known.wantedAt = this.#now
      return
    }
    const room = 2 * (parseTopicKey(key)?.depth ?? Number.POSITIVE_INFINITY)
    if (room > this.#room) return
    this.#room -= room
    this.#books.set(key, { newest: null, bids: new Map(), asks: new Map(), room, wantedAt: this.#now })
    this.#unasked.add(key)
  }

  /** @returns those whose state is to be asked for */
  takeUnasked(): string[] {
    const keys = [...this.#unasked]
    this.#unasked.clear()
    return keys
  }

  /** A whole book has come: what follows counts from here. */
  begin(key: string, state: string): void {
    const book = this.#books.get(key)
    if (book !== undefined && book.newest === null) this.#apply(book, read(state))
  }

  /** A message of a topic: what does not follow from the one before ends its book. */
  receive(key: string, message: string): void {
    const book = this.#books.get(key)
    if (book === undefined) return
    if (book.newest === null) {
      if (isBookSnapshot(message)) this.begin(key, message)
      return
    }
    const next = read(message)
    if (next.type === 'book' && next.prevSeq === book.newest.seq) this.#apply(book, next)
    else this.drop(key)
  }

  /** As after the newest message, as the feed would write it; `undefined` where it is not kept. */
  stateOf(key: string): string | undefined {
    const { newest, bids, asks } = this.#books.get(key) ?? {}
    if (newest == null || bids === undefined || asks === undefined) return undefined
    const { type, exchange, symbol, exchangeSymbol, exchangeTime, receivedTime, seq, data } = newest
    const head = { type, exchange, symbol, exchangeSymbol, exchangeTime, receivedTime, seq, prevSeq: seq }
    const { depth, availableDepth, sequence } = data
    const levels = {
      bids: [...bids].sort(([a], [b]) => compareDecimals(b, a)),
      asks: [...asks].sort(([a], [b]) => compareDecimals(a, b)),
    }
    const whole = { kind: 'snapshot', depth, availableDepth, ...levels, prevSequence: null, sequence }
    return JSON.stringify({ ...head, data: whole })
  }

  drop(key: string): void {
    this.#room += this.#books.get(key)?.room ?? 0
    this.#books.delete(key)
    this.#unasked.delete(key)
  }

  clear(): void {
    for (const key of [...this.#books.keys()]) this.drop(key)
  }

  tick(now: number): void {
    this.#now = now
    for (const [key, { wantedAt }] of this.#books) if (now - wantedAt >= IDLE_MS) this.drop(key)
  }

  #apply(book: KeptBook, message: BookMessage): void {
    const { data } = message
    if (data.kind === 'snapshot') {
      book.bids.clear()
      book.asks.clear()
    }
    for (const side of ['bids', 'asks'] as const) {
      for (const [price, size] of data[side]) {
        if (size === ZERO) book[side].delete(price)
        else book[side].set(price, size)
      }
    }
    book.newest = { ...message, data: { ...data, bids: [], asks: [] } }
  }
}

/** Our own text: the feed is of the same deployment. */
function read(message: string): BookMessage {
  return JSON.parse(message)
}
