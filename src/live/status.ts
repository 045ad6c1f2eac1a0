import type { Refusal } from '../domain/answer.ts'
import type { FundingValues, TickerValues } from '../domain/event.ts'
import type { BookLevel, Level } from '../domain/order-book.ts'

export const feedStates = ['connecting', 'live', 'stale', 'geo-blocked', 'stopped'] as const
export type FeedState = (typeof feedStates)[number]

export const socketStates = ['connecting', 'open', 'waiting'] as const
export type SocketState = (typeof socketStates)[number]

/** How the live feed of one exchange stands. Times are ms UTC; counters count since its epoch began. */
export interface FeedStatus {
  readonly exchange: string
  readonly state: FeedState
  readonly since: number
  /** Changes when the feed restarts: the numbers of messages begin anew. */
  readonly epoch: string
  readonly clients: number
  readonly topics: number
  readonly messagesPerSecond: number
  /** Since the newest data of any topic; `null` before the first. */
  readonly dataAgeMs: number | null
  readonly reconnects: number
  readonly gaps: number
  readonly resyncs: number
  readonly invalidFrames: number
  /** Safe for clients. */
  readonly lastError: string | null
  readonly sockets: readonly SocketStatus[]
  /** Topics of which the exchange has newer data than it streamed. */
  readonly stale: readonly string[]
  /** Topics that are silent because nothing happens there. */
  readonly quiet: readonly string[]
  /** Topics that the exchange refused. */
  readonly rejected: readonly { readonly topic: string; readonly reason: string }[]
  /** Books that are not known to be right, which answer nobody: the first hundred of them. */
  readonly unsynced: readonly { readonly symbol: string; readonly reason: string }[]
}

export interface SocketStatus {
  readonly endpoint: string
  readonly state: SocketState
  readonly topics: number
  readonly connectedAt: number | null
  readonly dataAgeMs: number | null
  /** When it is tried again, where it waits. */
  readonly retryAt: number | null
}

/** What the feed object answers: a value with its age (`now` is the feed's clock), or why there is none. */
export type FeedAnswer<T> =
  | {
      readonly ok: true
      readonly value: T
      readonly exchangeTime: number | null
      readonly receivedTime: number
      readonly now: number
    }
  | Refusal

export interface LiveTicker {
  readonly exchangeSymbol: string
  readonly ticker: TickerValues
  readonly bid: Level | null
  readonly ask: Level | null
}

export interface LiveFunding {
  readonly exchangeSymbol: string
  /** What the exchange does not send is `null`. */
  readonly funding: FundingValues
}

export interface LiveOrderBook {
  readonly exchangeSymbol: string
  /** Best first, at most as many as asked for; sizes in base units. */
  readonly bids: readonly BookLevel[]
  readonly asks: readonly BookLevel[]
  /** How many levels a side the feed knows for certain. */
  readonly availableDepth: number
  /** The exchange's counter. */
  readonly sequence: number | null
}
