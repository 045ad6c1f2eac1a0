import fc from 'fast-check'
import { decimal } from '../../src/domain/decimal.ts'
import type { Trade } from '../../src/domain/trade.ts'
import { BookTopic } from '../../src/live/book-topic.ts'
import type { FeedEffect } from '../../src/live/feed-io.ts'
import { MINUTE, newestBook, Play, type PlayedSocket, SECOND, topicOf } from './session.ts'
import { binanceBook, bybitBook, okxBook, type PlayedBook } from './session-exchange.ts'

export type PlayedName = 'binance' | 'okx' | 'bybit'
type Fault = 'none' | 'skip' | 'twice' | 'cut'
type Question = Extract<FeedEffect, { readonly kind: 'ask-trades' | 'ask-snapshot' }>

export type Happening =
  | { readonly kind: 'market'; readonly faults: readonly Fault[] }
  | { readonly kind: 'wait'; readonly ms: number }
  | { readonly kind: 'drop' | 'refuse' | 'announce-end' }
  | { readonly kind: 'silence'; readonly isHelpful: boolean }
  | { readonly kind: 'answer'; readonly quality: 'full' | 'some' | 'none' }

const bookNames = { binance: 'btcusdt@depth@100ms', okx: '"channel":"books"', bybit: 'orderbook.1000.BTCUSDT' } as const
const bookFrames = { binance: binanceBook, okx: okxBook, bybit: bybitBook } as const
const announcements = {
  binance: '{"e":"serverShutdown","E":1}',
  okx: '{"event":"notice","code":"64008","msg":"The connection will soon be closed.","connId":"c"}',
  bybit: 'pong?',
} as const
/** REST of an exchange whose ids are opaque gives so many. */
const RECENT = 60
const STEP_MS = 100

/** What happens to one instrument and to those who listen to it. */
export function happenings(): fc.Arbitrary<readonly Happening[]> {
  const fault = fc.constantFrom<Fault>('none', 'none', 'none', 'none', 'none', 'skip', 'twice', 'cut')
  const market = fc.record({ kind: fc.constant('market' as const), faults: fc.array(fault, { maxLength: 4 }) })
  return fc.array(
    fc.oneof(
      { weight: 12, arbitrary: market },
      { weight: 3, arbitrary: fc.record({ kind: fc.constant('wait' as const), ms: fc.nat({ max: 40 * SECOND }) }) },
      { weight: 2, arbitrary: fc.record({ kind: fc.constantFrom('drop', 'refuse', 'announce-end') }) },
      { weight: 1, arbitrary: fc.record({ kind: fc.constant('silence' as const), isHelpful: fc.boolean() }) },
      {
        weight: 4,
        arbitrary: fc.record({
          kind: fc.constant('answer' as const),
          quality: fc.constantFrom('full', 'some', 'none'),
        }),
      },
    ),
    { minLength: 20, maxLength: 120 },
  )
}

/** An exchange with trades and a book, as faulty as what happens says. */
export class FaultyExchange {
  readonly exchange: PlayedName
  readonly played: Play
  readonly trades: string
  readonly book: string
  readonly executed: { readonly id: number; readonly time: number }[] = []
  #sequence = 0
  #questions: Question[] = []
  /** Sockets that are due a snapshot of the book. */
  #due: PlayedSocket[] = []

