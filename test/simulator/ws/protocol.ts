/**
 * What the streams of the four exchanges have in common. An exchange says which endpoints it has, answers what a client
 * sends (a session), and knows what its topics carry. Sockets, time, faults and limits on connects are `server.ts` and
 * `hub.ts`: the same for all.
 */

import type { StreamChannel, Target } from '../protocol.ts'

/** What a frame is about, for faults that are meant for some frames only. `path` is the exchange's name of the topic. */
export interface StreamTarget extends Target {
  readonly channel: StreamChannel
}

/** One place to connect to, with the limits that are counted there. */
export interface StreamEndpoint {
  /** The name under which configuration overrides its address: that of the connector's endpoint. */
  readonly name: string
  /** On which of the exchange's HTTP servers it is: `ExchangeHost.host`. */
  readonly host: Target['host']
  accepts(path: string): boolean
  /** Connections that one address may open, counted over all endpoints of the host; refused with 429 beyond. */
  readonly connects: { readonly limit: number; readonly windowMs: number }
  /** Every socket is ended at this age (simulated ms); null where the exchange does not say so. */
  readonly maxAgeMs: number | null
  open(socket: StreamSocket, request: StreamRequest): StreamSession
  /** Forgets what addresses have spent over all their connections; what one connection has spent ends with it. */
  forgetLimits?(): void
}

export interface StreamRequest {
  readonly path: string
  readonly query: URLSearchParams
}

/** The exchange's side of one connection. All times are those of the simulated clock, ms UTC. */
export interface StreamSession {
  /** A text message of the client. Everything that happened before `now` has been sent. */
  receive(text: string, now: number): void
  /** Once for each simulated second that has passed: for pings and deadlines. */
  second?(now: number): void
  /** How the exchange says that it will soon end the connection; absent where it never does. */
  closingNotice?(now: number): string
  /** The frame of a topic as this connection wants it; without it, as the topic gives it. */
  wrap?(topic: StreamTopic, text: string): string
}

/** What a session can do. */
export interface StreamSocket {
  readonly client: string
  readonly openedAt: number
  /** Are limits in force? Not when the simulator runs `unlimited`. */
  readonly isLimited: boolean
  /** The topics of this connection by their keys. */
  readonly topics: ReadonlyMap<string, StreamTopic>
  /** An ack, an error, a pong; faults of the channel `control` meet it. */
  reply(text: string): void
  /**
   * Sends the topic's first frames, then all that follow, until `unsubscribe`. A topic that is already subscribed by
   * anyone at this endpoint is shared by its key. Subscribing twice does nothing.
   */
  subscribe(topic: StreamTopic): void
  unsubscribe(key: string): void
  /** Whether a fault says that the exchange is to refuse this topic. */
  isRejected(target: StreamTarget): boolean
  /** A ping frame of the WebSocket protocol. */
  ping(payload: string): void
  close(code: number, reason: string): void
}

/** One stream of the exchange, e.g. `btcusdt@depth`: what it carries, whoever listens. */
export interface StreamTopic {
  /** The exchange's name of it, unique within the endpoint. */
  readonly key: string
  readonly target: StreamTarget
  /** What a new subscriber gets first, e.g. a snapshot, as of all that happened before `at` (never a whole second). */
  first(at: number): readonly string[]
  /** The frames of [after, until), ascending by time. Called for consecutive windows while anyone listens. */
  due(after: number, until: number): readonly TimedFrame[]
}

export interface TimedFrame {
  /** ms UTC. */
  readonly time: number
  readonly text: string
}
