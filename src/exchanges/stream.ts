import type { MarketChannel, MarketEvent } from '../domain/event.ts'
import type { Instrument, InstrumentKind } from '../domain/instrument.ts'
import type { Interval } from '../domain/interval.ts'

/** The push side of an exchange: what to send over its sockets, and what comes back. Pure, like the whole connector. */
export interface StreamApi {
  /** Where its sockets lead. Sockets of one endpoint share its limits. */
  readonly endpoints: readonly StreamEndpoint[]
  readonly limits: StreamLimits
  /** How updates of an order book join; absent where the exchange streams none of that kind. */
  readonly bookRule: Readonly<Partial<Record<InstrumentKind, BookRuleName>>>
  /** How a hole in the trades is filled over REST, by kind. */
  readonly tradeRecovery: Readonly<Partial<Record<InstrumentKind, TradeRecovery>>>
  /** Whether candles are streamed, or are built from the trades. */
  readonly candles: 'streamed' | 'from-trades'
  /** Whether the best prices are streamed, first as they stand; only as they change; or are those of the book. */
  readonly bbo: 'streamed' | 'streamed-changes' | 'from-book'
  /** What must be sent so that the exchange keeps a quiet socket open; `null` where its pings are answered by the runtime. */
  readonly heartbeat: { readonly everyMs: number; readonly frame: string } | null

  /**
   * The exchange's own streams that together give a topic (OKX: funding rate and mark price); several topics may share
   * one (Bybit: ticker, funding, open interest). Empty where the exchange does not offer the topic.
   */
  streamsOf(topic: StreamTopic): readonly StreamName[]
  /**
   * Messages that subscribe to streams of one endpoint, at most `limits.topicsPerRequest` each.
   * @param requestId of the first message; the following ones count up. Comes back in the ack where the exchange echoes it.
   */
  subscribe(names: readonly string[], requestId: number): readonly StreamRequest[]
  unsubscribe(names: readonly string[], requestId: number): readonly StreamRequest[]
  /**
   * What a frame says. Never throws: text that is not what the exchange sends is `invalid`.
   * @param kind of the endpoint that it came from: payloads of one shape may mean two things
   */
  decode(frame: string, kind: InstrumentKind): StreamFrame
}

export interface StreamEndpoint {
  /** `public`: unique within the exchange, and the key under which configuration overrides `baseUrl`. */
  readonly name: string
  /** `https://ws.okx.com:8443`: a socket is opened by `fetch` on the https URL. No trailing slash. */
  readonly baseUrl: string
  /** `/ws/v5/public`. */
  readonly path: string
  /** Of the instruments that it serves. One that serves several names them so that no symbol is ambiguous. */
  readonly kinds: readonly InstrumentKind[]
}

export interface StreamName {
  /** Of its endpoint. */
  readonly endpoint: string
  /** `btcusdt@trade`, `trades-all:BTC-USDT`, `publicTrade.BTCUSDT`, `matches:BTC-USD`: unique within the endpoint. */
  readonly name: string
  /** It only shows that the socket lives, every second or so: nothing about a topic comes by it. */
  readonly isSignOfLife?: true
  /** Where it is refused the topic goes on without what it brings. */
  readonly isOptional?: true
}

/** What can be asked of the stream of an exchange. */
export interface StreamTopic {
  readonly channel: MarketChannel
  readonly instrument: Instrument
  /** Of candles; `null` otherwise. */
  readonly interval: Interval | null
}

export interface StreamRequest {
  readonly requestId: number
  readonly frame: string
  readonly names: readonly string[]
}

export interface StreamLimits {
  readonly topicsPerSocket: number
  readonly topicsPerRequest: number
  /** Requests that a client may send. Heartbeats are none: who wants them does not count them. */
  readonly messages: readonly MessageLimit[]
  /** Connections that one address may open. */
  readonly connects: { readonly limit: number; readonly windowMs: number }
  /** The exchange ends every socket at this age; `null` where it does not say so. */
  readonly maxAgeMs: number | null
}

export interface MessageLimit {
  readonly limit: number
  readonly windowMs: number
  /** What counts them: each socket for itself, or our address, over all its sockets to that host. */
  readonly per: 'socket' | 'address'
}

/**
 * - `contiguous`: REST snapshot; each update's `firstSequence` is the last `sequence` + 1 (Binance spot);
 * - `bridged`: REST snapshot; each update's `prevSequence` is the last `sequence` (Binance USD-M);
 * - `linked`: streamed snapshot; each update's `prevSequence` is the last `sequence`, which may fall (OKX);
 * - `counted`: streamed snapshots at any time; each update's `sequence` is the last + 1 (Bybit);
 * - `connection`: streamed snapshot; updates in the order of the connection, without counters (Coinbase).
 */
export type BookRuleName = 'contiguous' | 'bridged' | 'linked' | 'counted' | 'connection'

/** `byId`: ids are consecutive and pages of old trades can be asked for; `recentOnly`: only the newest ones can. */
export type TradeRecovery = 'byId' | 'recentOnly'

export interface Heard {
  readonly exchangeSymbol: string
  /** ms UTC by the exchange's clock. */
  readonly exchangeTime: number
  /** Of the newest trade. */
  readonly lastTradeId: string
}

export type StreamFrame =
  /**
   * `stream`: the one that brings them, as it was subscribed; `null` where the frame does not say. `isPartial`: newest
   * values, of which it says only what has changed since the frames before it; the first one after a subscribe is whole.
   * `isOfIndex`: its events name whatever may follow an index, be it listed or not.
   */
  | {
      readonly kind: 'data'
      readonly stream: string | null
      readonly events: readonly MarketEvent[]
      readonly isPartial?: true
      readonly isOfIndex?: true
    }
  /** `reply`: what the exchange wants to hear back. `heard`: the trades of an instrument up to a time of the exchange have been sent. */
  | { readonly kind: 'heartbeat'; readonly reply: string | null; readonly heard?: Heard }
  /** Of one request, or of the streams that it names; a list of streams may also be all that are subscribed now. */
  | {
      readonly kind: 'ack'
      readonly requestId: number | null
      readonly streams: readonly string[] | null
      /** Of the request nothing was done, for it names what is had already: its other streams must be asked for again (Bybit). */
      readonly undone?: true
    }
  | {
      readonly kind: 'rejected'
      readonly requestId: number | null
      /** `null` where it does not say which: the request as a whole failed. */
      readonly streams: readonly string[] | null
      readonly code: string | null
      readonly reason: string
      /** Nothing of the request was done: its other streams must be asked for again (Bybit). */
      readonly undone?: true
      /** It says nothing about the streams, only that we are too fast: the same may be asked again after this time. */
      readonly retryAfterMs?: number
    }
  /** A channel that this system does not use, or news without data. `closing`: the exchange is about to end the socket. */
  | { readonly kind: 'ignored'; readonly reason: string; readonly closing?: true }
  /** `stream`: the one that it is of, where so much can be read. */
  | { readonly kind: 'invalid'; readonly detail: string; readonly stream?: string }