  constructor(exchange: PlayedName, random: () => number) {
    this.exchange = exchange
    this.trades = `trades:${exchange}:BTC-USDT`
    this.book = `book:${exchange}:BTC-USDT:5`
    const onSent = (socket: PlayedSocket, frame: string) => {
      if (/"subscribe"/.test(frame) && frame.includes(bookNames[exchange])) this.#due.push(socket)
    }
    this.played = new Play(exchange, { random, onSent })
    this.played.demand(this.trades, this.book)
    this.played.newest = ({ what }) => {
      if (what === 'trade') return { ok: true, value: { what, time: this.executed.at(-1)?.time ?? null } }
      // Only REST of Binance counts as its stream does.
      return newestBook('9', '11', String(this.#sequence), exchange === 'binance' ? this.#sequence : null)
    }
  }

  happen(what: Happening): void {
    const { played } = this
    switch (what.kind) {
      case 'market':
        this.#move(what.faults)
        break
      case 'wait':
        played.wait(what.ms)
        break
      case 'drop':
        if (played.open[0] !== undefined) played.drop(played.open[0])
        break
      case 'refuse':
        if (played.isConnecting) played.refuse(503)
        break
      case 'announce-end':
        if (played.open[0] !== undefined) played.frame(announcements[this.exchange], played.open[0])
        break
      case 'silence':
        played.isHelpful = what.isHelpful
        break
      case 'answer':
        this.#answer(what.quality)
    }
    this.#questions.push(...asked(played))
    played.take({ kind: 'flush' })
  }

  /** Everything goes well, for long enough to mend what can be mended. */
  recover(): void {
    this.happen({ kind: 'silence', isHelpful: true })
    while (this.played.isConnecting) this.happen({ kind: 'refuse' })
    for (let n = 0; n < 4 * MINUTE; n += SECOND) {
      this.happen({ kind: 'market', faults: [] })
      this.happen({ kind: 'wait', ms: SECOND })
      while (this.#questions.length > 0) this.happen({ kind: 'answer', quality: 'full' })
    }
  }

  /** The ids that clients were neither told nor told to be missing, from the first on that they were told. */
  silentlyMissing(): number[] {
    const told = new Set(this.played.ids(this.trades))
    const first = Math.min(...told)
    const gaps = this.played
      .told(this.trades, 'gap')
      .map(({ data: { afterId, beforeId } }) => [idOf(afterId), idOf(beforeId)])
    const isTold = (id: number) => gaps.some(([after = 0, before = 0]) => after < id && id < before)
    return this.executed.map(({ id }) => id).filter((id) => id >= first && !told.has(id) && !isTold(id))
  }

  /** How far the book of clients is behind; `null` where there is none. */
  bookLag(): number | null {
    const topic = this.played.session.topic(topicOf(this.book))
    const view = topic instanceof BookTopic ? topic.read(5) : undefined
    return view === undefined || 'reason' in view ? null : this.#sequence - (view.sequence ?? 0)
  }

  /** Books that were told with levels of another moment: each update says its number as the size of every level. */
  wrongBooks(): unknown[] {
    return this.played.told(this.book, 'book').filter(({ data }) => {
      const sizes = [data['bids'], data['asks']].flatMap((side) =>
        (Array.isArray(side) ? side : []).map(([, size]) => size),
      )
      return sizes.some((size) => String(size) !== String(data['sequence']))
    })
  }

  #move(faults: readonly Fault[]): void {
    const { played } = this
    played.now += STEP_MS
    const id = this.executed.length + 1
    this.executed.push({ id, time: played.now })
    this.#sequence += 1
    for (const [n, socket] of played.open.entries()) {
      const isDue = this.#due.includes(socket)
      this.#due = this.#due.filter((due) => due !== socket)
      if (isDue && this.exchange !== 'binance') played.frame(this.#bookFrame('snapshot', this.#sequence - 1), socket)
      if (socket.state === 'closed') continue
      const { exchangeSymbol } = played.instrument('BTC-USDT')
      const fault = faults[2 * n]
      // Ids that do not count up cannot show it; and what was sent over a connection either comes or ends it.
      const isHidden = fault === 'skip' && this.exchange === 'bybit'
      this.#deliver(played.protocol.trade(exchangeSymbol, id, played.now), socket, isHidden ? 'none' : fault)
      this.#deliver(this.#bookFrame('update', this.#sequence), socket, faults[2 * n + 1])
    }
  }

  #deliver(frame: string, socket: PlayedSocket, fault: Fault = 'none'): void {
    // Nothing comes before it was subscribed, and nothing after the socket was closed.
    if (socket.subscribed.size === 0 || socket.state === 'closed' || fault === 'skip') return
    this.played.frame(fault === 'cut' ? frame.slice(0, frame.length >> 1) : frame, socket)
    if (fault === 'twice') this.played.frame(frame, socket)
  }

  #bookFrame(kind: PlayedBook['kind'], to: number): string {
    const [bids, asks] = [[['9', String(to)] as const], [['11', String(to)] as const]]
    return bookFrames[this.exchange]('BTCUSDT'.replace('USDT', this.exchange === 'okx' ? '-USDT' : 'USDT'), {
      ...{ kind, from: to - 1, to, bids, asks },
    })
  }

  #answer(quality: 'full' | 'some' | 'none'): void {
    const question = this.#questions.shift()
    if (question === undefined) return
    const instrumentId = question.instrument.id
    const refusal = { ok: false, code: 'exchange_unavailable', detail: 'no answer' } as const
    if (question.kind === 'ask-snapshot') {
      const { request } = question
      // Some answers are a little old.
      const sequence = Math.max(0, quality === 'some' ? this.#sequence - 3 : this.#sequence)
      const [bids, asks] = ['9', '11'].map((price) => [{ price: decimal(price), size: decimal(String(sequence)) }])
      const value = { exchangeSymbol: 'BTCUSDT', exchangeTime: null, sequence: String(sequence) }
      const answer = { ok: true, value: { ...value, bids: bids ?? [], asks: asks ?? [] } } as const
      this.played.take({ kind: 'snapshot', instrumentId, request, answer: quality === 'none' ? refusal : answer })
      return
    }
    const { hole } = question
    const found = this.exchange === 'bybit' ? this.#recent(hole.afterId, quality) : this.#between(hole, quality)
    const answer = { ok: true, value: found } as const
    this.played.take({ kind: 'trades', instrumentId, hole, answer: quality === 'none' ? refusal : answer })
  }

  #between({ afterId, beforeId }: { readonly afterId: string; readonly beforeId: string | null }, quality: string) {
    const [after, before] = [Number(afterId), Number(beforeId ?? Number.POSITIVE_INFINITY)]
    const all = this.executed.filter(({ id }) => id > after && id < before).map((one) => this.#trade(one))
    return quality === 'full' ? { trades: all, isComplete: true } : { trades: all.slice(-1), isComplete: false }
  }

  #recent(afterId: string, quality: string) {
    const trades = this.executed.slice(quality === 'full' ? -RECENT : -3).map((one) => this.#trade(one))
    return { trades, isComplete: trades.some(({ id }) => id === afterId) }
  }

  #trade({ id, time }: { readonly id: number; readonly time: number }): Trade {
    const [price, size] = [decimal('100'), decimal('1')]
    const { exchangeSymbol } = this.played.instrument('BTC-USDT')
    const name = this.exchange === 'bybit' ? `t${id}` : String(id)
    return { exchangeSymbol, id: name, price, size, side: 'buy', exchangeTime: time }
  }
}

function asked(played: Play): Question[] {
  const isQuestion = (effect: FeedEffect): effect is Question =>
    effect.kind === 'ask-trades' || effect.kind === 'ask-snapshot'
  return played.freshEffects().filter(isQuestion)
}

function idOf(id: unknown): number {
  return Number(String(id ?? 0).replace('t', ''))
}
