import type { Answer } from '../domain/answer.ts'
import type { Candle } from '../domain/candle.ts'
import type { Interval, Window } from '../domain/interval.ts'
import type { BookSnapshot } from '../domain/order-book.ts'
import type { StoredInstrument } from '../domain/series.ts'
import type { ClientTopic } from '../domain/topic.ts'
import type { Trade } from '../domain/trade.ts'
import type { StoredTrade, TradeGap } from '../domain/trade-chunk.ts'
import type { BookTop } from './book-top.ts'
import type { TradeHole } from './trade-outcome.ts'

/** What is newest on REST, to tell a quiet market from a dead stream. */
export type Newest = { readonly what: 'trade'; readonly time: number | null } | ({ readonly what: 'book' } & BookTop)

/** Everything that can happen to a feed. `now` (ms UTC) goes with each. */
export type FeedInput =
  | { readonly kind: 'start' }
  | { readonly kind: 'stop' }
  /** Due about once a second. */
  | { readonly kind: 'tick' }
  /** Somebody needs a topic: a client, or (`recorded`) the database for good. */
  | { readonly kind: 'demand'; readonly topic: ClientTopic; readonly instrument: StoredInstrument }
  | { readonly kind: 'release'; readonly topic: ClientTopic }
  | { readonly kind: 'record'; readonly instruments: readonly Recorded[] }
  /** All instruments that the feed follows and that the exchange's list shows as halted, or not at all. */
  | { readonly kind: 'ended'; readonly instruments: readonly Ended[] }
  | { readonly kind: 'opened'; readonly socket: number }
  | {
      readonly kind: 'refused'
      readonly socket: number
      /** HTTP status of the upgrade; `null` where there was no answer. */
      readonly status: number | null
      readonly retryAfterMs: number | null
      readonly reason: string
    }
  | { readonly kind: 'closed'; readonly socket: number; readonly reason: string }
  | { readonly kind: 'frame'; readonly socket: number; readonly text: string }
  | {
      readonly kind: 'snapshot'
      readonly instrumentId: number
      /** The very object of the question. */
      readonly request: SnapshotRequest
      readonly answer: Answer<BookSnapshot>
    }
  | {
      readonly kind: 'book-check'
      readonly instrumentId: number
      /** The very object of the question. */
      readonly request: SnapshotRequest
      readonly answer: Answer<BookSnapshot>
    }
  | {
      readonly kind: 'trades'
      readonly instrumentId: number
      /** The very object of the question. */
      readonly hole: TradeHole
      readonly answer: Answer<{ readonly trades: readonly Trade[]; readonly isComplete: boolean }>
    }
  | {
      readonly kind: 'candles'
      readonly instrumentId: number
      readonly interval: Interval
      /** The very object of the question. */
      readonly window: Window
      readonly answer: Answer<readonly Candle[]>
    }
  | { readonly kind: 'newest'; readonly stream: string; readonly answer: Answer<Newest> }
  /** Clients are about to be sent what is pending: book views are computed now. */
  | { readonly kind: 'flush' }

/** What is recorded of an instrument without anybody asking. */
export interface Recorded {
  readonly instrument: StoredInstrument
  readonly intervals: readonly Interval[]
}

/** An instrument that does not trade any more. */
export interface Ended {
  readonly id: number
  /** What trades today under its name at the exchange, where it was listed anew. */
  readonly successor: StoredInstrument | null
}

export interface SnapshotRequest {
  /** Levels a side. */
  readonly depth: number
}

/** What the session wants done. Questions are answered by an input of the same name, in any order, exactly once. */
export type FeedEffect =
  /** Answered by `opened` or `refused`: whoever performs it has the patience and its end. */
  | { readonly kind: 'connect'; readonly socket: number; readonly url: string }
  | { readonly kind: 'send'; readonly socket: number; readonly frame: string }
  | { readonly kind: 'close'; readonly socket: number; readonly reason: string }
  /** To the clients of a topic. */
  | { readonly kind: 'publish'; readonly key: string; readonly message: string }
  /** There is something to publish at the next `flush`. */
  | { readonly kind: 'changed' }
  | { readonly kind: 'ask-snapshot'; readonly instrument: StoredInstrument; readonly request: SnapshotRequest }
  /** As `ask-snapshot`, but in no hurry: what a live book is compared with. */
  | { readonly kind: 'ask-book-check'; readonly instrument: StoredInstrument; readonly request: SnapshotRequest }
  | { readonly kind: 'ask-trades'; readonly instrument: StoredInstrument; readonly hole: TradeHole }
  | {
      readonly kind: 'ask-candles'
      readonly instrument: StoredInstrument
      readonly interval: Interval
      readonly window: Window
    }
  | {
      readonly kind: 'ask-newest'
      readonly stream: string
      readonly instrument: StoredInstrument
      readonly what: Newest['what']
    }
  | {
      readonly kind: 'store-candle'
      readonly instrumentId: number
      readonly interval: Interval
      readonly candle: Candle
    }
  | { readonly kind: 'store-trade'; readonly instrumentId: number; readonly trade: StoredTrade }
  /** Its trades are no longer listened to. */
  | { readonly kind: 'end-trades'; readonly instrumentId: number; readonly knownTo: number }
  | {
      readonly kind: 'store-trade-gap'
      readonly instrumentId: number
      readonly gap: TradeGap
    }
